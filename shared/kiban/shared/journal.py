"""
The journal: many requests, one commit.

Nothing leaves a role before its record is durable.  A commit costs the same for one record as for a hundred, so
records that arrive while one commit is under way share the next.  Each caller waits for its own record's commit;
if the commit fails, each caller is told so and nothing of the batch was written.

Source: DESIGN 5.3 (no log, no data), 9.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Entry = TypeVar("Entry")
MOST_AT_ONCE = 500


@dataclass(slots=True)
class Journal(Generic[Entry]):
    """Gathers entries and hands them to `write` in order, one batch at a time."""

    write: Callable[[Sequence[Entry]], Awaitable[Sequence[bool]]]
    """Commits a batch; says for each entry whether it was new."""
    _waiting: list[tuple[Entry, asyncio.Future[bool]]] = field(default_factory=list)
    _writer: asyncio.Task[None] | None = None

    async def append(self, entry: Entry) -> bool:
        """Return once the entry is durable: whether it was new."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._drain())
        return await asyncio.shield(done)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = (
                    self._waiting[:MOST_AT_ONCE],
                    self._waiting[MOST_AT_ONCE:],
                )
                await self._commit(batch)
        finally:
            self._writer = None

    async def _commit(self, batch: Sequence[tuple[Entry, asyncio.Future[bool]]]) -> None:
        try:
            new = await self.write([entry for entry, _ in batch])
        except Exception as error:  # noqa: BLE001 -- whatever it is, each waiting caller gets it
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), was_new in zip(batch, new, strict=True):
            if not done.done():
                done.set_result(was_new)
