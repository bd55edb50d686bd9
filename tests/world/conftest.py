"""The world's tests play in the stories' country: every role as topology wires it, in this process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kiban.shared.database import Database
from kiban.world.cards.deck import PACKAGE as CARDS
from kiban.world.cast import shipped_country
from tests.stories.conftest import country
from tests.stories.country import Country, moved_in, running
from tests.world.card_table import with_hanakos_card

__all__ = ["country"]


REGISTERS = {
    *("authority", "registry", "core", "changes", "cards"),
    *("gateway:portal", "gateway:resident-network", "gateway:tax"),
}


@pytest.fixture
async def registers(lived_in: Path, postal_data: Path, tmp_path: Path) -> AsyncIterator[Country]:
    """The resident network and whom it speaks with; everybody else sleeps."""
    settled = moved_in(lived_in, tmp_path / "data", shipped_country())
    async with running(settled, postal_data, only=REGISTERS) as here:
        yield here


@pytest.fixture
async def card_db(new_database) -> Database:
    """The cards' database, with Hanako's card."""
    return await new_database(CARDS, furnish=with_hanakos_card)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def same_country(
    lived_in: Path, postal_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Country]:
    """One country for all tests of a module, which change nothing that another of them looks at."""
    place = tmp_path_factory.mktemp("same") / "data"
    async with running(moved_in(lived_in, place, shipped_country()), postal_data) as here:
        yield here
