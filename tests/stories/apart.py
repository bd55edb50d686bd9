"""The country with every role in a process of its own, as `kiban serve` runs it, so that each can die alone."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from kiban.deploy import house
from kiban.deploy.__main__ import main
from kiban.deploy.house import Settled
from kiban.deploy.premises import file_name
from kiban.shared.http import AiohttpHttp, get_json
from kiban.shared.problems import Problem
from kiban.world.cast import shipped_country
from kiban.world.clerk import Clerk
from kiban.world.counter.app import HOME
from tests.stories.sockets import started

PATIENCE = 60.0  # seconds that a role may take to answer
GLANCE = 0.05  # seconds
PAGE = 20.0  # seconds that a browser waits


@dataclass
class Apart:
    """A country whose roles are processes; each has a clock of its own, and all are moved together."""

    settled: Settled
    postal_data: Path
    http: AiohttpHttp = field(init=False)
    processes: dict[str, BaseProcess] = field(default_factory=dict)
    moved: float = 0.0
    """Seconds by which the country's time was moved on."""

    def __post_init__(self) -> None:
        origins = {self.origin(role) for role in self.settled.roles}
        origins |= {self.settled.counter_origin(each) for each in self.settled.country.agencies}
        here = {origin: f"http://127.0.0.1:{origin.rpartition(':')[2]}" for origin in origins}
        self.http = AiohttpHttp(here, timeout=PAGE)

    def origin(self, role: str) -> str:
        return self.settled.premises.origin(role)

    def clerk(self, city: str) -> Clerk | None:
        """Somebody at a municipality's counter, if a story leads there."""
        if not city:
            return None
        key = self.settled.premises.secret(f"clerk-{city}")
        return Clerk(self.settled.counter_origin(city) + HOME, key, self.http)

    def log(self, role: str) -> Path:
        return self.settled.premises.place.parent / f"{file_name(role)}.log"

    async def start(self, *roles: str) -> None:
        """Start these, and wait until each answers and has the country's time."""
        for role in roles:
            place = self.settled.premises.place
            serve = partial(_serve, role, place)
            self.processes[role] = started(serve, self.log(role), self.postal_data)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(self._answers(role) for role in roles))

    async def kill(self, role: str) -> None:
        """As the kernel does where memory ends: no goodbye."""
        self.processes[role].kill()
        await asyncio.to_thread(self.processes[role].join)
        self.processes.pop(role).close()

    async def later(self, seconds: float) -> None:
        """Move the clock of every role on."""
        self.moved += seconds
        await asyncio.gather(*(self._set_clock(role, seconds) for role in self.processes))

    async def _answers(self, role: str) -> None:
        while True:
            with suppress(Problem):
                await get_json(self.http, f"{self.origin(role)}/health")
                break
            if not self.processes[role].is_alive():
                raise RuntimeError(
                    f"{role} did not start: {self.log(role).read_text('utf-8')[-3000:]}"
                )
            await asyncio.sleep(GLANCE)
        if self.moved:
            await self._set_clock(role, self.moved)

    async def _set_clock(self, role: str, seconds: float) -> None:
        key = self.settled.premises.secret("operator").reveal()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        moved = json.dumps({"advance_seconds": seconds}).encode()
        where = f"{self.origin(role)}/clock"
        (await self.http.send("PUT", where, content=moved, headers=headers)).raise_problem()


def _serve(role: str, data: Path) -> None:
    sys.exit(main(["serve", role, "--data", str(data)]))


@asynccontextmanager
async def apart(data: Path, postal_data: Path) -> AsyncIterator[Apart]:
    """Run every role until the block ends."""
    country = Apart(house.settle(data, shipped_country()), postal_data)
    try:
        first, *others = country.settled.roles
        await country.start(first)
        await country.start(*others)
        yield country
    finally:
        for role in list(country.processes):
            await country.kill(role)
        await country.http.close()
