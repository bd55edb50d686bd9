"""
The whole country is killed at every step of the main job, and wherever a commit and a message meet.

Hanako goes on where she was: nothing that was acknowledged is lost, and nothing happens twice.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kiban.deploy.embedded import free_port_base
from kiban.deploy.story import DECIDED
from kiban.shared.http import AiohttpHttp
from kiban.shared.problems import Unavailable
from kiban.world import cast
from kiban.world.browser import PageRefused
from kiban.world.citizen import Citizen
from tests.stories.sockets import RunningCountry, kiban_up

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("power cuts")]
HANAKO = cast.load_checked(cast.shipped_country()).people["hanako"]
ANSWERS = {"from_month": "2026-05", "confirm": True}
LEASE = 11.0  # seconds after which what a killed process had claimed is free again
PATIENCE = 30.0  # seconds
TRIES = 10
CUTS = [
    "after POST /approvals to authority, 1",  # 3: the authority has made the tokens
    "before POST /consents to gateway:kamakura, 1",  # 3: a consent is under way
    "after POST /permits to core, 1",  # 4: permitted and logged, but not presented
    "after POST /answers to gateway:tax, 1",  # 4: answered, but not shown
    "after POST /inner/submissions to gateway:portal, 1",  # 6: sent, but not noted as sent
    "after POST /submissions to gateway:kamakura, 1",  # 6: taken in, but the receipt is lost
    "before POST /outcomes to core, 2",  # 6: the second leaf is under way
    "after POST /answers to gateway:tax, 2",  # 7: the city has read, but not decided
]


@pytest.fixture(scope="session")
def own_ports(port_base):
    """Ports beside those of the country that other tests of this worker keep running."""
    return free_port_base(port_base + 1_000)


@pytest.fixture(scope="session")
def settled_data(tmp_path_factory, postal_data, own_ports):
    """The data of a country that lived at these ports and was stopped."""
    place = tmp_path_factory.mktemp("settled") / "data"
    with kiban_up(place, port_base=own_ports, postal_data=postal_data):
        """Everybody has moved in."""
    return place


@pytest.fixture
def data(settled_data, tmp_path):
    place = tmp_path / "data"
    shutil.copytree(settled_data, place)
    return place


@asynccontextmanager
async def hanako_at(
    running: RunningCountry, before: Citizen | None = None
) -> AsyncIterator[Citizen]:
    """Hanako at her browser; after a restart it is the same browser, with its cookies."""
    http = AiohttpHttp(running.routes, timeout=20)
    hanako = before or Citizen(HANAKO, http, running.origin("portal"))
    hanako.http = hanako.browser.http = http
    try:
        yield hanako
    finally:
        await http.close()


async def goes_on(hanako: Citizen, until: str = "sent") -> None:
    """Do whatever comes next, as somebody who finds her application where she left it, until this is done."""
    steps = {"opened": comes_back, "approved": approves, "answered": answers, "sent": sends}
    for _ in range(TRIES):
        for done, step in steps.items():
            await step(hanako)
            if done == until != "sent" or hanako.page.parts("outcome"):
                return
    raise AssertionError(f"she cannot go on: {hanako.page.text[:500]}")


async def approves(hanako: Citizen) -> None:
    """Go where the page says that something is missing, and approve again where that is asked."""
    for way in ("mend", "approve-again"):
        if any(link.attributes.get("data-testid") == way for link in hanako.page.markup.links):
            await hanako.browser.follow(way)
    if hanako.page.has_form("agree"):
        await hanako.agrees()


async def answers(hanako: Citizen) -> None:
    """Let the offices be asked anew where the page offers it, and answer what only she knows."""
    if hanako.page.has_form("prefill"):
        await hanako.browser.submit("prefill")
    if hanako.page.has_form("answers"):
        await hanako.fills(ANSWERS)


async def sends(hanako: Citizen) -> None:
    """Sign and send, where that is what comes next."""
    if hanako.page.has_form("sign"):
        await hanako.signs()
        await hanako.sends()


async def comes_back(hanako: Citizen) -> None:
    """Open the portal, log in if it asks for that, and open the application; begin one where there is none."""
    page = await hanako.browser.open(f"{hanako.portal_origin}/")
    if any(link.attributes.get("id") == "login" for link in page.markup.links):
        await hanako.logs_in()
        page = await hanako.browser.open(f"{hanako.portal_origin}/")
    begun = [link.href for link in page.markup.links if "/applications/" in link.href]
    if begun:
        await hanako.browser.open(begun[0])
    else:
        await hanako.opens("child-allowance")


async def decision(hanako: Citizen) -> str:
    """The decision, as soon as it is there."""
    until = time.monotonic() + PATIENCE
    outcome = await hanako.outcome()
    while outcome not in DECIDED and time.monotonic() < until:
        await asyncio.sleep(0.2)
        outcome = await hanako.outcome()
    return outcome


async def happened_once(hanako: Citizen) -> None:
    """One application was received and decided, and every line about it is proven."""
    assert await decision(hanako) == "granted"
    notices = await hanako.notices()
    assert sum("支給を決定しました" in each for each in notices) == 1
    history = await hanako.history()
    assert all(line["verified"] == "yes" for line in history)
    submitted = [line for line in history if line["kind"] == "submission"]
    assert submitted
    page = await hanako.browser.open(f"{hanako.portal_origin}/")
    applications = {link.href for link in page.markup.links if "/applications/" in link.href}
    assert len(applications) == 1


@pytest.mark.parametrize("cut", CUTS)
async def test_a_country_that_was_killed_goes_on(data, postal_data, own_ports, cut) -> None:
    where = {"port_base": own_ports, "postal_data": postal_data}
    with kiban_up(data, cut=cut, **where) as mortal:
        async with hanako_at(mortal) as hanako:
            try:
                await goes_on(hanako)
                await decision(hanako)
            except (Unavailable, PageRefused, LookupError):
                """The power is gone."""
            mortal.process.join(60)
            assert mortal.process.exitcode == -9

    with kiban_up(data, **where) as again:
        async with hanako_at(again, hanako) as hanako:
            await again.later(hanako.http, LEASE)
            await goes_on(hanako)

            await happened_once(hanako)
        again.kill()


async def test_a_country_that_is_killed_after_every_step_goes_on(
    data, postal_data, own_ports
) -> None:
    where = {"port_base": own_ports, "postal_data": postal_data}
    hanako = None
    for step in ("opened", "approved", "answered", "sent"):
        with kiban_up(data, **where) as running:
            async with hanako_at(running, hanako) as hanako:
                await goes_on(hanako, until=step)
            running.kill()

    with kiban_up(data, **where) as running:
        async with hanako_at(running, hanako) as hanako:
            await goes_on(hanako)

            await happened_once(hanako)
        running.kill()
