"""The stories' country: in this process, a copy for each test; or behind sockets."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kiban.deploy.embedded import free_port_base
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
def up(
    tmp_path_factory: pytest.TempPathFactory, postal_data: Path, port_base: int
) -> Iterator[RunningCountry]:
    """A country behind real sockets; one for all tests of the group `sockets`."""
    place = tmp_path_factory.mktemp("up") / "data"
    with kiban_up(place, port_base=port_base, postal_data=postal_data) as running_country:
        yield running_country


@pytest.fixture(scope="session")
def own_ports(port_base: int) -> int:
    """Ports beside those of the country that other tests of this worker keep running."""
    return free_port_base(port_base + 1_000)


@pytest.fixture(scope="session")
def settled_data(
    tmp_path_factory: pytest.TempPathFactory, postal_data: Path, own_ports: int
) -> Path:
    """The data of a country that lived at these ports and was stopped."""
    place = tmp_path_factory.mktemp("settled") / "data"
    with kiban_up(place, port_base=own_ports, postal_data=postal_data):
        """Everybody has moved in."""
    return place


@pytest.fixture
def data(settled_data: Path, tmp_path: Path) -> Path:
    """A copy of them for one test."""
    place = tmp_path / "data"
    shutil.copytree(settled_data, place)
    return place
