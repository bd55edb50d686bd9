"""
Cases: the applications on an office's desk, and what the office has read for each.

An application is added and then decided once; what may follow on a grant is noted after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import AcceptedApplication, Statement
from kiban.shared.database import Instant, JSONDocument, insert_new

metadata = MetaData()
applications = Table(
    "office_applications",
    metadata,
    Column("application", String(32), primary_key=True),
    Column("accepted", JSONDocument, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("state", String(10), nullable=False),
    Column("message", JSONDocument),
    Column("decided_at", Instant),
)
readings = Table(
    "office_readings",
    metadata,
    Column("application", String(32), nullable=False),
    Column("item", String(63), nullable=False),
    Column("statement", JSONDocument),
    Column("exchange", String(32)),
    Column("read_at", Instant),  # none while a clerk at the provider has not decided
    PrimaryKeyConstraint("application", "item"),
)


@dataclass(frozen=True, slots=True)
class Application:
    """An application on the office's desk."""

    accepted: AcceptedApplication
    digest: str
    state: str
    message: dict[str, str] | None

    @property
    def decided(self) -> bool:
        return self.state not in BEFORE_DECISION


async def take_in(
    connection: AsyncConnection, accepted: AcceptedApplication, digest: str, at: datetime
) -> bool:
    """Keep an application; false if one with this id is kept already."""
    row = {
        "application": accepted.application,
        "accepted": accepted.model_dump(),
        "digest": digest,
        "received_at": at,
        "state": "received",
    }
    return bool((await connection.execute(insert_new(applications).values(row))).rowcount)


async def find_application(connection: AsyncConnection, application: str) -> Application | None:
    query = select(applications).where(applications.c.application == application)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    accepted = AcceptedApplication.model_validate(row.accepted)
    return Application(accepted, row.digest, row.state, row.message)


async def applications_in(connection: AsyncConnection, state: str) -> list[Application]:
    c = applications.c
    query = select(applications).where(c.state == state).order_by(c.received_at, c.application)
    return [
        Application(
            AcceptedApplication.model_validate(row.accepted), row.digest, row.state, row.message
        )
        for row in await connection.execute(query)
    ]


async def note_state(
    connection: AsyncConnection,
    application: str,
    state: str,
    message: Mapping[str, str],
    at: datetime,
) -> bool:
    """Note what became of an application; false if that was noted before, or cannot follow."""
    c = applications.c
    before = _BEFORE.get(state, BEFORE_DECISION)
    written = await connection.execute(
        update(applications)
        .where(c.application == application, c.state.in_(before))
        .values(state=state, message=dict(message), decided_at=None if state == "waiting" else at)
    )
    return bool(written.rowcount)


BEFORE_DECISION = ("received", "waiting")
_BEFORE = {
    "waiting": ("received",),
    "withdrawn": ("granted",),
    "completed": ("granted", "withdrawn"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the office read for one application, by its name; no statement where nothing is held."""

    name: str
    statement: Statement | None


async def keep_reading(
    connection: AsyncConnection,
    application: str,
    reading: Reading,
    *,
    exchange: str | None,
    at: datetime | None,
) -> None:
    """Keep what was read, or without a time: that the exchange waits for a clerk at the provider."""
    c = readings.c
    row = {
        "statement": reading.statement.model_dump() if reading.statement else None,
        "exchange": exchange,
        "read_at": at,
    }
    known = {"application": application, "item": reading.name}
    if not (await connection.execute(insert_new(readings).values(**known, **row))).rowcount:
        here = (c.application == application) & (c.item == reading.name) & c.read_at.is_(None)
        await connection.execute(update(readings).where(here).values(row))


async def kept_readings(connection: AsyncConnection, application: str) -> Sequence[Reading]:
    c = readings.c
    query = select(readings).where(c.application == application, c.read_at.is_not(None))
    return [
        Reading(row.item, Statement.model_validate(row.statement) if row.statement else None)
        for row in await connection.execute(query)
    ]


async def waiting_exchange(connection: AsyncConnection, application: str, name: str) -> str | None:
    """The exchange in which this reading waits for a clerk at the provider."""
    c = readings.c
    query = select(c.exchange).where(
        c.application == application, c.item == name, c.read_at.is_(None)
    )
    return (await connection.execute(query)).scalar_one_or_none()
