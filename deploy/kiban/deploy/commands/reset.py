"""`kiban reset`: forget a country's data, and nothing else."""

import argparse

from kiban.deploy import premises
from kiban.deploy.commands import options


def add(commands: options.Commands) -> None:
    command = commands.add_parser("reset", help="forget the country's data")
    options.add_data(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if premises.forget(arguments.data):
        print(f"{arguments.data} is forgotten")
    else:
        print(f"{arguments.data} holds no country")
    return 0
