"""
The change office at work: subscriptions, announcements, notices.

1. a member subscribes: its tag for each person of one item is kept, until the subscription lapses
2. a provider announces: in one commit, each who subscribed gets a notice at the next place of its feed
3. the outbox carries the notices, at least once; who refuses them for good leaves dead letters for a person to see
4. a subscriber that missed a place reads its feed again from there

A subscription lapses after 90 days, so that who wants to go on hearing passes the law of that day again.

Source: DESIGN 5.5; plan rows MSH-06, MSH-39.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from kiban.changes import store
from kiban.gateway.contract import (
    AcceptedApplication,
    NotAccepted,
    Notice,
    Notices,
    Push,
    Reading,
)
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.outbox import Letter, Outbox, letter
from kiban.shared.problems import Unavailable

NOTICES = "notices"
"""The outbox's topic for notices on their way."""
LASTS = timedelta(days=90)
MOST = 500
"""So many notices travel at once."""


class ChangeOffice:
    """The change office of a country: its gateway's `Changes`, and `Records` and `Desk` that have nothing."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._push: Push = _nowhere
        self.outbox = Outbox(
            db,
            store.outbox,
            {},
            clock,
            together={NOTICES: self._deliver},
            lanes={NOTICES: "subscriber"},
        )

    async def read(
        self, person: str, item: str, *, inquirer: str, affair: str, at: datetime
    ) -> Reading:
        """Nothing is held here about anybody."""
        del person, item, inquirer, affair, at
        return "not-held"

    async def accept(self, application: AcceptedApplication) -> None:
        """No application is accepted here."""
        raise NotAccepted("the change office accepts nothing", sent=application.procedure)

    async def prepare(self) -> None:
        """Bring the office's tables to their last version."""
        await self._db.migrate("kiban.changes")

    async def subscribe(self, subscriber: str, item: str, tags: Mapping[str, str]) -> datetime:
        """Keep a tag for each person; a person's earlier tag of this subscriber has no use any more."""
        until = self._clock() + LASTS
        async with self._db.begin() as connection:
            await store.open_feed(connection, subscriber)
            await store.put_subscriptions(connection, subscriber, item, tags, until=until)
        return until

    async def announce(
        self, announcement: str, announcer: str, item: str, people: Sequence[str]
    ) -> None:
        """Queue a notice for each who subscribed, in one commit with the announcement's id."""
        at = self._clock()
        async with self._db.begin() as connection:
            if not await store.put_announcement(connection, announcer, announcement, at=at):
                return
            tags = defaultdict(list)
            for subscriber, tag in await store.subscribed(connection, people, at=at):
                tags[subscriber].append(tag)
            # In one order for everybody, so that two announcements cannot block each other.
            for subscriber in sorted(tags):
                found = await store.put_notices(
                    connection, subscriber, item, tags[subscriber], by=announcer, at=at
                )
                await self.outbox.put_all(connection, _letters(subscriber, found, at))

    async def notices(self, subscriber: str, after: int) -> Notices:
        """A stretch of a subscriber's feed."""
        async with self._db.read() as connection:
            return await store.read_notices(connection, subscriber, after=after, most=MOST)

    async def run(self, push: Push) -> None:
        """Deliver for ever; cancel to stop."""
        self._push = push
        await self.outbox.run()

    async def _deliver(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Push notices of one subscriber (rows of the outbox)."""
        found = sorted((Notice(**body["notice"]) for body in bodies), key=lambda one: one.place)
        await self._push(bodies[0]["subscriber"], Notices(feed=bodies[0]["feed"], notices=found))


def _letters(subscriber: str, found: Notices, at: datetime) -> list[Letter]:
    return [
        letter(
            NOTICES,
            {"subscriber": subscriber, "feed": found.feed, "notice": notice.model_dump()},
            key=f"{found.feed} {notice.place}",
            at=at,
        )
        for notice in found.notices
    ]


async def _nowhere(subscriber: str, _: Notices) -> None:
    raise Unavailable("the gateway has not started yet", neighbour=subscriber)
