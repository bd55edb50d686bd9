"""
The whole country is killed at every step of the stories, and wherever a commit and a message meet.

It is one country that is killed again and again, and Hanako goes on where she was: nothing that was acknowledged is
lost, and nothing happens twice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from kiban.deploy.story import HEROINE
from kiban.shared.http import AiohttpHttp
from kiban.world import cast
from kiban.world.citizen import Citizen
from tests.stories.errands import AWAY, PATIENCE, PAUSE, STORIES, Visitor
from tests.stories.sockets import Killed, RunningCountry, kiban_up

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sockets")]
HANAKO = cast.load_checked(cast.shipped_country()).people[HEROINE]
LEASE = 11.0  # seconds after which what a killed process had claimed is free again
STEPS = ("opened", "approved", "answered", "sent")
APPLYING = (
    "opened",
    "after POST /approvals to authority, 1",  # 3: the authority has made the tokens
    "before POST /consents to gateway:kamakura, 1",  # 3: a consent is under way
    "approved",
    "after POST /permits to core, 1",  # 4: permitted and logged, but not presented
    "after POST /answers to gateway:tax, 1",  # 4: answered, but not shown
    "answered",
    "after POST /inner/submissions to gateway:portal, 1",  # 6: sent, but not noted as sent
    "after POST /submissions to gateway:kamakura, 1",  # 6: taken in, but the receipt is lost
    "sent",
)
DECIDING = (
    "after POST /answers to gateway:tax, 2",  # 7: the city has read, but not decided
    "before POST /outcomes to core, 1",  # 6: a second leaf is under way
)
CHANGING = (
    "after POST /announcements to changes, 1",  # heard, but the city does not know it
    "after POST /notices to gateway:resident-network, 1",  # told, but not noted as told
    "after POST /answers to gateway:kamakura, 1",  # read by the network, but not kept
    "after POST /notices to gateway:tax, 1",  # the second hop, likewise
)
MOVING = (
    "after POST /announcements to gateway:fujisawa, 1",  # told ahead, but the old city does not know it
    "before POST /announcements to gateway:kamakura, 1",  # they have arrived, and nobody was told
    "after POST /answers to gateway:fujisawa, 1",  # read by the old city or the network, but not kept
)
TOLD = [
    pytest.param("child-allowance", APPLYING, id="applying"),
    pytest.param("child-allowance", DECIDING, id="deciding"),
    pytest.param("change-of-address", CHANGING, id="changing"),
    pytest.param("moving", MOVING, id="moving"),
]
"""Stories, and how the country ends each time: in the quiet after a step, or at a message."""


@asynccontextmanager
async def hanako_at(
    running: RunningCountry, story: str, before: Visitor | None = None
) -> AsyncIterator[Visitor]:
    """Hanako at her browser; after a restart it is the same browser, with its cookies."""
    http = AiohttpHttp(running.routes, timeout=20)
    hanako = before or Visitor(
        Citizen(HANAKO, http, running.origin("portal")),
        STORIES[story],
        running.clerk(STORIES[story].counter, http),
    )
    hanako.citizen.http = hanako.citizen.browser.http = http
    if hanako.clerk:
        hanako.clerk.http = hanako.clerk.terminal.http = http
    try:
        yield hanako
    finally:
        await http.close()


@pytest.mark.parametrize(("story", "ends"), TOLD)
async def test_a_country_that_is_killed_again_and_again_goes_on(
    data, postal_data, port_base, story, ends
) -> None:
    where = {"port_base": port_base, "postal_data": postal_data}
    hanako = None
    for lives, end in enumerate(ends):
        with suppress(Killed), kiban_up(data, cut="" if end in STEPS else end, **where) as mortal:
            async with hanako_at(mortal, story, hanako) as hanako:
                await _lives_until(end, mortal, hanako, lives)

    with kiban_up(data, **where) as again:
        async with hanako_at(again, story, hanako) as hanako:
            await again.later(hanako.citizen.http, LEASE * len(ends))
            await hanako.goes_on()

            await hanako.is_done()
        again.kill()


async def _lives_until(end: str, mortal: RunningCountry, hanako: Visitor, lives: int) -> None:
    """
    Go on where the story is until the country is killed, from outside or by itself.

    Its clock is the machine's again after each of its lives; no claim of the last life may still hold.
    """
    if end in STEPS:
        await mortal.later(hanako.citizen.http, LEASE * lives)
        await hanako.goes_on(until=end)
        mortal.kill()
        return
    with suppress(*AWAY):
        await mortal.later(hanako.citizen.http, LEASE * lives)
    with suppress(*AWAY):
        async with asyncio.timeout(PATIENCE):
            while mortal.process.is_alive():
                await hanako.tries()
                await asyncio.sleep(PAUSE)
    mortal.process.join(60)
    assert mortal.process.exitcode == -9, f"it lived on, and there was no message {end}"
