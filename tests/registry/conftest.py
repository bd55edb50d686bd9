"""A registry of a few towns on each engine, and all of Japan in memory, once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from kiban.registry import japan_post, source
from kiban.registry.app import create_app
from kiban.registry.client import RegistryClient
from kiban.registry.gazetteer import Gazetteer
from kiban.registry.settings import RegistrySettings
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database
from kiban.shared.http import HttpxHttp
from kiban.shared.settings import Secret
from tests.registry.places import country, entity, gazetteer, postal_file

ORIGIN = "http://registry.test"

Opened = Callable[..., Awaitable[RegistryClient]]


@pytest.fixture(scope="session")
def japan() -> Gazetteer:
    return gazetteer(japan_post.groups(source.rows(source.packaged())))


@pytest.fixture
def settings(tmp_path: Path) -> RegistrySettings:
    return RegistrySettings(
        origin=ORIGIN,
        operator_key=Secret("operator"),
        country=country(tmp_path / "country", entity()),
        postal_data=postal_file(tmp_path),
    )


@pytest.fixture
async def opened(
    settings: RegistrySettings, db: Database, clock: FrozenClock
) -> AsyncIterator[Opened]:
    """Start registries over one database, one after another: each with what its files say then."""
    async with AsyncExitStack() as stack:

        async def start(settings: RegistrySettings = settings) -> RegistryClient:
            http = HttpxHttp({})
            app = create_app(settings, db=db, http=http, clock=clock)
            await stack.enter_async_context(app.router.lifespan_context(app))
            http = HttpxHttp({ORIGIN: app})
            stack.push_async_callback(http.close)
            return RegistryClient(http, ORIGIN)

        yield start


@pytest.fixture
async def registry(opened: Opened) -> RegistryClient:
    return await opened()
