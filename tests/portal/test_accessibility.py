"""
The portal's pages in Chromium, in every state that a citizen can meet: axe finds nothing, and 320 pixels are enough.

The main job among real neighbours is looked at in the stories; here are the pages that only show themselves when
something is missing, mistaken or refused.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from kiban.portal.applications import SENT
from kiban.portal.approvals import Approval
from kiban.portal.held import Seen
from kiban.portal.mandates import Known
from kiban.portal.sessions import Visitor
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database
from tests.conftest import AXE, CHROMIUM
from tests.portal.alone import Alone, portal_app
from tests.portal.builders import application, record, reference, statement
from tests.portal.test_store import receipt

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
NARROW, WIDE = 320, 1280
WAYS = [("ja", NARROW), ("en", WIDE)]
WORD = "a session's token"
DRAFT, READY, MISSING, MOVED = "a" * 32, "b" * 32, "c" * 32, "d" * 32
PUBLIC = ["/", "/?left=1", "/procedures/child-allowance", "/status", "/about", "/accessibility"]
REFUSED = ["/nothing", "/history", "/callback", "/procedures/none"]
OWN = [
    "/",
    "/?discarded=1",
    "/procedures/child-allowance",
    "/records",
    "/records?none=1",
    "/consents",
    "/consents?ended=1",
    "/notices",
    "/operations",
    "/sessions",
    "/mandates",
    "/history",
    f"/applications/{DRAFT}/terms",
    f"/applications/{DRAFT}/terms?passed=1",
    f"/applications/{MISSING}/answers?saved=1",
    f"/applications/{READY}/answers",
    f"/applications/{READY}/check",
    *(f"/applications/{number:032x}" for number in range(len(SENT) + 2)),
    f"/applications/{MOVED}",
    "/applications/none",
]


class _Server(uvicorn.Server):
    """A server that leaves the signals to the test."""

    @contextmanager
    def capture_signals(self):
        yield


@asynccontextmanager
async def served(app) -> AsyncIterator[str]:
    """Serve an application on a port that is free."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        config = uvicorn.Config(app, ws="none", log_config=None, access_log=False)
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.wait([serving], timeout=0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(tmp_path_factory) -> AsyncIterator[tuple[str, Alone]]:
    """The portal alone on a port, with one citizen who has been through everything."""
    place = tmp_path_factory.mktemp("pages") / "portal.sqlite"
    db, clock = Database(f"sqlite+aiosqlite:///{place}"), FrozenClock()
    app, http = portal_app(db, clock)
    async with served(app) as origin:
        alone = Alone(app, http, db, clock, None)
        await furnish(alone)
        yield origin, alone
    await http.close()
    await db.close()


def mandates() -> list[Known]:
    """Somebody whom the citizen may act for, somebody whom she may no longer, and who may act for her."""
    line = {
        "basis": "counter",
        "items": ["household", "income"],
        "affairs": ["moving"],
        "starts": 1_775_000_000,
        "until": 1_785_000_000,
        "in_force": True,
    }
    return [
        Known(**line, mandate="a" * 64, part="proxy", other="見本　よし", person="p2"),
        Known(
            **{**line, "affairs": [], "in_force": False},
            mandate="b" * 64,
            part="proxy",
            other="見本　芽衣",
            ended_at=1_776_000_000,
        ),
        Known(**line, mandate="c" * 64, part="principal", other="見本　太郎"),
    ]


async def furnish(alone: Alone) -> None:
    """Give the citizen applications in every state, consents, notices, and values on the screen."""
    visitor = await alone.begins_session("p1", WORD, *mandates())
    await alone.begins_session("p1", "another browser")
    members = [{"name": "見本　花子", "relation": "妻", "birth_date": "1990-05-12"}] * 3
    seen = {
        "household": statement("household", "kamakura", members=members),
        "income": statement(),
        "bank-account": None,
    }
    providers = {"household": "kamakura", "income": "tax", "bank-account": "accounts"}
    alone.parts.applying.shown.keep(
        visitor,
        [
            Seen(
                item=item,
                provider=providers[item],
                outcome="held" if found else "not-held",
                statement=found,
                exchange="e" * 32,
                leaf="f" * 64,
                basis=f"self-information.{item}",
            )
            for item, found in seen.items()
        ],
    )
    await _applications(alone, visitor)


async def _applications(alone: Alone, visitor) -> None:
    at, states = alone.clock(), [*SENT, "decided", "decided"]
    async with alone.parts.store.begin() as rows:
        for name, state in ((DRAFT, "draft"), (READY, "answered"), (MISSING, "approved")):
            await rows.open_application(application(state, name, "p1"))
        await rows.answer(READY, {"from_month": "2026-05", "confirm": "yes"})
        await rows.refer(READY, [reference()])
        records = (record("1" * 32), record("2" * 32, "consent"), record("3" * 32))
        await rows.ask_approval(Approval("7" * 32, "p1", visitor.session.id, READY, at, records))
        await rows.approve("7" * 32, [], at=at)
        await rows.delivered("7" * 32, [])
        await rows.end_consent("3" * 32, "p1", at=at)
        for number, state in enumerate(states):
            name = f"{number:032x}"
            await rows.open_application(application(state, name, "p1"))
            event = ("granted", "refused", "returned")[number % 3]
            outcome = "not-accepted" if state == "undeliverable" else event
            await rows.advance(
                name, state, leaving=(state,), at=at, outcome=outcome, digest="d" * 64
            )
            if state == "decided":
                await rows.tell("p1", receipt(name=name), at=at)
                await rows.tell("p1", receipt(event, 1, name), at=at)
        await rows.open_application(application("decided", MOVED, "p1", procedure="moving-out"))
        for number, event in enumerate(("granted", "completed")):
            await rows.tell("p1", receipt(event, number, MOVED), at=at)
            await rows.advance(MOVED, "decided", leaving=("decided",), at=at, outcome=event)
        for what in ("logged-in", "terms-approved", "once-only-refused"):
            await rows.note("p1", what, "income", at=at)
        proxys = replace(visitor.session, person="p2", proxy="p1", mandate="a" * 64)
        hers = replace(visitor.session, proxy="p3", mandate="c" * 64)
        for session in (proxys, hers):
            await rows.note_act(
                Visitor(session, visitor.token), "information-shown", "income", at=at
            )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def visit(
    chromium: Browser,
    origin: str,
    *,
    width: int,
    language: str = "ja",
    scripts=True,
    logged_in=True,
) -> AsyncIterator[Page]:
    """One look at the portal; no page may ask anybody else for anything."""
    context = await chromium.new_context(
        viewport={"width": width, "height": 800},
        locale=language,
        java_script_enabled=scripts,
        bypass_csp=scripts,  # axe is a script, which the pages' own policy would rightly refuse
    )
    if logged_in:
        await context.add_cookies([{"name": "portal-session", "value": WORD, "url": origin}])
    page, strangers = await context.new_page(), []
    page.on(
        "request",
        lambda request: request.url.startswith(origin) or strangers.append(request.url),
    )
    yield page
    await context.close()
    assert strangers == []


async def look(page: Page, width: int) -> None:
    """Find nothing that stands in anybody's way."""
    found = await Axe().run(page, options=AXE)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"
    assert await page.evaluate("document.documentElement.scrollWidth") <= width, page.url


@pytest.mark.parametrize(("language", "width"), WAYS)
async def test_what_everybody_sees(portal, chromium, language, width):
    origin, _ = portal
    async with visit(chromium, origin, width=width, language=language, logged_in=False) as page:
        for path in [*PUBLIC, *REFUSED]:
            await page.goto(origin + path)
            await look(page, width)


@pytest.mark.parametrize(("language", "width"), WAYS)
async def test_what_a_citizen_sees(portal, chromium, language, width):
    origin, _ = portal
    async with visit(chromium, origin, width=width, language=language) as page:
        for path in OWN:
            reply = await page.goto(origin + path)
            assert reply
            assert reply.status in {200, 404, 503}, path
            await look(page, width)


async def test_mistakes_are_announced_and_lead_to_their_fields(portal, chromium):
    origin, _ = portal
    async with visit(chromium, origin, width=NARROW) as page:
        await page.goto(f"{origin}/applications/{READY}/answers")
        await page.fill("#i-from_month", "")
        await page.uncheck("#i-confirm")
        await page.click("[data-testid=next]")
        await look(page, NARROW)

        await page.click("[data-testid=mistakes] a >> nth=0")

        assert page.url.endswith("#f-from_month")
        assert await page.get_attribute("#i-from_month", "aria-invalid") == "true"
        assert await page.title() != ""


async def test_a_search_that_finds_no_register_is_said_and_nothing_is_lost(portal, chromium):
    origin, _ = portal
    async with visit(chromium, origin, width=NARROW) as page:
        await page.goto(f"{origin}/applications/{MISSING}/answers")
        await page.fill("#i-from_month", "2026-05")
        await page.fill("#i-employer-query", "みほん")
        await page.click("button[name=search][value=employer]")

        await look(page, NARROW)

        assert await page.input_value("#i-from_month") == "2026-05"
        assert "登録簿" in await page.inner_text("#f-employer")


async def test_a_form_is_filled_with_the_keyboard_alone_and_without_a_script(portal, chromium):
    origin, _ = portal
    async with visit(chromium, origin, width=WIDE, scripts=False) as page:
        await page.goto(f"{origin}/applications/{MISSING}/answers")
        await page.fill("#i-employer-query", "")
        await page.focus("#i-employer-query")
        await page.keyboard.type("mihon")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/answers?search=employer*")

        assert await page.input_value("#i-employer-query") == "mihon"


async def test_the_first_tab_leads_past_the_menu(portal, chromium):
    origin, _ = portal
    async with visit(chromium, origin, width=WIDE) as page:
        await page.goto(origin + "/")

        await page.keyboard.press("Tab")

        assert await page.evaluate("document.activeElement.getAttribute('href')") == "#main"


async def test_nothing_is_lost_where_the_reader_chooses_the_colours(portal, chromium):
    origin, _ = portal
    context = await chromium.new_context(
        viewport={"width": NARROW, "height": 800}, forced_colors="active", reduced_motion="reduce"
    )
    await context.add_cookies([{"name": "portal-session", "value": WORD, "url": origin}])
    page = await context.new_page()

    await page.goto(f"{origin}/applications/{READY}/check")

    assert await page.is_visible("[aria-current=step]")
    await context.close()
