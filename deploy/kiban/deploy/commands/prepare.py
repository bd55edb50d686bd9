"""
`kiban prepare`: make the addresses and every secret of a deployment on containers, and start nothing.

Each container is given the secrets of its own role as files.  The directory is its owner's alone; the files in it
can be read by whoever a container runs as, but for the transport authority's key, which none is given.
"""

import argparse

from kiban.deploy import clients, credentials, house
from kiban.deploy.commands import options
from kiban.deploy.house import Settled
from kiban.deploy.premises import file_name
from kiban.world import cast
from kiban.world.companies.catalogue import COMPANIES

READABLE = 0o444


def add(commands: options.Commands) -> None:
    command = commands.add_parser("prepare", help="make what docker-compose.yml mounts")
    options.add_data(command)
    options.add_country(command)
    options.add_ports(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    settled = house.settle(arguments.data, arguments.country, arguments.port_base)
    make_secrets(settled)
    print(f"{arguments.data} is prepared: docker compose up")
    return 0


def make_secrets(settled: Settled) -> None:
    """Make every secret that some role will ask for."""
    premises = settled.premises
    for name in (
        "operator",
        "enrolment",
        "vault",
        "card-office",
        "card-counters",
        "postgres",
        "database-vault",
    ):
        premises.secret(name)
    for member in ("core", "login"):
        premises.member_secret(member)
    for client in ("portal", "demo", "mover", *COMPANIES):
        clients.public_jwk(premises, client)
    for role in premises.origins:
        credentials.certify(premises, role)
        premises.secret(f"role-{file_name(role)}")
        premises.secret(f"database-{file_name(role)}")
    for member in settled.country.agencies:
        premises.member_secret(member)
        premises.secret(f"agency-{member}")
        if member != settled.country.change_office:
            premises.secret(f"database-office-{member}")
    for member in cast.load_checked(settled.folder).municipalities:
        premises.secret(f"clerk-{member}")
    for file in premises.secrets.iterdir():
        if file.name != credentials.ROOT_KEY:
            file.chmod(READABLE)
