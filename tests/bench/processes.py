"""
The processes that are measured: a durable PostgreSQL, and roles of the country as `kiban serve` runs them.

Every role is a process of its own with a database of its own, as a deployment has it.  Nothing of a role is changed
for the measurement; `profile` names roles that run under the profiler instead, and are slower for it.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from kiban.deploy import house as house_
from kiban.deploy.embedded import free_port_base
from kiban.deploy.house import House, Settled
from kiban.deploy.premises import file_name
from kiban.shared.http import get_json
from kiban.world.cast import shipped_country
from tests import conftest
from tests.bench import machine
from tests.stories.country import postal_data_of

PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Postgres:
    """One server; `url` has a place for the database's name."""

    url: str
    pid: int

    async def say(self, statement: str, database: str = "postgres") -> list[asyncpg.Record]:
        url = self.url.format(role=database).replace("+asyncpg", "")
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    async def create(self, names: Sequence[str]) -> None:
        for name in names:
            await self.say(f'CREATE DATABASE "{name}"')

    def pids(self) -> list[int]:
        return list(machine.children(self.pid))


@asynccontextmanager
async def postgres() -> AsyncIterator[Postgres]:
    """The tests' own server, made durable: a commit is on the disk before it returns."""
    with conftest.embedded(durable=True) as started:
        server = Postgres(started.url.replace("{}", "{role}"), 0)
        await asyncio.sleep(0.5)
        [(durable,)] = await server.say("SHOW fsync")
        assert durable == "on"
        [(worker,)] = await server.say(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        )
        stat = Path(f"/proc/{worker}/stat").read_text(encoding="utf-8")
        yield Postgres(server.url, int(stat.rpartition(")")[2].split()[1]))


@dataclass(slots=True)
class Served:
    """One role in its process."""

    name: str
    process: subprocess.Popen[bytes]
    profile: Path | None = None

    def pids(self) -> list[int]:
        return [self.process.pid]

    def record(self, *, on: bool) -> None:
        """Begin or end to profile."""
        if self.profile:
            self.process.send_signal(signal.SIGUSR1 if on else signal.SIGUSR2)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Deployment:
    """A part of the country, role by role in processes."""

    house: House
    server: Postgres
    place: Path
    postal_data: Path
    profiled: frozenset[str] = frozenset()
    served: dict[str, Served] = field(default_factory=dict)

    @property
    def settled(self) -> Settled:
        return self.house.settled

    async def start(self, *roles: str) -> None:
        """Start roles together and wait until each answers."""
        for role in roles:
            self.served[role] = self._popen(role)
        for role in roles:
            await self._answers(role)

    def stop(self, *roles: str) -> None:
        for role in roles:
            self.served.pop(role).stop()

    def pids(self) -> machine.Pids:
        own = {name: each.pids for name, each in self.served.items()}
        return {**own, "postgres": self.server.pids, **machine.ourselves()}

    def memory(self) -> dict[str, dict[str, float]]:
        return {name: machine.memory_mib(each.process.pid) for name, each in self.served.items()}

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Profile what is to be profiled while the block lasts."""
        for each in self.served.values():
            each.record(on=True)
        yield
        for each in self.served.values():
            each.record(on=False)

    def _popen(self, role: str) -> Served:
        profile = self.place / f"{file_name(role)}.prof" if role in self.profiled else None
        module = ["tests.bench.profiled", str(profile)] if profile else ["kiban.deploy"]
        command = [
            *(sys.executable, "-m", *module, "serve", role),
            *("--data", str(self.settled.premises.place), "--database", self.server.url),
        ]
        # A country's registry needs the towns of the country alone, and is not what is measured.
        environment = {**os.environ, "KIBAN_REGISTRY_POSTAL_DATA": str(self.postal_data)}
        with (self.place / f"{file_name(role)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=environment
            )
        return Served(role, process, profile)

    async def _answers(self, role: str) -> None:
        log, end = self.place / f"{file_name(role)}.log", time.monotonic() + PATIENCE
        while f"{role} answers at".encode() not in log.read_bytes():
            ended = self.served[role].process.poll() is not None
            if ended or time.monotonic() > end:
                text = log.read_text(encoding="utf-8", errors="replace")
                code = self.served[role].process.returncode
                raise RuntimeError(f"{role} did not start ({code}): {text[-2000:]}")
            await asyncio.sleep(0.05)

    async def population(self, *roles: str) -> None:
        """Wait until everybody has moved in at these roles."""
        end = time.monotonic() + PATIENCE
        for role in roles:
            url = f"{self.house.origin(role)}/population"
            while not (told := await get_json(self.house.http, url))["settled"]:
                if told["problems"] or time.monotonic() > end:
                    raise RuntimeError(f"{role}: {told}")
                await asyncio.sleep(0.1)


@asynccontextmanager
async def deployment(
    place: Path, server: Postgres, *, profiled: frozenset[str] = frozenset()
) -> AsyncIterator[Deployment]:
    """The premises of a country on this server; nothing is started yet."""
    settled = house_.settle(place / "data", shipped_country(), free_port_base())
    gateways = [role for role in settled.roles if role.startswith("gateway:")]
    offices = [role.replace("gateway:", "office:") for role in gateways]
    names = [file_name(role) for role in (*settled.roles, *offices, "vault")]
    await server.create(names)
    async with AsyncExitStack() as stack:
        furnished = house_.furnish(settled, database=server.url, environment={})
        stack.push_async_callback(furnished.close)
        postal_data = postal_data_of(settled.folder, place)
        country = Deployment(furnished, server, place, postal_data, profiled)
        stack.callback(lambda: country.stop(*country.served))
        yield country


@contextmanager
def bare(module: str, *arguments: str) -> Iterator[Served]:
    """A bare server of ours, to measure beside; it says `ready` when it answers."""
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    served = Served(module, process)
    try:
        assert process.stdout
        if not process.stdout.readline():
            raise RuntimeError(f"{module} did not start")
        yield served
    finally:
        served.stop()
        if process.stdout:
            process.stdout.close()
