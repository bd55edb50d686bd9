"""Misbehaviours by name: what one office does wrong is noticed by the others, and ends when it is switched off."""

import time

import pytest

from kiban.gateway.contract import InquiryRequest, PermitSpent
from kiban.shared.http import get_json
from kiban.shared.problems import Problem, Unauthenticated, Unavailable
from kiban.shared.tokens import TokenRefused
from kiban.world import cast
from kiban.world.citizen import Citizen
from kiban.world.faults import FaultSetting, FaultStays, FaultUnclear, NoSuchFault
from kiban.world.people import person_number

PEOPLE = cast.load_checked(cast.shipped_country()).people
INCOME = InquiryRequest(
    provider="tax",
    affair="child-allowance",
    item="income",
    people=[person_number("kamakura", "hanako")],
)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def kamakura(same_country):
    return same_country.apps["gateway:kamakura"].state.gateway


@pytest.fixture
def faults(same_country):
    """The switches of each role; the roles are asked by name."""
    return lambda role: same_country.apps[role].state.faults


async def income(gateway) -> int:
    reply = await gateway.inquire(INCOME)
    return reply.statements[0].values["total_income_yen"]


async def test_an_office_that_is_away_is_away_until_it_comes_back(kamakura, faults):
    await faults("gateway:tax").switch_on("office-away")
    with pytest.raises(Unavailable):
        await kamakura.inquire(INCOME)

    await faults("gateway:tax").switch_off("office-away")

    assert await income(kamakura) == 3_460_000


async def test_an_answer_can_be_late(kamakura, faults):
    await faults("gateway:tax").switch_on("answer-late", FaultSetting(seconds=0.3))
    began = time.monotonic()

    assert await income(kamakura) == 3_460_000

    assert time.monotonic() - began > 0.3
    await faults("gateway:tax").switch_all_off()


@pytest.mark.parametrize("how", ["altered", "wrong-key"])
async def test_a_forged_answer_is_noticed(kamakura, faults, how):
    await faults("gateway:tax").switch_on("answer-forged", FaultSetting(how=how))

    with pytest.raises(TokenRefused):
        await kamakura.inquire(INCOME)

    await faults("gateway:tax").switch_off("answer-forged")
    assert await income(kamakura) == 3_460_000


async def test_a_permit_that_was_used_opens_nothing(kamakura, faults, same_country):
    await faults("gateway:kamakura").switch_on("permit-replayed")
    assert await income(kamakura) == 3_460_000

    with pytest.raises(PermitSpent):
        await kamakura.inquire(INCOME)

    await faults("gateway:kamakura").switch_off("permit-replayed")
    assert await income(kamakura) == 3_460_000
    key = same_country.house.premises.secret("agency-tax").reveal()
    refusals = await get_json(
        same_country.http,
        f"{same_country.origin('gateway:tax')}/inner/refusals",
        headers={"authorization": f"Bearer {key}"},
    )
    assert refusals["refusals"][0]["problem"] == "permit-spent"
    assert refusals["refusals"][0]["sender"] == "kamakura"


async def test_a_revoked_certificate_stays_revoked(faults, same_country):
    maria = Citizen(
        PEOPLE["maria"], same_country.http, same_country.origin("portal"), same_country.clock
    )
    await maria.logs_in()
    vault = faults("gateway:resident-network")

    await vault.switch_on("certificate-revoked", FaultSetting(persona="maria"))

    maria.browser.forget()
    await maria.goes_to_login()
    page = await maria.holds_up_card()
    assert page.status == 403
    with pytest.raises(FaultStays):
        await vault.switch_off("certificate-revoked")


async def test_the_clock_and_the_switches_answer_while_the_office_is_away(faults, same_country):
    tax = same_country.origin("gateway:tax")
    await faults("gateway:tax").switch_on("office-away")

    assert (await get_json(same_country.http, f"{tax}/health"))["role"] == "gateway:tax"
    listed = await switches(same_country, "GET", "")
    assert {each["name"] for each in listed["faults"] if each["on"]} == {"office-away"}

    await switches(same_country, "DELETE", "/office-away")
    listed = await switches(same_country, "GET", "")
    assert not any(each["on"] for each in listed["faults"])


async def switches(country, method, path, content=b""):
    key = country.house.premises.secret("operator").reveal()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    reply = await country.http.send(
        method,
        f"{country.origin('gateway:tax')}/faults{path}",
        content=content,
        headers=headers,
    )
    return reply.raise_problem().json()


async def test_faults_are_switched_over_http_with_the_operators_key(same_country, kamakura):
    listed = await switches(same_country, "PUT", "/answer-late", b'{"seconds": 0.01}')
    assert {each["name"]: each["on"] for each in listed["faults"]}["answer-late"]
    assert all(each["says"].keys() == {"ja", "en"} for each in listed["faults"])

    await switches(same_country, "DELETE", "/answer-late")

    with pytest.raises(Unauthenticated):
        await get_json(same_country.http, f"{same_country.origin('gateway:tax')}/faults")


@pytest.mark.parametrize(
    ("name", "setting", "problem"),
    [
        ("office-asleep", None, NoSuchFault),
        ("answer-late", None, FaultUnclear),
        ("office-away", FaultSetting(seconds=1), FaultUnclear),
        ("certificate-revoked", None, NoSuchFault),
    ],
)
async def test_what_a_fault_does_not_take_is_named(faults, name, setting, problem):
    with pytest.raises(problem):
        await faults("gateway:tax").switch_on(name, setting)


async def test_a_persona_who_is_not_there_loses_no_card(faults):
    with pytest.raises(FaultUnclear) as unclear:
        await faults("gateway:resident-network").switch_on(
            "certificate-revoked", FaultSetting(persona="nobody")
        )

    assert "hanako" in unclear.value.members["expected"]


async def test_a_citizen_is_told_which_office_did_not_answer(faults, same_country):
    taro = Citizen(
        PEOPLE["taro"], same_country.http, same_country.origin("portal"), same_country.clock
    )
    await taro.logs_in()
    await taro.opens("child-allowance")
    await faults("gateway:tax").switch_on("office-away")

    page = await taro.agrees()

    await faults("gateway:tax").switch_off("office-away")
    assert page.part("held-income").attributes["data-outcome"] != "held"
    assert page.part("held-household").attributes["data-outcome"] == "held"


async def test_an_application_waits_for_an_office_that_is_away_and_is_decided_then(
    faults, same_country
):
    hanako = Citizen(
        PEOPLE["hanako"], same_country.http, same_country.origin("portal"), same_country.clock
    )
    await hanako.logs_in()
    await hanako.opens("child-allowance")
    await hanako.agrees()
    await hanako.fills(from_month="2026-05", confirm=True)
    await faults("gateway:tax").switch_on("office-away")
    await hanako.signs()
    await same_country.some_time_passes()
    waiting = await hanako.outcome()

    await faults("gateway:tax").switch_off("office-away")
    await same_country.some_time_passes()

    assert (waiting, await hanako.outcome()) == ("received", "granted")


async def test_every_fault_is_a_problem_somewhere_and_none_is_a_500(kamakura, faults):
    for name, setting in [("office-away", None), ("answer-forged", None)]:
        await faults("gateway:tax").switch_on(name, setting)
        with pytest.raises(Problem) as met:
            await kamakura.inquire(INCOME)
        assert met.value.slug != "internal"
        await faults("gateway:tax").switch_all_off()
