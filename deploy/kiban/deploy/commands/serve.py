"""
`kiban serve ROLE`: one role in a process of its own.

Where the data directory is its own, the role listens at the port of its origin.  In a container KIBAN_DATA,
KIBAN_SECRETS, KIBAN_ROUTES, KIBAN_DATABASE and KIBAN_COUNTRY say what the options say elsewhere.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import uvloop

from kiban.deploy import house, topology
from kiban.deploy.commands import options
from kiban.deploy.embedded import serving, told_to_stop
from kiban.deploy.house import Settled
from kiban.shared.problems import Problem


class RoleUnknown(Problem):
    slug, title, status = "role-unknown", "This country has no such role", 404


def add(commands: options.Commands) -> None:
    command = commands.add_parser("serve", help="run one role in a process of its own")
    command.add_argument("role", metavar="ROLE", help="authority, core, gateway:kamakura, ...")
    options.add_data(command)
    options.add_country(command)
    options.add_ports(command)
    options.add_database(command)
    command.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    command.add_argument("--port", type=int, help="port to listen at (its origin's)")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    settled = _settled(arguments)
    if arguments.role not in settled.roles:
        raise RoleUnknown(
            f"{arguments.role} is none of them",
            sent=arguments.role,
            expected=", ".join(settled.roles),
        )
    uvloop.run(_serve(arguments, settled))
    return 0


def _settled(arguments: argparse.Namespace) -> Settled:
    data = Path(os.environ.get("KIBAN_DATA", arguments.data))
    folder = Path(os.environ.get("KIBAN_COUNTRY", arguments.country))
    if secrets := os.environ.get("KIBAN_SECRETS"):
        return house.mounted(data, Path(secrets), folder)
    return house.settle(data, folder, arguments.port_base)


async def _serve(arguments: argparse.Namespace, settled: Settled) -> None:
    furnished = house.furnish(
        settled,
        database=os.environ.get("KIBAN_DATABASE", arguments.database),
        routes=os.environ.get("KIBAN_ROUTES"),
        environment=os.environ,
    )
    role = topology.build(furnished, arguments.role)
    if arguments.port is not None:
        role = replace(role, port=arguments.port)
    try:
        async with serving([role], host=arguments.host):
            told = told_to_stop()
            print(f"{role.name} answers at {role.origin}", flush=True)
            await told.wait()
    finally:
        await furnished.close()
