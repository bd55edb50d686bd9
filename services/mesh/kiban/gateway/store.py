"""
What a gateway keeps: the agency's own pseudonyms (wrapped), its own record of exchanges, consents, receipts.

An exchange is spent, recorded and its outcome queued in one transaction, so that a permit answers once and the
citizen's line is durable before any data leaves.  Rows are added, never overwritten, except for what became of
them: an exchange's result, a consent's uses and end.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    false,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.consents import Consent
from kiban.gateway.contract import (
    ConsentRecord,
    ExchangeNote,
    Receipt,
    RefusalNote,
)
from kiban.shared.database import (
    Blob,
    Instant,
    JSONDocument,
    hold,
    in_lots,
    insert_new,
    insert_or_renew,
)
from kiban.shared.identifiers import Pseudonym
from kiban.shared.keyring import Wrapping, keyring_table
from kiban.shared.outbox import Letter, Outbox, outbox_table

Connection = AsyncConnection
metadata = MetaData()
keyring = keyring_table(metadata)
outbox = outbox_table(metadata)
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

people = Table(
    "people",
    metadata,
    Column("code", Blob, primary_key=True),
    Column("person", String(64), nullable=False, unique=True),
    Column("epoch", Integer, nullable=False),
)
exchanges = Table(
    "exchanges",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("exchange", String(32), nullable=False),
    Column("side", String(10), nullable=False),
    Column("counterpart", String(63), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("affair", String(63)),
    Column("item", String(63)),
    Column("basis", String(63), nullable=False),
    Column("leaf", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("result", String(63), nullable=False),
    Column("reply", Text),
    Column("proven", Boolean, nullable=False, default=False),
    UniqueConstraint("exchange", "side", name="exchanges_once"),
)
_open = exchanges.c.proven.is_(False)
Index("exchanges_unproven", exchanges.c.number, postgresql_where=_open, sqlite_where=_open)
exchange_people = Table(
    "exchange_people",
    metadata,
    Column("exchange", _NUMBER, nullable=False),
    Column("code", Blob, nullable=False),
    Index("exchange_people_by_code", "code"),
)
consents = Table(
    "consents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("code", Blob, nullable=False),
    Column("record", JSONDocument, nullable=False),
    Column("token", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("ended_at", Instant),
)
deliveries = Table(
    "deliveries",
    metadata,
    Column("consent", String(32), nullable=False),
    Column("party", String(63), nullable=False),
    UniqueConstraint("consent", "party", name="deliveries_once"),
)
receipts = Table(
    "receipts",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("application", String(32), nullable=False),
    Column("event", String(20), nullable=False),
    Column("receipt", JSONDocument, nullable=False),
    UniqueConstraint("application", "event", name="receipts_once"),
)
refusals = Table(
    "refusals",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("sender", String(63), nullable=False),
    Column("problem", String(63), nullable=False),
    Column("exchange", String(32)),
)
entries = Table(
    "entries",
    metadata,
    Column("position", _NUMBER, primary_key=True, autoincrement=False),
    Column("exchange", String(32), nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("leaf", String(64), nullable=False),
    Column("body", Text, nullable=False),
)
lines = Table(
    "lines",
    metadata,
    Column("position", _NUMBER, nullable=False),
    Column("code", Blob, nullable=False),
    Column("line", JSONDocument, nullable=False),
    UniqueConstraint("position", "code", name="lines_once"),
    Index("lines_by_code", "code"),
)
findings = Table(
    "findings",
    metadata,
    Column("exchange", String(32), nullable=False),
    Column("what", String(20), nullable=False),
    Column("by", JSONDocument, nullable=False),
    UniqueConstraint("exchange", "what", name="findings_once"),
)
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("tag", String(32), primary_key=True),
    Column("item", String(63), nullable=False),
    Column("person", String(64), nullable=False),
)
changes = Table(
    "changes",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("person", String(64), nullable=False),
    Column("item", String(63), nullable=False),
    Column("announcer", String(63)),
    Column("at", Instant, nullable=False),
    Column("alone", Boolean, nullable=False, server_default=false()),
)
announcements = Table(
    "announcements",
    metadata,
    Column("announcer", String(63), nullable=False),
    Column("announcement", String(32), nullable=False),
    PrimaryKeyConstraint("announcer", "announcement"),
)
cursors = Table(
    "cursors",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("next", _NUMBER, nullable=False),
)


# --- people ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class People:
    """The agency's pseudonyms, wrapped at rest, and the numbers by which its own system knows people."""

    wrapping: Wrapping

    def wrap(self, code: Pseudonym) -> bytes:
        return self.wrapping.wrap("pseudonym", code.value)

    def unwrap(self, wrapped: bytes) -> Pseudonym:
        return Pseudonym(self.wrapping.unwrap("pseudonym", wrapped))

    async def put(
        self, connection: AsyncConnection, code: Pseudonym, person: str, *, epoch: int
    ) -> bool:
        """Keep a pseudonym under a number; false if either is kept already."""
        row = {"code": self.wrap(code), "person": person, "epoch": epoch}
        return bool((await connection.execute(insert_new(people).values(row))).rowcount)

    async def put_all(
        self, connection: AsyncConnection, numbers: Mapping[Pseudonym, str], *, epoch: int
    ) -> None:
        """Keep pseudonyms under their numbers; one that is kept already keeps its own."""
        rows = [
            {"code": self.wrap(code), "person": person, "epoch": epoch}
            for code, person in numbers.items()
        ]
        await connection.execute(insert_new(people), rows)

    async def person(self, connection: AsyncConnection, code: Pseudonym) -> str | None:
        query = select(people.c.person).where(people.c.code == self.wrap(code))
        return (await connection.execute(query)).scalar_one_or_none()

    async def code(self, connection: AsyncConnection, person: str) -> Pseudonym | None:
        query = select(people.c.code).where(people.c.person == person)
        wrapped = (await connection.execute(query)).scalar_one_or_none()
        return None if wrapped is None else self.unwrap(wrapped)

    async def codes(
        self, connection: AsyncConnection, asked: Sequence[Sequence[str]]
    ) -> list[dict[str, Pseudonym]]:
        """For each list of numbers, the pseudonyms of those that have one."""
        found: dict[str, Pseudonym] = {}
        for numbers in in_lots(chain.from_iterable(asked)):
            rows = await connection.execute(_CODES, {"numbers": numbers})
            found |= {row.person: self.unwrap(row.code) for row in rows}
        return [{person: found[person] for person in one if person in found} for one in asked]

    async def persons(
        self, connection: AsyncConnection, asked: Sequence[Sequence[Pseudonym]]
    ) -> list[dict[Pseudonym, str]]:
        """For each list of pseudonyms, the numbers of those that have one."""
        wrapped = {self.wrap(code): code for one in asked for code in one}
        found: dict[Pseudonym, str] = {}
        for some in in_lots(wrapped):
            rows = await connection.execute(_PERSONS, {"wrapped": some})
            found |= {wrapped[row.code]: row.person for row in rows}
        return [{code: found[code] for code in one if code in found} for one in asked]


