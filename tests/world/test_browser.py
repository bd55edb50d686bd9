"""The browser without a script: against a real application of our own kind, no pages made up in strings alone."""

from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from kiban.shared.access import anyone
from kiban.shared.app import service
from kiban.shared.clock import FrozenClock
from kiban.shared.cookies import Cookie
from kiban.shared.http import HttpxHttp
from kiban.world.browser import Browser, PageRefused, accepted
from kiban.world.markup import Markup

HERE, THERE = "http://shop.localhost:7000", "http://card.localhost:7001"
PAGE = """<!DOCTYPE html><html lang="ja"><head><title>店</title></head><body>
<h1>ようこそ</h1>
<p data-testid="greeting">こんにちは、<b>花子</b>さん</p>
<form id="order" method="post" action="/order">
  <input type="hidden" name="csrf" value="t&amp;k"><input name="note" value="as given">
  <select name="size"><option value="">?</option><option value="s">S</option>
  <option value="m" selected>M</option></select>
  <label><input type="checkbox" name="gift" value="yes"> gift</label>
  <label><input type="checkbox" name="news" checked> news</label>
  <label><input type="radio" name="pay" value="cash" checked> cash <input type="radio" name="pay" value="card"></label>
  <textarea name="words">two
lines</textarea>
  <input name="off" value="1" disabled>
  <button type="submit">order</button> <button type="submit" name="save" value="1">save</button>
</form>
<form name="find" method="get" action="/found"><input name="q" value=""><button>find</button></form>
<table id="history"><thead><tr><th>when</th><th>what</th></tr></thead>
<tbody><tr><td>today</td><td>read <a href="/proof">proof</a></td></tr><tr><td>before</td><td>x</td></tr></tbody></table>
<p><a id="login" href="/begin">log in</a></p></body></html>"""


def shop(clock) -> FastAPI:
    app = service("shop", role="shop", clock=clock)
    open_to_all = {"dependencies": [Depends(anyone)], "include_in_schema": False}
    cookie = Cookie("shop", HERE)

    @app.get("/", **open_to_all)
    async def first() -> HTMLResponse:
        return HTMLResponse(PAGE)

    @app.post("/order", **open_to_all)
    async def order(request: Request) -> HTMLResponse:
        sent = dict(await request.form())
        return HTMLResponse(f"<h1>{sent}</h1>")

    @app.get("/found", **open_to_all)
    async def found(q: str) -> HTMLResponse:
        return HTMLResponse(f"<h1>{q}</h1>")

    @app.get("/begin", **open_to_all)
    async def begin() -> RedirectResponse:
        response = RedirectResponse(f"{THERE}/tap", 303)
        cookie.put(response, "begun", lasts=timedelta(minutes=1))
        return response

    @app.get("/back", **open_to_all)
    async def back(request: Request) -> HTMLResponse:
        response = HTMLResponse(f"<h1>{cookie.read(request)}</h1>")
        cookie.drop(response)
        return response

    @app.get("/round", **open_to_all)
    async def round_and_round() -> RedirectResponse:
        return RedirectResponse("/round", 303)

    return app


def card(clock) -> FastAPI:
    app = service("card", role="card", clock=clock)
    open_to_all = {"dependencies": [Depends(anyone)], "include_in_schema": False}

    @app.get("/tap", **open_to_all)
    async def tap(request: Request) -> HTMLResponse:
        assert not request.cookies
        return HTMLResponse('<form name="tap" method="post"><input name="pin"></form>')

    @app.post("/tap", **open_to_all)
    async def tapped(pin: Annotated[str, Form()]) -> HTMLResponse:
        where = f"{HERE}/back?pin={pin}"
        return HTMLResponse(f'<meta http-equiv="refresh" content="0;url={where}">')

    return app


@pytest.fixture
async def browser():
    clock = FrozenClock()
    http = HttpxHttp({HERE: shop(clock), THERE: card(clock)})
    yield Browser(http, clock)
    await http.close()


async def test_a_page_is_read_as_a_person_reads_it(browser):
    page = await browser.open(f"{HERE}/")

    assert page.heading == "ようこそ"
    assert page.part("greeting").text == "こんにちは、花子さん"
    assert "こんにちは、花子さん" in page.text.splitlines()
    assert page.markup.language == "ja"
    assert page.table("history").records() == [
        {"when": "today", "what": "read proof"},
        {"when": "before", "what": "x"},
    ]


async def test_a_form_sent_unchanged_sends_what_the_page_gave_it(browser):
    await browser.open(f"{HERE}/")

    page = await browser.submit("order")

    assert page.heading == str(
        {
            "csrf": "t&k",
            "note": "as given",
            "size": "m",
            "news": "on",
            "pay": "cash",
            "words": "two lines",
        }
    )


async def test_a_form_is_filled_in_by_the_names_of_its_fields(browser):
    await browser.open(f"{HERE}/")

    page = await browser.submit(
        "order",
        {"note": "名", "size": "s", "gift": True, "news": False, "pay": "card"},
        button="save",
    )

    assert "'note': '名', 'size': 's', 'gift': 'yes', 'pay': 'card'" in page.heading
    assert "'save': '1'" in page.heading


async def test_a_form_of_method_get_asks_by_its_address(browser):
    await browser.open(f"{HERE}/")

    assert (await browser.submit("find", {"q": "鎌倉"})).heading == "鎌倉"


async def test_redirects_refreshes_and_cookies_lead_over_the_card_and_back(browser):
    await browser.open(f"{HERE}/")

    await browser.follow("login")
    page = await browser.submit("tap", {"pin": "1234"})

    assert page.heading == "begun"
    assert browser.cookies("shop.localhost") == {}
    assert browser.visited[-3:] == [f"{THERE}/tap", f"{THERE}/tap", f"{HERE}/back"]


async def test_a_problem_is_a_page_and_a_story_can_insist_that_there_is_none(browser):
    page = await browser.open(f"{HERE}/nowhere")

    assert page.status == 404
    with pytest.raises(PageRefused):
        accepted(page)


async def test_nobody_goes_round_in_circles(browser):
    with pytest.raises(PageRefused, match="circles"):
        await browser.open(f"{HERE}/round")


@pytest.mark.parametrize(
    ("form", "values", "said"),
    [
        ("orders", {}, "has no form orders; it has order, find"),
        ("order", {"colour": "red"}, "has no field colour"),
        ("order", {"size": "xl"}, "size offers , s, m"),
    ],
)
async def test_what_the_page_does_not_offer_cannot_be_sent(browser, form, values, said):
    await browser.open(f"{HERE}/")

    with pytest.raises(LookupError, match=said):
        await browser.submit(form, values)


@pytest.mark.parametrize("html", ["", "<p", "</p></p>", "<table></table>", "<form>", "<option>x"])
def test_broken_markup_breaks_nothing(html):
    assert Markup(html).forms is not None
