"""
`make bench`: rates and latencies, each beside a bare limit of the same run.

Absolute numbers are this machine's at this moment; what can be carried elsewhere is the ratio of two rows of one run
(docs/speed.md).  The whole takes about four minutes on two quiet cores; `--profile
ROLE` writes where that role's time goes into artefacts/.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from tests.bench import (
    conversions,
    fanout,
    form,
    growth,
    inquiries,
    moving,
    nation,
    startup,
    status,
)
from tests.bench.machine import machine
from tests.bench.measure import Row, Section
from tests.bench.plan import Plan
from tests.bench.processes import postgres

ARTEFACTS = Path("artefacts")
Part = Callable[[Plan, Path], Awaitable[list[Section]]]


async def _conversions(plan: Plan, _: Path) -> list[Section]:
    return [conversions.run(plan)]


async def _startup(plan: Plan, place: Path) -> list[Section]:
    return [startup.run(plan, place)]


async def _form(plan: Plan, place: Path) -> list[Section]:
    return [await form.run(plan, place)]


async def _nation(plan: Plan, place: Path) -> list[Section]:
    return [await nation.run(plan, place)]


async def _moving(plan: Plan, place: Path) -> list[Section]:
    return [await moving.run(plan, place)]


def _on_postgres(part: Callable[..., Awaitable[list[Section]]]) -> Part:
    async def run(plan: Plan, place: Path) -> list[Section]:
        async with postgres() as server:
            return await part(plan, server, place)

    return run


PARTS: dict[str, Part] = {
    "conversions": _conversions,
    "inquiries": _on_postgres(inquiries.run),
    "growth": _on_postgres(growth.run),
    "fanout": _on_postgres(fanout.run),
    "status": _on_postgres(status.run),
    "startup": _startup,
    "form": _form,
    "moving": _moving,
    "nation": _nation,
}


async def run(plan: Plan, only: list[str]) -> list[Section]:
    sections = []
    for name in only or PARTS:
        with tempfile.TemporaryDirectory(prefix="kiban-bench-") as place:
            for section in await PARTS[name](plan, Path(place)):
                show(section)
                sections.append(section)
            for profile in Path(place).glob("*.prof"):
                shutil.copy(profile, ARTEFACTS)
    return sections


def show(section: Section) -> None:
    """One table as text."""
    print(f"\n{section.title}")
    for row in section.rows:
        print(f"  {row.what:<50} {_rate(row)} {_times(row)} {_beside(row)}".rstrip())
        if len(row.cpu_us) > 1:
            spent = ", ".join(f"{name} {us:,.0f}" for name, us in row.cpu_us.items() if us >= 1)
            print(f"      processor µs for each: {spent}")
        if row.errors:
            print(f"      {row.errors} ERRORS")
    for note in section.notes:
        print(f"  - {note}")
    sys.stdout.flush()


def _rate(row: Row) -> str:
    return f"{row.rate:12,.{0 if row.rate >= 100 else 1}f}{row.unit:<10}"


def _times(row: Row) -> str:
    if row.p50_ms is None or row.p99_ms is None:
        return ""
    return f"p50 {row.p50_ms:8.2f} ms  p99 {row.p99_ms:8.2f} ms"


def _beside(row: Row) -> str:
    return "" if row.beside is None else f"{row.beside:5.2f} of the bare limit"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--quick", action="store_true", help="shorter, less certain")
    parser.add_argument("--only", action="append", choices=PARTS, default=[], help="this part")
    parser.add_argument("--profile", action="append", default=[], metavar="ROLE")
    wanted = parser.parse_args()
    ARTEFACTS.mkdir(exist_ok=True)
    about = machine(ARTEFACTS)
    print("; ".join(f"{name} {value}" for name, value in about.items()))
    plan = Plan(quick=wanted.quick, profiled=frozenset(wanted.profile))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sections = runner.run(run(plan, wanted.only))
    document = {"machine": about, "sections": [section.document() for section in sections]}
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    (ARTEFACTS / "bench.json").write_text(text, encoding="utf-8")
    return int(any(row.errors for section in sections for row in section.rows))


if __name__ == "__main__":
    sys.exit(main())
