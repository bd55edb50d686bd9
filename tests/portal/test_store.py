"""The portal's rows: the same on both engines, each citizen's own, each step taken once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from kiban.gateway.contract import Receipt
from kiban.portal.approvals import Approval
from kiban.portal.contract import ApplicationUnknown, ConsentUnknown, PersonMismatch
from kiban.portal.receipts import WORD_AFTER_A_GRANT, Receipts
from kiban.portal.store import tables
from kiban.portal.store.rows import Store
from tests.portal.alone import SECRET
from tests.portal.builders import NOON, application, record, reference, session

HOUR = timedelta(hours=1)


@pytest.fixture
async def db(new_database):
    return await new_database("kiban.portal")


@pytest.fixture
def store(db) -> Store:
    return Store(db, SECRET)


def approval(name: str = "7" * 32, **more) -> Approval:
    given = {
        "id": name,
        "person": "hanako",
        "session": session().id,
        "application": None,
        "asked_at": NOON,
        "records": (record(), record("2" * 32, "consent")),
    }
    return Approval(**given | more)


async def test_the_tables_are_what_the_migration_makes(db):
    async with db.read() as connection:
        made = await connection.run_sync(lambda each: _columns(sa.inspect(each)))

    declared = {
        table.name: {column.name for column in table.columns}
        for table in tables.METADATA.sorted_tables
    }
    assert {name: made[name] for name in declared} == declared


def _columns(inspector) -> dict[str, set[str]]:
    return {
        name: {column["name"] for column in inspector.get_columns(name)}
        for name in inspector.get_table_names()
    }


async def test_a_person_and_a_subject_belong_together(store):
    async with store.begin() as rows:
        await rows.know_person("hanako", "subject", at=NOON)
        await rows.know_person("hanako", "subject", at=NOON)
        assert await rows.subject("hanako") == "subject"

    for person, subject in (("hanako", "other"), ("taro", "subject")):
        with pytest.raises(PersonMismatch):
            async with store.begin() as rows:
                await rows.know_person(person, subject, at=NOON)


async def test_sessions_are_the_persons_own_until_they_end(store):
    async with store.begin() as rows:
        await rows.begin_session(session())
        await rows.begin_session(session("taro", "other"))
        await rows.touch_session(session().id, at=NOON + HOUR / 2)

    async with store.read() as rows:
        (found,) = await rows.sessions("hanako", at=NOON)
        assert found.seen_at == NOON + HOUR / 2
        assert await rows.sessions("hanako", at=NOON + 2 * HOUR) == []
    async with store.begin() as rows:
        await rows.end_session(session().id, at=NOON)
    async with store.read() as rows:
        assert await rows.sessions("hanako", at=NOON) == []
        assert (await rows.session(session().id)).ended_at == NOON
        assert await rows.session("0" * 64) is None


async def test_an_approval_counts_once(store):
    async with store.begin() as rows:
        await rows.ask_approval(approval())
        assert (await rows.last_approval("hanako", None)) is None
        first = await rows.approve(approval().id, ["a token"], at=NOON)
        second = await rows.approve(approval().id, ["another"], at=NOON)

    async with store.read() as rows:
        assert (first, second) == (True, False)
        assert await rows.tokens(approval().id) == ["a token"]
        found = await rows.last_approval("hanako", None, session().id)
        assert found.pending
        assert [one.kind for one in found.records] == ["self", "consent"]
        assert await rows.approval(approval().id, "taro") is None


async def test_tokens_are_kept_wrapped_and_not_for_long(store, db):
    async with store.begin() as rows:
        await rows.ask_approval(approval())
        await rows.approve(approval().id, ["a token"], at=NOON)
    async with db.read() as connection:
        kept = (await connection.execute(sa.select(tables.APPROVALS.c.tokens))).scalar_one()
    async with store.begin() as rows:
        await rows.delivered(approval().id, ["tax"])

    assert b"a token" not in kept
    async with store.read() as rows:
        assert await rows.tokens(approval().id) == []
        found = await rows.approval(approval().id, "hanako")
        assert (found.away, found.pending, found.delivered) == (("tax",), False, False)


async def test_a_consent_is_ended_once_and_by_its_person(store):
    async with store.begin() as rows:
        await rows.ask_approval(approval())
        await rows.approve(approval().id, [], at=NOON)
        with pytest.raises(ConsentUnknown):
            await rows.end_consent("1" * 32, "taro", at=NOON)
        ended = [await rows.end_consent("1" * 32, "hanako", at=NOON) for _ in range(2)]

    async with store.read() as rows:
        found = {one.id: one for one in await rows.consents("hanako")}
        assert ended == [True, False]
        assert not found["1" * 32].in_force(NOON)
        assert found["2" * 32].in_force(NOON)
        assert not found["2" * 32].in_force(NOON + 2 * HOUR)
        assert await rows.consents_of_session(session().id) == []


async def test_an_application_is_found_by_its_person_alone(store):
    async with store.begin() as rows:
        await rows.open_application(application())

    async with store.read() as rows:
        assert (await rows.application("a" * 32, "hanako")).state == "draft"
        with pytest.raises(ApplicationUnknown):
            await rows.application("a" * 32, "taro")
        assert await rows.applications("taro") == []


async def test_of_two_that_take_one_step_at_once_one_takes_it(store):
    async with store.begin() as rows:
        await rows.open_application(application("answered"))

    async def sign() -> bool:
        async with store.begin() as rows:
            return await rows.advance("a" * 32, "signed", leaving=("answered",), at=NOON)

    assert sorted(await asyncio.gather(sign(), sign())) == [False, True]


async def test_two_that_begin_one_procedure_at_once_have_one_draft(store):
    async def begin(name: str) -> None:
        async with store.begin() as rows:
            if await rows.find_draft("hanako", "child-allowance", "kamakura") is None:
                await rows.open_application(application(name=name))

    await asyncio.gather(begin("a" * 32), begin("b" * 32))

    async with store.read() as rows:
        assert len(await rows.applications("hanako")) == 1


async def test_what_was_typed_is_wrapped_and_unfreezes(store, db):
    async with store.begin() as rows:
        await rows.open_application(application("prefilled"))
        await rows.refer("a" * 32, [reference()])
        await rows.freeze("a" * 32, "frozen text", "d" * 64, by="hanako")
        await rows.answer("a" * 32, {"from_month": "2026-05"})

    async with store.read() as rows:
        found = await rows.application("a" * 32, "hanako")
        assert await rows.answers("a" * 32) == {"from_month": "2026-05"}
        assert await rows.frozen("a" * 32) is None
        assert (found.held, found.digest) == ((reference(),), None)
    async with db.read() as connection:
        kept = (await connection.execute(sa.select(tables.APPLICATIONS.c.answers))).scalar_one()
    assert b"2026-05" not in kept


async def test_what_was_sent_is_forgotten_but_for_its_digest(store):
    async with store.begin() as rows:
        await rows.open_application(application("answered"))
        await rows.answer("a" * 32, {"from_month": "2026-05"})
        await rows.freeze("a" * 32, "frozen text", "d" * 64, by="hanako")
        await rows.seal_signed("a" * 32, {"application": "frozen text", "signature": "s"})
        await rows.forget_text("a" * 32)

    async with store.read() as rows:
        assert await rows.frozen("a" * 32) is None
        assert await rows.answers("a" * 32) == {}
        assert (await rows.application("a" * 32, "hanako")).digest == "d" * 64


@pytest.mark.parametrize(
    ("before", "after"),
    [("signed", "submitted"), ("received", "received"), ("decided", "decided")],
)
async def test_by_which_exchange_it_was_sent_is_noted_once_whatever_came_first(
    store, before, after
):
    """An office's receipt can be read before the reply to the sending has come."""
    async with store.begin() as rows:
        await rows.open_application(application(before))

    for number, noted in ((1, True), (2, False)):
        async with store.begin() as rows:
            assert await rows.delivered_by("a" * 32, f"{number:032x}", "f" * 64, at=NOON) is noted

    async with store.read() as rows:
        found = await rows.application("a" * 32, "hanako")
    assert (found.state, found.exchange, found.leaf) == (after, f"{1:032x}", "f" * 64)


