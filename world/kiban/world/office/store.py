"""
What an office keeps in its own database: people, records, consultations; `cases` keeps applications.

This is the agency's business system (業務システム), apart from its gateway: it knows people by its own numbers and has
no pseudonym.  A record's version rises with each change, and with its end: then it stays, and is not held any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    bindparam,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Attributes, Held, Mark
from kiban.shared import canonical
from kiban.shared.database import Instant, JSONDocument, in_lots, insert_new
from kiban.shared.outbox import outbox_table
from kiban.world.writing import plain

metadata = MetaData()
outbox = outbox_table(metadata)

people = Table(
    "office_people",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("attributes", JSONDocument, nullable=False),
    Column("acquired_at", Instant),
    Column("likeness", String(64)),  # of name and date of birth
    Column("marks", JSONDocument),  # what protects the person
    Index("office_people_likeness", "likeness"),
)
records = Table(
    "office_records",
    metadata,
    Column("person", String(64), nullable=False),
    Column("item", String(63), nullable=False),
    Column("values", JSONDocument, nullable=False),
    Column("as_of", String(10), nullable=False),
    Column("version", Integer, nullable=False),
    Column("flag", String(30), nullable=False),
    Column("loaded", String(64)),  # digest of the file's record, so that a changed file is noticed
    Column("ended_on", String(10)),  # from this day on it is not held
    Column("told_to", String(63)),  # the one member to whom it was told, until that answers
    Column("made_by", String(32)),  # the application whose grant wrote it
    PrimaryKeyConstraint("person", "item"),
    Index("office_records_made_by", "made_by"),
)
consultations = Table(
    "office_consultations",
    metadata,
    Column("person", String(64), nullable=False),
    Column("item", String(63), nullable=False),
    Column("inquirer", String(63), nullable=False),
    Column("version", Integer, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("allowed", Boolean),
    Column("decided_at", Instant),
    PrimaryKeyConstraint("person", "item", "inquirer", "version"),
)


# --- people and records ---------------------------------------------------------------------------


async def put_person(connection: AsyncConnection, person: str, attributes: Attributes) -> None:
    """Keep what the office knows of a person whom it serves; known people stay as they are."""
    row = {
        "person": person,
        "attributes": attributes.model_dump(),
        "likeness": likeness(attributes.name, attributes.birth_date),
    }
    await connection.execute(insert_new(people).values(row))


def likeness(name: str, birth_date: str) -> str:
    """A name and a date of birth in one form, as a digest: equal where the same person may be meant."""
    return canonical.digest([plain(name), birth_date])


async def find_people(connection: AsyncConnection, name: str, birth_date: str) -> list[str]:
    """Everybody of this name and date of birth."""
    query = select(people.c.person).where(people.c.likeness == likeness(name, birth_date))
    return list((await connection.execute(query.order_by(people.c.person))).scalars())


async def find_person(connection: AsyncConnection, person: str) -> Attributes | None:
    query = select(people.c.attributes).where(people.c.person == person)
    found = (await connection.execute(query)).scalar_one_or_none()
    return None if found is None else Attributes.model_validate(found)


async def find_marks(connection: AsyncConnection, person: str) -> list[Mark]:
    """What protects a person."""
    query = select(people.c.marks).where(people.c.person == person)
    return (await connection.execute(query)).scalar_one_or_none() or []


async def find_protected(
    connection: AsyncConnection, item: str
) -> list[tuple[str, Attributes, list[Mark]]]:
    """Everybody who has a record of this item here and whom something protects, with what is known of them."""
    r = records.c
    held = select(r.person).where(r.person == people.c.person, r.item == item, r.ended_on.is_(None))
    query = select(people).where(people.c.marks.is_not(None), held.exists())
    query = query.order_by(people.c.person)
    rows = (await connection.execute(query)).all()
    return [
        (row.person, Attributes.model_validate(row.attributes), row.marks)
        for row in rows
        if row.marks
    ]


async def put_marks(connection: AsyncConnection, person: str, marks: Sequence[Mark]) -> None:
    here = people.c.person == person
    await connection.execute(update(people).where(here).values(marks=sorted(marks)))


async def without_pseudonym(connection: AsyncConnection) -> dict[str, Attributes]:
    """The people for whom the gateway has not yet obtained the office's pseudonym."""
    query = select(people.c.person, people.c.attributes).where(people.c.acquired_at.is_(None))
    rows = await connection.execute(query.order_by(people.c.person))
    return {row.person: Attributes.model_validate(row.attributes) for row in rows}


async def note_acquired(connection: AsyncConnection, person: str, at: datetime) -> None:
    await connection.execute(update(people).where(people.c.person == person).values(acquired_at=at))


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as the office's own tables have it."""

    held: Held
    version: int
    flag: str
    loaded: str | None
    ended_on: str | None = None
    told_to: str | None = None
    made_by: str | None = None

    @property
    def ended(self) -> bool:
        return self.ended_on is not None

    @property
    def unmarked(self) -> Held:
        """What the record says, and nothing of what protects the person."""
        return self.held.model_copy(update={"marks": []}) if self.held.marks else self.held


async def find_held(connection: AsyncConnection, person: str, item: str) -> Kept | None:
    """The record, unless it has ended."""
    kept = await find_record(connection, person, item)
    return None if kept is None or kept.ended else kept


async def held_of(
    connection: AsyncConnection, item: str
) -> list[tuple[str, Mapping[str, JsonValue]]]:
    """What is held of this item about everybody, in the order of their numbers."""
    r = records.c
    query = select(r.person, r["values"]).where(r.item == item, r.ended_on.is_(None))
    rows = await connection.execute(query.order_by(r.person))
    return [(person, values) for person, values in rows]


