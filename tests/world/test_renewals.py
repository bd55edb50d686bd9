"""A signature certificate is renewed at a counter: what the card's page does, and what it refuses."""

import json
import re
from contextlib import suppress
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest

from kiban.identity.authority.contract import KeyRefused
from kiban.shared import encoding
from kiban.shared.exchanges import new_id
from kiban.shared.problems import Unauthenticated, Unavailable
from kiban.shared.settings import Secret
from kiban.world.cards.client import CardsForCounters
from kiban.world.cards.contract import (
    CardLocked,
    CertificateNotOurs,
    NoSuchKey,
    PINMisshapen,
    RenewalOrder,
    WrongPIN,
)
from kiban.world.cards.deck import Cards
from kiban.world.cards.renewals import LASTS
from kiban.world.vault.contract import SignatureInForce
from tests.world.card_table import (
    COUNTERS,
    ORIGIN,
    PASSWORD,
    PIN,
    SECRET,
    certify_anything,
    issue,
    open_table,
    renew_anything,
)
from tests.world.power import Dying, PowerCut

COUNTER = "http://town-counter.localhost:8706/counter"
NEW = "NAGOYA2026"


@pytest.fixture
async def cards(card_db, clock) -> Cards:
    return Cards(card_db, SECRET, clock)


def certified_by(certify, kept=None):
    """A card office, as the deck calls it; it may keep what it was asked."""

    async def succeed(succession):
        if kept is not None:
            kept.append(succession)
        return await certify(succession.authentication_request, succession.signature_request)

    return succeed


async def renew(cards, *, persona="hanako", certify=None, **typed):
    wanted = {"pin": PIN, "password": NEW, "renewal": "0" * 32, **typed}
    certify = certify or certified_by(certify_anything())
    await cards.renew_signature(persona, certify=certify, **wanted)


async def signs_with(cards, password: str) -> str:
    return (await cards.sign_digest("hanako", "signature", password, b"d" * 32)).certificate


# --- the chip -------------------------------------------------------------------------------------


async def test_a_new_key_and_a_new_password_take_the_old_ones_places(cards) -> None:
    before = await signs_with(cards, PASSWORD)

    await renew(cards)

    assert await signs_with(cards, NEW) != before
    with pytest.raises(WrongPIN):
        await signs_with(cards, PASSWORD)


async def test_the_authentication_key_stays_as_it_is(cards) -> None:
    before = await cards.sign_message("hanako", "authentication", PIN, b"challenge")

    await renew(cards)

    assert await cards.sign_message("hanako", "authentication", PIN, b"challenge") == before


async def test_a_locked_signature_password_does_not_stand_in_the_way(cards) -> None:
    for _ in range(5):
        with pytest.raises((WrongPIN, CardLocked)):
            await signs_with(cards, "WRONG1")

    await renew(cards)

    await signs_with(cards, NEW)


async def test_a_wrong_authentication_pin_counts_and_locks(cards) -> None:
    for expected in (WrongPIN, WrongPIN, CardLocked):
        with pytest.raises(expected):
            await renew(cards, pin="0000")

    with pytest.raises(CardLocked):
        await renew(cards)
    assert await signs_with(cards, PASSWORD)


@pytest.mark.parametrize("password", ["", "SHORT", "NODIGITS", "12345678", "nagoya2026", "A1" * 9])
async def test_a_password_of_another_form_costs_no_try(cards, password) -> None:
    with pytest.raises(PINMisshapen):
        await renew(cards, pin="0000", password=password)

    assert (await cards.faces())[0].pins["authentication"].state.tries_left == 3


async def test_a_childs_card_has_no_signature_to_renew(cards) -> None:
    await issue(cards, "child", signature_password=None)

    with pytest.raises(NoSuchKey):
        await renew(cards, persona="child", pin="0000")

    assert (await cards.faces())[0].pins["authentication"].state.tries_left == 3


