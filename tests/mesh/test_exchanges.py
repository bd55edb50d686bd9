"""Exchanges over the real services: the right person, a line for the citizen, a record at each end."""

from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text

from kiban.gateway import provision, store
from kiban.gateway.agency import LOG_KEY
from kiban.gateway.contract import (
    AnotherCore,
    AnswerTooLong,
    ConsentEnd,
    ConsentEnded,
    InquiryRequest,
    NotConsented,
)
from kiban.mesh.contract import LogUnavailable, NotPermitted
from kiban.shared.keyring import Keyring
from kiban.shared.problems import NotFound, Unavailable
from tests.mesh_exchanges import ask, asks, consented, permit_of, present
from tests.mesh_services import consent, held


async def test_the_whole_mesh_works_on_each_engine(on_each_engine):
    services = on_each_engine
    given = await consented(services, "hana", consent(services))
    by_consent = {"inquirer": "bank", "provider": "tax", "affair": "loan", "consent": given}

    assert await ask(services) == ["pension hana"]
    assert await ask(services, people=("taro", "hana")) == ["pension taro", "pension hana"]
    assert await ask(services, **by_consent) == ["tax hana"]
    await services.core.begin_epoch("pension")
    await services.gateway("pension").moving.follow()
    assert await ask(services) == ["pension hana"]

    assert len(await services.lines("hana")) == 4
    assert await services.findings() == []


async def test_an_inquiry_reaches_the_person_it_is_about(services):
    assert await ask(services) == ["pension hana"]


async def test_a_bulk_inquiry_answers_in_the_askers_order(services):
    services.ledger["pension"].held.pop(("pension-taro", "income"))

    found = await ask(services, people=("mei", "taro", "hana"))

    assert found == ["pension mei", None, "pension hana"]


async def test_the_citizen_sees_who_asked_whom_for_what_and_nobody_else_does(services):
    await ask(services)

    [line] = await services.lines("hana")

    assert (line.inquirer, line.provider, line.item, line.answered) == (
        "tax", "pension", "income", True,
    )  # fmt: skip
    assert await services.lines("taro") == []
    assert await services.findings() == []


async def test_every_line_has_a_proof_in_the_log(services):
    await ask(services)

    [line] = await services.lines("hana")
    proof = await services.gateway("portal").prove(line.leaf)

    assert (proof.leaf, proof.index) == (line.leaf, line.index)


async def test_both_ends_keep_their_own_record(services):
    await ask(services)

    for agency, side in (("tax", "asked"), ("pension", "answered")):
        async with services.databases[agency].read() as connection:
            notes, _ = await store.read_exchanges(connection, 0, 100)
        assert [one.result for one in notes if one.side == side and one.kind == "inquiry"] == [
            "answered"
        ]


async def test_two_readings_of_one_version_have_one_digest_and_a_new_version_another(services):
    gateway = services.gateway("tax")
    first, again = await gateway.inquire(asks()), await gateway.inquire(asks())
    services.ledger["pension"].held["pension-hana", "income"] = held("pension hana", version="2")
    later = await gateway.inquire(asks())

    digests = [reply.statements[0].digest for reply in (first, again, later)]
    assert digests[0] == digests[1] != digests[2]


async def test_an_agency_reads_its_own_record_with_the_digest_that_others_see(services):
    reply = await services.gateway("tax").inquire(asks())

    own = await services.gateway("pension").read_own("pension-hana", "income")

    assert own.digest == reply.statements[0].digest


async def test_withheld_and_not_held_look_alike_to_everybody_outside(services):
    services.ledger["pension"].held["pension-hana", "income"] = "withheld"
    services.ledger["pension"].held.pop(("pension-taro", "income"))

    assert await ask(services) == await ask(services, people=("taro",)) == [None]
    answered = [line.answered for name in ("hana", "taro") for line in await services.lines(name)]
    assert answered == [False, False]


class Lossy:
    """HTTP that loses the reply to one kind of call, once."""

    def __init__(self, http, path):
        self.http, self.path = http, path

    async def send(self, method, url, **rest):
        reply = await self.http.send(method, url, **rest)
        if url.endswith(self.path):
            self.path = "/nothing"
            raise Unavailable("the reply was lost")
        return reply


async def test_who_lost_the_reply_asks_again_and_gets_it(services):
    signed = services.gateway("tax").standing.signed
    signed._http = Lossy(signed._http, "/answers")

    with pytest.raises(Unavailable) as lost:
        await services.gateway("tax").inquire(asks())
    services.ledger["pension"].held["pension-hana", "income"] = held("something else by now")
    later = await services.gateway("tax").ask_again(lost.value.members["exchange"])

    assert [one.values["yen"] for one in later.statements] == ["pension hana"]
    assert [line.answered for line in await services.lines("hana")] == [True]
    with pytest.raises(NotFound):
        await services.gateway("tax").ask_again(later.exchange)


async def test_an_answer_that_is_too_long_spends_nothing(services, monkeypatch):
    monkeypatch.setattr(provision, "LONGEST_ANSWER", 100)

    with pytest.raises(AnswerTooLong) as refused:
        await services.gateway("tax").inquire(asks())
    monkeypatch.undo()
    later = await services.gateway("tax").ask_again(refused.value.members["exchange"])

    assert [one.values["yen"] for one in later.statements] == ["pension hana"]


