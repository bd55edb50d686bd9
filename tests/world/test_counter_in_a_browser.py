"""
The counter and the renewal in Chromium: narrow and wide, Japanese and English, with and without JavaScript.

Each page is kept as a picture under artefacts/.  Where JavaScript runs, axe looks at it (WCAG 2.2 AA).  No page may
ask an origin that is not of this country for anything.
"""

import asyncio
import re
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright, expect

from kiban.deploy.embedded import Role, free_port_base, serving
from kiban.shared.clock import FrozenClock
from kiban.shared.http import HttpxHttp
from kiban.world.cards.app import create_app as create_cards
from kiban.world.cards.deck import PACKAGE as CARDS_PACKAGE
from kiban.world.cards.deck import Cards
from kiban.world.counter.app import PACKAGE
from tests.architecture.floors import ROOT
from tests.conftest import AXE, CHROMIUM
from tests.world.card_table import PIN, SECRET, believe_anybody, issue, renew_anything, settings
from tests.world.counter_table import (
    CARD_COUNTERS,
    FAMILY,
    GONE,
    GRANDMOTHERS,
    KEY,
    Expecting,
    counter_app_of,
    three_notices,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NARROW, WIDE = 320, 1280
PASSWORD = "TOWN2026"


@dataclass
class Visit:
    """One way to look at the counter."""

    language: str
    width: int
    scripts: bool

    def __str__(self) -> str:
        return f"{self.language}-{self.width}-{'scripts' if self.scripts else 'plain'}"


VISITS = [
    Visit("ja", NARROW, scripts=True),
    Visit("en", WIDE, scripts=False),
]


async def with_a_newcomers_card(db) -> None:
    """One card for every visit."""
    await issue(Cards(db, SECRET, FrozenClock()), name="転入　一")


class Watcher:
    """Looks at every page that is shown."""

    def __init__(self, page: Page, visit: Visit, origins: set[str]) -> None:
        self.page, self.visit, self.origins = page, visit, origins
        self.place = ROOT / "artefacts" / "counter" / str(visit)
        self.place.mkdir(parents=True, exist_ok=True)
        self.shown = 0
        self.strangers: list[str] = []
        self.complaints: list[str] = []
        page.on("request", self.asked)
        page.on("console", self.said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def asked(self, request) -> None:
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" not in self.origins:
            self.strangers.append(request.url)

    def said(self, message) -> None:
        # A page that refuses kindly has a status that a browser complains of, and no icon is ours.
        if not re.search("favicon|Failed to load resource", message.location["url"] + message.text):
            self.complaints.append(message.text)

    async def looks(self, name: str) -> None:
        """Keep a picture, and find nothing that stands in anybody's way."""
        await self.page.wait_for_load_state()
        self.shown += 1
        await self.page.screenshot(path=self.place / f"{self.shown:02}-{name}.png", full_page=True)
        if self.visit.scripts:
            found = await Axe().run(self.page, options=AXE)
            assert found.violations_count == 0, found.generate_report()
            width = await self.page.evaluate("document.documentElement.scrollWidth")
            assert width <= self.visit.width
        await expect(self.page.locator("aside.simulated")).to_be_visible()


@dataclass
class Town:
    """A counter and the cards, behind sockets."""

    counter: str
    cards: str
    expecting: Expecting


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
async def town(new_database, clock, worker_id):
    worker = 9 if worker_id == "master" else int(worker_id.removeprefix("gw"))
    base = free_port_base(41_000 + 500 * worker, 2)
    origin, cards_at = (
        f"http://{name}.localhost:{base + number}"
        for number, name in enumerate(("town-counter", "card"))
    )
    db = await new_database(PACKAGE)
    card_db = await new_database(CARDS_PACKAGE, furnish=with_a_newcomers_card)
    await db.migrate("kiban.world.office")
    cards = create_cards(
        settings(origin=cards_at, counter_key=CARD_COUNTERS),
        db=card_db,
        http=HttpxHttp({}),
        clock=clock,
        certify_renewal=renew_anything(),
        check_holder=believe_anybody(),
    )
    http = HttpxHttp({cards_at: cards})
    expecting = three_notices()
    expecting.households = (GRANDMOTHERS,)
    app = counter_app_of(expecting, db, clock, http, origin=origin, cards=cards_at)
    async with serving([Role("town", origin, app), Role("cards", cards_at, cards)]):
        yield Town(origin, cards_at, expecting)


@pytest.fixture(params=VISITS, ids=str)
async def watcher(request, town):
    visit = request.param
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await chromium.new_context(
            viewport={"width": visit.width, "height": 800},
            locale={"ja": "ja-JP", "en": "en-GB"}[visit.language],
            java_script_enabled=visit.scripts,
            bypass_csp=visit.scripts,  # axe is a script, which the pages' own policy would rightly refuse
        )
        yield Watcher(await context.new_page(), visit, {town.counter, town.cards})
        await chromium.close()


async def test_a_family_comes_and_a_card_is_renewed(watcher: Watcher, town: Town) -> None:
    page = watcher.page
    await page.goto(f"{town.counter}/counter")
    await watcher.looks("sign-in")
    await signs_in(page, "another key")
    await watcher.looks("wrong-key")
    await signs_in(page, KEY.reveal())
    await watcher.looks("expected")

    await page.goto(f"{town.counter}/counter/{GONE}")
    await watcher.looks("withdrawn")
    await page.goto(f"{town.counter}/counter/{FAMILY}")
    await watcher.looks("notice")
    await page.click("#arrive button")
    await watcher.looks("taken")

    await page.click("#renew-0 button")
    await page.wait_for_selector("form[name=renew]")
    await watcher.looks("renewal")
    await puts_card_down(page, pin="0000")
    await watcher.looks("wrong-pin")
    await puts_card_down(page, pin=PIN)
    await page.wait_for_selector("[data-testid=renewed]")
    await watcher.looks("renewed")

    await page.click("#back")
    await page.wait_for_selector("[data-testid=taken]")
    await page.goto(f"{town.counter}/counter/none")
    await watcher.looks("no-such-notice")
    await page.click("main a.button")
    await watcher.looks("arrived")
    await page.click("#mandates")
    await watcher.looks("mandates")
    await names_proxy(page)
    await page.wait_for_selector("#problem")
    await watcher.looks("no-such-resident")
    await page.goto(f"{town.counter}/counter")
    await page.click("#protection")
    await watcher.looks("protection")
    await page.goto(f"{town.counter}/counter")
    await page.click("#sign-out button")
    await page.wait_for_selector("#sign-in")
    assert watcher.strangers == []
    assert watcher.complaints == []


async def test_a_move_is_still_to_come_and_a_pin_is_set_anew(watcher: Watcher, town: Town) -> None:
    page = watcher.page
    await page.goto(f"{town.counter}/counter")
    await signs_in(page, KEY.reveal())
    await page.goto(f"{town.counter}/counter/{FAMILY}")
    town.expecting.moves_on = date(2026, 4, 3)
    await page.reload()
    await page.wait_for_selector("[data-testid=to-come]")
    await watcher.looks("move-to-come")
    town.expecting.moves_on = None
    await page.reload()
    await page.click("#arrive button")
    await page.wait_for_selector("[data-testid=taken]")
    await page.click("#set-pin-0 button")
    await page.wait_for_selector("form[name=set]")
    await watcher.looks("new-pin")
    await sets_pin(page, "12")
    await page.wait_for_selector("#problem")
    await watcher.looks("pin-misshapen")
    await sets_pin(page, "2580")
    await page.wait_for_selector("[data-testid=set]")
    await watcher.looks("pin-set")
    await page.click("#back")
    await page.wait_for_selector("[data-testid=taken]")
    await page.goto(f"{town.counter}/counter")
    await page.fill("#holder_name", "転入　一")
    await page.fill("#holder_birth", "1990-05-12")
    await page.click("#set-pin button")
    await page.wait_for_selector("#problem")
    await watcher.looks("no-such-holder")
    assert watcher.strangers == []
    assert watcher.complaints == []


async def signs_in(page: Page, key: str) -> None:
    await page.fill("#key", key)
    await page.click("#sign-in button")


async def names_proxy(page: Page) -> None:
    for role in ("principal", "proxy"):
        await page.fill(f"#{role}_name", "転入　一")
        await page.fill(f"#{role}_birth", "1990-05-12")
    await page.fill("#until", "2026-12-31")
    await page.click("#mandate button")


async def sets_pin(page: Page, pin: str) -> None:
    await page.select_option("#persona", "hanako")
    for name in ("password", "again"):
        await page.fill(f"#{name}", pin)
    await page.click("form[name=set] button")


async def puts_card_down(page: Page, *, pin: str) -> None:
    await page.select_option("#persona", "hanako")
    for name, typed in (("pin", pin), ("password", PASSWORD), ("again", PASSWORD)):
        await page.fill(f"#{name}", typed)
    await page.click("form[name=renew] button")


async def test_the_keyboard_alone_is_enough(town: Town) -> None:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await chromium.new_page()
        await page.goto(f"{town.counter}/counter")

        await page.focus("#key")
        await page.keyboard.type(KEY.reveal())
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#sign-out")
        await page.goto(f"{town.counter}/counter/{FAMILY}")
        await page.focus("#arrive button")
        await asyncio.gather(
            page.wait_for_selector("[data-testid=taken]"), page.keyboard.press("Enter")
        )

        await chromium.close()
