"""The portal's tests: the whole country around it, run once for each file; or the portal all alone."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from kiban.shared.http import HttpxHttp
from kiban.world.browser import Browser
from kiban.world.cast import shipped_country
from kiban.world.faults import Faults
from tests.portal.alone import Alone, portal_app
from tests.stories.country import Country, moved_in, running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(
    lived_in: Path, tmp_path_factory: pytest.TempPathFactory, postal_data: Path
) -> AsyncIterator[Country]:
    """One country for all tests of a file: each takes a citizen of its own."""
    place = tmp_path_factory.mktemp("portal") / "data"
    async with running(moved_in(lived_in, place, shipped_country()), postal_data) as here:
        yield here


@pytest_asyncio.fixture(loop_scope="module")
async def faults(country: Country) -> AsyncIterator[Callable[[str], Faults]]:
    """What an agency can do wrong; all is well again after the test."""
    yield lambda agency: country.apps[f"gateway:{agency}"].state.faults
    for name, app in country.apps.items():
        if name.startswith("gateway:"):
            await app.state.faults.switch_all_off()


@pytest.fixture
async def alone(new_database, clock) -> AsyncIterator[Alone]:
    """The portal with no neighbour in reach: whatever it shows then, it shows by itself."""
    db = await new_database()
    app, http = portal_app(db, clock)
    async with app.router.lifespan_context(app):
        yield Alone(app, http, db, clock, Browser(http, clock))
    assert isinstance(http, HttpxHttp)
    await http.close()
