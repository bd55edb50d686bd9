"""
The whole country is killed at every step of the stories, and wherever a commit and a message meet.

Hanako goes on where she was: nothing that was acknowledged is lost, and nothing happens twice.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from kiban.deploy.story import HEROINE
from kiban.shared.http import AiohttpHttp
from kiban.world import cast
from kiban.world.citizen import Citizen
from tests.stories.errands import AWAY, PATIENCE, PAUSE, STORIES, Visitor
from tests.stories.sockets import RunningCountry, kiban_up

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("power cuts")]
HANAKO = cast.load_checked(cast.shipped_country()).people[HEROINE]
LEASE = 11.0  # seconds after which what a killed process had claimed is free again
CUTS = {
    "child-allowance": (
        "after POST /approvals to authority, 1",  # 3: the authority has made the tokens
        "before POST /consents to gateway:kamakura, 1",  # 3: a consent is under way
        "after POST /permits to core, 1",  # 4: permitted and logged, but not presented
        "after POST /answers to gateway:tax, 1",  # 4: answered, but not shown
        "after POST /inner/submissions to gateway:portal, 1",  # 6: sent, but not noted as sent
        "after POST /submissions to gateway:kamakura, 1",  # 6: taken in, but the receipt is lost
        "before POST /outcomes to core, 2",  # 6: the second leaf is under way
        "after POST /answers to gateway:tax, 2",  # 7: the city has read, but not decided
    ),
    "change-of-address": (
        "after POST /announcements to changes, 1",  # heard, but the city does not know it
        "after POST /notices to gateway:resident-network, 1",  # told, but not noted as told
        "after POST /answers to gateway:kamakura, 2",  # read by the network, but not kept
        "after POST /notices to gateway:tax, 1",  # the second hop, likewise
    ),
    "moving": (
        "after POST /announcements to gateway:fujisawa, 1",  # told ahead, but the old city does not know it
        "after POST /permits to core, 5",  # permitted, and not used
        "before POST /announcements to gateway:kamakura, 1",  # they have arrived, and nobody was told
        "after POST /answers to gateway:fujisawa, 1",  # read by the old city or the network, but not kept
    ),
}
SHORT = {"child-allowance": CUTS["child-allowance"], "moving": CUTS["moving"][2:3]}
"""What `make test` has time for; `make kills` does all."""
DONE = CUTS if "kills" in os.environ.get("KIBAN_REQUIRE", "") else SHORT


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


@pytest.mark.parametrize(
    ("story", "cut"), [(story, cut) for story, cuts in DONE.items() for cut in cuts]
)
async def test_a_country_that_was_killed_goes_on(data, postal_data, port_base, story, cut) -> None:
    where = {"port_base": port_base, "postal_data": postal_data}
    with kiban_up(data, cut=cut, **where) as mortal:
        async with hanako_at(mortal, story) as hanako:
            with suppress(*AWAY):
                async with asyncio.timeout(PATIENCE):
                    while mortal.process.is_alive():
                        await hanako.tries()
                        await asyncio.sleep(PAUSE)
            mortal.process.join(60)
            assert mortal.process.exitcode == -9

    with kiban_up(data, **where) as again:
        async with hanako_at(again, story, hanako) as hanako:
            await again.later(hanako.citizen.http, LEASE)
            await hanako.goes_on()

            await hanako.is_done()
        again.kill()


async def test_a_country_that_is_killed_after_every_step_goes_on(
    data, postal_data, port_base
) -> None:
    where = {"port_base": port_base, "postal_data": postal_data}
    hanako = None
    for step in ("opened", "approved", "answered", "sent"):
        with kiban_up(data, **where) as running:
            async with hanako_at(running, "child-allowance", hanako) as hanako:
                await hanako.goes_on(until=step)
            running.kill()

    with kiban_up(data, **where) as running:
        async with hanako_at(running, "child-allowance", hanako) as hanako:
            await hanako.goes_on()

            await hanako.is_done()
        running.kill()
