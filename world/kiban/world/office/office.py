"""
One office, whole: records and desk for its gateway, and the work that goes on behind them.

The office has a database of its own, as an agency's business system does beside its gateway; both live in one process
here.  The gateway is made with `records` and `desk`; once the office has met its neighbours, `run` works with them
until it is cancelled.

    office = Office(cast, "kamakura", db=db, clock=clock, country=folder)
    await office.prepare()
    gateway = create_app(settings, records=office.records, desk=office.desk, …)
    office.meet(Neighbours(mesh, authority, references))
    await office.run()
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.outbox import DeadLetter, Handler, Outbox
from kiban.shared.problems import NotFound
from kiban.world.cast import Cast
from kiban.world.office import answers, cases, store
from kiban.world.office.counter import Counter, Expecting
from kiban.world.office.decisions import Decision
from kiban.world.office.departures import Departures
from kiban.world.office.desk import OfficeDesk
from kiban.world.office.examination import EXAMINE, Examination, Rules
from kiban.world.office.following import FOLLOW, LONGEST_DELAY, Following, Hearer, Keeper
from kiban.world.office.granting import Granting
from kiban.world.office.neighbours import Neighbours
from kiban.world.office.passing_on import Left, PassingOn, nobody_left
from kiban.world.office.receipts import TELL, Receipts
from kiban.world.office.records import ANNOUNCE, NothingToDecide, OfficeRecords

POLL = 0.5
"""Seconds between two looks at the outbox; a new application is looked at immediately."""


class Office:
    """An office of the country, by its agency's file."""

    def __init__(
        self, cast: Cast, agency: str, *, db: Database, clock: Clock, country: Path
    ) -> None:
        self.agency = cast.agencies[agency]
        self._db = db
        self._clock = clock
        self._handlers: dict[str, Handler] = {}
        self._examination: Examination | None = None
        self._following: Following | None = None
        self._network = cast.vault.id
        self.left: Left = nobody_left
        """Which office somebody has left who is protected; the resident network's office knows."""
        self.keepers: dict[str, Keeper] = {}
        """Who is told of a followed record, by the item that is written, before the office itself keeps it."""
        self.outbox = Outbox(db, store.outbox, self._handlers, clock, poll=POLL)
        self.records = OfficeRecords(self.agency, db, self.outbox, clock, cast.portal)
        self._receipts = Receipts(agency, self.outbox, clock)
        self.desk = OfficeDesk(self.agency, db, self.outbox, clock)
        self.rules = Rules(
            self.agency,
            forms={
                each.procedure: answers.read_form(country, each.procedure, agency)
                for each in self.agency.accepts
            },
            layouts=cast.layouts,
            offices={
                other.municipality: other.id
                for other in cast.agencies.values()
                if other.municipality and other.id != agency
            },
        )
        self.counter = Counter(self.agency.expects, self.records, db, clock)

    def __repr__(self) -> str:
        return f"Office({self.agency.id})"

    async def prepare(self) -> None:
        """Bring the office's tables to their last version."""
        await self._db.migrate("kiban.world.office")

    def meet(self, neighbours: Neighbours) -> None:
        """Learn whom to ask; only then can applications be examined, and others' records be followed."""
        granting = Granting(self.records, self._receipts)
        self._examination = Examination(self.rules, granting, self._db, self._clock, neighbours)
        self._handlers[EXAMINE] = self._examination.examine
        self._handlers[TELL] = self._examination.tell
        self._following = Following(
            self.agency,
            self.records,
            self._db,
            self.outbox,
            self._clock,
            neighbours.mesh,
            self.keepers,
            _moment,
            self._hearers(),
            self._network,
        )
        self._handlers[ANNOUNCE] = self._following.announce
        self._handlers[FOLLOW] = self._following.follow

    def _hearers(self) -> dict[str, Hearer]:
        """Who hears what another office tells this one alone."""
        layouts, clock = self.rules.layouts, self._clock
        found: dict[str, Hearer] = {
            each.item: Expecting(each, layouts[each.item], clock) for each in self.agency.expects
        }
        for each in self.agency.completes:
            found[each.item] = Departures(
                each, layouts[each.item], self.records, self._receipts, clock, self._network
            )
        for passage in self.agency.passes_on:
            found[passage.item] = PassingOn(
                passage, layouts[passage.item], self.records, self._left
            )
        return found

    async def _left(self, person: str, office: str) -> str | None:
        """Whoever lives beside the office may say so later than it meets its neighbours."""
        return await self.left(person, office)

    async def run(self) -> None:
        """Examine, tell and follow for ever; cancel to stop."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.outbox.run())
            if self.agency.listens:
                group.create_task(self.following.run())

    @property
    def following(self) -> Following:
        if self._following is None:
            raise RuntimeError("the office has not met its neighbours")
        return self._following

    # --- the clerk ------------------------------------------------------------------------------

    async def applications(self, state: str) -> Sequence[cases.Application]:
        """The applications in this state, oldest first."""
        async with self._db.read() as connection:
            return await cases.applications_in(connection, state)

    async def decide(self, application: str, decision: Decision) -> None:
        """Let a clerk decide an application that waits."""
        async with self._db.read() as connection:
            found = await cases.find_application(connection, application)
        if found is None:
            raise NotFound("no such application")
        if found.state != "waiting" or self._examination is None:
            raise NothingToDecide("the application does not wait for a clerk")
        await self._examination.decide_by_clerk(found, decision)

    async def laid_aside(self) -> list[DeadLetter]:
        """What no neighbour will ever take: for the operator."""
        return await self.outbox.dead()


def _moment() -> timedelta:
    """A time of chance up to the longest delay; from a source that nobody can foretell."""
    return LONGEST_DELAY * secrets.SystemRandom().random()
