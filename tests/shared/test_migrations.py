"""Migrations: a schema goes forward, whoever starts it and how often."""

import asyncio
import sys

import pytest
import sqlalchemy as sa

FIRST = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0001", None, None, None


def upgrade() -> None:
    op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    op.add_column("{table}", sa.Column("name", sa.String))
    {more}
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two packages with a schema each."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("tables_of_tea", "tables_of_rice"):
        place = tmp_path / name / "migrations"
        place.mkdir(parents=True)
        (place.parent / "__init__.py").touch()
        (place / "r0001_begin.py").write_text(FIRST.format(table=name))
    yield tmp_path
    for name in ("tables_of_tea", "tables_of_rice"):
        sys.modules.pop(name, None)


def add_second(packages, more="pass"):
    text = SECOND.format(table="tables_of_tea", more=more)
    (packages / "tables_of_tea" / "migrations" / "r0002_name.py").write_text(text)


async def columns(db, table):
    async with db.read() as connection:
        found = await connection.run_sync(lambda each: sa.inspect(each).get_columns(table))
    return [column["name"] for column in found]


async def test_a_schema_is_made_and_then_moved_without_losing_rows(db, packages):
    await db.migrate("tables_of_tea")
    async with db.begin() as connection:
        await connection.execute(sa.text("INSERT INTO tables_of_tea VALUES (1)"))
    add_second(packages)

    await db.migrate("tables_of_tea")

    assert await columns(db, "tables_of_tea") == ["id", "name"]
    async with db.read() as connection:
        rows = (await connection.execute(sa.text("SELECT id, name FROM tables_of_tea"))).all()
    assert rows == [(1, None)]


async def test_two_packages_share_a_database(db, packages):
    await asyncio.gather(db.migrate("tables_of_tea"), db.migrate("tables_of_rice"))
    await db.migrate("tables_of_tea")

    assert await columns(db, "tables_of_rice") == ["id"]
    assert await columns(db, "tables_of_tea") == ["id"]


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(db, packages):
    await db.migrate("tables_of_tea")
    add_second(packages, more="raise LookupError")

    with pytest.raises(LookupError):
        await db.migrate("tables_of_tea")

    assert await columns(db, "tables_of_tea") == ["id"]


STARTS = """
import asyncio, sys
from kiban.shared.database import Database

async def main():
    db = Database(sys.argv[1])
    await db.migrate("tables_of_tea")
    await db.close()

asyncio.run(main())
"""


async def test_several_processes_may_start_at_once(db, engine, new_database, packages):
    url = db._engine.url.render_as_string(hide_password=False)
    starting = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", STARTS, url, env={"PYTHONPATH": str(packages)}
        )
        for _ in range(3)
    ]

    assert [await process.wait() for process in starting] == [0, 0, 0]
    assert await columns(db, "tables_of_tea") == ["id"]
