"""
The outbox: what must follow a commit is written in that commit, and sent until it has arrived.

The row enters in the transaction that decides; a courier claims it for a while, hands it over outside of any
transaction, and notes the outcome.  If the process dies anywhere in between, the claim runs out and the row is
handed over again: at least once, so receivers are idempotent by id.  Given its role's `spans`, it goes on with the
trace in which the row was written.

A receiver's lasting refusal (a 4xx problem) lays the row aside as dead: seen, and released by hand.  Anything else
is tried again, later and later.  Any number of copies may run the courier.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    UniqueConstraint,
    and_,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.shared import mistakes, trace
from kiban.shared.clock import Clock
from kiban.shared.database import Database, DatabaseAway, Instant, JSONDocument, insert_new
from kiban.shared.problems import Problem

Handler = Callable[[dict[str, Any]], Awaitable[None]]

_log = logging.getLogger("kiban.outbox")
_PASSING = frozenset({408, 425, 429})  # refusals that end by themselves
_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(minutes=5)
_LEASE = timedelta(seconds=60)
_DELIVERY = 30.0  # seconds one hand-over may take: well within its lease


def outbox_table(metadata: MetaData, name: str = "outbox") -> Table:
    """Declare the outbox; a migration makes it by `outbox_table(MetaData()).create(op.get_bind())`."""
    table = Table(
        name,
        metadata,
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("topic", String(100), nullable=False),
        Column("key", String(200), nullable=False),
        Column("body", JSONDocument, nullable=False),
        Column("created_at", Instant, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("next_at", Instant, nullable=False),  # also the end of a claim
        Column("done_at", Instant),
        Column("dead_at", Instant),
        Column("last_problem", String(200)),
        Column("traceparent", String(55)),
        UniqueConstraint("topic", "key", name=f"{name}_once"),
    )
    open_ = and_(table.c.done_at.is_(None), table.c.dead_at.is_(None))
    Index(f"{name}_due", table.c.next_at, postgresql_where=open_, sqlite_where=open_)
    return table


async def put(
    connection: AsyncConnection,
    table: Table,
    topic: str,
    body: Mapping[str, Any],
    *,
    key: str,
    at: datetime,
) -> None:
    """Write one row in the caller's transaction; the same topic and key again is the same row."""
    row = {"topic": topic, "key": key, "body": dict(body), "created_at": at}
    due = {"attempts": 0, "next_at": at, "traceparent": trace.traceparent()}
    await connection.execute(insert_new(table).values(row | due))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row that its receiver refuses for good."""

    id: int
    topic: str
    key: str
    dead_at: datetime
    problem: str


class Outbox:
    """The courier of one outbox: `run` it beside the application."""

    def __init__(
        self,
        db: Database,
        table: Table,
        handlers: Mapping[str, Handler],
        clock: Clock,
        *,
        spans: trace.Spans | None = None,
        poll: float = 1.0,
        width: int = 8,
    ) -> None:
        self._db = db
        self._table = table
        self._handlers = handlers
        self._clock = clock
        self._spans = spans
        self._poll = poll
        self._width = width
        self._woken = asyncio.Event()

    async def put(
        self,
        connection: AsyncConnection,
        topic: str,
        body: Mapping[str, Any],
        *,
        key: str,
        at: datetime,
    ) -> None:
        """Write one row in the caller's transaction, and set out as soon as it is committed."""
        await put(connection, self._table, topic, body, key=key, at=at)
        self._db.after_commit(connection, self.wake)

    def wake(self) -> None:
        """Say that something may be due."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver for ever; cancel to stop."""
        while True:
            self._woken.clear()
            try:
                await self.drain()
            except* DatabaseAway:
                _log.warning("the outbox waits for its database")
            try:
                async with asyncio.timeout(self._poll):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def drain(self) -> int:
        """Deliver until nothing is due; say how many rows were tried."""
        tried = 0
        while rows := await self._claim():
            async with asyncio.TaskGroup() as group:
                for row in rows:
                    group.create_task(self._deliver(row))
            tried += len(rows)
        return tried

    async def dead(self) -> list[DeadLetter]:
        """List what was laid aside, oldest first."""
        c = self._table.c
        query = select(c.id, c.topic, c.key, c.dead_at, c.last_problem).where(
            c.dead_at.is_not(None)
        )
        async with self._db.read() as connection:
            rows = await connection.execute(query.order_by(c.id).limit(1000))
        return [DeadLetter(*row) for row in rows]

    async def release(self, number: int) -> None:
        """Try a dead row again."""
        await self._note(number, dead_at=None, attempts=0, next_at=self._clock())
        self.wake()

    async def _claim(self) -> list[Row[Any]]:
        """Take what is due for the length of a lease."""
        c, now = self._table.c, self._clock()
        # A time further ahead than any delay was written before the clock was moved back.
        due = or_(c.next_at <= now, c.next_at > now + _LONGEST_DELAY + _LEASE)
        picked = (
            select(c.id)
            .where(c.done_at.is_(None), c.dead_at.is_(None), due)
            .order_by(c.next_at, c.id)
            .limit(self._width)
            .with_for_update(skip_locked=True)
        )
        claim = (
            update(self._table)
            .where(c.id.in_(picked.scalar_subquery()))
            .values(next_at=now + _LEASE, attempts=c.attempts + 1)
            .returning(c.id, c.topic, c.body, c.attempts, c.traceparent)
        )
        async with self._db.begin() as connection:
            return sorted((await connection.execute(claim)).all(), key=lambda row: row.id)

    async def _deliver(self, row: Row[Any]) -> None:
        outcome = await self._handed_over(row)
        await self._note(row.id, **outcome)

    async def _handed_over(self, row: Row[Any]) -> dict[str, Any]:
        handler = self._handlers.get(row.topic)
        if handler is None:
            return {"dead_at": self._clock(), "last_problem": "no-handler"}
        try:
            with trace.resumed(row.traceparent, f"outbox {row.topic}", self._spans):
                async with asyncio.timeout(_DELIVERY):
                    await handler(row.body)
        except Problem as problem:
            if problem.status < 500 and problem.status not in _PASSING:  # noqa: PLR2004  RFC 9110
                return {"dead_at": self._clock(), "last_problem": problem.slug}
            return self._later(row.attempts, problem.slug)
        except TimeoutError:
            return self._later(row.attempts, "timeout")
        except Exception as error:  # noqa: BLE001  whatever a handler raises, the row stays due
            mistakes.log(_log, f"handing over {row.topic}", error)
            return self._later(row.attempts, type(error).__name__)
        return {"done_at": self._clock(), "last_problem": None}

    def _later(self, attempts: int, problem: str) -> dict[str, Any]:
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(attempts - 1, 20))
        return {"next_at": self._clock() + delay, "last_problem": problem}

    async def _note(self, number: int, **values: Any) -> None:
        async with self._db.begin() as connection:
            await connection.execute(
                update(self._table).where(self._table.c.id == number).values(values)
            )
