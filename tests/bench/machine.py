"""The machine: what it is, how busy it is, and what each process takes of it; read from the kernel (Linux)."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Pids = Mapping[str, Callable[[], list[int]]]
"""The processes that take part, by name; a database has many."""
LOAD = "load"
"""The name of the process that asks."""
_TICK = os.sysconf("SC_CLK_TCK")


def ourselves() -> Pids:
    """The process that makes the load."""
    return {LOAD: lambda: [os.getpid()]}


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
    return statistics.median(taken)
