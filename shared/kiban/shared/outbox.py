"""
The outbox: what must follow a commit is written in that commit, and sent until it has arrived.

The row enters in the transaction that decides; a courier claims it for a while, hands it over outside of any
transaction, and notes the outcome.  A courier that lives keeps its claim; if the process dies anywhere in between,
the claim runs out and the row is handed over again: at least once, so receivers are idempotent by id.  Given its
role's `spans`, it goes on with the trace in which the row was written.

A receiver's lasting refusal (a 4xx problem) lays the row aside as dead: seen, and released by hand.  Anything else
is tried again, later and later.  Any number of copies may run the courier.

A topic whose receiver takes many at once is handed over together; if that is refused, each row is tried by itself.
Where a topic has several receivers, `lanes` names the member of the body that says which, and each gets its own.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    UniqueConstraint,
    Update,
    and_,
    bindparam,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from kiban.shared import mistakes, trace
from kiban.shared.clock import Clock
from kiban.shared.database import (
    Database,
    DatabaseAway,
    Instant,
    JSONDocument,
    in_lots,
    insert_new,
)
from kiban.shared.gathering import Gathering
from kiban.shared.problems import NotFound, Problem

Handler = Callable[[dict[str, Any]], Awaitable[None]]
Letter = dict[str, Any]
"""A row on its way into the outbox."""
TogetherHandler = Callable[[list[dict[str, Any]]], Awaitable[None]]
MOST_TOGETHER = 200

_log = logging.getLogger("kiban.outbox")
_PASSING = frozenset({408, 425, 429, 503})  # refusals that end by themselves
_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(minutes=5)
_LEASE = timedelta(seconds=10)
_IDLE = 5.0
"""Seconds until a courier with nothing to carry looks again: what another copy wrote and left is found then."""
_RENEWAL = 3.0  # seconds: a lease outlives two renewals that are late
_DELIVERY = 30.0  # seconds one hand-over may take


def _claiming(table: Table, *which: ColumnElement[bool]) -> ReturningUpdate[Any]:
    """The statement that claims what is due."""
    c = table.c
    due = or_(c.next_at <= bindparam("now"), c.next_at > bindparam("far"))
    picked = (
        select(c.id)
        .where(c.done_at.is_(None), c.dead_at.is_(None), due, *which)
        .order_by(c.next_at, c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )
    return (
        update(table)
        .where(c.id.in_(picked.scalar_subquery()))
        .values(next_at=bindparam("until"), attempts=c.attempts + 1)
        .returning(c.id, c.topic, c.body, c.attempts, c.next_at, c.traceparent)
    )


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
    await connection.execute(insert_new(table), [letter(topic, body, key=key, at=at)])


def letter(topic: str, body: Mapping[str, Any], *, key: str, at: datetime) -> Letter:
    """Make a row that somebody else writes; it keeps the trace in which it was made."""
    row = {"topic": topic, "key": key, "body": dict(body), "created_at": at}
    return row | {"attempts": 0, "next_at": at, "traceparent": trace.traceparent()}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row that its receiver refuses for good."""

    id: int
    topic: str
    key: str
    dead_at: datetime
    problem: str


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of rows that were handed over together; nothing where they arrived."""

    numbers: list[int]
    became: dict[str, Any] | None


class _Suspect(Exception):  # noqa: N818  what is thought of them
    """What was handed over together was not taken; one of them may be the reason."""


class Outbox:
    """
    The courier of one outbox: `run` it beside the application.

    `together` has the handlers that take many bodies at once; `pause` gathers, in seconds, what is committed together.
    """

    def __init__(
        self,
        db: Database,
        table: Table,
        handlers: Mapping[str, Handler],
        clock: Clock,
        *,
        together: Mapping[str, TogetherHandler] | None = None,
        lanes: Mapping[str, str] | None = None,
        spans: trace.Spans | None = None,
        poll: float = 1.0,
        pause: float = 0.0,
        width: int = 8,
    ) -> None:
        self._db = db
        self._table = table
        self._handlers = handlers
        self._together = together or {}
        self._lanes = lanes or {}
        self._clock = clock
        self._spans = spans
        self._poll = poll
        self._pause = pause
        self._width = width
        self._rounds = 0
        self._woken = asyncio.Event()
        self._noting: Gathering[_Outcome, None] = Gathering(self._note)
        # Made once: making it costs more than asking for it.
        self._puts = insert_new(table)
        c = table.c
        self._open = select(c.id).where(c.done_at.is_(None), c.dead_at.is_(None)).limit(1)
        self._claims_all = _claiming(table)
        self._claims_some = _claiming(table, table.c.topic.in_(bindparam("topics", expanding=True)))

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
        await self.put_all(connection, [letter(topic, body, key=key, at=at)])

    async def put_all(self, connection: AsyncConnection, letters: Sequence[Letter]) -> None:
        """Write rows in the caller's transaction, and set out as soon as it is committed."""
        if letters:
            await connection.execute(self._puts, letters)
            self._db.after_commit(connection, self.wake)

    def wake(self) -> None:
        """Say that something may be due."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver for ever; cancel to stop."""
        while True:
            self._woken.clear()
            pause = self._poll
            try:
                await self.drain()
                if not await self.is_waiting():
                    pause = max(pause, _IDLE)
            except* DatabaseAway:
                _log.warning("the outbox waits for its database")
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(self._pause)

    async def is_waiting(self) -> bool:
        """Whether any row is still to be delivered, now or later."""
        async with self._db.look() as connection:
            return (await connection.execute(self._open)).first() is not None

    async def drain(self) -> int:
        """Deliver until nothing is due; say how many rows were tried."""
        tried = 0
        self._rounds += 1
        try:
            while rows := await self._claim():
                await self._carry(rows)
                tried += len(rows)
        finally:
            self._rounds -= 1
        return tried

    @property
    def busy(self) -> bool:
        """Whether rows are claimed or under way just now: whoever moves the clock meanwhile ends their claims."""
        return self._rounds > 0

    async def _carry(self, rows: list[Row[Any]]) -> None:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep(rows))
            try:
                await self._deliver_all(rows)
            finally:
                keeping.cancel()

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
        """Try a dead row again; `NotFound` where none lies."""
        c, again = self._table.c, {"dead_at": None, "attempts": 0, "next_at": self._clock()}
        async with self._db.begin() as connection:
            released = await connection.execute(
                update(self._table).where(c.id == number, c.dead_at.is_not(None)).values(again)
            )
        if not released.rowcount:
            raise NotFound("no dead letter has this number", sent=str(number))
        self.wake()

    async def _claim(self) -> list[Row[Any]]:
        """Take what is due for the length of a lease; where much is, much of what goes together."""
        rows = await self._take(self._width)
        many = {row.topic for row in rows} & self._together.keys()
        if many and len(rows) == self._width:
            rows += await self._take(MOST_TOGETHER, many)
        return rows

    async def _take(self, most: int, topics: Collection[str] | None = None) -> list[Row[Any]]:
        now = self._clock()
        # A time further ahead than any delay was written before the clock was moved back.
        until, far = now + _LEASE, now + _LONGEST_DELAY + _LEASE
        given = {"now": now, "far": far, "until": until, "most": most}
        claim = self._claims_all if topics is None else self._claims_some
        more = {} if topics is None else {"topics": list(topics)}
        async with self._db.begin() as connection:
            rows = (await connection.execute(claim, given | more)).all()
        return sorted(rows, key=lambda row: row.id)

    async def _keep(self, rows: list[Row[Any]]) -> None:
        """Renew the claims of rows that are still under way: a noted outcome has another time."""
        c, numbers = self._table.c, [row.id for row in rows]
        claimed = {row.next_at for row in rows}
        while True:
            await asyncio.sleep(_RENEWAL)
            until = self._clock() + _LEASE
            async with self._db.begin() as connection:
                await connection.execute(
                    update(self._table)
                    .where(c.id.in_(numbers), c.done_at.is_(None), c.dead_at.is_(None))
                    .where(c.next_at.in_(claimed))
                    .values(next_at=until)
                )
            claimed = {until}

    async def _deliver_all(self, rows: list[Row[Any]]) -> None:
        async with asyncio.TaskGroup() as group:
            for lot in self._lots(rows):
                group.create_task(self._deliver(lot))

    def _lots(self, rows: list[Row[Any]]) -> list[list[Row[Any]]]:
        """What is handed over at once: the rows of a topic's lane where it goes together, else each row by itself."""
        lots: defaultdict[tuple[object, ...], list[Row[Any]]] = defaultdict(list)
        for row in rows:
            lane = row.body.get(self._lanes.get(row.topic))
            lots[(row.topic, lane) if row.topic in self._together else (row.id,)].append(row)
        return list(lots.values())

    async def _deliver(self, lot: list[Row[Any]]) -> None:
        try:
            became = await self._handed_over(lot)
        except _Suspect:
            for row in lot:
                await self._deliver([row])
        else:
            await self._noting.add(_Outcome([row.id for row in lot], became))

    async def _handed_over(self, lot: list[Row[Any]]) -> dict[str, Any] | None:
        """Hand over; what the rows became, or None where they arrived."""
        topic, attempts = lot[0].topic, max(row.attempts for row in lot)
        if topic not in self._together and topic not in self._handlers:
            return {"dead_at": self._clock(), "last_problem": "no-handler"}
        parent = lot[0].traceparent if len(lot) == 1 else None
        try:
            with trace.resumed(parent, f"outbox {topic}", self._spans):
                async with asyncio.timeout(_DELIVERY):
                    await self._hand_over(topic, [row.body for row in lot])
        except Problem as problem:
            passing = problem.status in _PASSING
            if len(lot) > 1 and not passing:
                raise _Suspect from problem
            if problem.status < 500 and not passing:  # noqa: PLR2004  RFC 9110
                return {"dead_at": self._clock(), "last_problem": problem.slug}
            return self._later(attempts, problem.slug)
        except TimeoutError:
            return self._later(attempts, "timeout")
        except Exception as error:  # noqa: BLE001  whatever a handler raises, the row stays due
            mistakes.log(_log, f"handing over {topic}", error)
            return self._later(attempts, type(error).__name__)
        return None

    async def _hand_over(self, topic: str, bodies: list[dict[str, Any]]) -> None:
        if topic in self._together:
            await self._together[topic](bodies)
        else:
            [body] = bodies
            await self._handlers[topic](body)

    def _later(self, attempts: int, problem: str) -> dict[str, Any]:
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(attempts - 1, 20))
        return {"next_at": self._clock() + delay, "last_problem": problem}

    async def _note(self, outcomes: Sequence[_Outcome]) -> list[None]:
        """Note what became of rows; those that arrived in one statement."""
        arrived = [number for one in outcomes if one.became is None for number in one.numbers]
        async with self._db.begin() as connection:
            for some in in_lots(arrived):
                done = {"done_at": self._clock(), "last_problem": None}
                await connection.execute(self._of(some).values(done))
            for one in outcomes:
                if one.became is not None:
                    await connection.execute(self._of(one.numbers).values(one.became))
        return [None] * len(outcomes)

    def _of(self, numbers: Sequence[int]) -> Update:
        return update(self._table).where(self._table.c.id.in_(numbers))
