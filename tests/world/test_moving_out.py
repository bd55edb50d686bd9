"""The old town: it takes a notice of moving out, tells the new town alone, and ends what it held when they arrived."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from kiban.shared.clock import day_in_japan
from kiban.world.office import store
from kiban.world.office.records import Entry
from tests.world.moving_table import (
    FAMILY,
    MOVERS,
    NEW,
    NOTICE,
    OLD,
    decided,
    has_arrived,
    held,
    members,
    moments_pass,
    notice,
    number,
    old_town,
    withdrawal,
)


@pytest.fixture
async def town(db, clock):
    return await old_town(db, clock)


@pytest.fixture
async def told(town):
    """The town after it has taken the notice."""
    assert (await decided(town, await notice(town))).event == "granted"
    return town


# --- the notice -----------------------------------------------------------------------------------


async def test_each_who_moves_has_a_record_and_the_new_town_is_told_once_alone(told):
    for name in MOVERS:
        assert (await held(told, number(name), "moving-out", by=NEW))["notice"] == NOTICE
    assert await held(told, number("taro"), "moving-out", by=NEW) == "not-held"
    (announced,) = told.mesh.announced
    assert (announced.to, announced.affair, announced.item) == (NEW, "moving", "moving-out")
    assert sorted(announced.people) == sorted(map(number, MOVERS))
    assert told.mesh.asked == []


async def test_the_record_says_what_the_town_holds_and_what_she_answered(told):
    assert await held(told, number("mei"), "moving-out", by=NEW) == {
        "name": "見本　芽衣",
        "name_kana": "ミホン　メイ",
        "birth_date": "2018-02-03",
        "sex": "女",
        "relation": "子",
        "old_address": "神奈川県鎌倉市御成町99番99号",
        "new_address": "神奈川県鎌倉市長谷1番1号",  # as the registry of these tests writes any town
        "moving_day": "2026-03-30",
        "visit_day": "2026-04-03",
        "notice": NOTICE,
    }


@pytest.mark.parametrize(
    ("by", "gets"), [(NEW, True), (OLD, True), ("portal", True), ("tax", False), ("x", False)]
)
async def test_only_who_was_told_gets_it_and_the_person_herself(told, by, gets):
    assert (await held(told, number("hanako"), "moving-out", by=by) != "not-held") is gets


async def test_what_she_chose_counts_only_of_the_list_that_she_saw(town):
    seen = await town.mesh.read_own(town.person, "household")
    later = Entry("household", {"members": seen.values["members"][1:]}, town_day(town))
    async with town.office.records.db.begin() as connection:
        await town.office.records.change(connection, town.person, later)

    receipt = await decided(town, await notice(town, seen=seen))

    assert receipt.event == "returned"
    assert "世帯情報" in receipt.message["ja"]
    assert town.mesh.announced == []


def town_day(town):
    return day_in_japan(town.office.records.clock())


@pytest.mark.parametrize("movers", [[], [4], [1, 1], [2, 1], [-1], [True], ["1"], "1", [1, 10**9]])
async def test_places_that_the_list_does_not_have_are_returned(town, movers):
    receipt = await decided(town, await notice(town, movers=movers))

    assert receipt.event == "returned"
    assert "movers" in receipt.message["en"]


@pytest.mark.parametrize(
    "answers",
    [
        {"moves_on": "2026-03-21"},  # eleven days ago
        {"moves_on": "2026-05-02", "visits_on": "2026-05-03"},  # in 31 days
        {"visits_on": "2026-03-29"},
        {"visits_on": "2026-04-14"},
        {"moves_to": {"town": "142042-k00000001", "rest": "1番1号", "sequence": 1}},
        {"moves_to": {"town": "131016-k00000001", "rest": "1番1号", "sequence": 1}},
    ],
)
async def test_another_time_or_a_town_that_cannot_be_told_is_refused(town, answers):
    receipt = await decided(town, await notice(town, **answers))

    assert receipt.event == "refused"
    assert town.mesh.announced == []


@pytest.mark.parametrize("moves_on", ["2026-03-22", "2026-05-01"])
async def test_a_notice_counts_from_30_days_before_to_10_days_after_the_move(town, moves_on):
    """The day on which it was received counts, not the one on which the office comes to it."""
    accepted = await notice(town, moves_on=moves_on, visits_on=moves_on)
    await town.office.desk.accept(accepted)
    town.office.records.clock.advance(timedelta(days=1))

    await town.examine()

    assert town.events == ["granted"]


async def test_who_is_not_among_the_towns_people_sends_the_notice_back(town):
    async with town.office.records.db.begin() as connection:
        here = store.people.c.person == number("sota")
        await connection.execute(sa.delete(store.people).where(here))

    receipt = await decided(town, await notice(town))

    assert receipt.event == "returned"
    assert "蒼太" in receipt.message["ja"]
    assert town.mesh.announced == []
    assert await held(town, number("mei"), "moving-out", by=NEW) == "not-held"


async def test_who_is_found_twice_sends_the_notice_back(town):
    records = town.office.records
    async with records.db.read() as connection:
        mei = await store.find_person(connection, number("mei"))
        kept = await store.find_record(connection, number("mei"), "resident-record")
    double = Entry("resident-record", kept.held.values, town_day(town))
    await records.load("K1", mei, [double])

    receipt = await decided(town, await notice(town))

    assert receipt.event == "returned"
    assert "芽衣" in receipt.message["ja"]


async def test_nobody_is_told_of_twice(told):
    receipt = await decided(told, await notice(told, 3, movers=[2]))

    assert receipt.event == "returned"
    assert len(told.mesh.announced) == 1


async def test_of_two_notices_at_once_one_counts(town):
    for each in (1, 2):
        await town.office.desk.accept(await notice(town, each))

    await asyncio.gather(town.examine(), town.examine())

    assert sorted(town.events) == ["granted", "returned"]
    assert len(town.mesh.announced) == 1


# --- they have arrived ----------------------------------------------------------------------------


async def test_when_everybody_has_arrived_the_notice_is_completed(told, clock):
    for name in MOVERS:
        assert told.events == ["granted"]
        has_arrived(told, name)
        await moments_pass(told, clock)

    assert told.events == ["granted", "completed"]
    for name in MOVERS:
        for item in ("resident-record", "household", "moving-out"):
            assert await held(told, number(name), item, by=OLD) == "not-held"
    assert await members(told, number("taro")) == ["太郎"]
    assert (await held(told, number("taro"), "resident-record"))["name"] == "見本　太郎"


async def test_those_whose_head_has_left_have_another(town, clock):
    await decided(town, await notice(town, movers=[0]))
    has_arrived(town, "taro")
    await moments_pass(town, clock)

    for name in MOVERS:
        household = await held(town, number(name), "household")
        assert [each["relation"] for each in household["members"]] == ["世帯主", "子", "子"]
        assert await members(town, number(name)) == ["花子", "芽衣", "蒼太"]


async def test_a_record_that_ended_is_announced_as_a_change(told, clock):
    for name in MOVERS:
        has_arrived(told, name)
    await moments_pass(told, clock)

    ended = [each.people[0] for each in told.mesh.announced if each.to is None]
    assert sorted(ended) == sorted(map(number, MOVERS))


async def test_an_arrival_that_is_told_again_changes_nothing(told, clock):
    for name in (*MOVERS, *MOVERS):
        has_arrived(told, name)
    await moments_pass(told, clock)

    assert told.events == ["granted", "completed"]
    assert len(told.mesh.announced) == 1 + len(MOVERS)


async def test_who_has_come_back_is_not_sent_away_by_what_is_told_again(told, clock):
    for name in MOVERS:
        has_arrived(told, name)
    await moments_pass(told, clock)
    values = {"name": "見本　芽衣", "address": "神奈川県鎌倉市長谷1番1号"}
    async with told.office.records.db.begin() as connection:
        back = Entry("resident-record", values, town_day(told))
        await told.office.records.change(connection, number("mei"), back)

    has_arrived(told, "mei")
    await moments_pass(told, clock)

    assert await held(told, number("mei"), "resident-record") == values


@pytest.mark.parametrize("wrong", [{"by": "tax"}, {"notice": f"{9:032x}"}])
async def test_nobody_else_and_no_other_notice_ends_anything(told, clock, wrong):
    has_arrived(told, "hanako", **wrong)
    has_arrived(told, "taro")
    if "notice" in wrong:
        told.mesh.held["moved-in"].values["notice"] = wrong["notice"]
    await moments_pass(told, clock)

    for name in FAMILY:
        assert (await held(told, number(name), "resident-record")) != "not-held"
    assert told.events == ["granted"]


async def test_a_provider_that_holds_nothing_ends_nothing(told, clock):
    has_arrived(told, "hanako")
    told.mesh.held["moved-in"] = None
    await moments_pass(told, clock)

    assert (await held(told, number("hanako"), "resident-record")) != "not-held"


# --- staying after all ----------------------------------------------------------------------------


async def test_a_withdrawal_ends_the_records_of_everybody_and_tells_who_was_told(told):
    await decided(told, withdrawal(told))

    [receipt] = [each for each in told.mesh.told if each.event == "withdrawn"]
    assert (receipt.application, receipt.event) == (NOTICE, "withdrawn")
    assert sorted(told.events) == ["granted", "granted", "withdrawn"]
    for name in MOVERS:
        assert await held(told, number(name), "moving-out", by=NEW) == "not-held"
    first, again = told.mesh.announced
    assert (again.to, again.item, sorted(again.people)) == (NEW, "moving-out", sorted(first.people))
    assert again.id != first.id


async def test_there_is_nothing_to_withdraw_where_nothing_was_notified(town):
    receipt = await decided(town, withdrawal(town))

    assert receipt.event == "refused"
    assert town.mesh.announced == []


@pytest.mark.parametrize("arrived", [["hanako"], ["mei"], list(MOVERS)])
async def test_after_somebody_has_arrived_it_is_refused(told, clock, arrived):
    for name in arrived:
        has_arrived(told, name)
    await moments_pass(told, clock)
    before = len(told.mesh.announced)

    receipt = await decided(told, withdrawal(told))

    assert receipt.event == "refused"
    assert "転入" in receipt.message["ja"]
    assert len(told.mesh.announced) == before


async def test_who_arrived_at_the_same_moment_is_there(told, clock):
    await decided(told, withdrawal(told))
    for name in MOVERS:
        has_arrived(told, name)

    await moments_pass(told, clock)

    assert await held(told, number("hanako"), "resident-record") == "not-held"
    assert told.events[0] == "granted"
    assert sorted(told.events[1:]) == ["completed", "granted", "withdrawn"]


async def test_after_a_withdrawal_each_who_arrived_is_there_by_themselves(told, clock):
    await decided(told, withdrawal(told))
    for name in MOVERS:
        assert "completed" not in told.events
        has_arrived(told, name)
        await moments_pass(told, clock)

    assert told.events[-1] == "completed"
    assert await members(told, number("taro")) == ["太郎"]


async def test_who_withdrew_can_notify_again(told):
    await decided(told, withdrawal(told))

    receipt = await decided(told, await notice(told, 3))

    assert receipt.event == "granted"
    assert (await held(told, number("mei"), "moving-out", by=NEW))["notice"] == f"{3:032x}"