_CODES = select(people.c.person, people.c.code).where(
    people.c.person.in_(bindparam("numbers", expanding=True))
)
_PERSONS = select(people.c.code, people.c.person).where(
    people.c.code.in_(bindparam("wrapped", expanding=True))
)


# --- exchanges ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Noted:
    """One row of the own record on its way: the exchange, whom it is about (wrapped), what is reported of it."""

    exchange: Mapping[str, Any]
    codes: Sequence[bytes]
    report: Letter | None = None
    """For the outbox; only if the row is new."""


@dataclass(frozen=True, slots=True)
class Became:
    """What became of an exchange that the own record has."""

    this_exchange: str
    this_side: str
    result: str
    reply: str | None = None


async def note(
    connection: AsyncConnection, letters: Outbox, rows: Sequence[Noted | Became]
) -> list[bool]:
    """Write into the own record; say of each row whether it was new there."""
    # In one order for everybody, so that two transactions with the same exchanges cannot block each other.
    noted = {_key(row): row for row in reversed(rows) if isinstance(row, Noted)}
    new = await _note_exchanges(connection, [noted[key].exchange for key in sorted(noted)])
    about = [
        {"exchange": number, "code": code}
        for key, number in new.items()
        for code in dict.fromkeys(noted[key].codes)
    ]
    if about:
        await connection.execute(_NOTE_PEOPLE, about)
    await letters.put_all(connection, [report for key in new if (report := noted[key].report)])
    if became := sorted(
        (asdict(row) for row in rows if isinstance(row, Became)),
        key=lambda row: (row["this_exchange"], row["this_side"]),
    ):
        await connection.execute(_NOTE_RESULT, became)
    # Of two rows that are one, the first was new.
    return [isinstance(row, Noted) and new.pop(_key(row), None) is not None for row in rows]


