"""One country for everything that is tried here: it must stand it all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kiban.world.cast import shipped_country
from tests.hostile.siege import Siege, siege
from tests.stories.country import postal_data_of


@pytest.fixture(scope="session")
def postal_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return postal_data_of(shipped_country(), tmp_path_factory.mktemp("postal"))


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def besieged(
    tmp_path_factory: pytest.TempPathFactory, postal_data: Path
) -> AsyncIterator[Siege]:
    async with siege(tmp_path_factory.mktemp("siege") / "data", postal_data) as here:
        yield here
