"""
The register itself: every version of every entry, numbered in the order in which the registry learned them.

Nothing is overwritten or removed.  The newest version of an id says what is known now; an older question is
answered by the versions that were known then.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    func,
    insert,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.registry.editions import Change, Edition, Held, Version
from kiban.registry.facts import (
    EntityFacts,
    Facts,
    MunicipalityFacts,
    Of,
    PostalCode,
    TownFacts,
)
from kiban.shared.database import Database, Instant

METADATA = MetaData()
CHUNK = 4_000
"""Rows that are read or written at a time."""

# PostgreSQL would sort ids by the rules of a language; the order of their bytes is the same on both.
_ID = String(40).with_variant(String(40, collation="C"), "postgresql")

EDITION = Table(
    "edition",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("source", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("known_from", Instant, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
)
ENTRY = Table(
    "entry",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("register", String(20), nullable=False),
    Column("id", _ID, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("valid_from", Date),
    Column("valid_to", Date),
    Column("withdrawn", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Index("entry_by_id", "register", "id", "sequence", unique=True),
)


# --- editions -------------------------------------------------------------------------------------


async def editions(connection: AsyncConnection) -> list[Edition]:
    """Give every edition that was taken in, oldest first."""
    query = select(EDITION).order_by(EDITION.c.number)
    return [_edition(row) for row in (await connection.execute(query)).all()]


async def next_edition(connection: AsyncConnection) -> int:
    last = (await connection.execute(select(func.max(EDITION.c.number)))).scalar_one()
    return (last or 0) + 1


async def record_edition(connection: AsyncConnection, number: int, edition: Edition) -> None:
    """Write down an edition, when its changes have been appended."""
    await connection.execute(
        insert(EDITION).values(
            number=number,
            source=edition.source,
            name=edition.name,
            known_from=edition.known_from,
            rows=edition.rows,
            changes=edition.changes,
            sequence=edition.sequence,
        )
    )


# --- entries --------------------------------------------------------------------------------------


async def last_sequence(connection: AsyncConnection) -> int:
    last = (await connection.execute(select(func.max(ENTRY.c.sequence)))).scalar_one()
    return last or 0


async def append(
    connection: AsyncConnection, number: int, changes: Sequence[Change], *, after: int
) -> int:
    """Append changes behind the given sequence; give the last one's."""
    numbered = enumerate(changes, start=after + 1)
    rows = [_row(sequence, number, change) for sequence, change in numbered]
    for start in range(0, len(rows), CHUNK):
        await connection.execute(insert(ENTRY), rows[start : start + CHUNK])
    return after + len(rows)


async def held(
    connection: AsyncConnection, kind: type[Of], *, beginning: str = ""
) -> dict[str, Held[Of]]:
    """Give the newest version of every id that begins so."""
    query = _entries(kind)
    if beginning:
        query = query.where(ENTRY.c.id >= beginning, ENTRY.c.id < beginning + "~")
    return {row[0]: _held(kind, row) for row in (await connection.execute(query)).all()}


async def newest(connection: AsyncConnection, kind: type[Of]) -> AsyncIterator[list[Held[Of]]]:
    """Give the newest version of every entry of a register, in the order of ids, many at a time."""
    waiting: dict[str, Held[Of]] = {}
    place = ("", 0)
    while True:
        query = _entries(kind).where(tuple_(ENTRY.c.id, ENTRY.c.sequence) > place).limit(CHUNK)
        rows = (await connection.execute(query)).all()
        if not rows:
            break
        waiting |= {row[0]: _held(kind, row) for row in rows}
        last = waiting.popitem()  # its newest version may stand among the next rows
        yield list(waiting.values())
        waiting = dict([last])
        place = (rows[-1][0], rows[-1][1])
    yield list(waiting.values())


async def version(
    connection: AsyncConnection,
    kind: type[Of],
    name: str,
    *,
    valid_at: date | None = None,
    known_at: datetime | None = None,
) -> Version[Of] | None:
    """Give what was known of an entry at one time about one day; by default the newest."""
    query = (
        select(*_ENTRY, EDITION)
        .join(EDITION, EDITION.c.number == ENTRY.c.edition)
        .where(ENTRY.c.register == _REGISTERS[kind], ENTRY.c.id == name)
    )
    if known_at is not None:
        query = query.where(EDITION.c.known_from <= known_at)
    if valid_at is not None:
        query = query.where(or_(ENTRY.c.valid_from.is_(None), ENTRY.c.valid_from <= valid_at))
    query = query.order_by(ENTRY.c.sequence.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    held = _held(kind, row[: len(_ENTRY)])
    ended = valid_at is not None and held.facts.valid_to and held.facts.valid_to <= valid_at
    return None if ended else Version(held, _edition(row))


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """The versions of an entry, each asked for in a view of its own."""

    db: Database

    async def version(
        self, kind: type[Of], name: str, valid_at: date | None, known_at: datetime | None
    ) -> Version[Of] | None:
        async with self.db.read() as connection:
            return await version(connection, kind, name, valid_at=valid_at, known_at=known_at)


_ENTRY = (
    ENTRY.c.id,
    ENTRY.c.sequence,
    ENTRY.c.withdrawn,
    ENTRY.c.valid_from,
    ENTRY.c.valid_to,
    ENTRY.c.body,
)


def _entries(kind: type[Of]) -> Select[Any]:
    query = select(*_ENTRY).where(ENTRY.c.register == _REGISTERS[kind])
    return query.order_by(ENTRY.c.id, ENTRY.c.sequence)


# --- rows -----------------------------------------------------------------------------------------


def _row(sequence: int, number: int, change: Change) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "register": _REGISTERS[type(change.facts)],
        "id": change.facts.id,
        "edition": number,
        "valid_from": change.facts.valid_from,
        "valid_to": change.facts.valid_to,
        "withdrawn": change.withdrawn,
        "body": _body(change.facts),
    }


def _edition(row: Row[Any]) -> Edition:
    return Edition(row.source, row.name, row.known_from, row.rows, row.changes, row.sequence)


def _body(facts: Facts) -> str:
    """Write what has no column of its own: all but the id in front and the two days at the end."""
    return _JSON.encode(dict(zip(facts._fields[1:-2], facts[1:-2], strict=True)))


def _held(kind: type[Of], row: Sequence[Any]) -> Held[Of]:
    name, sequence, withdrawn, valid_from, valid_to, text = row
    body: dict[str, Any] = _READ(text)
    if kind is TownFacts:
        body["postal"] = tuple([PostalCode(code, note) for code, note in body["postal"]])
    facts = kind(id=name, valid_from=valid_from, valid_to=valid_to, **body)
    return Held(facts, sequence, withdrawn)


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_READ = json.JSONDecoder().decode
_REGISTERS: dict[type[object], str] = {
    MunicipalityFacts: "municipality",
    TownFacts: "town",
    EntityFacts: "legal-entity",
}
