"""`kiban problems`: write docs/problems.md from the classes that declare them."""

import argparse
from itertools import groupby
from pathlib import Path

from kiban.deploy.commands import options
from kiban.shared.problems import Problem, registered

DOCUMENT = Path("docs/problems.md")
HEADING = """\
# Problems

Everything a caller can act on, as an RFC 9457 document whose `type` is `urn:kiban:problem:` and the name below.
Written by `kiban problems`; change the classes, not this page.
"""


def add(commands: options.Commands) -> None:
    command = commands.add_parser("problems", help=f"write {DOCUMENT} from the classes")
    command.add_argument("--check", action="store_true", help="only say whether it is as written")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    document = written()
    if not arguments.check:
        DOCUMENT.write_text(document, encoding="utf-8")
        return 0
    same = DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == document
    print(f"{DOCUMENT} is {'as' if same else 'NOT as'} the classes say")
    return 0 if same else 1


def written() -> str:
    """Give the page: a table for each room."""
    # A test that declares a problem of its own registers it too, in the same process.
    ours = [problem for problem in registered() if problem.__module__.startswith("kiban.")]
    rooms = groupby(sorted(ours, key=lambda each: (_room(each), each.slug)), key=_room)
    return HEADING + "".join(_table(room, list(problems)) for room, problems in rooms)


def _room(problem: type[Problem]) -> str:
    parts = problem.__module__.split(".")[1:]
    return parts[1] if parts[0] == "identity" else parts[0]


def _table(room: str, problems: list[type[Problem]]) -> str:
    rows = [f"| `{each.slug}` | {each.status} | {each.title} |" for each in problems]
    return "\n".join(
        [f"\n## {room}\n", "| name | status | what it says |", "|---|---|---|", *rows, ""]
    )
