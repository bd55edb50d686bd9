"""What several commands are told alike: where the data is, which country, at which ports, in which database."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kiban.deploy import nation
from kiban.deploy.premises import PORT_BASE
from kiban.world.cast import shipped_country

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  its only name
else:
    Commands = object

DATA = Path(".kiban")


def add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, default=DATA, metavar="DIR", help="the country's data (%(default)s)"
    )


def add_country(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--country",
        type=Path,
        default=shipped_country(),
        metavar="DIR",
        help="the country's files (those that come with kiban)",
    )


def add_country_or_nation(command: argparse.ArgumentParser) -> None:
    """A country from files, or one to be written: not both."""
    either = command.add_mutually_exclusive_group()
    add_country(either)
    either.add_argument(
        "--municipalities",
        type=int,
        metavar="N",
        help="a nation of so many toy municipalities, on top of the country that comes with kiban",
    )


def country(arguments: argparse.Namespace) -> Path:
    """The country's directory: the one that was named, or the nation that was asked for, written where the data is."""
    folder: Path = arguments.country
    if arguments.municipalities is None:
        return folder
    place: Path = arguments.data / f"nation-{arguments.municipalities}"
    if not place.exists():
        arguments.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        nation.write(place, arguments.municipalities)
    return place


def add_ports(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--port-base",
        type=port,
        metavar="N",
        help=f"first port, where the data does not say it yet ({PORT_BASE})",
    )


def add_database(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--database",
        default="sqlite",
        metavar="WHERE",
        help="sqlite (in the data directory), or a URL in which {role} names the role's database",
    )


def port(text: str) -> int:
    if not text.isdigit() or not 1024 <= int(text) <= 65_000:  # noqa: PLR2004
        raise argparse.ArgumentTypeError("a port base is a number from 1024 to 65000")
    return int(text)
