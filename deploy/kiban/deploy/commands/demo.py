"""`kiban demo`: the main job of one citizen in the terminal, step by step, with an attack at the end."""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

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


def add(commands: options.Commands) -> None:
    command = commands.add_parser("demo", help="run the main job once, step by step")
    command.add_argument(
        "--explain", type=Path, metavar="FILE", help="also write the whole story as JSON"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    console = Console(highlight=False)
    story = uvloop.run(_demo(console))
    console.print(_lines(story))
    console.print("[green]Every step went as it is told.[/]  SIMULATED: nobody here exists.")
    if arguments.explain:
        text = json.dumps(story.document(), ensure_ascii=False, indent=2) + "\n"
        arguments.explain.write_text(text, encoding="utf-8")
    return 0


async def _demo(console: Console) -> Story:
    with tempfile.TemporaryDirectory(prefix="kiban-demo-") as place:
        settled = house.settle(Path(place), shipped_country(), free_port_base())
        console.print(f"The country {settled.country.name['en']} starts ...")
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
            f"{name.replace('_', ' ')}: {', '.join(values)}" for name, values in known.items()
        )
        for party, known in facts.items()
    }


def _lines(story: Story) -> Table:
    table = Table(title=f"who exchanged what about {story.citizen}", title_justify="left")
    for column in ("kind", "inquirer", "provider", "item", "leaf", "proof"):
        table.add_column(column)
    for line in story.lines:
        proof = f"verified: leaf {line.index} of {line.tree_size}"
        table.add_row(line.kind, line.inquirer, line.provider, line.item, line.leaf[:12], proof)
    return table