async def test_a_citizens_own_record_is_read_page_by_page(store):
    async with store.begin() as rows:
        for number in range(60):
            await rows.note("hanako", "logged-in", str(number), at=NOON)

    async with store.read() as rows:
        newest = await rows.operations("hanako")
        older = await rows.operations("hanako", newest[-1][0])
    assert [one.about for _, one in newest][:2] == ["59", "58"]
    assert [one.about for _, one in older][-1] == "0"
    assert len(newest) + len(older) == 60


# --- hearing back ---------------------------------------------------------------------------------


def receipt(event: str = "received", at: int = 0, name: str = "a" * 32) -> Receipt:
    return Receipt(
        application=name,
        office="kamakura",
        event=event,
        at=int(NOON.timestamp()) + at,
        digest="d" * 64,
        message={"ja": event, "en": event},
    )


class Feed:
    """An office's feed, two receipts at a time."""

    def __init__(self, *receipts: Receipt) -> None:
        self.all = receipts

    async def fetch_receipts(self, office: str, after: int):
        stretch = list(self.all[after : after + 2])
        return Stretch(stretch, after + len(stretch))


class Stretch:
    def __init__(self, receipts: list[Receipt], following: int) -> None:
        self.receipts = receipts
        self.next = following


async def sent(store: Store, state: str, digest: str = "d" * 64) -> None:
    async with store.begin() as rows:
        await rows.open_application(application(state))
        await rows.advance("a" * 32, state, leaving=(state,), at=NOON, digest=digest)


