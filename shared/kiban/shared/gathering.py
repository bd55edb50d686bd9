"""
Gathering: what many ask at one moment, done in one go.

A commit costs the same for one record as for a hundred, and a look at a table the same for one key as for a hundred.
So what arrives while one go is under way waits and shares the next.  Each caller waits for the go that has its own
entry.  A go that fails did nothing: it is done again for each entry alone, so that nobody fails for another's sake.
Where what it needs is away (503), all of its callers are told so.

Source: DESIGN 5.3 (no log, no data), 9.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.shared.database import Database
from kiban.shared.problems import Problem

Entry = TypeVar("Entry")
Result = TypeVar("Result")


@dataclass(slots=True)
class Gathering(Generic[Entry, Result]):
    """Gathers entries and hands them to `go` in order; a go is nobody's own, so it knows no caller's trace."""

    go: Callable[[Sequence[Entry]], Awaitable[Sequence[Result]]]
    """Does it for a batch; gives the result of each entry."""
    most: int = 500
    """So many entries share a go."""
    at_once: int = 1
    """So many goes may be under way before anybody waits."""
    _waiting: list[tuple[Entry, asyncio.Future[Result]]] = field(default_factory=list)
    _goers: set[asyncio.Task[None]] = field(default_factory=set)

    async def add(self, entry: Entry) -> Result:
        """Return once the go is over: what came of this entry."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, done))
        if len(self._goers) < self.at_once:
            self._goers.add(asyncio.create_task(self._drain(), context=Context()))
        return await done

    async def _drain(self) -> None:
        batch: list[tuple[Entry, asyncio.Future[Result]]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self.most], self._waiting[self.most :]
                await self._once(batch)
        finally:
            self._goers.discard(asyncio.current_task())
            for _, done in [*batch, *([] if self._goers else self._waiting)]:
                done.cancel()  # nothing, unless we were ended in the middle

    async def _once(self, batch: Sequence[tuple[Entry, asyncio.Future[Result]]]) -> None:
        try:
            results = await self.go([entry for entry, _ in batch])
            told = list(zip(batch, results, strict=True))
        except Exception as error:  # noqa: BLE001  whatever it is, who waits gets it
            away = isinstance(error, Problem) and error.status == 503  # noqa: PLR2004  RFC 9110
            if len(batch) > 1 and not away:
                for one in batch:
                    await self._once([one])
                return
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), result in told:
            if not done.done():
                done.set_result(result)


def looking(
    db: Database, find: Callable[[AsyncConnection, Sequence[Entry]], Awaitable[Sequence[Result]]]
) -> Gathering[Entry, Result]:
    """Gather what is looked up: what many ask is found by one look at the database."""

    async def go(asked: Sequence[Entry]) -> Sequence[Result]:
        async with db.look() as connection:
            return await find(connection, asked)

    return Gathering(go)
