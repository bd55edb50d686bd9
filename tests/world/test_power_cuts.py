"""Power cuts: whenever an office's process dies, nothing that it took in is lost, and nothing happens twice."""

import asyncio
from datetime import timedelta

import pytest

from kiban.world.office.following import LONGEST_DELAY
from tests.world.office_table import (
    application,
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


async def test_two_copies_of_an_office_decide_once(db, clock):
    one, other = await set_table(db, clock), await set_table(db, clock)
    await one.office.desk.accept(application(one))

    await asyncio.gather(one.examine(), other.examine())

    assert one.events + other.events == ["granted"]
