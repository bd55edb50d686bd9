"""Login's house: prepared once, copied for each test; login's own database on each engine."""

from pathlib import Path

import pytest

from kiban.identity.login.office import PACKAGE
from tests.conftest import made_once
from tests.login.house import House, open_house, prepare


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "prepared", prepare)


@pytest.fixture
async def house(prepared: Path, tmp_path: Path, new_database, clock) -> House:
    db = await new_database(PACKAGE)
    place = tmp_path / "house"
    place.mkdir()
    async with open_house(place, prepared, db, clock) as found:
        yield found
