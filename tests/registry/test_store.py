"""The register keeps every version, and answers what was known of a day."""

from datetime import UTC, date, datetime

import pytest

from kiban.registry import store
from kiban.registry.editions import Change, Edition
from kiban.registry.facts import EntityFacts, PostalCode, TownFacts
from kiban.shared.database import Database

FIRST, SECOND = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
TOWN = TownFacts(
    "142042-kaaaaaaaa", "town", "御成町", "オナリマチ", False, (PostalCode("2480012", ""),)
)
WORKS = EntityFacts(
    id="4900001000004",
    kind="301",
    name="株式会社あきつ製作所（模擬）",
    kana="アキツセイサクショ",
    name_en="Akitsu Works (SIMULATED)",
    town=TOWN.id,
    rest="99番1号",
    address="神奈川県鎌倉市御成町99番1号",
    postal_code=None,
    valid_from=date(2015, 10, 5),
)


@pytest.fixture
async def register(db: Database) -> Database:
    await db.migrate("kiban.registry")
    return db


async def take(db: Database, at: datetime, *changes: Change) -> None:
    async with db.begin() as connection:
        number = await store.next_edition(connection)
        last = await store.append(
            connection, number, changes, after=await store.last_sequence(connection)
        )
        edition = Edition("country", f"edition {number}", at, len(changes), len(changes), last)
        await store.record_edition(connection, number, edition)


async def version(db: Database, kind, name: str, **asked):
    async with db.read() as connection:
        return await store.version(connection, kind, name, **asked)


async def test_what_was_appended_is_read_back_as_it_was(register):
    await take(register, FIRST, Change(TOWN), Change(WORKS))

    town = await version(register, TownFacts, TOWN.id)
    works = await version(register, EntityFacts, WORKS.id)
    assert (town.held.facts, works.held.facts) == (TOWN, WORKS)
    assert (town.held.sequence, works.held.sequence) == (1, 2)
    assert works.edition == Edition("country", "edition 1", FIRST, 2, 2, 2)


async def test_the_newest_version_of_each_entry_comes_in_the_order_of_ids(register, monkeypatch):
    monkeypatch.setattr(store, "CHUNK", 3)
    towns = [TOWN._replace(id=f"142042-k{number:08}") for number in range(10)]
    await take(register, FIRST, *map(Change, reversed(towns)))
    await take(register, SECOND, *(Change(each._replace(has_chome=True)) for each in towns[::2]))

    async with register.read() as connection:
        newest = [each async for some in store.newest(connection, TownFacts) for each in some]
    assert [each.facts.id for each in newest] == [each.id for each in towns]
    assert [each.facts.has_chome for each in newest] == [True, False] * 5


async def test_what_is_held_can_be_asked_for_one_municipality(register):
    other = TOWN._replace(id="142051-kaaaaaaaa")
    await take(register, FIRST, Change(TOWN), Change(other), Change(WORKS))

    async with register.read() as connection:
        held = await store.held(connection, TownFacts, beginning="142042-")
    assert list(held) == [TOWN.id]


async def test_a_correction_is_known_from_its_edition_on(register):
    await take(register, FIRST, Change(TOWN))
    await take(register, SECOND, Change(TOWN._replace(kana="オンナリマチ")))

    before = await version(register, TownFacts, TOWN.id, known_at=FIRST)
    after = await version(register, TownFacts, TOWN.id, known_at=SECOND)
    assert (before.held.facts.kana, after.held.facts.kana) == ("オナリマチ", "オンナリマチ")
    assert (
        await version(register, TownFacts, TOWN.id, known_at=datetime(2026, 3, 1, tzinfo=UTC))
        is None
    )


async def test_a_change_that_becomes_valid_later_leaves_the_days_before_as_they_were(register):
    moved = WORKS._replace(rest="99番2号", valid_from=date(2026, 7, 1))
    await take(register, FIRST, Change(WORKS))
    await take(register, SECOND, Change(moved))

    def rest(found):
        return found and found.held.facts.rest

    assert (
        rest(await version(register, EntityFacts, WORKS.id, valid_at=date(2026, 6, 30)))
        == "99番1号"
    )
    assert (
        rest(await version(register, EntityFacts, WORKS.id, valid_at=date(2026, 7, 1))) == "99番2号"
    )
    assert await version(register, EntityFacts, WORKS.id, valid_at=date(2015, 10, 4)) is None
    assert (
        rest(
            await version(
                register, EntityFacts, WORKS.id, valid_at=date(2026, 7, 1), known_at=FIRST
            )
        )
        == "99番1号"
    )


async def test_what_has_ended_is_not_valid_afterwards(register):
    await take(register, FIRST, Change(WORKS._replace(valid_to=date(2026, 6, 1))))

    assert await version(register, EntityFacts, WORKS.id, valid_at=date(2026, 5, 31))
    assert await version(register, EntityFacts, WORKS.id, valid_at=date(2026, 6, 1)) is None
    assert await version(register, EntityFacts, WORKS.id)
