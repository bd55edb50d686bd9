"""An office takes applications in once and decides each once, whatever happens in between."""

from datetime import date, timedelta

import pytest

from kiban.gateway.contract import Held, NotAccepted, NotConsented
from kiban.identity.authority.contract import (
    CertificateExpired,
    CertificateRefused,
    CertificateRevoked,
    ProofRefused,
)
from kiban.mesh.contract import NotPermitted
from kiban.shared.mandates import (
    MandateEnded,
    MandateNotYours,
    MandateScope,
    MandateUnknown,
)
from kiban.shared.problems import NotFound, Unavailable
from kiban.world.office import decisions
from kiban.world.office.decisions import Decision
from kiban.world.office.records import Entry, NothingToDecide
from tests.world.office_table import (
    CAST,
    CONSENT,
    HANAKO,
    NEW_ADDRESS,
    TARO,
    application,
    set_table,
    that_grants_an_allowance,
    with_acceptance,
)


@pytest.fixture
async def table(db, clock):
    return await set_table(db, clock)


async def decided(table, accepted):
    """Take in and examine; the one receipt that came of it."""
    await table.office.desk.accept(accepted)
    await table.examine()
    (receipt,) = table.mesh.told
    return receipt


# --- the desk -------------------------------------------------------------------------------------


async def test_the_same_application_again_is_the_same_application(table):
    await table.office.desk.accept(application(table))
    await table.office.desk.accept(application(table))

    await table.examine()

    assert table.events == ["granted"]


async def test_another_application_under_the_same_id_is_not_taken(table):
    await table.office.desk.accept(application(table))

    with pytest.raises(NotAccepted):
        await table.office.desk.accept(application(table, made_at=1))


@pytest.mark.parametrize(
    "change",
    [
        {"procedure": "moving"},
        {"person": "K0000000000"},
        {"signed": {"application": "{}"}},
    ],
)
async def test_what_is_not_for_this_desk_is_not_taken_in(table, change):
    accepted = application(table)
    if "signed" in change:
        change = {"signed": accepted.signed.model_copy(update=change["signed"])}

    with pytest.raises(NotAccepted):
        await table.office.desk.accept(accepted.model_copy(update=change))

    assert await table.state() == "none"


# --- the decision ---------------------------------------------------------------------------------


async def test_the_office_reads_for_itself_under_law_and_by_consent(table):
    receipt = await decided(table, application(table))

    assert receipt.event == "granted"
    assert receipt.application == f"{1:032x}"
    income, account, husbands = table.mesh.asked
    assert (income.provider, income.item, income.affair, income.consent) == (
        "tax",
        "income",
        "child-allowance",
        None,
    )
    assert (account.provider, account.item, account.consent) == (
        "accounts",
        "bank-account",
        CONSENT,
    )
    assert income.people == account.people == [HANAKO]
    assert (husbands.item, husbands.of, husbands.people) == ("income", "spouse", [TARO])
    assert income.of is account.of is None


async def test_what_the_citizen_signed_is_never_taken_for_what_is_held(table):
    seen = application(table)
    table.mesh.held["income"] = Held(
        values={"year": 2025, "total_income_yen": 9_700_000, "dependants": 0},
        as_of="2026-06-10",
        version="2",
    )

    receipt = await decided(table, seen)

    assert receipt.event == "refused"
    assert "Changed since you saw it: Income" in receipt.message["en"]


@pytest.mark.parametrize(
    "problem", [CertificateRevoked, CertificateExpired, CertificateRefused, ProofRefused]
)
async def test_a_signature_that_does_not_hold_sends_the_application_back(table, problem):
    table.authority.problem = problem()

    receipt = await decided(table, application(table))

    assert (receipt.event, receipt.message) == ("returned", decisions.NOT_SIGNED)
    assert table.mesh.asked == []


@pytest.mark.parametrize("other", [{"name": "見本　太郎"}, {"birth_date": "1990-05-13"}])
async def test_a_signature_of_somebody_else_sends_the_application_back(table, other):
    table.authority.certified = table.authority.certified.model_copy(update=other)

    receipt = await decided(table, application(table))

    assert (receipt.event, receipt.message) == ("returned", decisions.NOT_THE_APPLICANT)
    assert table.mesh.asked == []


