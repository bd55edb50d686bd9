"""
Receipts: the portal hears back from each office, and tells the citizen.

Each office keeps a feed of what became of its applications, signed and sealed for the portal.  Only an office that
still owes somebody word is asked: of a nation's many, those to which nobody has written are left alone.  The
portal's gateway opens and verifies it; the portal reads on from where it was, and a receipt becomes a notice in the
transaction that moves the cursor, so that none is lost and none is told twice.

Refused: a receipt about an application that this office was never sent, or about another text than the citizen
signed; of the latter the citizen is told.
Source: DESIGN 4 (step 7).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from kiban.gateway.contract import Receipt
from kiban.portal import applications
from kiban.portal.applications import SENT
from kiban.portal.store.rows import Rows, Store
from kiban.shared import canonical
from kiban.shared.problems import Problem

WORD_AFTER_A_GRANT = timedelta(days=100)
"""As long as a grant may still be completed or taken back: longer than any move takes."""
_log = logging.getLogger("kiban.portal")


class Feed(Protocol):
    """A stretch of an office's feed, opened and verified."""

    @property
    def receipts(self) -> list[Receipt]: ...

    @property
    def next(self) -> int: ...


class Feeds(Protocol):
    """The portal's gateway, as narrow as hearing back needs it."""

    async def fetch_receipts(self, office: str, after: int) -> Feed: ...


@dataclass(slots=True)
class Receipts:
    """Reads the offices' feeds; knows which of them are away."""

    store: Store
    gateway: Feeds
    clock: Callable[[], datetime]
    away: dict[str, str] = field(default_factory=dict)
    """Offices that did not answer the last time, each with the slug of the problem."""

    async def poll(self) -> int:
        """Read the feed of every office that owes word to its end; say how many receipts were new."""
        async with self.store.read() as rows:
            offices = await rows.owing_word(since=self.clock() - WORD_AFTER_A_GRANT)
        return sum([await self._office(office) for office in offices])

    async def reach(self, agencies: Iterable[str]) -> dict[str, str | None]:
        """Ask every agency whether it answers now; the slug of what is wrong where it does not."""
        asked = list(agencies)
        found = await asyncio.gather(*(self._reach(one) for one in asked))
        return dict(zip(asked, found, strict=True))

    async def _reach(self, agency: str) -> str | None:
        try:
            await self.gateway.fetch_receipts(agency, canonical.LARGEST)
        except Problem as problem:
            return problem.slug
        return None

    async def _office(self, office: str) -> int:
        try:
            told = await self.read(office)
        except Problem as problem:
            if office not in self.away:
                _log.warning("%s is not heard: %s", office, problem.slug)
            self.away[office] = problem.slug
            return 0
        self.away.pop(office, None)
        return told

    async def read(self, office: str) -> int:
        """Read one office's feed from where we were to its end."""
        told = 0
        while True:
            async with self.store.read() as rows:
                after = await rows.cursor(office)
            feed = await self.gateway.fetch_receipts(office, after)
            if not feed.receipts:
                return told
            async with self.store.begin() as rows:
                if await rows.hold_cursor(office) != after:
                    continue  # another copy of the portal read this stretch meanwhile
                told += await self._take(rows, office, feed.receipts)
                await rows.move_cursor(office, feed.next)

    async def _take(self, rows: Rows, office: str, receipts: Iterable[Receipt]) -> int:
        told = 0
        for receipt in receipts:
            application = await rows.applied_to(receipt.application, office)
            if application is None or not application.sent:
                _log.warning("%s told of an application that it was never sent", office)
                continue
            if receipt.digest != application.digest:
                await rows.note(
                    application.person,
                    "receipt-doubtful",
                    application.procedure,
                    at=self.clock(),
                )
                continue
            at = datetime.fromtimestamp(receipt.at, UTC)
            if await rows.tell(application.person, receipt, at=at):
                told += 1
                state = applications.after_receipt(application.state, receipt.event)
                outcome = applications.last_outcome(application.outcome, receipt.event)
                await rows.advance(
                    application.id, state, leaving=SENT, at=self.clock(), outcome=outcome
                )
        return told
