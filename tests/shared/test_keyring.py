"""The keyring: what a role keeps for itself opens with its own secret and with nothing else."""

import asyncio

import pytest
import sqlalchemy as sa

from kiban.shared.database import Database
from kiban.shared.keyring import Keyring, KeyringLocked, Wrapping, keyring_table
from kiban.shared.settings import Secret

METADATA = sa.MetaData()
TABLE = keyring_table(METADATA)


@pytest.fixture
async def kept(db: Database) -> Database:
    async with db.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    return db


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(TABLE, Secret("a secret of the tests"))


async def test_a_value_is_made_once_and_given_ever_after(kept, keyring):
    async with kept.begin() as connection:
        first = await keyring.get_or_make(connection, "signing", lambda: b"one")
    async with kept.begin() as connection:
        second = await keyring.get_or_make(connection, "signing", lambda: b"two")
    async with kept.read() as connection:
        third = await keyring.get(connection, "signing")

    assert (first, second, third) == (b"one", b"one", b"one")


async def test_a_name_without_a_value_gives_none(kept, keyring):
    async with kept.read() as connection:
        assert await keyring.get(connection, "nothing") is None


async def test_copies_that_make_a_value_at_once_agree_on_it(kept, keyring):
    async def copy(number: int) -> bytes:
        async with kept.begin() as connection:
            return await keyring.get_or_make(connection, "k", f"copy {number}".encode)

    assert len(set(await asyncio.gather(*(copy(number) for number in range(8))))) == 1


async def test_a_transaction_that_fails_keeps_nothing(kept, keyring):
    async def fails() -> None:
        async with kept.begin() as connection:
            await keyring.get_or_make(connection, "k", lambda: b"one")
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await fails()

    async with kept.read() as connection:
        assert await keyring.get(connection, "k") is None


async def test_a_replaced_value_is_gone(kept, keyring):
    async with kept.begin() as connection:
        await keyring.replace(connection, "k", b"one")
        await keyring.replace(connection, "k", b"two")
    async with kept.read() as connection:
        kept_now = await keyring.get(connection, "k")
        rows = (await connection.execute(sa.select(TABLE))).all()

    assert kept_now == b"two"
    assert len(rows) == 1


async def test_the_table_shows_no_value(kept, keyring):
    async with kept.begin() as connection:
        await keyring.replace(connection, "k", b"a very particular value")
        row = (await connection.execute(sa.select(TABLE))).one()

    assert b"particular" not in row.wrapped


async def test_another_secret_does_not_open_it(kept, keyring):
    async with kept.begin() as connection:
        await keyring.replace(connection, "k", b"one")

    async with kept.read() as connection:
        with pytest.raises(KeyringLocked, match="another secret"):
            await Keyring(TABLE, Secret("another")).get(connection, "k")


async def test_a_value_moved_to_another_name_does_not_open(kept, keyring):
    async with kept.begin() as connection:
        await keyring.replace(connection, "k", b"one")
        await connection.execute(sa.update(TABLE).values(name="other"))

    async with kept.read() as connection:
        with pytest.raises(KeyringLocked):
            await keyring.get(connection, "other")


def test_an_empty_secret_or_value_is_refused():
    with pytest.raises(ValueError, match="secret"):
        Wrapping(Secret(""))
    with pytest.raises(ValueError, match="empty"):
        Wrapping(Secret("s")).wrap("k", b"")


def test_neither_keyring_nor_wrapping_shows_its_secret():
    assert "hush" not in repr(Keyring(TABLE, Secret("hush"))) + repr(Wrapping(Secret("hush")))
