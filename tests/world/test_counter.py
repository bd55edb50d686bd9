"""The counter's pages: who may come, what a clerk begins, and a kind word for every mistake."""

import re
from urllib.parse import urlencode

import pytest

from kiban.shared.http import HttpxHttp
from kiban.shared.settings import Secret
from kiban.world.browser import PageRefused
from kiban.world.cards.deck import PACKAGE as CARDS_PACKAGE
from kiban.world.cards.deck import Cards
from kiban.world.clerk import Clerk
from kiban.world.counter.app import PACKAGE
from kiban.world.counter.clerks import SESSION_LASTS
from tests.world.card_table import SECRET, cards_app, issue, renew_anything
from tests.world.counter_table import CARD_COUNTERS, CARDS, COUNTER, KEY, ORIGIN, counter_app_of


class Town:
    """A counter, with the cards behind it, and clerks at browsers of their own."""

    def __init__(self, http, clock) -> None:
        self.http, self.clock = http, clock

    def clerk(self, key: Secret = KEY) -> Clerk:
        return Clerk(COUNTER, key, self.http, self.clock)

    async def sends(self, clerk: Clerk, path: str, form: dict, headers=None):
        """What a browser with this clerk's cookie might send, from wherever."""
        sent = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "text/html",
            "accept-language": "en",
            "cookie": cookie_of(clerk),
            **(headers or {}),
        }
        content = urlencode(form).encode()
        return await self.http.send("POST", COUNTER + path, content=content, headers=sent)


def cookie_of(clerk: Clerk) -> str:
    jar = clerk.terminal.cookies("town-counter.localhost")
    return "; ".join(f"{name}={value}" for name, value in jar.items())


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
async def town(new_database, clock):
    db, card_db = await new_database(PACKAGE), await new_database(CARDS_PACKAGE)
    await issue(Cards(card_db, SECRET, clock))
    async with cards_app(
        card_db, clock, renew=renew_anything(), counter_key=CARD_COUNTERS
    ) as cards:
        app = counter_app_of(db, clock, HttpxHttp({CARDS: cards}))
        yield Town(HttpxHttp({ORIGIN: app, CARDS: cards}), clock)


@pytest.fixture
async def clerk(town) -> Clerk:
    clerk = town.clerk()
    await clerk.signs_in()
    return clerk


# --- who may come ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["x", "the clerk's keys", "鍵"])
async def test_another_key_is_refused_kindly(town, key) -> None:
    clerk = town.clerk(Secret(key))

    with pytest.raises(PageRefused):
        await clerk.signs_in()

    assert clerk.terminal.shown.status == 403
    assert "窓口の鍵が違います" in clerk.terminal.shown.text
    assert key not in clerk.terminal.shown.text.replace("窓口の鍵", "")


async def test_whoever_has_not_signed_in_is_asked_to(town) -> None:
    page = await town.clerk().terminal.open(COUNTER)

    assert page.has_form("sign-in")
    assert not page.has_form("renew")


@pytest.mark.parametrize("path", ["/sign-out", "/renewals"])
async def test_whoever_has_not_signed_in_does_nothing(town, path) -> None:
    reply = await town.sends(town.clerk(), path, {"csrf": "x.y"})

    assert reply.status == 401


async def test_a_session_ends_with_the_working_day(town, clerk) -> None:
    town.clock.advance(SESSION_LASTS)

    assert (await clerk.terminal.open(COUNTER)).has_form("sign-in")


async def test_whoever_signs_out_is_out_wherever_the_cookie_went(town, clerk) -> None:
    stolen = cookie_of(clerk)

    await clerk.signs_out()

    headers = {"cookie": stolen, "accept": "text/html"}
    reply = await town.http.send("GET", COUNTER, headers=headers)
    assert stolen
    assert 'id="renew"' not in reply.content.decode()


async def test_the_cookie_is_for_this_counter_alone_and_for_no_script(town) -> None:
    page = await town.http.send("GET", COUNTER, headers={"accept": "text/html"})
    token = re.search(r'name="csrf" value="([^"]+)"', page.content.decode())[1]

    reply = await town.sends(town.clerk(), "", {"csrf": token, "key": KEY.reveal()})

    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("counter-town=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


# --- forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "x.y", "ü.ü", "a" * 300])
@pytest.mark.parametrize("path", ["/sign-out", "/renewals", ""])
async def test_a_form_without_our_token_does_nothing(town, clerk, path, token) -> None:
    reply = await town.sends(clerk, path, {"csrf": token, "key": KEY.reveal()})

    assert reply.status in {403, 422}
    assert (await clerk.looks()).has_form("sign-out")


async def test_another_clerks_token_does_nothing(town, clerk) -> None:
    other = town.clerk()
    await other.signs_in()
    token = (await other.looks()).form("renew").control("csrf").value

    reply = await town.sends(clerk, "/renewals", {"csrf": token})

    assert reply.status == 403


async def test_a_form_from_another_site_does_nothing(town, clerk) -> None:
    token = (await clerk.looks()).form("renew").control("csrf").value

    reply = await town.sends(clerk, "/renewals", {"csrf": token}, {"sec-fetch-site": "cross-site"})

    assert reply.status == 403


async def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing(town, clerk) -> None:
    headers = {"accept": "text/html", "cookie": cookie_of(clerk)}
    for path in ("", "/none"):
        reply = await town.http.send("GET", COUNTER + path, headers=headers)

        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "SIMULATED" in reply.content.decode()
        assert reply.headers["cache-control"] == "no-store"


# --- renewal --------------------------------------------------------------------------------------


async def test_a_renewal_leads_to_the_cards_own_page_and_back(town, clerk) -> None:
    page = await clerk.begins_renewal()

    assert page.has_form("renew")
    assert page.link("やめて窓口へ戻る").href == COUNTER


def test_a_clerk_does_not_show_the_key() -> None:
    assert KEY.reveal() not in repr(Clerk(COUNTER, KEY, None))
