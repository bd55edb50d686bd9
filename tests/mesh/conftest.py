"""The mesh's real services, for the tests of this room; on SQLite and on PostgreSQL."""

from contextlib import AsyncExitStack

import pytest

from tests.mesh_services import Services


@pytest.fixture
async def services(tmp_path, new_database):
    async with AsyncExitStack() as stack:
        yield await Services(tmp_path, new_database).start(stack)


@pytest.fixture
async def classic(tmp_path, new_database):
    async with AsyncExitStack() as stack:
        yield await Services(tmp_path, new_database, mode="classic").start(stack)
