"""The database: the same promises on SQLite and PostgreSQL."""

import asyncio
import random
import threading
from datetime import UTC, datetime, timedelta, timezone

import asyncpg
import pytest
import sqlalchemy as sa

from kiban.shared.database import (
    Database,
    DatabaseAway,
    DatabaseBroken,
    Instant,
    JSONDocument,
    _closed,
    hold,
    insert_new,
    insert_or_renew,
)
from kiban.shared.problems import Malformed

ON_POSTGRES = pytest.mark.parametrize(
    "engine", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
METADATA = sa.MetaData()
THINGS = sa.Table(
    "things",
    METADATA,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("at", Instant),
    sa.Column("body", JSONDocument),
    sa.Column("text", sa.String(100)),
)


@pytest.fixture
async def things(db):
    async with db.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    return db


async def put(db, **values):
    async with db.begin() as connection:
        await connection.execute(insert_new(THINGS).values(**values))


async def count(db):
    async with db.read() as connection:
        counted = sa.select(sa.func.count()).select_from(THINGS)
        return (await connection.execute(counted)).scalar_one()


async def test_what_was_committed_is_there(things):
    await put(things, id=1, body={"名": "花子", "n": [1, None, 1.5]})

    async with things.read() as connection:
        row = (await connection.execute(sa.select(THINGS))).one()
    assert row.body == {"名": "花子", "n": [1, None, 1.5]}


async def test_a_block_that_fails_leaves_nothing(things):
    async def fail():
        async with things.begin() as connection:
            await connection.execute(insert_new(THINGS).values(id=1))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await count(things) == 0


async def test_a_block_that_is_cancelled_leaves_nothing_and_holds_nobody_up(things):
    inside = asyncio.Event()

    async def stay():
        async with things.begin() as connection:
            await connection.execute(insert_new(THINGS).values(id=1))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await put(things, id=2)
    assert await count(things) == 1


@pytest.mark.parametrize("steps", range(0, 30, 3))
async def test_a_statement_that_is_cancelled_stays_cancelled(things, steps):
    writing = asyncio.create_task(put(things, id=1))
    for _ in range(steps):
        await asyncio.sleep(0)
    writing.cancel()
    [outcome] = await asyncio.gather(writing, return_exceptions=True)

    assert outcome is None or isinstance(outcome, asyncio.CancelledError)
    await put(things, id=2)


class Slow:
    """A connection whose thread takes a while to let go."""

    gone = False

    async def close(self):
        await asyncio.sleep(0.02)
        self.gone = True


async def test_who_is_cancelled_while_giving_a_connection_back_has_given_it_back():
    connection = Slow()
    giving = asyncio.create_task(_closed(connection))
    await asyncio.sleep(0)
    giving.cancel()
    [outcome] = await asyncio.gather(giving, return_exceptions=True)

    assert (type(outcome), connection.gone) == (asyncio.CancelledError, True)


async def test_the_second_insert_of_one_key_is_not_new(things):
    async with things.begin() as connection:
        first = await connection.execute(insert_new(THINGS).values(id=1, text="first"))
        second = await connection.execute(insert_new(THINGS).values(id=1, text="second"))
        text = (await connection.execute(sa.select(THINGS.c.text))).scalar_one()

    assert (first.rowcount, second.rowcount, text) == (1, 0, "first")


async def test_the_second_insert_of_one_key_renews_what_it_may(things):
    noon, night = datetime(2026, 4, 1, 12, tzinfo=UTC), datetime(2026, 4, 1, 23, tzinfo=UTC)
    renewed = insert_or_renew(THINGS, ["id"], ["body", "text"])
    first = [{"id": number, "at": noon, "body": [1], "text": "first"} for number in (1, 2)]
    second = [{"id": number, "at": night, "body": None, "text": "second"} for number in (2, 3)]

    async with things.begin() as connection:
        await connection.execute(renewed, first)
        await connection.execute(renewed, second)
        rows = (await connection.execute(sa.select(THINGS).order_by(THINGS.c.id))).all()

    assert rows == [
        (1, noon, [1], "first"),
        (2, noon, None, "second"),
        (3, night, None, "second"),
    ]


async def test_many_writers_take_turns_without_loss(things):
    await put(things, id=1, text="0")

    async def add_one():
        async with things.begin() as connection:
            await hold(connection, "the counter")
            text = (await connection.execute(sa.select(THINGS.c.text))).scalar_one()
            await connection.execute(sa.update(THINGS).values(text=str(int(text) + 1)))

    await asyncio.gather(*(add_one() for _ in range(40)))

    async with things.read() as connection:
        assert (await connection.execute(sa.select(THINGS.c.text))).scalar_one() == "40"


async def test_a_transaction_inside_a_transaction_is_a_loud_mistake(things):
    async with things.begin():
        with pytest.raises(RuntimeError, match="inside"):
            await put(things, id=1)


async def test_a_view_stays_the_same_while_others_write(things):
    async with things.read() as connection:
        counted = sa.select(sa.func.count()).select_from(THINGS)
        before = (await connection.execute(counted)).scalar_one()
        await put(things, id=1)
        after = (await connection.execute(counted)).scalar_one()

    assert (before, after, await count(things)) == (0, 0, 1)


async def test_a_view_refuses_to_write(things):
    async def write():
        async with things.read() as connection:
            await connection.execute(insert_new(THINGS).values(id=1))

    with pytest.raises((RuntimeError, sa.exc.DBAPIError), match=r"write|read-only"):
        await write()
    await put(things, id=2)


async def test_a_look_sees_what_is_committed_and_refuses_to_write(things):
    await put(things, id=1)

    async with things.look() as connection:
        counted = sa.select(sa.func.count()).select_from(THINGS)
        assert (await connection.execute(counted)).scalar_one() == 1
    with pytest.raises(RuntimeError, match="only reading"):
        async with things.look() as connection:
            await connection.execute(insert_new(THINGS).values(id=2))
    await put(things, id=3)
    assert await count(things) == 2


async def test_what_follows_a_commit_waits_for_it(things):
    said = []
    async with things.begin() as connection:
        things.after_commit(connection, lambda: said.append("after"))
        said.append("inside")

    async def fail():
        async with things.begin() as connection:
            things.after_commit(connection, lambda: said.append("never"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    await put(things, id=1)
    assert said == ["inside", "after"]


async def test_times_keep_their_moment_and_their_order(things):
    tokyo = timezone(timedelta(hours=9))
    times = [
        datetime(2026, 4, 1, 9, 0, 0, 1, tzinfo=tokyo),
        datetime(2026, 4, 1, tzinfo=UTC),
        datetime(900, 1, 1, tzinfo=UTC),
    ]
    for number, at in enumerate(times):
        await put(things, id=number, at=at)

    async with things.read() as connection:
        found = (
            (await connection.execute(sa.select(THINGS.c.at).order_by(THINGS.c.at))).scalars().all()
        )
    assert found == sorted(times)
    assert {at.tzinfo for at in found} == {UTC}


async def test_a_time_without_a_zone_is_refused(things):
    with pytest.raises(sa.exc.StatementError, match="zone"):
        await put(things, id=1, at=datetime(2026, 4, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"id": 2**70}, id="a number too large"),
        pytest.param({"id": 1, "text": "\ud800"}, id="half a character"),
        pytest.param({"id": 1, "body": {"a": "\ud800"}}, id="half a character in a document"),
    ],
)
async def test_a_value_that_no_database_holds_is_the_callers_mistake(things, values):
    with pytest.raises(Malformed):
        await put(things, **values)
    await put(things, id=2)


async def test_postgresql_refuses_a_nul_and_text_too_long_as_the_callers_mistake(things):
    if things.dialect == "sqlite":
        await put(things, id=1, text="a\0b" * 100)
        return
    for text in ("a\0b", "a" * 101):
        with pytest.raises(Malformed):
            await put(things, id=1, text=text)


async def test_a_mistake_of_ours_stays_an_error_and_tells_no_value(things):
    with pytest.raises(sa.exc.DBAPIError) as raised:
        async with things.begin() as connection:
            await connection.execute(
                sa.text("SELECT nothing FROM nowhere WHERE a = :a"), {"a": "花子"}
            )
    assert "花子" not in str(raised.value)


async def test_a_database_that_is_not_there_is_away(engine, tmp_path):
    urls = {
        "sqlite": f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/file",
        "postgres": f"postgresql+asyncpg://postgres@/x?host={tmp_path}",
    }
    before = set(threading.enumerate())
    db = Database(urls[engine])
    with pytest.raises(DatabaseAway):
        async with db.begin():
            pass
    await db.close()
    for thread in set(threading.enumerate()) - before:
        if thread.name.endswith("(_connection_worker_thread)"):
            thread.join()  # aiosqlite leaves this one behind (issue of its 0.22), and it wants our loop


async def test_a_file_that_is_no_database_is_broken_and_named(tmp_path):
    file = tmp_path / "core.sqlite"
    file.write_bytes(random.Random(1).randbytes(4096))
    db = Database(f"sqlite+aiosqlite:///{file}")

    for entered in (db.begin, db.read, db.look):
        with pytest.raises(DatabaseBroken) as raised:
            async with entered():
                pass
        assert raised.value.detail == "core.sqlite is no SQLite database"
    await db.close()


async def _end_all_connections(server, db):
    async with db.read() as connection:
        name = (await connection.execute(sa.text("SELECT current_database()"))).scalar_one()
    admin = await asyncpg.connect(server.url.format("postgres").replace("+asyncpg", ""))
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    await admin.execute(ended, name)
    await admin.close()


async def _heard_of_its_end(db):
    """Give an event that is set when the connection that is next in the pool is found to be gone."""
    event = asyncio.Event()
    async with db.begin() as connection:
        raw = await connection.get_raw_connection()
        raw.driver_connection.add_termination_listener(lambda _: event.set())
    return event


@ON_POSTGRES
async def test_connections_that_were_lost_while_idle_are_not_noticed_by_callers(
    things, postgres_server
):
    gone = [await _heard_of_its_end(things) for _ in range(3)]

    await _end_all_connections(postgres_server, things)
    await asyncio.gather(*(each.wait() for each in gone))

    assert await asyncio.gather(*(count(things) for _ in range(5))) == [0] * 5


@ON_POSTGRES
async def test_a_connection_that_is_lost_at_work_is_a_problem_and_the_next_one_works(
    things, postgres_server
):
    async def interrupted():
        async with things.begin() as connection:
            await connection.execute(insert_new(THINGS).values(id=1))
            await _end_all_connections(postgres_server, things)
            await connection.execute(insert_new(THINGS).values(id=2))

    with pytest.raises(DatabaseAway):
        await interrupted()

    assert await count(things) == 0


@pytest.mark.postgres
async def test_a_statement_that_takes_too_long_is_given_up(postgres_server):
    db = Database(await postgres_server.make(((), None)), statement_seconds=0.1)
    with pytest.raises(DatabaseAway):
        async with db.begin() as connection:
            await connection.execute(sa.text("SELECT pg_sleep(30)"))
    await db.close()
