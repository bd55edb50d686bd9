"""
Gathering: what many ask at one moment, done in one go.

A commit costs the same for one record as for a hundred, and a look at a table the same for one key as for a hundred.
So what arrives while one go is under way waits and shares the next.  Each caller waits for the go that has its own
entry; if that fails, each of its callers is told so, and nothing of a commit was written.

Source: DESIGN 5.3 (no log, no data), 9.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Entry = TypeVar("Entry")
Result = TypeVar("Result")


@dataclass(slots=True)
class Gathering(Generic[Entry, Result]):
    """Gathers entries and hands them to `go` in order, one batch at a time."""

    go: Callable[[Sequence[Entry]], Awaitable[Sequence[Result]]]
    """Does it for a batch; gives the result of each entry."""
    most: int = 500
    """So many entries share a go."""
    _waiting: list[tuple[Entry, asyncio.Future[Result]]] = field(default_factory=list)
    _goer: asyncio.Task[None] | None = None

    async def add(self, entry: Entry) -> Result:
        """Return once the go is over: what came of this entry."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, done))
        if self._goer is None:
            self._goer = asyncio.create_task(self._drain())
        return await asyncio.shield(done)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self.most], self._waiting[self.most :]
                await self._one(batch)
        finally:
            self._goer = None

    async def _one(self, batch: Sequence[tuple[Entry, asyncio.Future[Result]]]) -> None:
        try:
            results = await self.go([entry for entry, _ in batch])
        except Exception as error:  # noqa: BLE001  whatever it is, each waiting caller gets it
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), result in zip(batch, results, strict=True):
            if not done.done():
                done.set_result(result)
