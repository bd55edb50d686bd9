"""
The whole country in one process, as `kiban up` starts it: how long until everybody answers and has moved in.

Measured from the command to the ready file, on SQLite: a new country, and the same one waking up again.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kiban.deploy.embedded import free_port_base
from tests.bench import machine
from tests.bench.measure import Row, Section
from tests.bench.plan import Plan
from tests.stories.sockets import RunningCountry

AIM = 15.0
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Awake:
    """A country that answers, and what it took until then."""

    country: RunningCountry
    seconds: float
    cpu: float
    memory: dict[str, float]

    def row(self, what: str) -> Row:
        return Row(what, self.seconds, unit=" s", cpu_us={"country": 1e6 * self.cpu})


@contextmanager
def waking(data: Path, port_base: int) -> Iterator[Awake]:
    """Run `kiban up` until the block ends."""
    file = data.parent / "ready.json"
    file.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "kiban.deploy", "up"),
        *("--data", str(data), "--port-base", str(port_base), "--ready-file", str(file)),
    ]
    began = time.monotonic()
    with (data.parent / "up.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True)
    try:
        while not file.exists():
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise RuntimeError((data.parent / "up.log").read_text()[-2000:])
            time.sleep(0.01)
        seconds = time.monotonic() - began
        yield Awake(
            RunningCountry(process, data, json.loads(file.read_text(encoding="utf-8"))),
            seconds,
            machine.cpu_seconds(process.pid),
            machine.memory_mib(process.pid),
        )
    finally:
        process.terminate()
        process.wait(timeout=60)


def run(plan: Plan, place: Path) -> Section:
    section = Section(f"kiban up, seconds until ready (aim {AIM:.0f})")
    data, ports = place / "up", free_port_base()
    for what in plan.pick(("a new country", "the same country again"), ("a new country",)):
        with waking(data, ports) as awake:
            section.rows.append(awake.row(what))
            section.notes.append(_memory(what, awake))
    return section


def _memory(what: str, awake: Awake) -> str:
    return (
        f"{what}: {awake.cpu:.1f} s of processor time, {awake.memory['VmRSS']:.0f} MiB,"
        f" at its highest {awake.memory['VmHWM']:.0f} MiB"
    )
