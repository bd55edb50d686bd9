"""
Freshness: what may be answered from memory about revocation, when several copies of this role run.

An acknowledged revocation is never followed by an older answer, from any copy.  Each copy says in the register how
far it has read, and answers from memory only for a second after it last looked.  Whoever revokes waits, before saying
so, until every copy has read that far, or until a second has passed, after which a copy that has not looked may not
answer from memory any more.  A copy that stays silent is forgotten, and enters again when it wakes.

No two machines' clocks are compared: each measures its own second.

Source: identity's reference, section 5; DESIGN 8, 9.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from kiban.identity.authority import store
from kiban.identity.authority.store import Ended
from kiban.shared.database import Database, DatabaseAway

LEASE = 1.0
"""Seconds for which a copy answers from memory after it began to look."""
LOOK = 0.25
"""Seconds between two looks."""
_WAIT = 0.02
_log = logging.getLogger("kiban.authority")


@dataclass(slots=True)
class Freshness:
    db: Database
    monotonic: Callable[[], float]
    drop: Callable[[list[Ended] | None], None]
    """Forget what is remembered about these certificates; about all, if it is None."""
    copy: str = field(default_factory=lambda: secrets.token_hex(16))
    seen: int = -1
    """The last revocation that this copy has read; -1 before it has entered."""
    _until: float = 0.0
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def holds(self) -> bool:
        """Whether what is remembered may be answered now."""
        return self.monotonic() < self._until

    async def watch(self) -> None:
        """Look again and again; cancel to stop."""
        while True:
            try:
                await self.look()
            except DatabaseAway:
                _log.warning("no status is answered from memory while the database is away")
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Read what has ended since the last look; answer from memory for another while."""
        async with self._looking:
            began = self.monotonic()
            if self.seen < 0 or not await self._caught_up():
                await self._enter()
            self._until = began + LEASE

    async def leave(self) -> None:
        """Answer from memory no more, and let nobody wait for this copy."""
        async with self._looking:
            self._until, self.seen = 0.0, -1
            async with self.db.begin() as connection:
                await store.forget_copy(connection, self.copy)

    async def settle(self) -> None:
        """Return when no copy can give an answer that is older than what has been committed by now."""
        began = self.monotonic()
        async with self.db.read() as connection:
            number = await store.last_revocation(connection)
        if self.seen >= 0:
            await self.look()
        while await self._behind(number):
            if self.monotonic() >= began + LEASE:
                await self._forget(number)
                return
            await asyncio.sleep(_WAIT)

    async def _caught_up(self) -> bool:
        """Read on, and say so; false if this copy was forgotten."""
        async with self.db.read() as connection:
            ended = await store.revoked_after(connection, self.seen)
        if not ended:
            return True
        self.drop(ended)
        self.seen = ended[-1].number
        async with self.db.begin() as connection:
            return await store.note_seen(connection, self.copy, self.seen)

    async def _enter(self) -> None:
        async with self.db.begin() as connection:
            seen = await store.enter_copy(connection, self.copy)
        self.drop(None)
        self.seen = seen

    async def _behind(self, number: int) -> int:
        async with self.db.read() as connection:
            return await store.copies_behind(connection, number)

    async def _forget(self, number: int) -> None:
        async with self.db.begin() as connection:
            await store.forget_copies_behind(connection, number)
