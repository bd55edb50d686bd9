"""The stories' country: in this process, come to life once for all tests and copied for each."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kiban.deploy import house
from kiban.world.cast import shipped_country
from tests.stories.country import Country, moved_in, postal_data_of, running
from tests.stories.sockets import RunningCountry, kiban_up, port_base_of


@pytest.fixture(scope="session")
def postal_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return postal_data_of(shipped_country(), tmp_path_factory.mktemp("postal"))


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory, postal_data: Path) -> Path:
    """The data of a country in which everybody has moved in."""
    place = tmp_path_factory.mktemp("country") / "data"

    async def live() -> None:
        async with running(house.settle(place, shipped_country()), postal_data):
            """Everybody has moved in."""

    asyncio.run(live())
    return place


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