async def _note_exchanges(
    connection: AsyncConnection, given: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], int]:
    """The numbers of those that were new."""
    if not given:
        return {}
    rows = await connection.execute(_NOTE_EXCHANGE, given)
    return {(row.exchange, row.side): row.number for row in rows}


def _key(row: Noted) -> tuple[str, str]:
    return row.exchange["exchange"], row.exchange["side"]


@dataclass(frozen=True, slots=True)
class Known:
    """What the own record has of an exchange: what became of it, and the reply that is kept."""

    result: str
    reply: str | None


async def find_exchanges(
    connection: AsyncConnection, asked: Sequence[str], side: str
) -> list[Known | None]:
    found: dict[str, Known] = {}
    for some in in_lots(asked):
        rows = await connection.execute(_FIND, {"exchanges": some, "this_side": side})
        found |= {row.exchange: Known(row.result, row.reply) for row in rows}
    return [found.get(exchange) for exchange in asked]


# Made once, because every inquiry asks for them and making them costs more than asking.
_HERE = (exchanges.c.exchange == bindparam("this_exchange")) & (
    exchanges.c.side == bindparam("this_side")
)
_NOTE_EXCHANGE = insert_new(exchanges).returning(
    exchanges.c.number, exchanges.c.exchange, exchanges.c.side
)
_NOTE_PEOPLE = exchange_people.insert()
_NOTE_RESULT = (
    update(exchanges).where(_HERE).values(result=bindparam("result"), reply=bindparam("reply"))
)
_FIND = select(exchanges.c.exchange, exchanges.c.result, exchanges.c.reply).where(
    exchanges.c.exchange.in_(bindparam("exchanges", expanding=True)),
    exchanges.c.side == bindparam("this_side"),
)


async def read_exchanges(
    connection: AsyncConnection, after: int, limit: int
) -> tuple[list[ExchangeNote], int]:
    c = exchanges.c
    query = select(exchanges).where(c.number > after).order_by(c.number).limit(limit)
    rows = (await connection.execute(query)).all()
    return [_noted(row) for row in rows], rows[-1].number if rows else after


async def exchanges_about(connection: AsyncConnection, code: bytes) -> list[ExchangeNote]:
    """The own record of the exchanges about one person, newest first."""
    about = select(exchange_people.c.exchange).where(exchange_people.c.code == code)
    c = exchanges.c
    query = select(exchanges).where(c.number.in_(about)).order_by(c.number.desc()).limit(1000)
    return [_noted(row) for row in await connection.execute(query)]


def _noted(row: Row[Any]) -> ExchangeNote:
    return ExchangeNote(
        exchange=row.exchange,
        side=row.side,
        counterpart=row.counterpart,
        kind=row.kind,
        affair=row.affair,
        item=row.item,
        at=int(row.at.timestamp()),
        result=row.result,
    )


@dataclass(frozen=True, slots=True)
class Unproven:
    """An exchange whose leaf was not yet found in the tree."""

    number: int
    exchange: str
    leaf: str


async def unproven(
    connection: AsyncConnection, limit: int, *, after: int = 0, before: datetime
) -> list[Unproven]:
    """Exchanges of before this time whose leaves were not yet found in the tree, behind a number."""
    c = exchanges.c
    due = c.proven.is_(False) & (c.number > after) & (c.at <= before)
    query = select(c.number, c.exchange, c.leaf).where(due).order_by(c.number).limit(limit)
    return [Unproven(*row) for row in await connection.execute(query)]


async def note_proven(connection: AsyncConnection, numbers: Iterable[int]) -> None:
    for some in in_lots(numbers):
        here = exchanges.c.number.in_(some)
        await connection.execute(update(exchanges).where(here).values(proven=True))


async def note_refusal(
    connection: AsyncConnection, *, at: datetime, sender: str, problem: str, exchange: str | None
) -> None:
    row = {"at": at, "sender": sender, "problem": problem, "exchange": exchange}
    await connection.execute(refusals.insert().values(row))


