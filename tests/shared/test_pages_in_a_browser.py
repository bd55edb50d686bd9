"""The shared page in a real browser: nothing stands in the way of anybody."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from kiban.shared.app import service
from tests.conftest import AXE, CHROMIUM

pytestmark = pytest.mark.browser


@pytest.fixture
async def browser():
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        await chromium.close()


@pytest.mark.parametrize("width", [320, 1024])
async def test_the_shared_page_is_open_to_everybody(browser, clock, listen, width):
    address = await listen(service("Tea", role="tea", clock=clock, pages=True))
    # axe is a script, which the page's own policy would rightly refuse.
    context = await browser.new_context(viewport={"width": width, "height": 700}, bypass_csp=True)
    page = await context.new_page()
    await page.goto(f"{address}/nowhere")

    found = await Axe().run(page, options=AXE)

    assert found.violations_count == 0, found.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_the_keyboard_comes_first_to_the_content(browser, clock, listen):
    address = await listen(service("Tea", role="tea", clock=clock, pages=True))
    page = await browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto(f"{address}/nowhere")

    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    assert page.url.endswith("#main")
    assert [each for each in complaints if "Content Security Policy" in each] == []
