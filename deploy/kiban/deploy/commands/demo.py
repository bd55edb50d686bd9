"""`kiban demo`: the main job of one citizen in the terminal, step by step, with an attack at the end."""

import argparse
import asyncio
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from kiban.deploy import house
from kiban.deploy.commands import options
from kiban.deploy.commands.up import running
from kiban.deploy.embedded import free_port_base
from kiban.deploy.story import Sight, Step, Story, Teller
from kiban.world.cast import shipped_country

PAUSE = 0.2
"""Seconds between two looks at what the office has decided."""
INTRODUCTION = (
    "Hanako lives in Kamakura and applies for child allowance. Each box is a step of hers (docs/story.md); below it"
    " stands what each party saw of it, told by that party's own trace. Eight digits are the beginning of a longer"
    " number; an own pseudonym is what that party alone calls a person."
)
LONG_NUMBER, BEGINNING = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{8,}…?"), r"\1"
_PLAIN: dict[str, Any] = {"box": None, "title_justify": "left", "title_style": "bold"}


def add(commands: options.Commands) -> None:
    command = commands.add_parser("demo", help="run the main job once, step by step")
    command.add_argument(
        "--explain", type=Path, metavar="FILE", help="also write the whole story as JSON"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    console = Console(highlight=False)
    story = uvloop.run(_demo(console))
    for table in (_names(story), _lines(story)):
        console.print(table, "")
    console.print("[green]Every step went as it is told.[/]  SIMULATED: nobody here exists.")
    if arguments.explain:
        text = json.dumps(story.document(), ensure_ascii=False, indent=2) + "\n"
        arguments.explain.write_text(text, encoding="utf-8")
    return 0


async def _demo(console: Console) -> Story:
    with tempfile.TemporaryDirectory(prefix="kiban-demo-") as place:
        settled = house.settle(Path(place), shipped_country(), free_port_base())
        console.print(f"The country {settled.country.name['en']} starts ...\n\n{INTRODUCTION}\n")
        async with running(settled) as country:
            teller = Teller(
                country, lambda: asyncio.sleep(PAUSE), lambda step: _show(console, step)
            )
            return await teller.tell()


def _show(console: Console, step: Step) -> None:
    seen = Table(box=None, show_header=False, padding=(0, 1))
    seen.add_column(style="cyan", no_wrap=True)
    seen.add_column()
    for party, facts in _summary(step.seen).items():
        seen.add_row(party, facts)
    console.print(
        Panel("\n".join(step.happened), title=f"{step.number}. {step.title}", title_align="left")
    )
    console.print(seen)


def _summary(sights: list[Sight]) -> dict[str, str]:
    """Say of each party in a line what it saw: each fact once."""
    facts: dict[str, dict[str, dict[str, None]]] = {}
    for sight in sights:
        for name, value in sight.saw.items():
            facts.setdefault(sight.party, {}).setdefault(name, {})[value] = None
    return {
        party: "; ".join(
            f"{name.replace('_', ' ')}: {LONG_NUMBER.sub(BEGINNING, ', '.join(values))}"
            for name, values in known.items()
        )
        for party, known in facts.items()
    }


def _names(story: Story) -> Table:
    table = Table(title=f"What each called {story.citizen}; none can be joined", **_PLAIN)
    for column in ("party", "called her"):
        table.add_column(column)
    for party, name in story.names().items():
        table.add_row(party, name)
    return table


def _lines(story: Story) -> Table:
    table = Table(
        title=f"Who exchanged what about {story.citizen}, each proven to stand in the log", **_PLAIN
    )
    for column in ("kind", "asked by", "of", "item", "leaf", "place"):
        table.add_column(column)
    for line in story.lines:
        place = f"{line.index}/{line.tree_size}"
        table.add_row(line.kind, line.inquirer, line.provider, line.item, line.leaf[:8], place)
    return table
