"""
Each role is killed (`kill -9`) at each step of every story, while the others live.

Somebody comes while it is dead, is told so or goes on without it, and comes back.  Nothing that was acknowledged is
lost, and nothing happens twice.  `make kills` runs this; the whole takes longer than `make test` may.
"""

import asyncio
import os
from contextlib import suppress

import pytest

from kiban.deploy.house import role_names
from kiban.mesh import country as mesh_country
from kiban.world import cast
from kiban.world.cast import shipped_country
from kiban.world.citizen import Citizen
from tests.stories.apart import Apart, apart
from tests.stories.errands import AWAY, STORIES, Visitor

if "kills" not in os.environ.get("KIBAN_REQUIRE", ""):
    pytest.skip("NO KILLS OF SINGLE ROLES: `make kills` does them", allow_module_level=True)

pytestmark = pytest.mark.slow
ROLES = role_names(mesh_country.load(shipped_country()))
STEPS = ("opened", "approved", "answered", "sent")
LEASE = 11.0  # seconds after which what a killed process had claimed is free again
GLIMPSE = 3.0  # seconds for which somebody tries while a role is dead


def visitor(country: Apart, story: str) -> Visitor:
    errand = STORIES[story]
    person = cast.load_checked(country.settled.folder).people[errand.persona]
    citizen = Citizen(person, country.http, country.origin("portal"))
    return Visitor(citizen, errand, country.clerk(errand.counter))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("story", STORIES)
async def test_a_role_is_killed_at_every_step_and_the_story_goes_on(
    data, postal_data, story, role
) -> None:
    async with apart(data, postal_data) as country:
        somebody = visitor(country, story)
        await somebody.arrives()
        for step in STEPS:
            await country.kill(role)
            with suppress(*AWAY, TimeoutError):
                async with asyncio.timeout(GLIMPSE):
                    await somebody.tries(step)
            await country.start(role)
            await country.later(LEASE)
            await somebody.goes_on(until=step)

        await country.kill(role)
        await country.start(role)
        await country.later(LEASE)

        await somebody.is_done()
