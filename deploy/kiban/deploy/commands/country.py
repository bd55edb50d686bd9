"""`kiban country DIR --municipalities N`: write the files of a nation, to be read, changed and started."""

import argparse
from pathlib import Path

from kiban.deploy import nation
from kiban.deploy.commands import options


def add(commands: options.Commands) -> None:
    command = commands.add_parser("country", help="write a nation of toy municipalities as files")
    command.add_argument("directory", type=Path, metavar="DIR", help="a new directory")
    command.add_argument("--municipalities", type=int, required=True, metavar="N")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    nation.write(arguments.directory, arguments.municipalities)
    print(
        f"{arguments.directory} is a country (SIMULATED): kiban up --country {arguments.directory}"
    )
    return 0
