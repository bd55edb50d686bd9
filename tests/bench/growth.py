"""
Growth: what a permit, an outcome's look-up and a proof cost as the log grows, on a durable PostgreSQL.

The log is filled through its own `append` and its own integrator.  The permits are the core's own rules over its own
journal and store, in this process: only HTTP is left out.  Flat is what the last column says near 1.
"""

import asyncio
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiban.mesh import store
from kiban.mesh.contract import Record
from kiban.mesh.log import BATCH, Integrator, Log
from kiban.mesh.log_store import NewEntry
from kiban.mesh.store import Appended
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database
from kiban.shared.gathering import Gathering
from tests.bench import machine
from tests.bench.measure import Ask, Row, Section, loop
from tests.bench.plan import Plan
from tests.bench.processes import Postgres
from tests.organisation import NOW
from tests.parties import Parties

TASKS = 16


class GrowingLog:
    """A core's log, and a core that permits into it."""

    def __init__(self, db: Database) -> None:
        self.db, self.clock = db, FrozenClock(NOW)
        key = Ed25519PrivateKey.generate()
        self.integrator = Integrator(db, store.log, key, "core.test", self.clock)
        self.log = Log(db, store.log, self.clock, wake=self.integrator.wake)
        self.journal = Gathering(lambda batch: store.append(db, self.log, batch))
        self.parties = Parties()
        self.parties.core = self._core()
        self.size = 0
        self.leaves: list[str] = []
        self.exchanges: list[str] = []

    def _core(self):
        core = self.parties.core
        return type(core)(
            **{name: getattr(core, name) for name in core.__slots__} | {"append": self._append}
        )

    async def _append(self, record: Record) -> bool:
        entry = NewEntry("record", record.claims.id, record.body)
        return await self.journal.add(Appended(entry, None))

    async def grow(self, size: int) -> None:
        """Fill the log to this many leaves, with texts as long as a record's."""
        filler = "x" * 1400
        while self.size < size:
            count = min(BATCH, size - self.size)
            names = [secrets.token_hex(16) for _ in range(count)]
            entries = [NewEntry("record", name, f"{name} {filler}") for name in names]
            async with self.db.begin() as connection:
                await self.log.append(connection, entries)
            await self._integrated()
            self.size += count
        self.exchanges = names
        found = await self.log.read_entries(self.size - 200, 200)
        self.leaves = [one.leaf for one in found]

    async def _integrated(self) -> None:
        while await self.integrator.integrate():
            pass

    async def permit(self, _: int) -> None:
        await self.parties.permit(at=NOW)

    async def look_up(self, number: int) -> None:
        found = await self.log.records([self.exchanges[number % len(self.exchanges)]])
        assert len(found) == 1

    async def prove(self, number: int) -> None:
        await self.log.inclusion(self.leaves[number % len(self.leaves)])


async def run(plan: Plan, server: Postgres, _: Path) -> list[Section]:
    await server.create(["growth"])
    db = Database(server.url.format(role="growth"))
    section = Section(f"a growing log, {TASKS} at a time, in one process")
    try:
        await db.migrate("kiban.mesh")
        growing = GrowingLog(db)
        for size in plan.pick((1_000, 10_000, 50_000), (1_000, 5_000)):
            await growing.grow(size)
            ways: dict[str, Ask] = {
                "a permit": growing.permit,
                "the record of an outcome": growing.look_up,
                "a proof": growing.prove,
            }
            for what, ask in ways.items():
                section.rows.append(await _measured(plan, f"{what}, {size} leaves", ask))
            await growing._integrated()
    finally:
        await db.close()
    section.notes += _flatness(section.rows)
    return [section]


async def _measured(plan: Plan, what: str, ask: Ask) -> Row:
    pids = {"core": machine.ourselves()[machine.LOAD]}
    found = await loop(ask, tasks=TASKS, seconds=plan.pick(2.0, 1.0), warm_up=0.3, pids=pids)
    await asyncio.sleep(0)
    return found.row(what)


def _flatness(rows: list[Row]) -> list[str]:
    kinds = dict.fromkeys(row.what.rpartition(",")[0] for row in rows)
    notes = []
    for kind in kinds:
        of_kind = [row for row in rows if row.what.startswith(f"{kind},")]
        first, last = of_kind[0], of_kind[-1]
        notes.append(
            f"{kind}: at the most leaves it costs {last.server_us / first.server_us:.2f} times"
            " the processor time of the fewest"
        )
    return notes
