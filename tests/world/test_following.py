"""An office takes over what others announce: once in effect, in order, and only what it may see."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from kiban.mesh.contract import NotPermitted
from kiban.shared.problems import Unavailable
from kiban.world.office import store
from kiban.world.office.following import LONGEST_DELAY
from tests.world.office_table import DAYS, NEW_ADDRESS, follower, moved

NETWORK, TAX = "resident-network", "tax"


@pytest.fixture
async def network(db, clock):
    """The resident network: it follows the register, and announces what it has taken over."""
    return await follower(db, clock, NETWORK)


@pytest.fixture
async def tax(db, clock):
    """The tax office: it follows the resident network, and announces nothing."""
    return await follower(db, clock, TAX)


async def record(table, item="four-attributes"):
    now = table.office.records.clock()
    return await table.office.records.read(table.person, item, inquirer="portal", at=now)


async def moments_pass(table, clock):
    """The office reads its gateway's feed, waits a moment, and does what it can do then."""
    await table.office.following.keep_up()
    clock.advance(LONGEST_DELAY)
    await table.office.outbox.drain()


# --- subscribing ----------------------------------------------------------------------------------


async def test_it_subscribes_once_for_everybody_with_a_pseudonym(network):
    for _ in range(2):
        await network.office.following.subscribe()

    (asked,) = network.mesh.subscribed
    assert (asked.affair, asked.item, asked.people) == (
        "record-upkeep",
        "resident-record",
        [network.person],
    )


async def test_without_a_pseudonym_nobody_is_subscribed_for(network):
    async with network.office.records.db.begin() as connection:
        await connection.execute(sa.update(store.people).values(acquired_at=None))

    await network.office.following.subscribe()

    assert network.mesh.subscribed == []


async def test_a_subscription_is_renewed_when_half_of_its_time_has_passed(network, clock):
    await network.office.following.subscribe()

    clock.advance(timedelta(days=DAYS / 2, seconds=-1))
    await network.office.following.keep_up()
    assert len(network.mesh.subscribed) == 1
    clock.advance(timedelta(seconds=1))
    for _ in range(2):
        await network.office.following.keep_up()

    assert len(network.mesh.subscribed) == 2


async def test_a_renewal_that_fails_is_tried_again(network, clock):
    await network.office.following.subscribe()
    clock.advance(timedelta(days=DAYS))
    network.mesh.problem = Unavailable()
    with pytest.raises(Unavailable):
        await network.office.following.keep_up()

    network.mesh.problem = None
    clock.advance(timedelta(minutes=1))
    await network.office.following.keep_up()

    assert len(network.mesh.subscribed) == 2


# --- taking over ----------------------------------------------------------------------------------


async def test_what_is_announced_is_asked_for_and_taken_over(tax, clock):
    moved(tax, as_of="2026-03-28")

    await moments_pass(tax, clock)

    (asked,) = tax.mesh.asked
    assert (asked.provider, asked.affair, asked.item, asked.people) == (
        NETWORK,
        "record-upkeep",
        "four-attributes",
        [tax.person],
    )
    now = await record(tax, "registered-address")
    assert (now.values, now.as_of) == (
        {"address": NEW_ADDRESS, "since": "2026-03-28"},
        "2026-03-28",
    )
    assert tax.mesh.announced == []


async def test_what_was_taken_over_is_announced_in_its_turn(network, clock):
    before = await record(network)
    moved(network)

    await moments_pass(network, clock)

    now = await record(network)
    assert now.values == {**before.values, "address": NEW_ADDRESS}
    (announced,) = network.mesh.announced
    assert (announced.item, announced.people) == ("four-attributes", [network.person])


async def test_nobody_is_asked_at_once(tax):
    moved(tax)
    tax.office.following.delay = lambda: LONGEST_DELAY

    await tax.office.following.keep_up()
    await tax.office.outbox.drain()

    assert tax.mesh.asked == []


async def test_a_moment_is_never_longer_than_it_may_be(tax):
    drawn = [tax.office.following.delay() for _ in range(200)]

    assert all(timedelta(0) <= each <= LONGEST_DELAY for each in drawn)
    assert len(set(drawn)) > 100


async def test_a_repeated_letter_writes_no_version_and_announces_nothing(network, clock):
    moved(network)
    await moments_pass(network, clock)
    before = await record(network)

    await network.office.following.follow(letter(network, 1))

    assert await record(network) == before
    assert len(network.mesh.announced) == 1


async def test_a_change_that_says_the_same_is_no_change(network, clock):
    for _ in range(2):
        moved(network)
        await moments_pass(network, clock)

    assert (await record(network)).version == "2"
    assert len(network.mesh.announced) == 1


async def test_an_answer_that_was_overtaken_is_not_taken_over(tax):
    moved(tax)
    await tax.office.following.follow(letter(tax, 2))
    latest = await record(tax, "registered-address")

    moved(tax, address="神奈川県鎌倉市大町1番1号")
    await tax.office.following.follow(letter(tax, 1))

    assert await record(tax, "registered-address") == latest


@pytest.mark.parametrize("lacking", ["held", "own"])
async def test_where_something_is_lacking_nothing_is_written(network, clock, lacking):
    moved(network)
    if lacking == "held":
        network.mesh.held["resident-record"] = None
    else:
        async with network.office.records.db.begin() as connection:
            await connection.execute(sa.delete(store.records))
    before = await record(network)

    await moments_pass(network, clock)

    assert await record(network) == before
    assert network.mesh.announced == []


