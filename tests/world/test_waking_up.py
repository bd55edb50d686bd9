"""An old country wakes up, and one that was killed in between goes on where it was."""

import pytest
import sqlalchemy as sa

from kiban.gateway import store as gateway_store
from kiban.world.cast import shipped_country
from kiban.world.people import person_number
from tests.stories.country import moved_in, running
from tests.stories.test_change_of_address import NEW, RECORDS, moves
from tests.world.test_population import OFFICES, pseudonyms


@pytest.fixture
def settled(lived_in, tmp_path):
    """A country that has lived, and sleeps."""
    return moved_in(lived_in, tmp_path / "data", shipped_country())


async def test_waking_up_takes_nothing_anew_and_makes_up_for_what_was_missed(settled, postal_data):
    missed = person_number("tax", "maria")
    async with running(settled, postal_data) as country:
        before = {member: await pseudonyms(country, member) for member in OFFICES}
        await forget(country, missed)

    async with running(settled, postal_data) as country:
        after = {member: await pseudonyms(country, member) for member in OFFICES}

    assert after == before
    assert missed in after["tax"]


async def forget(country, person):
    """As if the tax office had been killed before it took this pseudonym."""
    gateway, office = (
        getattr(country.apps["gateway:tax"].state, name) for name in ("gateway", "office")
    )
    people = gateway_store.people
    async with gateway.db.begin() as connection:
        await connection.execute(sa.delete(people).where(people.c.person == person))
    async with office.records.db.begin() as connection:
        await connection.execute(sa.text("UPDATE office_people SET acquired_at = NULL"))


async def test_who_has_moved_has_still_moved_when_the_country_wakes_up(settled, postal_data):
    async with running(settled, postal_data) as country:
        hanako = country.citizen("hanako")
        await hanako.logs_in()
        await moves(hanako)
        await country.settles()

    async with running(settled, postal_data) as country:
        hanako = country.citizen("hanako")
        await hanako.logs_in()
        shown = (await hanako.looks_at(*RECORDS)).text
        await country.settles()
        subscriptions = [line for line in await hanako.history() if line["kind"] == "subscribe"]

    assert shown.count(NEW) == len(RECORDS)
    assert len(subscriptions) == len({(one["inquirer"], one["item"]) for one in subscriptions})
