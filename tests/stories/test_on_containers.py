"""
Every story in the country on containers, while each of these in turn is killed, and then paused.

deploy/containers.sh runs this; KIBAN_STORIES names stories where not all are meant.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kiban.deploy import house
from kiban.shared.http import AiohttpHttp
from kiban.world import cast
from kiban.world.cast import shipped_country
from kiban.world.citizen import Citizen
from kiban.world.clerk import Clerk
from kiban.world.counter.app import HOME
from tests.stories import containers
from tests.stories.errands import ERRANDS, Visitor

STORIES = os.environ.get("KIBAN_STORIES", "").split() or list(ERRANDS)
AGAIN = [story for story in STORIES if ERRANDS[story].again]
ONCE = [story for story in STORIES if not ERRANDS[story].again]
"""Told last: whoever has told of a new address can sign nothing until the counter has renewed the card."""
PATIENCE = 20.0  # seconds that a browser waits for a page

containers.require()
pytestmark = pytest.mark.slow


@asynccontextmanager
async def visitor(story: str) -> AsyncIterator[Visitor]:
    """Somebody who has come to the portal with this errand."""
    errand = ERRANDS[story]
    settled = house.settle(containers.premises(), shipped_country())
    origins = settled.premises.origins
    counters = {city: settled.counter_origin(city) for city in filter(None, [errand.counter])}
    met = [*origins.values(), *counters.values()]
    http = AiohttpHttp(
        {each: f"http://127.0.0.1:{each.rpartition(':')[2]}" for each in met}, timeout=PATIENCE
    )
    person = cast.load_checked(settled.folder).people[errand.persona]
    visiting = Visitor(
        Citizen(person, http, origins["portal"]),
        errand,
        *(
            Clerk(origin + HOME, settled.premises.secret(f"clerk-{city}"), http)
            for city, origin in counters.items()
        ),
    )
    try:
        await visiting.arrives()
        yield visiting
    finally:
        await http.close()


@pytest.mark.parametrize("story", AGAIN)
async def test_a_story_is_lived_through(story) -> None:
    await _lived_through(story)


@pytest.mark.parametrize("service", containers.SERVICES)
@pytest.mark.parametrize("story", AGAIN)
async def test_a_container_is_killed_and_the_story_goes_on(story, service) -> None:
    async with visitor(story) as somebody:
        await somebody.goes_on(until="opened")

        async with containers.killed(service):
            await somebody.goes_on()
            await somebody.is_done()


@pytest.mark.parametrize("service", containers.SERVICES)
@pytest.mark.parametrize("story", AGAIN)
async def test_a_container_is_paused_and_the_story_goes_on(story, service) -> None:
    async with visitor(story) as somebody:
        await somebody.goes_on(until="answered")

        async with containers.paused(service):
            await somebody.goes_on()
            await somebody.is_done()


@pytest.mark.parametrize("story", ONCE)
async def test_a_story_that_is_told_once_is_lived_through(story) -> None:
    await _lived_through(story)


async def _lived_through(story: str) -> None:
    async with visitor(story) as somebody:
        await somebody.goes_on()

        await somebody.is_done()