async def test_what_is_refused_leaves_the_card_as_it_was(cards) -> None:
    asked = []

    async def refuses(succession):
        asked.append(succession)
        raise SignatureInForce

    for _ in range(2):
        with pytest.raises(SignatureInForce):
            await renew(cards, certify=refuses)

    assert await signs_with(cards, PASSWORD)
    assert asked[0].signature_request != asked[1].signature_request


async def test_a_key_that_cannot_be_certified_is_made_anew(cards) -> None:
    async def refuses(_):
        raise KeyRefused

    with pytest.raises(KeyRefused):
        await renew(cards, certify=refuses)
    await renew(cards)

    assert await signs_with(cards, NEW)


async def test_whoever_was_interrupted_goes_on_with_the_same_key(cards) -> None:
    asked = []

    async def is_away(succession):
        asked.append(succession)
        raise Unavailable

    with pytest.raises(Unavailable):
        await renew(cards, certify=is_away)
    await renew(cards, certify=certified_by(certify_anything(), asked))

    assert asked[0].signature_request == asked[1].signature_request


async def test_a_certificate_for_another_key_is_refused(cards) -> None:
    certify = certify_anything()

    async def swaps(succession):
        return await certify(succession.signature_request, succession.authentication_request)

    with pytest.raises(CertificateNotOurs):
        await renew(cards, certify=swaps)

    assert await signs_with(cards, PASSWORD)


@pytest.mark.parametrize("committed", [False, True])
async def test_a_power_cut_at_any_moment_ends_with_one_new_certificate(
    card_db, clock, committed
) -> None:
    certify, certified = certify_anything(), {}

    async def once(succession):
        """As the country does: the same key again gets the same certificate, and what is in force stays."""
        request = succession.signature_request
        if encoding.encode(succession.signature_certificate) in given():
            raise SignatureInForce
        if request not in certified:
            certified[request] = await certify(succession.authentication_request, request)
        return certified[request]

    def given():
        return {each.signature for each in certified.values()}

    for step in range(1, 20):
        certified.clear()
        password, mortal = f"STEP{step:04}", Dying(card_db, committed=committed)
        mortal.left = step
        ended = await until_it_dies(Cards(mortal, SECRET, clock), once, password)

        survivor = Cards(card_db, SECRET, clock)
        with suppress(SignatureInForce):
            await renew(survivor, certify=once, password=password)

        assert given() == {await signs_with(survivor, password)}, step
        if ended:
            break
    else:
        pytest.fail("the work never came to an end")


async def until_it_dies(cards, certify, password) -> bool:
    """Renew in the life of one process; whether it came to the end."""
    try:
        await renew(cards, certify=certify, password=password)
    except PowerCut:
        return False
    return True


# --- the page -------------------------------------------------------------------------------------


def order(**different) -> RenewalOrder:
    wanted = {
        "id": new_id(),
        "office": "kamakura",
        "municipality": "142042",
        "return_to": COUNTER,
        **different,
    }
    return RenewalOrder(**wanted)


class Page:
    """A browser without scripts at the cards' page, in front of a renewal that a counter began."""

    def __init__(self, http, renew) -> None:
        self.http, self.office = http, renew
        self.counter = CardsForCounters(http, ORIGIN, COUNTERS)
        self.url = ""

    async def begins(self, **different) -> None:
        self.url = (await self.counter.open_renewal(order(**different))).location

    async def look(self):
        headers = {"accept": "text/html", "accept-language": "en"}
        return await self.http.send("GET", self.url, headers=headers)

    async def sends(self, html=None, headers=None, **typed: str):
        html = html or (await self.look()).content.decode()
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', html))
        form = {name: unescape(value) for name, value in fields.items()}
        form |= {"persona": "hanako", "pin": PIN, "password": NEW, "again": NEW, **typed}
        sent = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "text/html",
            "accept-language": "en",
            **(headers or {}),
        }
        content = urlencode(form).encode()
        return await self.http.send("POST", self.url, content=content, headers=sent)


