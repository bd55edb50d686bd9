"""
The whole country in one process, as `kiban up` starts it: how long until everybody answers and has moved in.

Measured from the command to the ready file, on SQLite: a new country, the same one waking up again, and what each toy
municipality more costs: an office with a gateway and a counter of its own, where nobody lives.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kiban.deploy.embedded import free_port_base
from kiban.shared.identifiers import municipality_check_digit
from kiban.world.cast import shipped_country
from tests.bench import machine
from tests.bench.measure import Row, Section
from tests.bench.plan import Plan
from tests.stories.sockets import RunningCountry

AIM = 15.0
PATIENCE = 300.0
TOYS = 16
TOY = """\
id = "{id}"
name = {{ ja = "おもちゃの町{number}（模擬）", en = "Toy town {number} (SIMULATED)" }}
domain = "municipality"
municipality = "{code}"
"""


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
def waking(data: Path, port_base: int, *words: str) -> Iterator[Awake]:
    """Run `kiban up` until the block ends."""
    file = data.parent / "ready.json"
    file.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "kiban.deploy", "up"),
        *("--data", str(data), "--port-base", str(port_base), "--ready-file", str(file)),
        *words,
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
    woken: list[Awake] = []
    for what in plan.pick(("a new country", "the same country again"), ("a new country",)):
        with waking(data, ports) as awake:
            section.rows.append(awake.row(what))
            section.notes.append(_memory(what, awake))
            woken.append(awake)
    if not plan.quick:
        country = _with_toys(place / "toys")
        with waking(place / "more", ports, "--country", str(country)) as more:
            section.rows.append(more.row(f"a new country with {TOYS} municipalities more"))
            section.notes.append(_each(more, woken[0]))
    return section


def _with_toys(place: Path) -> Path:
    """The country that ships, with toy municipalities in it."""
    shutil.copytree(shipped_country(), place)
    for number in range(1, TOYS + 1):
        code = f"139{number:02}"  # of the right form, and nobody's
        code += str(municipality_check_digit(code))
        text = TOY.format(id=f"toy-{number}", number=number, code=code)
        (place / "agencies" / f"toy-{number}.toml").write_text(text, encoding="utf-8")
    return place


def _each(more: Awake, fewer: Awake) -> str:
    """What one toy municipality costs."""
    memory = (more.memory["VmRSS"] - fewer.memory["VmRSS"]) / TOYS
    return f"each toy municipality: {memory:.1f} MiB, {(more.cpu - fewer.cpu) / TOYS:.2f} s of processor time"


def _memory(what: str, awake: Awake) -> str:
    return (
        f"{what}: {awake.cpu:.1f} s of processor time, {awake.memory['VmRSS']:.0f} MiB,"
        f" at its highest {awake.memory['VmHWM']:.0f} MiB"
    )
