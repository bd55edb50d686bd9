"""
Following (更新通知): what the office tells of its own records, and what it takes over from others'.

A change is told without its value, so whoever needs the value asks for it under the law.  From here:

1. the office subscribes to each item that its file follows, for everybody whom it serves, and again at half time
2. it reads its gateway's feed of changes; cursor and letters move in one transaction
3. each letter waits a moment of chance: right after the announcement, the core could tell that the two belong together
4. then the office asks the provider, and reads the effects of its file out of the answer
5. whoever must know before the office itself (a `Keeper`) is told
6. the records are written, unless they contain a later change already; what changed is announced in its turn

Where several offices hold an item of one person, as when she has moved, the record that holds from the later day
counts.  What an office tells this one alone (事前通知) goes the same way to whoever *hears* it, and nobody subscribes.

Each step is harmless when it is repeated, and a letter is repeated until it was done: once in effect, whenever the
process dies.  Nothing held, or nothing that the office may see, changes nothing.  A clerk at the provider is asked
again by the same exchange; a neighbour that is away is asked later.
Source: DESIGN 5.5, 8; the protocol's page, section 5.5.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import (
    AnnouncementRequest,
    Changed,
    InquiryReply,
    InquiryRequest,
    Statement,
    SubscriptionRequest,
)
from kiban.shared import mistakes
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.outbox import Letter, Outbox, letter
from kiban.shared.problems import Problem
from kiban.world.office import store, subscriptions
from kiban.world.office.agencies import Agency, Follow
from kiban.world.office.conditions import Values
from kiban.world.office.effects import Decided
from kiban.world.office.neighbours import Mesh, ask
from kiban.world.office.records import Entry, OfficeRecords

FOLLOW = "follow"
"""Topic of the office's outbox."""
LONGEST_DELAY = timedelta(seconds=0.5)
POLL = 5.0
"""Seconds between two looks at the gateway's feed where it says nothing; it may have a copy that heard more."""
MOST = 65_535
"""People of one subscription."""
_PAUSE = timedelta(minutes=1)
"""Before a subscription that failed is tried again."""
_log = logging.getLogger("kiban.office")

Keeper = Callable[[str, Values, int], Awaitable[None]]
"""Is told of a person's new values before the record is written; the number tells the later of two changes."""
_DAYS = 1 << 22
"""More than there are days: of one change that several offices hold, the later day is the later change."""


class NeighbourAway(Problem):
    slug, title, status = "neighbour-away", "A neighbour cannot answer now", 503


@dataclass(frozen=True, slots=True)
class Heard:
    """One change on its way into the office's records: the body of a letter."""

    number: int
    person: str
    item: str
    provider: str
    alone: bool = False
    """The provider told this office alone."""


class Hearer(Protocol):
    """Takes in what one office tells this one alone."""

    @property
    def affair(self) -> str:
        """Under which the office asks."""
        ...

    async def hear(
        self, connection: AsyncConnection, heard: Heard, statement: Statement | None
    ) -> None:
        """Take in what the provider holds now, in the caller's transaction; once for each change, in order."""
        ...


