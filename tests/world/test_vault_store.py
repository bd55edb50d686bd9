"""What the vault keeps: numbers once given, wrapped, on both engines."""

import pytest
import sqlalchemy as sa

from kiban.shared.keyring import KeyringLocked, Wrapping
from kiban.shared.settings import Secret
from kiban.world import cast
from kiban.world.people import person_number
from kiban.world.vault import numbers, store
from kiban.world.vault.store import Residents

RESIDENTS = Residents(Wrapping(Secret("the vault's secret")))


@pytest.fixture(scope="module")
def people():
    return cast.load_checked(cast.shipped_country()).people


@pytest.fixture
async def vault(new_database, people):
    """A vault that everybody has entered."""
    db = await new_database("kiban.world.vault")
    await enter_all(db, people)
    return db


async def enter_all(db, people):
    for persona in people:
        async with db.begin() as connection:
            await RESIDENTS.enter(
                connection, person_number("resident-network", persona.id), persona
            )


async def everything(db):
    async with db.read() as connection:
        return (await connection.execute(sa.select(store.residents))).mappings().all()


async def test_entering_again_changes_nothing(vault, people):
    before = await everything(vault)

    await enter_all(vault, people)

    assert await everything(vault) == before
    assert len(before) == len(people)


async def test_the_tables_are_those_that_the_migration_makes(vault):
    async with vault.read() as connection:
        names = await connection.run_sync(lambda each: sa.inspect(each).get_table_names())
        for table in store.metadata.tables.values():
            made = await connection.run_sync(
                lambda each, name=table.name: sa.inspect(each).get_columns(name)
            )
            assert [column["name"] for column in made] == list(table.columns.keys())
    assert set(store.metadata.tables) <= set(names)


async def test_a_resident_is_found_by_the_four_attributes(vault, people):
    async with vault.read() as connection:
        (found,) = await RESIDENTS.matching(connection, people["mei"].attributes())

    assert found.person == person_number("resident-network", "mei")
    assert found.place == people["mei"].address
    assert found.code.reveal().startswith("999")
    assert not found.card_lost


async def test_numbers_do_not_stand_in_the_clear(vault):
    clear = {numbers.my_number(place).reveal().encode() for place in range(1, 9)}
    clear |= {numbers.resident_record_code(place).reveal().encode() for place in range(1, 9)}

    for row in await everything(vault):
        assert not any(
            number in bytes(row[name]) for number in clear for name in ("my_number", "code")
        )


async def test_without_the_secret_the_numbers_stay_shut(vault):
    other = Residents(Wrapping(Secret("another secret")))

    async with vault.read() as connection:
        with pytest.raises(KeyringLocked):
            await other.my_numbers(connection)


async def test_who_was_registered_waits_no_longer(vault, people, clock):
    async with vault.begin() as connection:
        first, *others = await RESIDENTS.unregistered(connection)
        await store.note_registered(connection, first.person, clock())
        left = await RESIDENTS.unregistered(connection)

    assert left == others
    assert len(others) == len(people) - 1


async def test_only_lost_cards_certificates_are_to_be_ended(vault, clock):
    async with vault.begin() as connection:
        (lost,) = await RESIDENTS.with_lost_cards(connection)
        for authority in ("authentication", "signature"):
            await store.note_certificate(connection, lost.person, authority, "0a", clock())
            await store.note_certificate(connection, lost.person, authority, "0a", clock())
        first, second = await store.open_certificates(connection, lost.person)
        await store.note_ended(connection, first.number, clock())
        left = await store.open_certificates(connection, lost.person)

    assert lost.person == person_number("resident-network", "kenji")
    assert left == [second]
