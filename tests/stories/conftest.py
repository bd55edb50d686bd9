"""The stories' country: in this process, a copy for each test; or behind sockets."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kiban.world.cast import shipped_country
from tests.stories.country import Country, moved_in, running
from tests.stories.sockets import RunningCountry, kiban_up, port_base_of


@pytest.fixture
async def country(lived_in: Path, tmp_path: Path, postal_data: Path) -> AsyncIterator[Country]:
    """A whole country of one's own."""
    settled = moved_in(lived_in, tmp_path / "data", shipped_country())
    async with running(settled, postal_data) as here:
        yield here


@pytest.fixture(scope="session")
def port_base() -> int:
    return port_base_of(os.environ.get("PYTEST_XDIST_WORKER", ""))


@pytest.fixture(scope="session")
def lived_at_ports(
    tmp_path_factory: pytest.TempPathFactory, postal_data: Path, port_base: int
) -> Path:
    """The data of a country that came to life at these ports and was stopped."""
    place = tmp_path_factory.mktemp("settled") / "data"
    with kiban_up(place, port_base=port_base, postal_data=postal_data):
        """Everybody has moved in."""
    return place


@pytest.fixture(scope="module")
def up(
    lived_at_ports: Path,
    tmp_path_factory: pytest.TempPathFactory,
    postal_data: Path,
    port_base: int,
) -> Iterator[RunningCountry]:
    """A country behind real sockets, for a file of tests: while it runs it is never quite idle."""
    place = tmp_path_factory.mktemp("up") / "data"
    shutil.copytree(lived_at_ports, place)
    with kiban_up(place, port_base=port_base, postal_data=postal_data) as running_country:
        yield running_country


@pytest.fixture
def data(lived_at_ports: Path, tmp_path: Path) -> Path:
    """The same for one test, which may do to it what it likes."""
    place = tmp_path / "data"
    shutil.copytree(lived_at_ports, place)
    return place