@dataclass(slots=True)
class Following:
    """One office's part in the country's news."""

    agency: Agency
    records: OfficeRecords
    db: Database
    outbox: Outbox
    clock: Clock
    mesh: Mesh
    keepers: Mapping[str, Keeper]
    delay: Callable[[], timedelta]
    hearers: Mapping[str, Hearer]
    """By item, who hears what is told to this office alone."""
    marks_by: str = ""
    """Whose word it is that a person is protected: the resident network's."""
    _renewal: datetime | None = None
    """When something is to be subscribed to again."""

    async def announce(self, body: Mapping[str, Any]) -> None:
        """Hand one announcement to the gateway (a row of the outbox)."""
        try:
            await self.mesh.announce(AnnouncementRequest.model_validate(body))
        except Problem as problem:
            raise NeighbourAway("the gateway takes no news now", because=problem.slug) from problem

    # --- step 1 -------------------------------------------------------------------------------

    async def subscribe(self) -> None:
        """Subscribe for whoever is not subscribed for, or whose subscription has passed half of its time."""
        self._renewal = self.clock() + _PAUSE
        for item, affair in {each.item: each.affair for each in self.agency.follows}.items():
            async with self.db.look() as connection:
                people = await subscriptions.to_subscribe(connection, item, self.clock())
            for start in range(0, len(people), MOST):
                await self._subscribe(affair, item, people[start : start + MOST])
        async with self.db.look() as connection:
            self._renewal = await subscriptions.next_renewal(connection)

    async def _subscribe(self, affair: str, item: str, people: Sequence[str]) -> None:
        at = self.clock()
        request = SubscriptionRequest(affair=affair, item=item, people=list(people))
        until = datetime.fromtimestamp((await self.mesh.subscribe(request)).until, UTC)
        async with self.db.begin() as connection:
            await subscriptions.note_subscribed(
                connection, item, people, until=until, renew_at=at + (until - at) / 2
            )

    # --- steps 2 and 3 ------------------------------------------------------------------------

    async def run(self) -> None:
        """Read and renew for ever; cancel to stop."""
        while True:
            try:
                await self.keep_up()
            except Problem as problem:
                _log.warning("%s hears no news: %s", self.agency.id, problem.slug)
            except Exception as error:  # noqa: BLE001  whatever it is, the office goes on
                mistakes.log(_log, "reading the news", error)
            await self.mesh.listen(within=POLL)

    async def keep_up(self) -> int:
        """Take in what the gateway has heard, and renew what is to be renewed; say how much was new."""
        heard = await self._read() if self.agency.listens else 0
        if self._renewal is not None and self.clock() >= self._renewal:
            await self.subscribe()
        return heard

    async def _read(self) -> int:
        heard = 0
        while True:
            async with self.db.look() as connection:
                after = await subscriptions.cursor(connection)
            feed = await self.mesh.read_changes(after)
            if feed.next == after:
                return heard
            async with self.db.begin() as connection:
                if await subscriptions.move_cursor(connection, after, feed.next):
                    await self.outbox.put_all(connection, self._letters(feed.changes))
            heard += len(feed.changes)

    def _letters(self, changes: Sequence[Changed]) -> list[Letter]:
        """One for each office that is to be asked: whoever is followed, or the one that told this office alone."""
        return [
            letter(
                FOLLOW,
                {
                    "number": each.number,
                    "person": each.person,
                    "item": each.item,
                    "provider": provider,
                    "alone": each.alone,
                },
                key=f"{each.number} {provider}",
                at=self.clock() + self.delay(),
            )
            for each in changes
            for provider in self._to_ask(each)
        ]

    def _to_ask(self, change: Changed) -> list[str]:
        """Who announced it, and nobody else; what nobody here follows, or hears, is passed by."""
        if change.alone:
            return [str(change.by)] if change.item in self.hearers else []
        followed = [each.provider for each in self.agency.follows if each.item == change.item]
        # Of a notice that is older than this rule nobody knows who announced it.
        return [each for each in followed if change.by in (None, each)]

    # --- steps 4 to 6 -------------------------------------------------------------------------

    async def follow(self, body: Mapping[str, Any]) -> None:
        """Take over one change (a row of the outbox)."""
        heard = Heard(**body)
        if heard.alone:
            await self._hear(heard)
        elif follow := self.agency.follow(heard.item, heard.provider):
            await self._follow(follow, heard)
        # Else the agency's file has been changed since.

    async def _hear(self, heard: Heard) -> None:
        hearer = self.hearers.get(heard.item)
        if hearer is None:
            return
        statement = await self._asked(hearer.affair, heard)
        async with self.db.begin() as connection:
            if await self._new(connection, heard, statement):
                await hearer.hear(connection, heard, statement)
                await self._protect(connection, heard, statement)

    async def _follow(self, follow: Follow, heard: Heard) -> None:
        statement = await self._asked(follow.affair, heard)
        async with self.db.look() as connection:
            late = statement and await self._outdated(connection, heard, statement)
        counts = statement if not late else None
        entries = await self._entries(follow, heard.person, counts) if counts else []
        if counts:
            await self._tell_keepers(entries, heard, counts)
        async with self.db.begin() as connection:
            if not await self._new(connection, heard, statement):
                return
            await self._protect(connection, heard, statement)
            if counts and not await self._outdated(connection, heard, counts):
                for entry in entries:
                    await self.records.change(connection, heard.person, entry)

    async def _protect(
        self, connection: AsyncConnection, heard: Heard, statement: Statement | None
    ) -> None:
        """What protects a person comes with what is told of them, and is kept together with it."""
        if statement is not None and heard.provider == self.marks_by:
            await self.records.protect(connection, heard.person, statement.marks)

    async def _new(
        self, connection: AsyncConnection, heard: Heard, statement: Statement | None
    ) -> bool:
        return await subscriptions.take_over(
            connection,
            heard.person,
            heard.item,
            heard.provider,
            heard.number,
            as_of=statement.as_of if statement else None,
        )

    async def _outdated(
        self, connection: AsyncConnection, heard: Heard, statement: Statement
    ) -> bool:
        return await subscriptions.outdated(
            connection, heard.person, heard.item, heard.provider, statement.as_of
        )

    async def _asked(self, affair: str, heard: Heard) -> Statement | None:
        try:
            reply = await self._reply(affair, heard)
        except Problem as problem:
            # Whatever a neighbour says that is not about this record, it may say otherwise later.
            raise NeighbourAway(
                "the provider cannot be asked now", because=problem.slug
            ) from problem
        if reply.waits:
            async with self.db.begin() as connection:
                await subscriptions.keep_waiting(
                    connection, heard.person, heard.item, heard.provider, reply.exchange
                )
            raise NeighbourAway("a person at the provider decides first", provider=heard.provider)
        return reply.statements[0]

    async def _reply(self, affair: str, heard: Heard) -> InquiryReply:
        async with self.db.look() as connection:
            waiting = await subscriptions.waiting_exchange(
                connection, heard.person, heard.item, heard.provider
            )
        request = InquiryRequest(
            provider=heard.provider,
            affair=affair,
            item=heard.item,
            people=[heard.person],
        )
        return await ask(self.mesh, request, waiting=waiting)

    async def _entries(self, follow: Follow, person: str, statement: Statement) -> list[Entry]:
        """What the effects make of a statement; nothing where the office lacks what they read of its own."""
        async with self.db.read() as connection:
            own = {item: await store.find_held(connection, person, item) for item in follow.own}
        held = {item: kept.held.values for item, kept in own.items() if kept}
        if len(held) < len(own):
            return []
        decided = Decided(
            answers={},
            readings={**held, follow.item: statement.values},
            on=date.fromisoformat(statement.as_of),
        )
        return [
            Entry(each.item, each.values(decided), each.as_of(decided)) for each in follow.applies
        ]

    async def _tell_keepers(
        self, entries: Sequence[Entry], heard: Heard, statement: Statement
    ) -> None:
        number = heard.number * _DAYS + date.fromisoformat(statement.as_of).toordinal()
        for entry in entries:
            keeper = self.keepers.get(entry.item)
            if keeper is None:
                continue
            try:
                await keeper(heard.person, entry.values, number)
            except Problem as problem:
                raise NeighbourAway(
                    "who must know first cannot be told now", because=problem.slug
                ) from problem