def hearing(store: Store, *receipts: Receipt) -> Receipts:
    return Receipts(store, Feed(*receipts), lambda: datetime(2026, 4, 2, tzinfo=UTC))


async def test_receipts_become_notices_once_each(store):
    await sent(store, "submitted")
    told = (receipt(), receipt("waiting", 1), receipt("granted", 2))

    first, second = await hearing(store, *told).poll(), await hearing(store, *told).poll()

    async with store.read() as rows:
        assert (first, second) == (3, 0)
        assert [one.event for one in await rows.notices("hanako")] == [
            "granted",
            "waiting",
            "received",
        ]
        found = await rows.application("a" * 32, "hanako")
        assert (found.state, found.outcome) == ("decided", "granted")
        assert await rows.unseen("hanako") == 3
    async with store.begin() as rows:
        await rows.see_notices("hanako", at=NOON)
        assert await rows.unseen("hanako") == 0


@pytest.mark.parametrize(
    ("state", "outcome", "days", "asked"),
    [
        ("draft", None, 0, False),
        ("signed", None, 300, True),
        ("received", None, 300, True),
        ("decided", "refused", 0, False),
        ("decided", "granted", 99, True),
        ("decided", "granted", 101, False),
        ("decided", "completed", 0, False),
        ("undeliverable", "not-permitted", 0, False),
    ],
)
async def test_only_an_office_that_owes_word_is_asked(store, state, outcome, days, asked):
    now = datetime(2026, 4, 2, tzinfo=UTC)
    async with store.begin() as rows:
        await rows.open_application(application(state))
        at = now - timedelta(days=days)
        await rows.advance("a" * 32, state, leaving=(state,), at=at, outcome=outcome)

    async with store.read() as rows:
        offices = await rows.owing_word(since=now - WORD_AFTER_A_GRANT)

    assert offices == (["kamakura"] if asked else [])


async def test_what_is_completed_stays_so_whatever_is_heard_late(store):
    await sent(store, "submitted")

    await hearing(store, receipt("completed", 2), receipt("granted", 1)).poll()

    async with store.read() as rows:
        found = await rows.application("a" * 32, "hanako")
        assert (found.state, found.outcome) == ("decided", "completed")
        assert len(await rows.notices("hanako")) == 2


async def test_two_copies_of_the_portal_tell_a_citizen_once(store):
    await sent(store, "submitted")
    told = (receipt(), receipt("granted", 1))

    counted = await asyncio.gather(*(hearing(store, *told).poll() for _ in range(3)))

    assert sum(counted) == 2


async def test_a_receipt_for_what_was_never_sent_there_is_passed_over(store):
    await sent(store, "submitted")
    async with store.begin() as rows:
        await rows.open_application(application("draft", name="b" * 32))

    told = await hearing(store, receipt(name="b" * 32), receipt(name="c" * 32)).poll()

    async with store.read() as rows:
        assert told == 0
        assert await rows.notices("hanako") == []


async def test_a_receipt_for_another_text_than_was_signed_decides_nothing(store):
    async with store.begin() as rows:
        await rows.open_application(application("submitted"))
        await rows.advance("a" * 32, "submitted", leaving=("submitted",), at=NOON, digest="e" * 64)

    await hearing(store, receipt("granted")).poll()

    async with store.read() as rows:
        assert (await rows.application("a" * 32, "hanako")).state == "submitted"
        assert [one.what for _, one in await rows.operations("hanako")] == ["receipt-doubtful"]


async def test_terms_without_a_yes_are_forgotten_after_a_day(store, db):
    async with store.begin() as rows:
        await rows.ask_approval(approval("6" * 32, records=(record("5" * 32),)))
        await rows.ask_approval(approval(asked_at=NOON + timedelta(days=2)))

    async with db.read() as connection:
        kept = (await connection.execute(sa.select(tables.CONSENTS.c.id))).scalars().all()
    assert set(kept) == {"1" * 32, "2" * 32}


async def test_a_receipt_that_was_signed_on_the_way_counts_as_well(store):
    await sent(store, "signed")

    await hearing(store, receipt()).poll()

    async with store.read() as rows:
        assert (await rows.application("a" * 32, "hanako")).state == "received"
