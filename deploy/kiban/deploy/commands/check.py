"""
`kiban check DIR`: read a country's files as every owner of a part reads them, and name each mistake.

File, line and reason, one a line, so that an editor can jump there.
"""

import argparse
import sys
from pathlib import Path

from kiban.deploy.commands import options
from kiban.mesh import country
from kiban.portal import procedures
from kiban.registry import entities
from kiban.shared.country import Mistakes
from kiban.world import cast


def add(commands: options.Commands) -> None:
    command = commands.add_parser("check", help="name each mistake in a country's files")
    command.add_argument("directory", type=Path, metavar="DIR", help="the country's directory")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    found = mistakes_of(arguments.directory)
    for line in found:
        print(line, file=sys.stderr)
    print(f"{arguments.directory}: {len(found) or 'no'} mistake{'' if len(found) == 1 else 's'}")
    return 1 if found else 0


def mistakes_of(folder: Path) -> list[str]:
    """Read the files as each owner does; what two of them find wrong is said once."""
    mistakes = Mistakes()
    country.check(folder, mistakes)
    procedures.check(folder, mistakes)
    cast.load(folder, mistakes)
    entities.check(folder, mistakes)
    return list(dict.fromkeys(mistakes.lines()))