async def test_the_width_of_a_name_makes_no_other_person(table):
    table.authority.certified = table.authority.certified.model_copy(update={"name": "見本 花子"})

    assert (await decided(table, application(table))).event == "granted"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"office": "tax"}, "not meant for this office"),
        ({"procedure": "moving"}, "not meant for this office"),
        ({"answers": {"from_month": "2026-05"}}, "(confirm)"),
        ({"answers": {"from_month": "5", "confirm": True}}, "(from_month)"),
        ({"answers": {"from_month": "2026-05", "confirm": True, "income": 0}}, "(income)"),
        ({"consents": []}, "(Account for public money)"),
        ({"consents": [CONSENT, CONSENT]}, "(Account for public money)"),
    ],
)
async def test_an_application_that_cannot_be_decided_goes_back_with_the_reason(
    table, changed, said
):
    receipt = await decided(table, application(table, **changed))

    assert receipt.event == "returned"
    assert said in receipt.message["en"]
    assert receipt.message["ja"]


async def test_what_nobody_holds_is_named(table):
    seen = application(table)
    table.mesh.held["bank-account"] = None

    receipt = await decided(table, seen)

    assert receipt.event == "returned"
    assert "(Account for public money)" in receipt.message["en"]


async def test_a_consent_that_ended_sends_the_application_back(table):
    table.mesh.held["income"] = Held(values={}, as_of="2026-01-01", version="1")
    table.mesh.problem = NotConsented()

    receipt = await decided(table, application(table))

    assert receipt.event == "returned"


# --- waiting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", [Unavailable, NotPermitted, NotFound])
async def test_a_neighbour_that_cannot_answer_makes_the_application_wait(table, clock, problem):
    table.mesh.problem = problem()
    await table.office.desk.accept(application(table))
    await table.examine()
    assert (await table.state(), table.events) == ("received", [])

    table.mesh.problem = None
    clock.advance(timedelta(minutes=1))
    await table.examine()

    assert table.events == ["granted"]


async def test_an_authority_that_is_away_refuses_nobody(table, clock):
    table.authority.problem = Unavailable()
    await table.office.desk.accept(application(table))
    for _ in range(30):
        await table.examine()
        clock.advance(timedelta(minutes=10))
    assert table.events == []

    table.authority.problem = None
    await table.examine()

    assert table.events == ["granted"]
    assert await table.office.laid_aside() == []


async def test_a_clerk_elsewhere_makes_the_citizen_wait_and_hear_of_it_once(table, clock):
    table.mesh.waits.add("income")
    await table.office.desk.accept(application(table))
    for _ in range(3):
        await table.examine()
        clock.advance(timedelta(minutes=10))
    assert (await table.state(), table.events) == ("waiting", ["waiting"])

    table.mesh.waits.clear()
    await table.examine()

    assert table.events == ["waiting", "granted"]


async def test_what_was_read_is_not_read_again_after_waiting(table, clock):
    table.mesh.waits.add("bank-account")
    await table.office.desk.accept(application(table))
    await table.examine()
    table.mesh.waits.clear()
    clock.advance(timedelta(minutes=1))

    await table.examine()

    assert [asked.item for asked in table.mesh.asked] == ["income", "bank-account", "income"]
    assert table.mesh.asked_again == ["bank-account"]
    assert table.events == ["waiting", "granted"]


async def test_an_answer_that_was_lost_with_the_process_is_asked_for_anew(table, clock):
    table.mesh.waits.add("income")
    await table.office.desk.accept(application(table))
    await table.examine()
    table.mesh.waits.clear()
    table.mesh.forgotten = True
    clock.advance(timedelta(minutes=1))

    await table.examine()

    asked = [each.item for each in table.mesh.asked]
    assert asked == ["income", "income", "bank-account", "income"]
    assert table.events == ["waiting", "granted"]


