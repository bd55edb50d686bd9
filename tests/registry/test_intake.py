"""Taking editions in: whole or not at all, once each, and never quietly forgetting."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from kiban.registry import intake, source, store
from kiban.registry.contract import UnknownTown
from kiban.registry.editions import NO_LONGER_LISTED, ListedTwice
from kiban.registry.facts import TownFacts
from kiban.shared.country import CountryWrong
from kiban.shared.database import Database
from tests.registry.places import NAKA, ROWS, country, entity, postal_file, row


@pytest.fixture
async def register(db: Database) -> Database:
    await db.migrate("kiban.registry")
    return db


async def told(db: Database):
    async with db.read() as connection:
        return await store.editions(connection), await store.last_sequence(connection)


async def test_every_change_has_a_number_and_none_is_left_out(register, settings, clock):
    await intake.take_all(register, settings, clock)

    (places, entities), last = await told(register)
    assert (places.rows, places.changes, places.sequence) == (9, 14, 14)
    assert (entities.rows, entities.changes, entities.sequence) == (1, 1, 15)
    async with register.read() as connection:
        numbers = (await connection.execute(store.select(store.ENTRY.c.sequence))).scalars().all()
    assert sorted(numbers) == list(range(1, last + 1))


async def test_an_edition_that_is_held_is_not_taken_in_again(register, settings, clock):
    await intake.take_all(register, settings, clock)
    before = await told(register)
    clock.advance(timedelta(days=1))

    await intake.take_all(register, settings, clock)

    assert await told(register) == before


async def test_two_copies_that_start_at_once_take_an_edition_in_once(register, settings, clock):
    await asyncio.gather(*(intake.take_all(register, settings, clock) for _ in range(3)))

    editions, last = await told(register)
    assert [edition.source for edition in editions] == ["japan-post", "country"]
    assert last == 15


async def test_the_next_edition_appends_only_what_it_says_differently(
    register, settings, clock, tmp_path
):
    await intake.take_all(register, settings, clock)
    later = [each for each in ROWS if each.town not in {"御成町", "高島"}]
    later += [row("御成町", "オナリマチ", "2480013"), row("大町", "オオマチ", "2480007")]
    changed = replace(settings, postal_data=postal_file(tmp_path, later, "later.db"))

    await intake.take_all(register, changed, clock)

    editions, last = await told(register)
    assert (editions[-1].changes, last) == (3, 18)
    async with register.read() as connection:
        towns = await store.held(connection, TownFacts)
    by_name = {held.facts.name: held for held in towns.values()}
    assert by_name["御成町"].facts.postal[0].code == "2480013"
    assert by_name["大町"].sequence > 15
    assert by_name["高島"].withdrawn == NO_LONGER_LISTED
    assert not by_name["港町"].withdrawn


async def test_a_municipality_that_is_gone_takes_its_towns_along(
    register, settings, clock, tmp_path
):
    await intake.take_all(register, settings, clock)
    later = [each for each in ROWS if each.jis not in {"06204", "14103"}]
    changed = replace(settings, postal_data=postal_file(tmp_path, later, "later.db"))

    await intake.take_all(register, changed, clock)

    listed = await intake.listed(register)
    assert sorted(listed.gazetteer.places) == ["141003", "141046", "142042"]
    assert listed.gazetteer.order == ["141046", "142042"]
    assert listed.gazetteer.towns == 5
    editions, _ = await told(register)
    assert editions[-1].changes == 6


async def test_an_older_edition_can_come_back(register, settings, clock, tmp_path):
    fewer = replace(settings, postal_data=postal_file(tmp_path, ROWS[2:], "fewer.db"))
    for each in (settings, fewer, settings):
        await intake.take_all(register, each, clock)

    assert (await intake.listed(register)).gazetteer.towns == 9


async def test_a_source_that_lists_a_town_twice_leaves_nothing(register, clock):
    groups = _doubled(intake.japan_post.groups(iter([row(**NAKA), row()])))

    with pytest.raises(ListedTwice):
        await intake.take_places(register, "broken", groups, lambda: 0, clock)

    assert await told(register) == ([], 0)


def _doubled(groups):
    for group in groups:
        yield group + group[1:]


async def test_a_country_with_a_mistake_does_not_start(register, settings, clock, tmp_path):
    wrong = replace(settings, country=country(tmp_path / "wrong", entity(town='"どこか"')))

    with pytest.raises(CountryWrong) as refused:
        await intake.take_all(register, wrong, clock)

    assert refused.value.detail.endswith("legal-entities.toml:8: town: 鎌倉市 has no such town")


async def test_a_town_that_is_no_longer_listed_can_still_be_read(opened, settings, tmp_path):
    first = await opened()
    (town,) = (await first.find_towns(name="高島")).towns
    later = [each for each in ROWS if each.town != "高島"]

    second = await opened(replace(settings, postal_data=postal_file(tmp_path, later, "later.db")))

    assert (await second.find_towns(name="高島")).towns == []
    gone = await second.read_town(town.id)
    assert (gone.withdrawn, gone.name) == (NO_LONGER_LISTED, "高島")
    assert gone.sequence > town.sequence
    with pytest.raises(UnknownTown):
        await second.read_town("142042-k00000000")


KILLED = """
import asyncio, sys
from kiban.registry import intake, japan_post, source, store
from kiban.shared.clock import Clock
from kiban.shared.database import Database

async def main():
    db = Database(sys.argv[1])
    data = source.packaged()
    groups = japan_post.groups(source.rows(data))
    append = store.append

    async def announced(*arguments, **more):
        last = await append(*arguments, **more)
        print(last, flush=True)
        return last

    store.append = announced
    await intake.take_places(db, data.edition, groups, lambda: 0, Clock())
    print("done", flush=True)

asyncio.run(main())
"""


async def test_who_is_killed_in_the_middle_leaves_nothing_behind(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}"
    db = Database(url)
    await db.migrate("kiban.registry")
    taking = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, url, stdout=asyncio.subprocess.PIPE
    )
    while (line := await taking.stdout.readline()) and int(line) < 40_000:
        pass
    os.kill(taking.pid, signal.SIGKILL)

    assert await taking.wait() == -signal.SIGKILL
    assert await told(db) == ([], 0)
    await db.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "engine", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
async def test_all_of_japan_is_taken_in(register, settings, clock):
    japan = replace(settings, postal_data=None)

    await intake.take_all(register, japan, clock)

    listed = await intake.listed(register)
    assert (len(listed.gazetteer.places), listed.gazetteer.towns) == (1_912, 119_184)
    (places, _), _ = await told(register)
    assert (places.rows, places.changes) == (124_526, 121_096)
    assert places.name == source.packaged().edition
