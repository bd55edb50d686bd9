"""
`kiban serve ROLE`: one role in a process of its own.

Where the data directory is its own, the role listens at the port of its origin.  In a container KIBAN_DATA,
KIBAN_SECRETS, KIBAN_ROUTES, KIBAN_DATABASE and KIBAN_COUNTRY say what the options say elsewhere.

With --tls a role speaks mutual TLS with its neighbours.  Browsers and tools have no certificate: for them there is
--edge, a second address, which nobody but they should be able to reach.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from ssl import SSLContext

import uvloop

from kiban.deploy import credentials, house, topology, transport
from kiban.deploy.commands import options
from kiban.deploy.embedded import Door, Role, serving, told_to_stop
from kiban.deploy.house import Settled
from kiban.deploy.premises import file_name, port_of
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
    command.add_argument(
        "--tls", action="store_true", help="speak mutual TLS with neighbours (--port, KIBAN_ROUTES)"
    )
    command.add_argument(
        "--edge", type=_door, metavar="HOST:PORT", help="listen here too, without TLS"
    )
    command.set_defaults(run=run)


def _door(text: str) -> Door:
    host, _, port = text.rpartition(":")
    return Door(host, int(port))


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
        tls=_tls(transport.calling, arguments, settled),
        environment=os.environ,
    )
    role = topology.build(furnished, arguments.role)
    role = replace(role, doors=_doors(role, arguments, settled))
    try:
        async with serving([role]):
            told = told_to_stop()
            print(f"{role.name} answers at {role.origin}", flush=True)
            await told.wait()
    finally:
        await furnished.close()


def _doors(role: Role, arguments: argparse.Namespace, settled: Settled) -> tuple[Door, ...]:
    """Open a door to the neighbours, and one to browsers and tools where that is another."""
    port = arguments.port or port_of(role.origin)
    neighbours = Door(arguments.host, port, _tls(transport.answering, arguments, settled))
    return (neighbours, arguments.edge) if arguments.edge else (neighbours,)


def _tls(
    made: Callable[[Path, str], SSLContext], arguments: argparse.Namespace, settled: Settled
) -> SSLContext | None:
    """Make what the role listens or calls with, where it speaks TLS."""
    if not arguments.tls:
        return None
    credentials.certify(settled.premises, arguments.role)
    return made(settled.premises.secrets, file_name(arguments.role))
