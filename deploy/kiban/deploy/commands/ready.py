"""
`kiban ready FILE`: wait for a country that runs elsewhere, as in containers, and write its ready file.

What `kiban up --ready-file` writes, for whoever did not start the country by `kiban up`.
"""

import argparse
import asyncio
import os
from pathlib import Path

from kiban.deploy import house, readiness
from kiban.deploy.commands import options
from kiban.deploy.house import House
from kiban.shared.problems import Unavailable

PATIENCE = 120.0
"""Seconds within which everybody has to have moved in."""


def add(commands: options.Commands) -> None:
    command = commands.add_parser("ready", help="wait for a running country; write its ready file")
    command.add_argument("file", type=Path, metavar="FILE", help="written as JSON")
    options.add_data(command)
    options.add_country(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    settled = house.settle(arguments.data, arguments.country)
    furnished = house.furnish(settled, environment=os.environ)
    asyncio.run(_awaited(furnished))
    readiness.write(furnished, arguments.file)
    print(f"every role answers, and everybody has moved in: {arguments.file}")
    return 0


async def _awaited(country: House) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await readiness.check_all_answer(country)
            await readiness.wait_until_settled(country)
    except TimeoutError as error:
        raise Unavailable(f"not everybody moved in within {PATIENCE:g} s") from error
    finally:
        await country.close()
