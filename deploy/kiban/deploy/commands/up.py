"""`kiban up`: the whole country in one process, until it is told to stop."""

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop
from rich.console import Console

from kiban.deploy import house, premises, readiness, topology
from kiban.deploy.commands import options
from kiban.deploy.embedded import serving, told_to_stop
from kiban.deploy.house import House, Settled
from kiban.world.moving_in import settled as settled_in


def add(commands: options.Commands) -> None:
    command = commands.add_parser("up", help="start the country and keep it running")
    options.add_data(command)
    options.add_country_or_nation(command)
    options.add_ports(command)
    options.add_database(command)
    command.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="written as JSON once every role answers"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    os.umask(0o077)  # what is written about people is its owner's alone
    settled = house.settle(arguments.data, options.country(arguments), arguments.port_base)
    with premises.lived_in(arguments.data):
        uvloop.run(_up(settled, arguments.database, arguments.ready_file))
    return 0


async def _up(settled: Settled, database: str, ready_file: Path | None) -> None:
    async with running(settled, database=database) as country:
        told = told_to_stop()
        if ready_file:
            readiness.write(country, ready_file)
        readiness.show(country, Console())
        await told.wait()


@asynccontextmanager
async def running(settled: Settled, *, database: str = "sqlite") -> AsyncIterator[House]:
    """Run the country while the block lasts; inside, every role answers."""
    furnished = house.furnish(settled, database=database, environment=os.environ)
    try:
        roles = [topology.build(furnished, name) for name in settled.roles]
        async with serving(roles):
            await readiness.check_all_answer(furnished)
            for role in roles:
                await settled_in(role.app)
            yield furnished
    finally:
        await furnished.close()
