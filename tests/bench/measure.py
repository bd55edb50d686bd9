"""
Measuring: closed loops, rates, percentiles.

A closed loop has N tasks; each asks, waits for the answer, checks it and asks again.  What began before the warm-up
was over does not count.  Processor time is read from the kernel, for each process apart: it says where the time goes,
and rises less than a rate falls when others use the machine too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tests.bench.machine import LOAD, Pids, spent

Ask = Callable[[int], Awaitable[None]]
"""Asks once and checks the answer; an exception is an error."""
MOST_ERRORS = 100
"""After so many a run is given up."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    what: str
    rate: float
    unit: str = "/s"
    p50_ms: float | None = None
    p99_ms: float | None = None
    errors: int = 0
    cpu_us: dict[str, float] = field(default_factory=dict)
    """Processor time for each thing that was done, by process."""
    beside: float | None = None
    """The rate as a part of the bare limit's, measured in the same run."""

    @property
    def server_us(self) -> float:
        """Processor time of everybody but the one who makes the load."""
        return sum(spent for name, spent in self.cpu_us.items() if name != LOAD)


@dataclass(slots=True)
class Section:
    """One table, and what must be known to read it."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def beside(section: Section, limit: float) -> Section:
    """The same section, each rate shown as a part of this limit too."""
    section.rows = [replace(row, beside=row.rate / limit) for row in section.rows]
    return section


@dataclass(slots=True)
class Loop:
    """What a closed loop brought."""

    seconds: float
    latencies: list[float]
    errors: list[str]
    cpu: dict[str, float]

    def row(self, what: str, *, unit: str = "/s", times: int = 1) -> Row:
        """As a line of a table; `times` is how many things were done by each asking."""
        done = len(self.latencies) * times
        return Row(
            what,
            rate=done / self.seconds,
            unit=unit,
            p50_ms=1000 * percentile(self.latencies, 50),
            p99_ms=1000 * percentile(self.latencies, 99),
            errors=len(self.errors),
            cpu_us={name: 1e6 * spent / max(done, 1) for name, spent in self.cpu.items()},
        )


async def loop(
    ask: Ask, *, tasks: int, seconds: float, warm_up: float = 1.0, pids: Pids | None = None
) -> Loop:
    """Ask with so many tasks for so long."""
    latencies: list[float] = []
    errors: list[str] = []
    now = time.perf_counter
    start = now() + warm_up
    end = start + seconds

    async def task(number: int) -> None:
        asked = number
        while (began := now()) < end and len(errors) < MOST_ERRORS:
            try:
                await ask(asked)
            except Exception as error:  # noqa: BLE001  whatever it is, it is an error of this run
                errors.append(repr(error)[:200])
            else:
                if began >= start:
                    latencies.append(now() - began)
            asked += tasks

    running = [asyncio.create_task(task(number)) for number in range(tasks)]
    await asyncio.sleep(warm_up)
    before = spent(pids or {})
    await asyncio.gather(*running)
    after = spent(pids or {})
    taken = {name: after[name] - before[name] for name in after}
    return Loop(now() - start, latencies, errors, taken)


def timed(work: Callable[[], object], *, seconds: float, rounds: int = 3) -> float:
    """Do it again and again in this process; give how often a second of its core allows, the best round."""
    work()
    best = 0.0
    for _ in range(rounds):
        done, began = 0, time.process_time()
        while (taken := time.process_time() - began) < seconds / rounds:
            for _ in range(10):
                work()
            done += 10
        best = max(best, done / taken)
    return best


def percentile(values: list[float], part: float) -> float:
    """The smallest value that so many per cent do not exceed."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part / 100))]
