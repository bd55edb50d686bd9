"""
`make bench`: rates and latencies, each beside a bare limit of the same run.

Absolute numbers are this machine's at this moment; what can be carried elsewhere is the ratio of two rows of one run.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.bench import conversions, inquiries
from tests.bench.measure import Section, machine
from tests.bench.plan import Plan
from tests.bench.processes import postgres

ARTEFACTS = Path("artefacts")


async def run(plan: Plan, only: str | None) -> list[Section]:
    sections: list[Section] = []
    if only in {None, "conversions"}:
        sections.append(conversions.run(plan))
    if only in {None, "inquiries"}:
        with tempfile.TemporaryDirectory(prefix="kiban-bench-") as place:
            async with postgres() as server:
                sections += await inquiries.run(plan, server, Path(place))
    return sections


def show(section: Section) -> None:
    """One table as text."""
    print(f"\n{section.title}")
    for row in section.rows:
        times = f"p50 {row.p50_ms:8.2f} ms  p99 {row.p99_ms:8.2f} ms" if row.p50_ms else ""
        print(f"  {row.what:<48} {row.rate:12,.0f}{row.unit:<10} {times}")
    for note in section.notes:
        print(f"  - {note}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--quick", action="store_true", help="shorter, less certain")
    parser.add_argument("--only", choices=("conversions", "inquiries"))
    wanted = parser.parse_args()
    about = machine(Path.cwd())
    print(json.dumps(about))
    sections = asyncio.run(run(Plan(quick=wanted.quick), wanted.only))
    for section in sections:
        show(section)
    ARTEFACTS.mkdir(exist_ok=True)
    written = json.dumps([about, *map(asdict, sections)], default=str, indent=1)
    (ARTEFACTS / "bench.json").write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
