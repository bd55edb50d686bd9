"""Schemas: what the migrations make is what the tables in the code say, on each engine."""

import importlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from tests.architecture.floors import MODULES

PACKAGES = sorted(
    {
        name.partition(".migrations.")[0]
        for name in MODULES
        if ".migrations." in name and not name.endswith("__init__")
    }
)


def declared(package: str) -> MetaData:
    """Every table that some module of the package declares, in one place."""
    whole = MetaData()
    for name in MODULES:
        if name.startswith(f"{package}.") and ".migrations" not in name:
            for value in vars(importlib.import_module(name)).values():
                for table in value.sorted_tables if isinstance(value, MetaData) else ():
                    if table.name not in whole.tables:
                        table.to_metadata(whole)
    return whole


def differences(connection, metadata: MetaData) -> list:
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "include_name": lambda name, kind, _: kind != "table" or not name.startswith("schema_"),
        },
    )
    return compare_metadata(context, metadata)


@pytest.mark.parametrize("package", PACKAGES)
async def test_the_migrations_make_what_the_code_declares(package, new_database):
    database = await new_database(package)
    metadata = declared(package)

    async with database.begin() as connection:
        different = await connection.run_sync(differences, metadata)

    assert metadata.tables
    assert different == []
