"""A PIN is set anew at a counter: by the holder alone, once, and only after a clerk has said who they are."""

import json
import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from kiban.shared.exchanges import new_id
from kiban.shared.problems import Unauthenticated
from kiban.shared.settings import Secret
from kiban.world import cast
from kiban.world.cards.client import CardsForCounters
from kiban.world.cards.contract import CardLocked, NewPINOrder, WrongPIN
from kiban.world.cards.deck import Cards
from kiban.world.cards.renewals import LASTS
from kiban.world.vault.contract import CardOfSomebodyElse, LivesElsewhere, NobodyMatches
from tests.world.card_table import COUNTERS, ORIGIN, PIN, SECRET, believe_anybody, issue, open_table

COUNTER = "http://town-counter.localhost:8706/counter"
NEW, NEW_PASSWORD = "2580", "HASE2026"
HANAKO = cast.load_checked(cast.shipped_country()).people["hanako"].attributes()


def order(**different) -> NewPINOrder:
    wanted = {
        "id": new_id(),
        "office": "kamakura",
        "municipality": "142042",
        "return_to": COUNTER,
        "visitor": HANAKO,
        **different,
    }
    return NewPINOrder(**wanted)


class Page:
    """A browser without scripts at the cards' page, where a counter lets a PIN be set."""

    def __init__(self, http, holder) -> None:
        self.http, self.office = http, holder
        self.counter = CardsForCounters(http, ORIGIN, COUNTERS)
        self.url = ""

    async def begins(self, **different) -> None:
        self.url = (await self.counter.open_new_pin(order(**different))).location

    async def look(self, language: str = "en"):
        headers = {"accept": "text/html", "accept-language": language}
        return await self.http.send("GET", self.url, headers=headers)

    async def sends(self, html=None, headers=None, **typed: str):
        html = html or (await self.look()).content.decode()
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', html))
        form = {name: unescape(value) for name, value in fields.items()}
        form |= {"persona": "hanako", "key": "authentication", "password": NEW, "again": NEW}
        sent = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "text/html",
            "accept-language": "en",
            **(headers or {}),
        }
        content = urlencode(form | typed).encode()
        return await self.http.send("POST", self.url, content=content, headers=sent)


@pytest.fixture
async def cards(card_db, clock) -> Cards:
    return Cards(card_db, SECRET, clock)


@pytest.fixture
async def page(card_db, clock, cards):
    holder = believe_anybody()
    async with open_table(card_db, clock, holder=holder) as http:
        page = Page(http, holder)
        await page.begins()
        yield page


async def opens(cards, pin: str, key: str = "authentication"):
    return await cards.sign_digest("hanako", key, pin, b"d" * 32)


async def locked(cards) -> None:
    for _ in range(3):
        with pytest.raises((WrongPIN, CardLocked)):
            await opens(cards, "0000")
    with pytest.raises(CardLocked):
        await opens(cards, PIN)


async def test_the_holder_of_a_locked_card_sets_a_new_pin(page, cards) -> None:
    await locked(cards)

    reply = await page.sends()

    shown = (await page.look()).content.decode()
    assert reply.status == 303
    assert 'data-testid="set"' in shown
    assert f'href="{COUNTER}"' in shown
    assert await opens(cards, NEW)
    with pytest.raises(WrongPIN):
        await opens(cards, PIN)


async def test_the_signature_password_is_set_in_the_same_way(page, cards) -> None:
    await page.sends(key="signature", password=NEW_PASSWORD, again=NEW_PASSWORD)

    assert await opens(cards, NEW_PASSWORD, "signature")
    assert await opens(cards, PIN)


async def test_the_card_office_hears_whose_card_it_must_be(page, cards) -> None:
    await page.sends()

    ((asked, certificate),) = page.office.asked
    assert (asked.visitor, asked.municipality) == (HANAKO, "142042")
    assert certificate == await cards.authentication_certificate("hanako")


@pytest.mark.parametrize("problem", [CardOfSomebodyElse, LivesElsewhere, NobodyMatches])
async def test_whom_the_resident_network_does_not_know_sets_nothing(
    card_db, clock, cards, problem
) -> None:
    async def refuses(order, certificate) -> None:
        raise problem("not the visitor's")

    async with open_table(card_db, clock, holder=refuses) as http:
        page = Page(http, refuses)
        await page.begins()
        reply = await page.sends()

    assert reply.status == problem.status
    assert 'id="problem"' in reply.content.decode()
    assert await opens(cards, PIN)