async def test_a_gateway_works_with_the_core_that_it_knows_alone(services):
    pension = services.gateway("pension")
    keyring = Keyring(store.keyring, pension.settings.secret)
    async with pension.db.begin() as connection:
        await keyring.replace(connection, LOG_KEY, b"another log's key")

    with pytest.raises(AnotherCore, match="pension knows a core with another log"):
        async with AsyncExitStack() as stack:
            await pension.start(stack)


async def test_an_inquiry_can_wait_for_a_person_at_the_provider(services):
    services.ledger["pension"].held["pension-hana", "income"] = "waits"

    reply = await services.gateway("tax").inquire(asks())
    services.ledger["pension"].held["pension-hana", "income"] = held("decided by a clerk")
    later = await services.gateway("tax").ask_again(reply.exchange)

    assert reply.waits
    assert [one.values["yen"] for one in later.statements] == ["decided by a clerk"]
    [line] = await services.lines("hana")
    assert line.answered


async def test_an_inquiry_by_consent_passes_with_the_persons_consent_and_not_without(services):
    with pytest.raises(NotConsented):
        await ask(services, inquirer="bank", provider="tax", affair="loan", consent="0" * 32)

    given = await consented(services, "mei", consent(services))
    found = await ask(
        services, inquirer="bank", provider="tax", affair="loan", people=("mei",), consent=given
    )

    assert found == ["tax mei"]


async def test_anothers_consent_helps_nobody(services):
    given = await consented(services, "mei", consent(services))

    with pytest.raises(NotConsented, match="another person"):
        await ask(services, inquirer="bank", provider="tax", affair="loan", consent=given)


async def test_a_consent_that_ended_serves_no_more_and_the_end_reaches_the_provider(services):
    given = await consented(services, "hana", consent(services))
    portal = services.gateway("portal")

    await portal.end_consent(ConsentEnd(consent=given, at=int(services.clock().timestamp())))
    await services.settle()

    with pytest.raises(ConsentEnded):
        await ask(services, inquirer="bank", provider="tax", affair="loan", consent=given)


async def test_a_consent_for_one_use_serves_once(services):
    given = await consented(services, "hana", consent(services, uses="once"))
    once = {"inquirer": "bank", "provider": "tax", "affair": "loan", "consent": given}

    assert await ask(services, **once) == ["tax hana"]
    with pytest.raises(ConsentEnded):
        await ask(services, **once)


async def test_the_portal_alone_reads_nobody(services):
    number = await services.portal_number("hana")
    request = InquiryRequest(
        provider="tax", affair="self-information", item="income", people=[number]
    )

    with pytest.raises(NotConsented):
        await services.gateway("portal").inquire(request)


async def test_the_portal_reads_for_a_person_who_approved(services):
    record = consent(services, kind="self", reader="portal", affair="self-information")
    await consented(services, "hana", record)
    request = InquiryRequest(
        provider="tax",
        affair="self-information",
        item="income",
        people=[await services.portal_number("hana")],
        consent=record.id,
    )

    reply = await services.gateway("portal").inquire(request)

    assert reply.statements[0].values == {"yen": "tax hana"}


async def test_what_no_law_permits_is_not_asked_and_not_logged(services):
    with pytest.raises(NotPermitted):
        await ask(services, provider="bank")

    await services.settle()
    assert await services.lines("hana") == []


async def test_what_the_law_permits_about_a_person_it_does_not_permit_about_their_spouse(services):
    with pytest.raises(NotPermitted) as refusal:
        await services.gateway("tax").inquire(asks().model_copy(update={"of": "spouse"}))

    assert "income of the spouse" in str(refusal.value.members["missing"])


async def test_without_a_log_there_is_no_permit_and_no_data(services):
    async with services.databases["core"].begin() as connection:
        await connection.execute(text("ALTER TABLE log_entries RENAME TO log_entries_away"))

    readings = services.ledger["pension"].readings
    with pytest.raises(LogUnavailable):
        await ask(services)

    assert services.ledger["pension"].readings == readings


async def test_when_the_core_is_away_a_permit_that_was_given_still_works(services):
    """DESIGN 5.8: the directory is cached; what is already permitted still works."""
    tax, pension = services.gateway("tax"), services.gateway("pension")
    await ask(services)
    token, _ = await permit_of(tax)
    app = services.apps["core"]
    services.http.wires.routes.pop("http://127.0.0.1:7002")
    for gateway in (tax, pension):
        gateway.standing.http._http = None

    reply = await present(tax, pension, token)

    assert reply.sealed
    with pytest.raises(Unavailable):
        await ask(services)
    services.http.wires.routes["http://127.0.0.1:7002"] = app


async def test_a_person_reads_an_agencys_own_record_of_the_exchanges_about_them(services):
    await ask(services)
    record = consent(
        services, kind="self", reader="portal", provider="pension", affair="self-information",
        item="exchange-records",
    )  # fmt: skip
    await consented(services, "hana", record)
    request = InquiryRequest(
        provider="pension",
        affair="self-information",
        item="exchange-records",
        people=[await services.portal_number("hana")],
        consent=record.id,
    )

    reply = await services.gateway("portal").inquire(request)

    [line] = [one for one in await services.lines("hana") if one.inquirer == "tax"]
    notes = reply.statements[0].values["exchanges"]
    assert [one["exchange"] for one in notes if one["kind"] == "inquiry"] == [line.exchange]
