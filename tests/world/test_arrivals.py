"""The new town: it expects whom it was told of, and enters them when they have come to the counter."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from kiban.world.office import store
from kiban.world.office.counter import MoveToCome
from kiban.world.office.following import LONGEST_DELAY
from kiban.world.office.records import NothingToDecide
from tests.world.moving_table import (
    MOVERS,
    NOTICE,
    OLD,
    held,
    members,
    moments_pass,
    new_town,
    told_of,
    withdrawn,
)

ANOTHER = f"{2:032x}"


@pytest.fixture
async def town(db, clock):
    return await new_town(db, clock)


@pytest.fixture
async def expecting(town, clock):
    """The town after it was told of three, and asked."""
    for name in MOVERS:
        told_of(town, name)
    await moments_pass(town, clock)
    return town


async def states(town) -> list[str]:
    return [each.state for each in await town.office.counter.arrivals()]


# --- expecting ------------------------------------------------------------------------------------


async def test_whom_it_was_told_of_it_asks_for_after_a_moment(town):
    town.office.following.delay = lambda: LONGEST_DELAY
    told_of(town, "hanako")

    await town.office.following.keep_up()
    await town.office.outbox.drain()

    assert town.mesh.asked == []
    assert await town.office.counter.arrivals() == []


async def test_it_expects_them_by_notice(expecting):
    arrivals = await expecting.office.counter.arrivals()

    assert sorted(each.person for each in arrivals) == sorted(MOVERS)
    assert {(each.notice, each.came_from, each.state) for each in arrivals} == {
        (NOTICE, OLD, "expected")
    }
    assert {each.values["visit_day"] for each in arrivals} == {"2026-04-03"}
    assert "花子" not in repr(arrivals)
    asked = {(each.provider, each.affair, each.item) for each in expecting.mesh.asked}
    assert asked == {(OLD, "moving", "moving-out")}


async def test_who_is_new_becomes_one_of_its_people(expecting):
    async with expecting.office.records.db.read() as connection:
        known = await store.find_person(connection, "hanako")
        waiting = await store.without_pseudonym(connection)

    assert (known.name, known.birth_date, known.sex) == ("見本　花子", "1990-05-12", "female")
    assert waiting == {}


async def test_arrivals_stand_together_by_notice(town, clock):
    for name, notice in (("hanako", NOTICE), ("taro", ANOTHER), ("mei", NOTICE)):
        told_of(town, name, notice=notice)
        await moments_pass(town, clock)

    arrivals = await town.office.counter.arrivals()

    assert [each.person for each in arrivals] == ["hanako", "mei", "taro"]


async def test_what_is_not_held_is_not_expected(town, clock):
    withdrawn(town, "hanako")
    await moments_pass(town, clock)

    assert await town.office.counter.arrivals() == []


async def test_news_that_is_told_again_changes_nothing(expecting, clock):
    before = await expecting.office.counter.arrivals()
    for name in MOVERS:
        told_of(expecting, name)
    await moments_pass(expecting, clock)

    assert await expecting.office.counter.arrivals() == before


async def test_what_does_not_fit_its_layout_is_laid_aside(town, clock):
    told_of(town, "hanako", moving_day="soon")
    await moments_pass(town, clock)

    assert [each.problem for each in await town.office.laid_aside()] == ["told-wrong"]
    assert await town.office.counter.arrivals() == []


async def test_a_sex_that_no_register_writes_is_laid_aside(town, clock):
    told_of(town, "hanako", sex="F")
    await moments_pass(town, clock)

    assert [each.problem for each in await town.office.laid_aside()] == ["told-wrong"]


# --- withdrawn ------------------------------------------------------------------------------------


async def test_who_withdrew_is_expected_no_longer(expecting, clock):
    for name in MOVERS:
        withdrawn(expecting, name)
    await moments_pass(expecting, clock)

    assert await states(expecting) == ["withdrawn"] * len(MOVERS)
    with pytest.raises(NothingToDecide):
        await expecting.office.counter.arrive(NOTICE)


async def test_another_notice_of_the_same_person_takes_the_place_of_the_first(expecting, clock):
    told_of(expecting, "hanako", notice=ANOTHER)
    await moments_pass(expecting, clock)

    found = {
        (each.person, each.notice): each.state for each in await expecting.office.counter.arrivals()
    }
    assert found["hanako", NOTICE] == "withdrawn"
    assert found["hanako", ANOTHER] == "expected"


async def test_who_has_arrived_stays_so(expecting, clock):
    await expecting.office.counter.arrive(NOTICE)
    for name in MOVERS:
        withdrawn(expecting, name)
    await moments_pass(expecting, clock)

    assert await states(expecting) == ["arrived"] * len(MOVERS)


# --- arriving -------------------------------------------------------------------------------------


async def test_who_has_arrived_lives_here_from_the_day_of_the_move(expecting):
    await expecting.office.counter.arrive(NOTICE)
    await expecting.office.outbox.drain()

    assert await states(expecting) == ["arrived"] * len(MOVERS)
    assert await held(expecting, "mei", "resident-record") == {
        "name": "見本　芽衣",
        "name_kana": "ミホン　メイ",
        "birth_date": "2018-02-03",
        "address": "神奈川県藤沢市湘南台1番1号",
    }
    assert await members(expecting, "sota") == ["花子", "芽衣", "蒼太"]
    assert await relations(expecting, "sota") == ["世帯主", "子", "子"]
    async with expecting.office.records.db.read() as connection:
        kept = await store.find_record(connection, "mei", "resident-record")
    assert kept.held.as_of == "2026-03-30"


async def relations(town, person: str) -> list[str]:
    household = await held(town, person, "household")
    return [each["relation"] for each in household["members"]]


async def test_who_was_head_of_the_household_stays_so_whoever_is_older(town, clock):
    for name, born in (("taro", "1990-01-01"), ("hanako", "1970-01-01"), ("mei", "1980-01-01")):
        told_of(town, name, birth_date=born)
    await moments_pass(town, clock)

    await town.office.counter.arrive(NOTICE)

    assert await relations(town, "mei") == ["妻", "子", "世帯主"]


async def test_who_is_heard_of_late_joins_the_others_of_the_notice(town, clock):
    for name in ("hanako", "mei"):
        told_of(town, name)
    await moments_pass(town, clock)
    await town.office.counter.arrive(NOTICE)
    await town.office.outbox.drain()
    told_of(town, "sota")
    await moments_pass(town, clock)

    await town.office.counter.arrive(NOTICE)
    await town.office.outbox.drain()

    for name in MOVERS:
        assert await members(town, name) == ["花子", "芽衣", "蒼太"]
        assert await relations(town, name) == ["世帯主", "子", "子"]
    first, later = [each for each in town.mesh.announced if each.to]
    assert (sorted(first.people), later.people) == (["hanako", "mei"], ["sota"])
    assert first.id != later.id


async def test_who_has_moved_on_is_not_called_back_by_who_comes_late(town, clock):
    for name in ("hanako", "mei"):
        told_of(town, name)
    await moments_pass(town, clock)
    await town.office.counter.arrive(NOTICE)
    async with town.office.records.db.begin() as connection:
        await town.office.records.end(connection, "mei", "household", date(2026, 4, 1))
    told_of(town, "sota")
    await moments_pass(town, clock)

    await town.office.counter.arrive(NOTICE)

    assert await held(town, "mei", "household") == "not-held"
    assert await members(town, "hanako") == ["花子", "芽衣", "蒼太"]


@pytest.mark.parametrize("notice", ["", "x" * 32, "1" * 33, NOTICE.upper().replace("0", "A")])
async def test_a_notice_that_is_no_applications_number_is_laid_aside(town, clock, notice):
    told_of(town, "hanako", notice=notice)
    await moments_pass(town, clock)

    assert [each.problem for each in await town.office.laid_aside()] == ["told-wrong"]


async def test_a_move_that_is_still_to_come_is_not_taken_in(town, clock):
    counter = town.office.counter
    told_of(town, "hanako")
    told_of(town, "mei", moving_day="2026-04-03")
    await moments_pass(town, clock)

    assert (await counter.ways(NOTICE)).moves_on == date(2026, 4, 3)
    with pytest.raises(MoveToCome):
        await counter.arrive(NOTICE)

    assert {each.state for each in await counter.arrivals()} == {"expected"}
    assert await held(town, "hanako", "resident-record") == "not-held"


async def test_it_is_taken_in_on_the_day_of_the_move_in_japan(town, clock):
    told_of(town, "hanako", moving_day="2026-04-02")
    await moments_pass(town, clock)
    evening = datetime(2026, 4, 1, 14, 59, tzinfo=UTC)
    clock.advance(evening - clock())
    with pytest.raises(MoveToCome):
        await town.office.counter.arrive(NOTICE)

    clock.advance(timedelta(minutes=1))
    await town.office.counter.arrive(NOTICE)

    assert (await town.office.counter.ways(NOTICE)).moves_on is None
    async with town.office.records.db.read() as connection:
        kept = await store.find_record(connection, "hanako", "resident-record")
    assert kept.held.as_of == "2026-04-02"


async def test_the_old_town_alone_is_told_in_one_announcement(expecting):
    await expecting.office.counter.arrive(NOTICE)
    await expecting.office.outbox.drain()

    alone = [each for each in expecting.mesh.announced if each.to]
    (told,) = alone
    assert (told.to, told.affair, told.item) == (OLD, "moving", "moved-in")
    assert sorted(told.people) == sorted(MOVERS)
    others = [each for each in expecting.mesh.announced if not each.to]
    assert sorted(each.people[0] for each in others) == sorted(MOVERS)
    assert {each.item for each in others} == {"resident-record"}
    assert await held(expecting, "mei", "moved-in", by=OLD) == {
        "came_from": OLD,
        "moving_day": "2026-03-30",
        "notice": NOTICE,
    }
    assert await held(expecting, "mei", "moved-in", by="tax") == "not-held"


@pytest.mark.parametrize("notice", [NOTICE, ANOTHER])
async def test_a_second_click_and_an_unknown_notice_are_refused(expecting, notice):
    await expecting.office.counter.arrive(NOTICE)

    with pytest.raises(NothingToDecide):
        await expecting.office.counter.arrive(notice)


async def test_of_two_clerks_at_once_one_enters_them(expecting):
    counter = expecting.office.counter

    found = await asyncio.gather(
        counter.arrive(NOTICE), counter.arrive(NOTICE), return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in found) == ["NoneType", "NothingToDecide"]
