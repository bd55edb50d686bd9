"""Gathering: what arrives meanwhile shares the next go, and each caller gets its own result."""

import asyncio
from contextvars import ContextVar

import pytest

from kiban.shared.gathering import Gathering
from kiban.shared.problems import Unavailable


class Doubling:
    """Doubles numbers, and waits until it is let go; refuses a batch that has a zero."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.let_go = asyncio.Event()

    async def __call__(self, numbers) -> list[int]:
        self.batches.append(list(numbers))
        await self.let_go.wait()
        if 0 in numbers:
            raise ValueError("zero")
        return [2 * number for number in numbers]


async def test_what_arrives_while_one_go_is_under_way_shares_the_next():
    doubling = Doubling()
    gathering = Gathering(doubling)
    first = asyncio.create_task(gathering.add(1))
    await asyncio.sleep(0)
    others = [asyncio.create_task(gathering.add(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    doubling.let_go.set()

    results = await asyncio.gather(first, *others)

    assert results == [2, 4, 6]
    assert doubling.batches == [[1], [2, 3]]


async def test_several_goes_may_be_under_way_before_anybody_waits():
    doubling = Doubling()
    gathering = Gathering(doubling, at_once=2)
    tasks = []
    for number in (1, 2, 3, 4):
        tasks.append(asyncio.create_task(gathering.add(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    doubling.let_go.set()

    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert doubling.batches == [[1], [2], [3, 4]]


async def test_a_go_is_in_nobodys_trace():
    seen = []

    async def go(numbers):
        seen.append(whose.get())
        return numbers

    whose = ContextVar("whose", default="nobody's")
    whose.set("hers")

    await Gathering(go).add(1)

    assert seen == ["nobody's"]


async def test_no_go_has_more_than_it_may():
    doubling = Doubling()
    doubling.let_go.set()
    gathering = Gathering(doubling, most=2)

    await asyncio.gather(*(gathering.add(number) for number in range(1, 6)))

    assert doubling.batches == [[1, 2], [3, 4], [5]]


async def test_nobody_fails_for_anothers_sake():
    doubling = Doubling()
    doubling.let_go.set()
    gathering = Gathering(doubling)

    results = await asyncio.gather(
        gathering.add(1), gathering.add(0), gathering.add(2), return_exceptions=True
    )

    assert (results[0], str(results[1]), results[2]) == (2, "zero", 4)
    assert doubling.batches == [[1, 0, 2], [1], [0], [2]]


async def test_when_what_it_needs_is_away_everybody_is_told_and_the_next_go_works():
    away, batches = [True], []

    async def go(numbers):
        batches.append(numbers)
        if away.pop() if away else False:
            raise Unavailable("no answer")
        return numbers

    gathering = Gathering(go)

    results = await asyncio.gather(gathering.add(1), gathering.add(2), return_exceptions=True)

    assert [type(result) for result in results] == [Unavailable, Unavailable]
    assert await gathering.add(3) == 3
    assert batches == [[1, 2], [3]]


async def test_a_go_that_gives_too_few_results_gives_nobody_anothers():
    async def go(numbers):
        return numbers[:1]

    gathering = Gathering(go)

    assert await asyncio.gather(gathering.add(1), gathering.add(2)) == [1, 2]


async def test_who_waits_for_a_go_that_is_ended_does_not_wait_for_ever():
    doubling = Doubling()
    gathering = Gathering(doubling)
    waiting = [asyncio.create_task(gathering.add(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    later = asyncio.create_task(gathering.add(3))
    await asyncio.sleep(0)

    [goer] = gathering._goers
    goer.cancel()

    for task in (*waiting, later):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_caller_that_leaves_takes_nobody_with_it():
    doubling = Doubling()
    gathering = Gathering(doubling)
    impatient, patient = (asyncio.create_task(gathering.add(number)) for number in (1, 2))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    doubling.let_go.set()

    assert await patient == 4
    assert doubling.batches == [[1, 2]]
