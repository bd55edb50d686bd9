"""The database: the same promises on SQLite and PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from kiban.shared.database import Database, Instant, JSONDocument, insert_new
from kiban.shared.problems import Malformed

METADATA = sa.MetaData()
THINGS = sa.Table(
    "things",
    METADATA,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("at", Instant),
    sa.Column("body", JSONDocument),
    sa.Column("text", sa.String),
)


@pytest.fixture
async def things(db: Database) -> Database:
    async with db.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    return db


async def count(db: Database) -> int:
    async with db.read() as connection:
        return (
            await connection.execute(sa.select(sa.func.count()).select_from(THINGS))
        ).scalar_one()


async def test_what_was_committed_is_there(things):
    async with things.begin() as connection:
        await connection.execute(
            insert_new(THINGS).values(id=1, body={"名": "花子", "n": [1, None]})
        )

    async with things.read() as connection:
        row = (await connection.execute(sa.select(THINGS))).one()
    assert row.body == {"名": "花子", "n": [1, None]}


async def test_a_block_that_fails_leaves_nothing(things):
    with pytest.raises(ZeroDivisionError):
        async with things.begin() as connection:
            await connection.execute(insert_new(THINGS).values(id=1))
            1 / 0

    assert await count(things) == 0


async def test_the_second_insert_of_one_key_is_not_new(things):
    async with things.begin() as connection:
        first = await connection.execute(insert_new(THINGS).values(id=1, text="first"))
        second = await connection.execute(insert_new(THINGS).values(id=1, text="second"))
        text = (await connection.execute(sa.select(THINGS.c.text))).scalar_one()

    assert (first.rowcount, second.rowcount, text) == (1, 0, "first")