async def read_refusals(connection: AsyncConnection) -> list[RefusalNote]:
    query = select(refusals).order_by(refusals.c.number.desc()).limit(1000)
    return [
        RefusalNote(
            at=int(row.at.timestamp()),
            sender=row.sender,
            problem=row.problem,
            exchange=row.exchange,
        )
        for row in await connection.execute(query)
    ]


# --- consents -------------------------------------------------------------------------------------


async def put_consent(
    connection: AsyncConnection, record: ConsentRecord, code: bytes, token: str, *, at: datetime
) -> bool:
    row = {
        "id": record.id,
        "code": code,
        "record": record.model_dump(mode="json"),
        "token": token,
        "received_at": at,
        "uses": 0,
    }
    return bool((await connection.execute(insert_new(consents).values(row))).rowcount)


async def find_consent(connection: AsyncConnection, consent: str, kept: People) -> Consent | None:
    query = select(consents).where(consents.c.id == consent).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return Consent(
        record=ConsentRecord.model_validate(row.record),
        person=kept.unwrap(row.code),
        uses=row.uses,
        ended=row.ended_at is not None,
    )


async def use_consent(connection: AsyncConnection, consent: str) -> None:
    here = consents.c.id == consent
    await connection.execute(update(consents).where(here).values(uses=consents.c.uses + 1))


async def end_consent(connection: AsyncConnection, consent: str, *, at: datetime) -> bool:
    """Note the end, once; false if there is no such consent."""
    found = await connection.execute(select(consents.c.id).where(consents.c.id == consent))
    open_ = (consents.c.id == consent) & consents.c.ended_at.is_(None)
    await connection.execute(update(consents).where(open_).values(ended_at=at))
    return found.one_or_none() is not None


async def note_delivery(connection: AsyncConnection, consent: str, party: str) -> None:
    await connection.execute(insert_new(deliveries).values(consent=consent, party=party))


async def delivered_to(connection: AsyncConnection, consent: str) -> list[str]:
    """The parties that hold a consent which went out from here."""
    query = select(deliveries.c.party).where(deliveries.c.consent == consent)
    return sorted((await connection.execute(query)).scalars())


# --- receipts -------------------------------------------------------------------------------------


async def put_receipt(connection: AsyncConnection, receipt: Receipt) -> None:
    """Add a receipt to the feed, once for each event; numbers become visible in their order."""
    await hold(connection, "receipts")
    row = {
        "application": receipt.application,
        "event": receipt.event,
        "receipt": receipt.model_dump(mode="json"),
    }
    await connection.execute(insert_new(receipts).values(row))


async def find_receipt(connection: AsyncConnection, application: str, event: str) -> Receipt | None:
    here = (receipts.c.application == application) & (receipts.c.event == event)
    found = (await connection.execute(select(receipts.c.receipt).where(here))).scalar_one_or_none()
    return None if found is None else Receipt.model_validate(found)


async def read_receipts(
    connection: AsyncConnection, after: int, limit: int
) -> list[tuple[int, Receipt]]:
    c = receipts.c
    query = select(c.number, c.receipt).where(c.number > after).order_by(c.number).limit(limit)
    rows = await connection.execute(query)
    return [(row.number, Receipt.model_validate(row.receipt)) for row in rows]


# --- cursors and epochs ---------------------------------------------------------------------------


async def cursor(connection: AsyncConnection, name: str) -> int:
    query = select(cursors.c.next).where(cursors.c.name == name)
    return (await connection.execute(query)).scalar_one_or_none() or 0


async def move_cursor(connection: AsyncConnection, name: str, to: int) -> None:
    moved = insert_or_renew(cursors, ["name"], ["next"]).values(name=name, next=to)
    await connection.execute(moved)


EPOCH = "epoch"
"""The cursor that holds the epoch of every pseudonym in this database."""


async def move_codes(
    connection: AsyncConnection, moved: Callable[[bytes], bytes], *, epoch: int
) -> None:
    """Replace every pseudonym by what it becomes in the new epoch; the caller commits all or nothing."""
    known: dict[bytes, bytes] = {}
    for table in (people, consents, exchange_people, lines):
        rows = await connection.execute(select(table.c.code).distinct())
        for (code,) in rows.all():
            known.setdefault(code, moved(code))
            values = {"code": known[code]} | ({"epoch": epoch} if table is people else {})
            await connection.execute(update(table).where(table.c.code == code).values(values))