async def find_record(connection: AsyncConnection, person: str, item: str) -> Kept | None:
    [kept] = await find_records(connection, [(person, item)])
    return kept


async def find_records(
    connection: AsyncConnection, asked: Sequence[tuple[str, str]]
) -> list[Kept | None]:
    """The record of each person and item that is asked for, with what protects the person."""
    items = next(in_lots(item for _, item in asked))
    found: dict[tuple[str, str], Kept] = {}
    for people in in_lots(person for person, _ in asked):
        for row in (await connection.execute(_FIND, {"people": people, "items": items})).mappings():
            held = Held(
                values=row["values"],
                as_of=row["as_of"],
                version=str(row["version"]),
                marks=row["marks"] or [],
            )
            more = (row[each] for each in ("flag", "loaded", "ended_on", "told_to", "made_by"))
            found[row["person"], row["item"]] = Kept(held, row["version"], *more)
    return [found.get(one) for one in asked]


_FIND = (
    select(records, people.c.marks)
    .outerjoin(people, people.c.person == records.c.person)
    .where(
        records.c.person.in_(bindparam("people", expanding=True)),
        records.c.item.in_(bindparam("items", expanding=True)),
    )
)


async def write_record(
    connection: AsyncConnection,
    person: str,
    item: str,
    values: Mapping[str, JsonValue],
    *,
    as_of: date,
    flag: str = "",
    loaded: str | None = None,
    told_to: str | None = None,
    made_by: str | None = None,
) -> int:
    """Write a record and give its version, which rises where values or day are other ones, or it had ended."""
    known = await find_record(connection, person, item)
    version = _version(known, values, as_of)
    row = {
        "values": dict(values),
        "as_of": as_of.isoformat(),
        "version": version,
        "flag": flag,
        "loaded": loaded if loaded is not None or known is None else known.loaded,
        "ended_on": None,
        "told_to": told_to,
        "made_by": made_by,
    }
    if known is None:
        await connection.execute(records.insert().values(person=person, item=item, **row))
    else:
        c = records.c
        await connection.execute(
            update(records).where(c.person == person, c.item == item).values(row)
        )
    return version


def _version(known: Kept | None, values: Mapping[str, JsonValue], as_of: date) -> int:
    if known is None:
        return 1
    same = (known.held.values, known.held.as_of) == (dict(values), as_of.isoformat())
    return known.version + (known.ended or not same)


async def renew_version(connection: AsyncConnection, person: str, item: str) -> None:
    """The record says the same, and is to be asked for again."""
    c = records.c
    here = (c.person == person) & (c.item == item) & c.ended_on.is_(None)
    await connection.execute(update(records).where(here).values(version=c.version + 1))


async def end_record(connection: AsyncConnection, person: str, item: str, on: date) -> None:
    """End a record that is held; what it said stays, under one more version."""
    c = records.c
    here = (c.person == person) & (c.item == item) & c.ended_on.is_(None)
    ended = {"ended_on": on.isoformat(), "version": c.version + 1}
    await connection.execute(update(records).where(here).values(ended))


@dataclass(frozen=True, slots=True)
class Made:
    """For whom an application's grant wrote a record to be told of, whether that has ended, and was answered."""

    person: str
    ended: bool
    answered: bool


async def made_by(connection: AsyncConnection, application: str, item: str) -> list[Made]:
    """Everybody for whom this application's grant wrote a record of this item."""
    c = records.c
    query = select(c.person, c.ended_on, c.told_to).where(c.made_by == application, c.item == item)
    rows = await connection.execute(query.order_by(c.person))
    return [
        Made(person, ended_on is not None, told_to is None) for person, ended_on, told_to in rows
    ]


async def note_answered(connection: AsyncConnection, person: str, item: str) -> None:
    """Whoever was told of a record that has ended has answered: it is told to nobody any more."""
    c = records.c
    here = (c.person == person) & (c.item == item) & c.ended_on.is_not(None)
    await connection.execute(update(records).where(here).values(told_to=None))


# --- consultations --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Consultation:
    """An inquiry that a clerk must look at before the office answers."""

    person: str
    item: str
    inquirer: str
    version: int


def _this(asked: Consultation) -> Any:  # SQLAlchemy's type of a condition
    c = consultations.c
    return (
        (c.person == asked.person)
        & (c.item == asked.item)
        & (c.inquirer == asked.inquirer)
        & (c.version == asked.version)
    )


async def consult(connection: AsyncConnection, asked: Consultation, at: datetime) -> None:
    row = {
        "person": asked.person,
        "item": asked.item,
        "inquirer": asked.inquirer,
        "version": asked.version,
        "asked_at": at,
    }
    await connection.execute(insert_new(consultations).values(row))


async def find_consultation(connection: AsyncConnection, asked: Consultation) -> Row[Any] | None:
    return (await connection.execute(select(consultations).where(_this(asked)))).one_or_none()


async def open_consultations(connection: AsyncConnection) -> list[Consultation]:
    c = consultations.c
    query = select(c.person, c.item, c.inquirer, c.version).where(c.decided_at.is_(None))
    return [Consultation(*row) for row in await connection.execute(query.order_by(c.asked_at))]


async def decide_consultation(
    connection: AsyncConnection, asked: Consultation, *, allowed: bool, at: datetime
) -> int:
    """Note the clerk's decision, once; say how many rows it was for."""
    written = await connection.execute(
        update(consultations)
        .where(_this(asked), consultations.c.decided_at.is_(None))
        .values(allowed=allowed, decided_at=at)
    )
    return written.rowcount