async def test_news_of_what_it_does_not_follow_is_passed_by(tax, clock):
    tax.mesh.hears("resident-record", tax.person)
    moved(tax)
    tax.mesh.hears("income", tax.person)
    tax.mesh.hears("four-attributes", tax.person, by="kamakura")

    await moments_pass(tax, clock)
    assert await tax.office.following.keep_up() == 0

    assert [each.item for each in tax.mesh.asked] == ["four-attributes"]


async def test_two_copies_of_an_office_hear_each_change_once(db, clock, tax):
    other = await follower(db, clock, TAX)
    other.mesh.heard = tax.mesh.heard
    moved(tax)
    other.mesh.held = tax.mesh.held

    await asyncio.gather(tax.office.following.keep_up(), other.office.following.keep_up())
    clock.advance(LONGEST_DELAY)
    await asyncio.gather(tax.office.outbox.drain(), other.office.outbox.drain())

    assert len(tax.mesh.asked + other.mesh.asked) == 1
    assert (await record(tax, "registered-address")).version == "2"


# --- waiting --------------------------------------------------------------------------------------


async def test_a_clerk_at_the_provider_is_asked_again_by_the_same_exchange(tax, clock):
    moved(tax)
    tax.mesh.waits.add("four-attributes")
    await moments_pass(tax, clock)
    clock.advance(timedelta(minutes=10))
    await tax.office.outbox.drain()
    assert (await record(tax, "registered-address")).version == "1"

    tax.mesh.waits.clear()
    clock.advance(timedelta(minutes=10))
    await tax.office.outbox.drain()

    assert len(tax.mesh.asked) == 1
    assert tax.mesh.asked_again == ["four-attributes"] * 2
    assert (await record(tax, "registered-address")).values["address"] == NEW_ADDRESS


async def test_the_next_change_is_a_new_exchange(tax, clock):
    tax.mesh.waits.add("four-attributes")
    moved(tax)
    await moments_pass(tax, clock)
    tax.mesh.waits.clear()
    clock.advance(timedelta(minutes=10))
    await tax.office.outbox.drain()

    moved(tax, address="神奈川県鎌倉市大町1番1号")
    await moments_pass(tax, clock)

    assert (len(tax.mesh.asked), len(tax.mesh.asked_again)) == (2, 1)
    assert (await record(tax, "registered-address")).version == "3"


async def test_an_answer_that_was_lost_with_the_process_is_asked_for_anew(tax, clock):
    moved(tax)
    tax.mesh.waits.add("four-attributes")
    await moments_pass(tax, clock)
    tax.mesh.waits.clear()
    tax.mesh.forgotten = True

    clock.advance(timedelta(minutes=10))
    await tax.office.outbox.drain()

    assert (await record(tax, "registered-address")).values["address"] == NEW_ADDRESS


@pytest.mark.parametrize("problem", [Unavailable, NotPermitted])
async def test_a_provider_that_cannot_answer_is_asked_later(tax, clock, problem):
    moved(tax)
    tax.office.following.mesh.problem = problem()
    await moments_pass(tax, clock)
    assert (await record(tax, "registered-address")).version == "1"

    tax.mesh.problem = None
    clock.advance(timedelta(minutes=10))
    await tax.office.outbox.drain()

    assert (await record(tax, "registered-address")).version == "2"
    assert await tax.office.laid_aside() == []


async def test_a_gateway_that_takes_no_news_is_told_later(network, clock):
    moved(network)
    await network.office.following.keep_up()
    clock.advance(LONGEST_DELAY)
    network.mesh.mute = NotPermitted()
    await network.office.outbox.drain()
    assert (await record(network)).version == "2"

    network.mesh.mute = None
    clock.advance(timedelta(minutes=10))
    await network.office.outbox.drain()

    assert len(network.mesh.announced) == 1


# --- who must know first --------------------------------------------------------------------------


async def test_who_must_know_first_is_told_before_the_record_is_written(network, clock):
    told = []

    async def keep(person, values, _number):
        told.append((person, values["address"], (await record(network)).version))

    network.office.keepers["four-attributes"] = keep
    moved(network)
    await moments_pass(network, clock)

    assert told == [(network.person, NEW_ADDRESS, "1")]
    assert (await record(network)).version == "2"


async def test_nothing_is_written_that_who_must_know_first_was_not_told(network, clock):
    async def away(_person, _values, _number):
        raise Unavailable

    network.office.keepers["four-attributes"] = away
    moved(network)
    await moments_pass(network, clock)
    assert (await record(network)).version == "1"

    del network.office.keepers["four-attributes"]
    clock.advance(timedelta(minutes=10))
    await network.office.outbox.drain()

    assert (await record(network)).version == "2"


async def test_what_the_agencys_file_follows_no_longer_is_left_alone(tax):
    await tax.office.following.follow({**letter(tax, 1), "provider": "kamakura"})

    assert tax.mesh.asked == []


def letter(table, number):
    follow = table.office.agency.follows[0]
    return {
        "number": number,
        "person": table.person,
        "item": follow.item,
        "provider": follow.provider,
    }


async def test_only_who_announced_it_is_asked(network, clock):
    network.mesh.hears("resident-record", network.person, told_by="fujisawa")
    await moments_pass(network, clock)

    assert [asked.provider for asked in network.mesh.asked] == ["fujisawa"]


async def test_whoever_is_followed_is_asked_where_nobody_says_who_announced_it(network, clock):
    network.mesh.hears("resident-record", network.person)
    await moments_pass(network, clock)

    assert sorted(asked.provider for asked in network.mesh.asked) == ["fujisawa", "kamakura"]


async def test_who_is_not_followed_is_not_asked_whatever_it_announced(network, clock):
    network.mesh.hears("resident-record", network.person, told_by="tax")
    await moments_pass(network, clock)

    assert network.mesh.asked == []