# --- somebody in a relation to the applicant ----------------------------------------------------------


async def test_of_a_couple_who_earns_more_applies_and_no_number_is_told(table):
    seen = application(table)
    table.mesh.held[f"{TARO} income"] = earning(3_460_001)

    receipt = await decided(table, seen)

    assert receipt.event == "refused"
    assert "460" not in str(receipt.message)
    assert "Changed" not in receipt.message["en"]


async def test_who_has_left_the_household_is_nobodys_spouse_and_is_not_asked_about(table):
    left = [each for each in household(table) if each["relation"] != "世帯主"]
    await rewrite(table, HANAKO, {"members": left})

    receipt = await decided(table, application(table))

    assert receipt.event == "granted"
    assert [asked.people for asked in table.mesh.asked] == [[HANAKO], [HANAKO]]


async def test_of_a_spouse_without_an_income_nothing_is_held_against_her(table):
    table.mesh.held[f"{TARO} income"] = None

    assert (await decided(table, application(table))).event == "granted"


async def test_a_spouse_whom_the_office_does_not_know_sends_it_back(table):
    strangers = household(table)
    taro = next(each for each in strangers if each["relation"] == "世帯主")
    await rewrite(table, HANAKO, {"members": [{**taro, "name": "誰某　一郎"}, *strangers[1:]]})

    receipt = await decided(table, application(table))

    assert (receipt.event, "誰某　一郎" in receipt.message["ja"]) == ("returned", True)


async def test_nobody_is_asked_about_a_spouse_when_it_goes_back_anyway(table):
    seen = application(table)
    table.mesh.held["bank-account"] = None

    assert (await decided(table, seen)).event == "returned"
    assert TARO not in [person for asked in table.mesh.asked for person in asked.people]


def earning(yen: int) -> Held:
    values = {"year": 2025, "total_income_yen": yen, "dependants": 0}
    return Held(values=values, as_of="2026-06-10", version="2")


def household(table):
    [record] = [each for each in CAST.people["hanako"].records if each.item == "household"]
    return record.values["members"]


async def rewrite(table, person: str, values) -> None:
    entry = Entry("household", values, date(2026, 3, 1))
    async with table.office.records.db.begin() as connection:
        await table.office.records.change(connection, person, entry)


# --- a clerk here ---------------------------------------------------------------------------------


@pytest.fixture
async def with_a_clerk(db, clock):
    played = with_acceptance(acceptance={"waits_for_clerk": True, "grants_when": ()})
    table = await set_table(db, clock, played=played)
    await table.office.desk.accept(application(table))
    await table.examine()
    return table


async def test_a_clerk_decides_where_no_rule_does(with_a_clerk):
    assert with_a_clerk.events == ["waiting"]

    granted = Decision("granted", {"ja": "支給します。", "en": "Granted by a clerk."})
    await with_a_clerk.office.decide(f"{1:032x}", granted)
    await with_a_clerk.examine()

    assert with_a_clerk.events == ["waiting", "granted"]
    assert with_a_clerk.mesh.told[-1].message["en"] == "Granted by a clerk."


async def test_a_clerk_decides_once_and_only_what_waits(with_a_clerk):
    refused = Decision("refused", {"ja": "不可", "en": "no"})
    await with_a_clerk.office.decide(f"{1:032x}", refused)

    with pytest.raises(NothingToDecide):
        await with_a_clerk.office.decide(f"{1:032x}", refused)
    with pytest.raises(NotFound):
        await with_a_clerk.office.decide(f"{2:032x}", refused)


# --- what a grant does ----------------------------------------------------------------------------


@pytest.fixture
async def with_effects(db, clock):
    return await set_table(db, clock, played=that_grants_an_allowance())


async def test_a_grant_writes_the_offices_own_record_and_announces_it(with_effects, clock):
    await decided(with_effects, application(with_effects))

    records = with_effects.office.records
    held = await records.read(HANAKO, "allowance", inquirer="tax", at=clock())
    assert held.values == {
        "from_month": "2026-05",
        "account": "9990512",
        "decided": "2026-04-01",
    }
    (announced,) = with_effects.mesh.announced
    assert (announced.affair, announced.item, announced.people) == (
        "record-upkeep",
        "allowance",
        [HANAKO],
    )


