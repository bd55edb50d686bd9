"""Freshness: several copies, and never an answer older than what was acknowledged."""

import asyncio

import pytest

from kiban.identity.authority import store
from kiban.identity.authority.freshness import LEASE, Freshness
from kiban.identity.authority.lifecycle import Reason
from kiban.identity.authority.store import Intent
from tests.authority.orders import NOW


class Seconds:
    """A machine's clock that a test turns."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Copy:
    """One copy of the role: what it remembers, and its freshness."""

    def __init__(self, db, seconds):
        self.dropped = []
        self.freshness = Freshness(db, seconds, self.dropped.append)


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def copies(db, seconds):
    return [Copy(db, seconds) for _ in range(2)]


def intent(number: int) -> Intent:
    return Intent(
        authority="signature",
        serial=f"{number:x}",
        generation=1,
        shard="1-0",
        owner="holder x",
        key_digest=f"{number:064x}",
        renewal=number,
        replaces=None,
        body={},
        draft=b"",
        not_before=NOW,
        not_after=NOW,
        ordered_at=NOW,
    )


async def revoke(db, number):
    async with db.begin() as connection:
        await store.add_revocation(connection, intent(number), "loss", Reason.CERTIFICATE_HOLD, NOW)


async def test_before_the_first_look_nothing_is_answered_from_memory(copies):
    assert not copies[0].freshness.holds()


async def test_after_a_look_memory_holds_for_a_second(copies, seconds):
    one = copies[0].freshness
    await one.look()

    seconds.now += LEASE - 0.01
    assert one.holds()
    seconds.now += 0.02
    assert not one.holds()


async def test_each_look_drops_what_has_ended_since(db, copies):
    one = copies[0]
    await one.freshness.look()
    await revoke(db, 1)
    await revoke(db, 2)

    await one.freshness.look()

    everything, ended = one.dropped
    assert everything is None
    assert [(each.serial, each.shard) for each in ended] == [("1", "1-0"), ("2", "1-0")]


async def test_an_acknowledgement_waits_for_a_copy_that_has_not_looked(db, copies, seconds):
    mine, other = (each.freshness for each in copies)
    await mine.look()
    await other.look()
    await revoke(db, 1)

    acknowledged = asyncio.create_task(mine.settle())
    await asyncio.sleep(0.1)
    assert not acknowledged.done()
    assert other.holds()

    await other.look()
    await acknowledged
    assert copies[1].dropped[-1][0].serial == "1"


async def test_a_copy_that_stays_silent_is_waited_for_until_it_may_not_answer(db, copies, seconds):
    mine, silent = (each.freshness for each in copies)
    await mine.look()
    await silent.look()
    await revoke(db, 1)

    acknowledged = asyncio.create_task(mine.settle())
    await asyncio.sleep(0.1)
    assert not acknowledged.done()
    seconds.now += LEASE
    await acknowledged

    assert not silent.holds()


async def test_a_copy_that_was_forgotten_enters_again_and_remembers_nothing(db, copies, seconds):
    mine, silent = (each.freshness for each in copies)
    await mine.look()
    await silent.look()
    await revoke(db, 1)
    waiting = asyncio.create_task(mine.settle())
    await asyncio.sleep(0.05)
    seconds.now += LEASE
    await waiting

    await silent.look()

    assert copies[1].dropped[-1] is None
    assert silent.seen == 1
    assert silent.holds()
    await revoke(db, 2)
    again = asyncio.create_task(mine.settle())
    await asyncio.sleep(0.1)
    assert not again.done()
    await silent.look()
    await again


async def test_a_copy_that_has_left_keeps_nobody_waiting(db, copies):
    mine, other = (each.freshness for each in copies)
    await mine.look()
    await other.look()
    await other.leave()
    await revoke(db, 1)

    await asyncio.wait_for(mine.settle(), 1)

    assert not other.holds()


async def test_a_copy_that_only_revokes_needs_no_memory(db, copies):
    await revoke(db, 1)

    await asyncio.wait_for(copies[0].freshness.settle(), 1)


async def test_a_copy_enters_while_nothing_can_be_added(db, copies):
    async def entering():
        for each in copies:
            await each.freshness.look()

    await asyncio.gather(entering(), *(revoke(db, number) for number in range(1, 5)))
    for each in copies:
        await each.freshness.look()

    assert {each.freshness.seen for each in copies} == {4}
