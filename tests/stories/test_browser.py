"""
The main job in Chromium: narrow and wide, Japanese and English, with and without JavaScript.

Each page is kept as a picture under artefacts/.  Where JavaScript runs, axe looks at it (WCAG 2.2 AA); where it
does not, the browser's own complaints are heard.  No page may ask another origin for anything.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from kiban.world import cast
from tests.architecture.floors import ROOT
from tests.conftest import AXE, CHROMIUM

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.xdist_group("sockets"),
]
PEOPLE = cast.load_checked(cast.shipped_country()).people
NARROW, WIDE = 360, 1280
DECIDED = re.compile("支給を決定しました|has been granted")


@dataclass
class Visit:
    """One way to look at the country."""

    persona: str
    language: str
    width: int
    scripts: bool

    def __str__(self) -> str:
        return f"{self.language}-{self.width}-{'scripts' if self.scripts else 'plain'}"


VISITS = [
    Visit("hanako", "ja", NARROW, scripts=False),
    Visit("hanako", "en", WIDE, scripts=True),
]


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()


class Watcher:
    """Looks at every page that is shown."""

    def __init__(self, page: Page, visit: Visit, origins: set[str]) -> None:
        self.page = page
        self.visit = visit
        self.place = ROOT / "artefacts" / "browser" / str(visit)
        self.place.mkdir(parents=True, exist_ok=True)
        self.shown = 0
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.refusals: list[str] = []
        self.origins = origins
        page.on("console", self.said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self.asked)
        page.on("response", self.answered)

    def said(self, message) -> None:
        # A browser asks every site for an icon by itself; ours have none.
        if not message.location["url"].endswith("/favicon.ico"):
            self.complaints.append(message.text)

    def asked(self, request) -> None:
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" not in self.origins and parts.scheme != "data":
            self.strangers.append(request.url)

    def answered(self, response) -> None:
        if response.status >= 400 and response.request.resource_type == "document":
            self.refusals.append(f"{response.status} {response.url}")

    def looks(self, name: str) -> None:
        """Keep a picture, and find nothing that stands in anybody's way."""
        self.page.wait_for_load_state()
        self.shown += 1
        self.page.screenshot(path=self.place / f"{self.shown:02}-{name}.png", full_page=True)
        if self.visit.scripts:
            found = Axe().run(self.page, options=AXE)
            assert found.violations_count == 0, found.generate_report()
            assert self.page.evaluate("document.documentElement.scrollWidth") <= self.visit.width
        expect(self.page.locator("aside.simulated")).to_be_visible()


@pytest.fixture(params=VISITS, ids=str)
def watcher(request, chromium, up):
    visit = request.param
    context = chromium.new_context(
        viewport={"width": visit.width, "height": 800},
        locale={"ja": "ja-JP", "en": "en-GB"}[visit.language],
        java_script_enabled=visit.scripts,
        bypass_csp=visit.scripts,  # axe is a script, which the pages' own policy would rightly refuse
    )
    context.set_default_timeout(30_000)
    yield Watcher(context.new_page(), visit, set(up.ready["roles"].values()))
    context.close()


def holds_up_card(page: Page, persona: str) -> None:
    """Choose the card, type what it asks for, and come back."""
    page.wait_for_selector("form[name=tap]")
    card = PEOPLE[persona].card
    digits = page.locator("#pin").get_attribute("inputmode") == "numeric"
    page.select_option("#persona", persona)
    page.fill("#pin", (card.authentication_pin if digits else card.signature_pin).reveal())
    page.click("form[name=tap] button[type=submit]")


def test_the_main_job(watcher: Watcher, up) -> None:
    page, visit, portal = watcher.page, watcher.visit, up.origin("portal")

    page.goto(f"{portal}/")
    watcher.looks("welcome")
    page.click("#login")
    page.wait_for_selector("form[name=tap]")
    watcher.looks("card")
    holds_up_card(page, visit.persona)
    page.wait_for_selector("#start-child-allowance")
    watcher.looks("home")

    page.goto(f"{portal}/procedures/child-allowance")
    watcher.looks("procedure")
    page.click("#start-child-allowance button")
    page.wait_for_selector("#agree")
    watcher.looks("terms")
    page.click("[data-testid=agree]")
    page.wait_for_selector("form[name=tap]")
    watcher.looks("card-approve")
    holds_up_card(page, visit.persona)

    page.wait_for_selector("#answers")
    watcher.looks("answers")
    page.fill("[name=from_month]", "2026-05")
    page.check("[name=confirm]")
    page.click("[data-testid=next]")
    page.wait_for_selector("#sign")
    watcher.looks("check")
    page.click("[data-testid=sign]")
    page.wait_for_selector("form[name=tap]")
    watcher.looks("card-sign")
    holds_up_card(page, visit.persona)

    page.wait_for_selector("[data-testid=outcome]")
    watcher.looks("sent")
    expect_after_reloads(page, DECIDED)
    watcher.looks("decided")
    for name in ("history", "records", "consents", "notices", "operations"):
        page.goto(f"{portal}/{name}")
        watcher.looks(name)
    page.goto(f"{portal}/history")
    page.click("#history a")
    watcher.looks("proof")

    assert watcher.refusals == []
    assert watcher.strangers == []
    assert watcher.complaints == []
    page.click("#logout button")
    page.wait_for_selector("#login")


def expect_after_reloads(page: Page, text: re.Pattern[str]) -> None:
    """Look again until it is there: the office works in its own time."""
    for _ in range(60):
        if text.search(page.inner_text("main")):
            return
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError(f"{text.pattern} did not come: {page.inner_text('main')[:500]}")


def test_a_problem_is_shown_as_a_page(watcher: Watcher, up) -> None:
    watcher.page.goto(f"{up.origin('portal')}/no-such-page")

    watcher.looks("not-found")

    assert watcher.strangers == []


def test_the_bank_and_the_cards_have_pages_too(watcher: Watcher, up) -> None:
    for role in ("bank", "cards", "login"):
        watcher.page.goto(f"{up.origin(role)}/")
        watcher.looks(role)

    assert watcher.strangers == []


def test_the_counter_leads_to_the_page_where_a_card_is_put_down(watcher: Watcher, up) -> None:
    counters = [each for each in up.ready["gateways"].values() if "counter" in each]
    watcher.origins |= {each["counter"].rpartition("/")[0] for each in counters}
    page = watcher.page
    for each in counters:
        page.goto(each["counter"])
        watcher.looks("counter-sign-in")
        page.fill("#key", each["clerk_key"])
        page.click("#sign-in button")
        page.wait_for_selector("#sign-out")
        watcher.looks("counter")
        page.click("#renew button")
        page.wait_for_selector("form[name=renew]")
        watcher.looks("renewal")

    assert counters
    assert watcher.strangers == []
    assert watcher.complaints == []