@pytest.fixture
async def page(card_db, clock, cards):
    renewing = renew_anything()
    async with open_table(card_db, clock, renew=renewing) as http:
        page = Page(http, renewing)
        await page.begins()
        yield page


async def test_the_page_renews_and_leads_back_to_the_counter(page, cards) -> None:
    reply = await page.sends()

    shown = (await page.look()).content.decode()
    assert reply.status == 303
    assert 'data-testid="renewed"' in shown
    assert f'href="{COUNTER}"' in shown
    assert await signs_with(cards, NEW)


async def test_the_card_office_hears_for_whom_and_where(page) -> None:
    visitor = {
        "name": "見本　花子",
        "name_kana": "ミホン　ハナコ",
        "birth_date": "1985-04-12",
        "sex": "female",
        "address": "神奈川県鎌倉市長谷1丁目2番3号",
    }
    await page.begins(visitor=visitor)

    await page.sends()

    ((persona, asked, _),) = page.office.asked
    assert (persona, asked.municipality) == ("hanako", "142042")
    assert asked.visitor.model_dump() == visitor


async def test_a_form_that_is_sent_twice_renews_once(page) -> None:
    html = (await page.look()).content.decode()

    replies = [await page.sends(html), await page.sends(html)]

    assert [reply.status for reply in replies] == [303, 303]
    assert len(page.office.asked) == 1


async def test_pin_and_password_are_in_no_page_and_no_address(page) -> None:
    replies = [await page.sends(again="OTHER2026"), await page.sends(), await page.look()]

    said = json.dumps(
        [[reply.content.decode(), reply.headers.get("location")] for reply in replies]
    )
    assert all(secret not in said for secret in (f'"{PIN}', NEW, "OTHER2026"))


@pytest.mark.parametrize(
    ("typed", "status", "words"),
    [
        ({"again": "OTHER2026"}, 422, "The two entries of the new password differ"),
        ({"password": "short", "again": "short"}, 422, "The new signature password has 6 to 16"),
        ({"pin": "12"}, 422, "This cannot be the PIN"),
        ({"pin": "0000"}, 403, "After 2 more errors it locks"),
        ({"pin": ""}, 422, "Please check"),
        ({"persona": "nobody"}, 404, "There is no such card"),
        ({"persona": "child"}, 404, "no certificate for signatures"),
    ],
)
async def test_a_mistake_is_said_kindly(page, cards, typed, status, words) -> None:
    await issue(cards, "child", signature_password=None)

    reply = await page.sends(**typed)

    assert reply.status == status
    assert words in reply.content.decode()
    assert not page.office.asked


@pytest.mark.parametrize("sent", [{"csrf": "x.y"}, {"headers": {"sec-fetch-site": "cross-site"}}])
async def test_a_form_from_elsewhere_renews_nothing(page, sent) -> None:
    reply = await page.sends(**sent)

    assert reply.status == 403
    assert not page.office.asked


async def test_a_renewal_lasts_for_minutes(page, clock) -> None:
    clock.advance(LASTS + timedelta(seconds=1))

    reply = await page.look()

    assert reply.status == 404
    assert "Please begin again at the counter" in reply.content.decode()


async def test_a_renewal_that_nobody_began_is_none(page) -> None:
    page.url = f"{ORIGIN}/renewals/{new_id()}"

    assert (await page.look()).status == 404


@pytest.mark.parametrize("secret", ["", "another secret"])
async def test_only_a_counter_begins_a_renewal(page, secret) -> None:
    stranger = CardsForCounters(page.http, ORIGIN, Secret(secret))

    with pytest.raises(Unauthenticated):
        await stranger.open_renewal(order())


async def test_the_same_order_again_is_one_renewal(page) -> None:
    wanted = order()

    places = [await page.counter.open_renewal(wanted) for _ in range(2)]

    assert places[0] == places[1]


def test_the_counters_secret_hides_itself() -> None:
    assert COUNTERS.reveal() not in repr(CardsForCounters(None, ORIGIN, COUNTERS))
