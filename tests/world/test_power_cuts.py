"""Power cuts: whenever an office's process dies, nothing that it took in is lost, and nothing happens twice."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from kiban.world.office import subscriptions
from kiban.world.office.following import LONGEST_DELAY
from kiban.world.office.records import NothingToDecide
from tests.world.moving_table import (
    FAMILY,
    MOVERS,
    OLD,
    has_arrived,
    held,
    members,
    moments_pass,
    new_town,
    notice,
    number,
    old_town,
    told_of,
)
from tests.world.office_table import (
    CAST,
    application,
    entry,
    follower,
    moved,
    set_table,
    that_grants_an_allowance,
)
from tests.world.power import Dying, PowerCut


async def until_it_dies(table, accepted):
    """Do the work of one process; whether it came to the end."""
    try:
        await table.office.desk.accept(accepted)
        await table.examine()
    except PowerCut:
        return False
    except BaseExceptionGroup:
        return False
    return True


@pytest.mark.parametrize("committed", [False, True])
async def test_a_power_cut_at_any_moment_loses_nothing_and_does_nothing_twice(db, clock, committed):
    played = that_grants_an_allowance()
    table = await set_table(db, clock, played=played)
    told, announced = [], []
    for step in range(1, 60):
        another = {"from_month": f"20{step:02}-05", "confirm": True}  # so that the record changes
        accepted = application(table, number=step, answers=another)
        mortal = Dying(db, committed=committed)
        dying = await set_table(mortal, clock, played=played)
        dying.mesh.told, dying.mesh.announced, mortal.left = told, announced, step
        ended = await until_it_dies(dying, accepted)

        # The portal was not told that it arrived, so it sends it again; the claim runs out.
        table = await set_table(db, clock, played=played)
        table.mesh.told, table.mesh.announced = told, announced
        await table.office.desk.accept(accepted)
        clock.advance(timedelta(minutes=2))
        await table.examine()

        of_this = [receipt for receipt in told if receipt.application == f"{step:032x}"]
        assert of_this, f"lost when it died at its transaction {step}"
        assert all(receipt == of_this[0] for receipt in of_this), f"decided anew after {step}"
        if ended:
            break
    else:
        pytest.fail("the work never came to an end")
    granted = await table.office.applications("granted")
    assert len(granted) == step
    assert len({each.id for each in announced}) == len(announced) == step


async def until_it_has_followed(table, clock):
    """Hear the news and take it over, in the life of one process; whether it came to the end."""
    try:
        await table.office.following.subscribe()
        await table.office.following.keep_up()
        clock.advance(LONGEST_DELAY)
        await table.office.outbox.drain()
    except (PowerCut, BaseExceptionGroup):
        return False
    return True


@pytest.mark.parametrize("committed", [False, True])
async def test_a_power_cut_while_it_follows_loses_no_change_and_writes_none_twice(
    db, clock, committed
):
    announced, heard, kept = [], [], {}

    async def keep(person, values, _number):
        kept[person] = values["address"]

    async def lives(database):
        """One process of the office, whose news and announcements outlive it."""
        table = await follower(database, clock, "resident-network")
        table.mesh.announced, table.mesh.heard = announced, heard
        table.office.keepers["four-attributes"] = keep
        return table

    for step in range(1, 60):
        address = f"神奈川県鎌倉市長谷{step}番"
        mortal = Dying(db, committed=committed)
        table = await lives(mortal)
        moved(table, address=address)
        mortal.left = step
        ended = await until_it_has_followed(table, clock)

        clock.advance(timedelta(minutes=2))  # the claim runs out
        survivor = await lives(db)
        survivor.mesh.held = table.mesh.held
        assert await until_it_has_followed(survivor, clock)

        held = await survivor.office.records.read(
            survivor.person, "four-attributes", inquirer="tax", at=clock()
        )
        assert (held.values["address"], held.version) == (address, str(step + 1)), step
        assert kept[survivor.person] == address
        assert len({each.id for each in announced}) == len(announced) == step
        if ended:
            break
    else:
        pytest.fail("the work never came to an end")


# --- moving ---------------------------------------------------------------------------------------


async def until_they_left(table, clock, accepted):
    """Take a notice of moving out, and hear that everybody of it has arrived; whether it came to the end."""
    try:
        await table.office.desk.accept(accepted)
        await moments_pass(table, clock)
    except (PowerCut, BaseExceptionGroup):
        return False
    return True


@pytest.mark.parametrize("committed", [False, True])
async def test_a_power_cut_at_the_old_town_ends_every_record_once(db, clock, committed):
    first = await old_town(db, clock)
    for step in range(1, 60):
        told, announced, heard = [], [], []

        async def lives(database, told=told, announced=announced, heard=heard):
            table = await old_town(database, clock)
            table.mesh.told, table.mesh.announced, table.mesh.heard = told, announced, heard
            return table

        await come_back(first, clock)
        accepted = await notice(first, step)
        mortal = Dying(db, committed=committed)
        table = await lives(mortal)
        await table.office.desk.accept(accepted)
        await table.examine()
        async with db.begin() as connection:
            after = await subscriptions.cursor(connection)
        for name in MOVERS:
            has_arrived(table, name, notice=f"{step:032x}")
        table.mesh.heard[:] = [
            each.model_copy(update={"number": after + place})
            for place, each in enumerate(table.mesh.heard, start=1)
        ]
        mortal.left = step
        ended = await until_they_left(table, clock, accepted)

        clock.advance(timedelta(minutes=2))  # the claim runs out
        survivor = await lives(db)
        survivor.mesh.held = table.mesh.held
        assert await until_they_left(survivor, clock, accepted)

        assert list(dict.fromkeys(each.event for each in told)) == ["granted", "completed"], step
        assert await members(survivor, number("taro")) == ["太郎"]
        for name in MOVERS:
            assert await held(survivor, number(name), "resident-record") == "not-held"
        assert len({each.id for each in announced}) == len(announced) == 1 + len(MOVERS)
        if ended:
            break
    else:
        pytest.fail("the work never came to an end")


async def come_back(table, clock):
    """Everybody lives in the old town as the files say, and nothing is on its way."""
    records = table.office.records
    await table.office.outbox.drain()
    async with records.db.begin() as connection:
        for name in FAMILY:
            for record in CAST.people[name].records:
                if record.agency == OLD:
                    await records.change(connection, number(name), entry(record))
    await table.office.outbox.drain()


@pytest.mark.parametrize("committed", [False, True])
async def test_a_power_cut_at_the_new_town_enters_everybody_once(db, clock, committed):
    heard = []
    for step in range(1, 60):
        here, announced, before = f"{step:032x}", [], len(heard)

        async def lives(database, announced=announced):
            table = await new_town(database, clock)
            table.mesh.announced, table.mesh.heard = announced, heard
            return table

        mortal = Dying(db, committed=committed)
        table = await lives(mortal)
        for name in MOVERS:
            told_of(table, name, notice=here, new_address=f"神奈川県藤沢市湘南台{step}番")
        assert len(heard) == before + len(MOVERS)
        mortal.left = step
        ended = await until_they_came(table, clock, here)

        clock.advance(timedelta(minutes=2))  # the claim runs out
        survivor = await lives(db)
        survivor.mesh.held = table.mesh.held
        assert await until_they_came(survivor, clock, here)

        found = [each for each in await survivor.office.counter.arrivals() if each.notice == here]
        assert [each.state for each in found] == ["arrived"] * len(MOVERS)
        assert len({each.id for each in announced}) == len(announced) == 1 + len(MOVERS)
        if ended:
            break
    else:
        pytest.fail("the work never came to an end")


async def until_they_came(table, clock, notice):
    """Hear of people, let them arrive, and tell; a clerk who is told that it is done has no more to do."""
    try:
        await moments_pass(table, clock)
        with suppress(NothingToDecide):
            await table.office.counter.arrive(notice)
        await table.office.outbox.drain()
    except (PowerCut, BaseExceptionGroup):
        return False
    return True


async def test_two_copies_of_an_office_decide_once(db, clock):
    one, other = await set_table(db, clock), await set_table(db, clock)
    await one.office.desk.accept(application(one))

    await asyncio.gather(one.examine(), other.examine())

    assert one.events + other.events == ["granted"]