async def test_a_refusal_writes_nothing(with_effects, clock):
    seen = application(with_effects)
    with_effects.mesh.held["income"] = Held(
        values={"total_income_yen": 10**8}, as_of="2026-01-01", version="2"
    )

    assert (await decided(with_effects, seen)).event == "refused"

    records = with_effects.office.records
    assert await records.read(HANAKO, "allowance", inquirer="tax", at=clock()) == "not-held"


# --- a change of address --------------------------------------------------------------------------


def change_of_address(table, **answers):
    given = {
        "moved_to": {"town": "142042-k00000001", "rest": "1番1号", "sequence": 1},
        "moved_on": "2026-03-28",
        **answers,
    }
    procedure = "change-of-address"
    signed = application(table, procedure=procedure, answers=given, held=[], consents=[])
    return signed.model_copy(update={"procedure": procedure})


async def test_a_move_within_the_city_is_entered_from_its_day_on_and_announced(table, clock):
    before = await table.office.records.read(HANAKO, "resident-record", inquirer="tax", at=clock())

    receipt = await decided(table, change_of_address(table))

    assert receipt.event == "granted"
    now = await table.office.records.read(HANAKO, "resident-record", inquirer="tax", at=clock())
    assert now.values == {**before.values, "address": NEW_ADDRESS}
    assert now.as_of == "2026-03-28"
    (announced,) = table.mesh.announced
    assert (announced.item, announced.people) == ("resident-record", [HANAKO])
    assert table.mesh.asked == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"moved_to": {"town": "131016-k00000001", "rest": "1番1号", "sequence": 1}},
        {"moved_on": "2026-04-02"},
        {"moved_on": "2024-03-28"},
    ],
)
async def test_a_move_elsewhere_or_at_another_time_is_not_entered(table, wrong):
    receipt = await decided(table, change_of_address(table, **wrong))

    assert receipt.event == "refused"
    assert "窓口" in receipt.message["ja"]
    assert table.mesh.announced == []


# --- a proxy signed -------------------------------------------------------------------------------

ACTING = {"basis": "guardian", "reference": "1f" * 48}


def signed_by_taro(table, principal=HANAKO) -> None:
    """A signature of somebody else's, who may act for this person."""
    table.authority.certified = table.authority.certified.model_copy(update={"name": "見本　太郎"})
    table.authority.principal = principal


async def test_a_proxy_may_sign_for_the_applicant(table):
    signed_by_taro(table)

    receipt = await decided(table, application(table, acting=ACTING))

    assert receipt.event == "granted"
    [claim] = table.authority.claims
    assert (claim.reference, claim.affair) == (ACTING["reference"], "child-allowance")


async def test_a_proxy_of_somebody_else_signs_nothing_for_the_applicant(table):
    signed_by_taro(table, principal="K0000000000")

    receipt = await decided(table, application(table, acting=ACTING))

    assert (receipt.event, receipt.message) == ("returned", decisions.NOT_A_PROXY)


async def test_who_does_not_say_that_he_acts_for_another_does_not(table):
    signed_by_taro(table)

    receipt = await decided(table, application(table))

    assert (receipt.event, receipt.message) == ("returned", decisions.NOT_THE_APPLICANT)


@pytest.mark.parametrize("problem", [MandateEnded, MandateNotYours, MandateScope, MandateUnknown])
async def test_a_mandate_that_does_not_hold_returns_the_application(table, problem):
    table.authority.problem = problem()

    receipt = await decided(table, application(table, acting=ACTING))

    assert (receipt.event, receipt.message) == ("returned", decisions.NOT_A_PROXY)


async def test_an_authority_that_does_not_say_for_whom_makes_a_proxy_wait(table):
    table.authority.principal = None

    await table.office.desk.accept(application(table, acting=ACTING))
    await table.examine()

    assert (table.events, await table.state()) == ([], "received")