async def test_a_form_that_is_sent_twice_sets_one_pin(page, cards) -> None:
    html = (await page.look()).content.decode()

    replies = [await page.sends(html), await page.sends(html, password="1357", again="1357")]

    assert [reply.status for reply in replies] == [303, 303]
    assert await opens(cards, NEW)


async def test_by_one_order_the_chip_takes_one_pin(page, cards) -> None:
    name = page.url.rpartition("/")[2]

    await cards.reset_pin("hanako", "authentication", NEW, order=name)
    await cards.reset_pin("hanako", "authentication", "1357", order=name)

    assert await opens(cards, NEW)


async def test_no_pin_is_in_a_page_or_an_address(page) -> None:
    replies = [await page.sends(again="1357"), await page.sends(), await page.look()]

    said = json.dumps(
        [[reply.content.decode(), reply.headers.get("location")] for reply in replies]
    )
    assert all(f'"{secret}' not in said for secret in (NEW, "1357"))


@pytest.mark.parametrize(
    ("typed", "status", "words"),
    [
        ({"again": "1357"}, 422, "The two entries of the new password differ"),
        ({"password": "12", "again": "12"}, 422, "The PIN for authentication has 4 digits"),
        ({"key": "signature"}, 422, "The password for signatures has 6 to 16"),
        ({"password": "", "again": ""}, 422, "Please check"),
        ({"persona": "nobody"}, 404, "There is no such card"),
        ({"key": "neither"}, 422, "Please check"),
        (
            {"persona": "child", "key": "signature", "password": "A1B2C3", "again": "A1B2C3"},
            404,
            "no",
        ),
    ],
)
async def test_a_mistake_is_said_kindly(page, cards, typed, status, words) -> None:
    await issue(cards, "child", signature_password=None)

    reply = await page.sends(**typed)

    assert reply.status == status
    assert words in reply.content.decode()
    assert await opens(cards, PIN)


@pytest.mark.parametrize("sent", [{"csrf": "x.y"}, {"headers": {"sec-fetch-site": "cross-site"}}])
async def test_a_form_from_elsewhere_sets_nothing(page, cards, sent) -> None:
    assert (await page.sends(**sent)).status == 403
    assert await opens(cards, PIN)


async def test_it_lasts_for_minutes(page, clock) -> None:
    clock.advance(LASTS + timedelta(seconds=1))

    reply = await page.look()

    assert reply.status == 404
    assert "Please begin again at the counter" in reply.content.decode()


@pytest.mark.parametrize("place", ["renewals", "new-pins"])
async def test_what_was_begun_for_one_thing_is_none_for_another(page, place) -> None:
    name = page.url.rpartition("/")[2] if place == "renewals" else new_id()
    page.url = f"{ORIGIN}/{place}/{name}"

    assert (await page.look()).status == 404


@pytest.mark.parametrize("secret", ["", "another secret"])
async def test_only_a_counter_lets_anybody(page, secret) -> None:
    stranger = CardsForCounters(page.http, ORIGIN, Secret(secret))

    with pytest.raises(Unauthenticated):
        await stranger.open_new_pin(order())


def test_a_counter_always_says_whose_card_it_is() -> None:
    with pytest.raises(ValidationError):
        order(visitor=None)


# --- from the counter on, among real neighbours -----------------------------------------------------


async def test_who_is_locked_out_logs_in_again_after_the_counter(country) -> None:
    taro = country.people["taro"]
    deck = country.apps["cards"].state.cards
    for _ in range(3):
        with pytest.raises((WrongPIN, CardLocked)):
            await deck.sign_digest("taro", "authentication", "0000", b"d" * 32)
    clerk = country.clerk("kamakura")
    await clerk.signs_in()
    said = {"key": "authentication", "password": NEW, "again": NEW}

    await clerk.begins_new_pin(taro.name, taro.birth_date.isoformat())
    other = await clerk.terminal.submit("set", {"persona": "hanako", **said})
    page = await clerk.terminal.submit("set", {"persona": "taro", **said})

    assert "別の方のカード" in other.text
    assert "暗証番号を設定し直しました" in page.text
    assert await deck.sign_digest("taro", "authentication", NEW, b"d" * 32)


async def test_a_clerk_lets_nobody_whom_the_register_does_not_show(country) -> None:
    clerk = country.clerk("kamakura")
    await clerk.signs_in()
    await clerk.looks()

    page = await clerk.terminal.submit("set-pin", {"name": "誰か", "birth_date": "1990-01-01"})

    assert page.status == 404
    assert "見つかりません" in page.part("problem").text
    assert page.form("set-pin").control("name").value == "誰か"
