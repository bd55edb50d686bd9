"""One country for everything that is tried here: it must stand it all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.hostile.siege import Siege, siege


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def besieged(
    tmp_path_factory: pytest.TempPathFactory, postal_data: Path
) -> AsyncIterator[Siege]:
    async with siege(tmp_path_factory.mktemp("siege") / "data", postal_data) as here:
        yield here
