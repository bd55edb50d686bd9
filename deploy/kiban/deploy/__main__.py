"""
The command line: `kiban COMMAND`.

A problem is told in a few lines, what it is, the fact, what was sent and expected, its type; and ends with status 1.
"""

import argparse
import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from types import ModuleType

from kiban.shared.problems import Problem

COMMANDS = (
    "up",
    "demo",
    "serve",
    "check",
    "country",
    "login",
    "reset",
    "prepare",
    "ready",
    "contracts",
    "problems",
)


def parser() -> argparse.ArgumentParser:
    """Describe every command."""
    whole = argparse.ArgumentParser(
        prog="kiban",
        description="A simulated government service backbone.  SIMULATED: no real person, office or law.",
    )
    whole.add_argument("--version", action="version", version=f"kiban {version('kiban')}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _imported():
        command.add(commands)
    return whole


def _imported() -> list[ModuleType]:
    """Import what a command needs, not looking for garbage meanwhile: all of it stays, and looking takes a third."""
    gc.disable()
    try:
        return [import_module(f"kiban.deploy.commands.{name}") for name in COMMANDS]
    finally:
        gc.enable()


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except Problem as problem:
        print(f"kiban: {problem.title}", file=sys.stderr)
        print(*(f"  {line}" for line in problem.detail.splitlines()), sep="\n", file=sys.stderr)
        for name, value in problem.members.items():
            print(f"  {name}: {value}", file=sys.stderr)
        print(f"  ({problem.type})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
