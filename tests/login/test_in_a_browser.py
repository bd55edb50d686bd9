"""Login, card and consent in a real browser without scripts, and the pages before a critical eye."""

from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from fastapi import Depends, FastAPI
from playwright.async_api import async_playwright
from starlette.responses import HTMLResponse

from kiban.shared.access import anyone
from kiban.shared.app import service
from tests.conftest import AXE, CHROMIUM
from tests.login.house import CARDS, HANAKO, at_bank
from tests.login.parties import BANK_BACK, LOGIN

pytestmark = pytest.mark.browser
BANK_ORIGIN = "http://bank.localhost:8703"


@pytest.fixture
def engine() -> str:
    return "sqlite"


def bank_app(clock) -> FastAPI:
    """Where the browser comes back to."""
    app = service("Bank", role="bank", clock=clock)

    @app.get("/return", dependencies=[Depends(anyone)])
    async def back() -> HTMLResponse:
        return HTMLResponse("<!DOCTYPE html><title>back</title><p>back</p>")

    return app


@pytest.fixture
async def chromium(house, listen):
    """A browser that finds every origin of the house where it listens."""
    apps = {LOGIN: house.apps[LOGIN], CARDS: house.apps[CARDS], BANK_ORIGIN: bank_app(house.clock)}
    rules = [
        f"MAP {urlsplit(origin).netloc} {urlsplit(await listen(app)).netloc}"
        for origin, app in apps.items()
    ]
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", f"--host-resolver-rules={','.join(rules)}"],
        )
        yield launched
        await launched.close()


def listening(page) -> list[str]:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    return complaints


async def hold_up(page, person=HANAKO, pin=None) -> None:
    await page.select_option("[name=persona]", person.id)
    await page.fill("[name=pin]", pin or person.pin)
    await page.click("form[name=tap] button")


async def test_a_person_logs_in_and_consents_without_a_script(house, chromium) -> None:
    bank = at_bank(house)
    attempt = bank.begin("openid name address")
    context = await chromium.new_context(java_script_enabled=False, locale="en")
    page = await context.new_page()
    complaints = listening(page)

    await page.goto(bank.client.authorization_url(attempt))
    await hold_up(page, pin="0000")
    assert "The PIN is wrong" in await page.inner_text("#problem")
    await hold_up(page)
    await page.wait_for_url(f"{LOGIN}/consent**")
    await page.click("form[name=agree] button")
    await page.wait_for_url(f"{BANK_BACK}**")

    query = dict(pair.split("=", 1) for pair in urlsplit(page.url).query.split("&"))
    assert query["state"] == attempt.state
    person = await bank.client.redeem(query["code"], attempt)
    assert (await bank.client.userinfo(person.access_token)).name == HANAKO.name
    assert [each for each in complaints if "Security Policy" in each] == []


async def test_cookies_are_bound_to_the_host_and_unreadable(house, chromium) -> None:
    bank = at_bank(house)
    context = await chromium.new_context()
    page = await context.new_page()

    await page.goto(bank.client.authorization_url(bank.begin("openid")))

    cookies = {each["name"]: each for each in await context.cookies(LOGIN)}
    assert cookies["login-browser"]["httpOnly"]
    assert cookies["login-browser"]["sameSite"] == "Lax"
    assert cookies["login-browser"]["domain"] == "login.localhost"


@pytest.mark.parametrize("width", [320, 1024])
async def test_every_page_is_open_to_everybody(house, chromium, width) -> None:
    bank = at_bank(house)
    # axe is a script, which the pages' own policy would rightly refuse.
    context = await chromium.new_context(viewport={"width": width, "height": 800}, bypass_csp=True)
    page = await context.new_page()
    seen: list[str] = []

    async def look() -> None:
        found = await Axe().run(page, options=AXE)
        seen.append(urlsplit(page.url).path)
        assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"
        assert await page.evaluate("document.documentElement.scrollWidth") == width, page.url

    await page.goto(f"{CARDS}/")
    await look()
    await page.goto(bank.client.authorization_url(bank.begin("openid name")))
    await look()
    await hold_up(page, pin="0000")
    await look()
    await hold_up(page)
    await page.wait_for_url(f"{LOGIN}/consent**")
    await look()
    await page.click("form[name=agree] button")
    await page.wait_for_url(f"{BANK_BACK}**")
    await page.goto(f"{LOGIN}/")
    await look()
    await page.goto(f"{LOGIN}/consents")
    await look()
    await page.goto(f"{LOGIN}/consents/enter")
    await hold_up(page)
    await page.wait_for_url(f"{LOGIN}/consents")
    await look()

    assert len(seen) == 7
