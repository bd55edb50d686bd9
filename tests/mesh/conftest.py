"""
The mesh's real services, for the tests of this room.

A country is populated once per worker; each test on SQLite works on a copy of its files, and each on PostgreSQL on
databases of its own.
"""

import shutil
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest

from kiban.shared.database import Database
from tests.conftest import made_once
from tests.mesh_services import SCHEMAS, Services


@pytest.fixture(scope="session")
def populated(tmp_path_factory):
    """A folder for each mode, with the populated databases of every role."""
    return {
        mode: made_once(tmp_path_factory, mode, partial(_populate, mode=mode))
        for mode in ("blind", "classic")
    }


async def _populate(folder, mode):
    async with running(folder, mode, populated=False) as services:
        await services.login()
        for person in ("hana", "mei"):
            await services.card(person)
        await services.settle()


@asynccontextmanager
async def running(folder, mode, *, populated):
    async def database(name):
        found = Database(f"sqlite+aiosqlite:///{folder / name}.sqlite")
        await found.migrate(SCHEMAS.get(name, "kiban.gateway"))
        return found

    services = Services(folder, database, mode=mode, populated=populated)
    async with AsyncExitStack() as stack:
        yield await services.start(stack)
    for found in services.databases.values():
        await found.close()


@pytest.fixture
async def services(tmp_path, populated):
    """The country in mode `blind`, on SQLite."""
    folder = shutil.copytree(populated["blind"], tmp_path / "blind")
    async with running(folder, "blind", populated=True) as found:
        yield found


@pytest.fixture
async def classic(tmp_path, populated):
    """The same in mode `classic`."""
    folder = shutil.copytree(populated["classic"], tmp_path / "classic")
    async with running(folder, "classic", populated=True) as found:
        yield found


@pytest.fixture
async def on_each_engine(tmp_path, new_database):
    """The country in mode `blind`, from nothing, on SQLite and on PostgreSQL."""

    async def database(name):
        return await new_database(SCHEMAS.get(name, "kiban.gateway"))

    async with AsyncExitStack() as stack:
        yield await Services(tmp_path, database).start(stack)
