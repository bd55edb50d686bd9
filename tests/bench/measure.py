"""
Measuring: closed loops, rates, percentiles, and what each process takes of the machine.

A closed loop has N tasks; each asks, waits for the answer, checks it and asks again.  What began before the warm-up
was over does not count.  Processor time is read from the kernel, for each process apart: on a machine that others use
too it says more than a rate does, because it does not rise with their load.
"""

import asyncio
import os
import platform
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Ask = Callable[[int], Awaitable[None]]
"""Asks once and checks the answer; an exception is an error."""
Pids = Mapping[str, Callable[[], list[int]]]
"""The processes that take part, by name; a database has many."""
MOST_ERRORS = 100
"""After so many a run is given up."""
_TICK = os.sysconf("SC_CLK_TCK")


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
    """The bare limit of the same run."""

    @property
    def per_core(self) -> float | None:
        """How many could be done for each second of a core, all processes together."""
        whole = sum(self.cpu_us.values())
        return 1e6 / whole if whole else None


@dataclass(slots=True)
class Section:
    """One table, and what must be known to read it."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return asdict(self)


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


# --- processes ------------------------------------------------------------------------------------


def spent(pids: Pids) -> dict[str, float]:
    """Seconds of processor time so far, by name."""
    return {name: sum(map(cpu_seconds, listed())) for name, listed in pids.items()}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK


def children(pid: int) -> Iterator[int]:
    """A process and those that it started."""
    yield pid
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = (place / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid:
            yield int(place.name)


def memory_mib(pid: int) -> dict[str, float]:
    """Resident memory now and at its highest, MiB."""
    found = {}
    for text in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        name, _, value = text.partition(":")
        if name in {"VmRSS", "VmHWM"}:
            found[name] = int(value.split()[0]) / 1024
    return found


# --- the machine ----------------------------------------------------------------------------------


def machine(place: Path) -> dict[str, Any]:
    """On what this was measured, and how busy others kept it."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": models[0] if models else platform.machine(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "disk_sync_us": round(1e6 * disk_sync(place)),
    }


def disk_sync(place: Path) -> float:
    """Seconds that the disk takes to keep one page, in the middle of 100 tries."""
    file, taken = place / "sync", []
    with file.open("wb", buffering=0) as opened:
        for _ in range(100):
            opened.write(bytes(8192))
            began = time.perf_counter()
            os.fdatasync(opened.fileno())
            taken.append(time.perf_counter() - began)
    file.unlink()
    return percentile(taken, 50)
