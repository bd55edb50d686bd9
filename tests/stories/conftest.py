"""The stories' country: in this process, come to life once for all tests and copied for each."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kiban.world.cast import shipped_country
from tests.stories.country import Country, moved_in, prepared, running


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a country in which everybody has moved in."""
    place = tmp_path_factory.mktemp("country") / "data"
    return asyncio.run(prepared(place, shipped_country()))


@pytest.fixture
async def country(lived_in: Path, tmp_path: Path) -> AsyncIterator[Country]:
    """A whole country of one's own."""
    async with running(moved_in(lived_in, tmp_path / "data", shipped_country())) as here:
        yield here
