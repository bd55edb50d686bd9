"""The page at which a card is held up, in front of a login that lies."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiban.gateway.contract import ConsentRecord, terms_digest
from kiban.identity.authority.contract import approval_message, authentication_message
from kiban.shared import canonical, encoding
from kiban.world.cards.deck import Cards
from tests.world.card_table import LOGIN, OPERATOR, ORIGIN, PASSWORD, PIN, SECRET, open_table

REQUEST = "a" * 32
CHALLENGE = "c" * 64


def consent(**different) -> ConsentRecord:
    wanted = {
        "id": "1" * 32,
        "kind": "consent",
        "reader": "kamakura",
        "provider": "accounts",
        "affair": "child-allowance",
        "item": "bank-account",
        "purpose": {"ja": "児童手当の認定のため", "en": "To decide on child allowance"},
        "starts": 1_775_000_000,
        "until": 1_777_000_000,
        "uses": "once",
        **different,
    }
    return ConsentRecord(**wanted)


def terms_of(*records: ConsentRecord) -> list[dict]:
    texts = [canonical.encode(record.model_dump()).decode() for record in records]
    return [{"digest": hashlib.sha256(t.encode()).hexdigest(), "canonical": t} for t in texts]


def card_request(**different) -> dict:
    return {
        "id": REQUEST,
        "kind": "authenticate",
        "client": {"ja": "市民ポータル", "en": "Citizens' portal"},
        "title": {"ja": "ログイン", "en": "Log in"},
        "audience": LOGIN,
        "challenge": CHALLENGE,
        "digest": None,
        "records": [],
        "return_to": f"{LOGIN}/continue",
        "expires_at": 1_900_000_000,
        **different,
    }


@dataclass
class LyingLogin:
    """Says whatever a test wants it to say, and writes down what the card sent."""

    asks: dict = field(default_factory=card_request)
    heard: list[dict] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/card-requests/{name}")
        async def read(name: str) -> dict:
            return self.asks

        @app.post("/card-requests/{name}/response")
        async def answer(name: str, request: Request) -> dict:
            self.heard.append(json.loads(await request.body()))
            return {"code": "one-time"}

        return app


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
async def login() -> LyingLogin:
    return LyingLogin()


@pytest.fixture
async def page(card_db, clock, login):
    async with open_table(card_db, clock, login=login.app()) as http:
        yield Page(http)


class Page:
    """A browser without scripts, at the cards' page."""

    def __init__(self, http) -> None:
        self.http = http

    async def get(self, path: str):
        return await self.http.send(
            "GET", ORIGIN + path, headers={"accept": "text/html", "accept-language": "en"}
        )

    async def look(self) -> str:
        return (await self.get(f"/tap?request={REQUEST}")).content.decode()

    async def tap(self, html: str | None = None, **typed: str):
        fields = re.findall(r'name="(\w+)" value="([^"]*)"', html or await self.look())
        form = {name: unescape(value) for name, value in fields} | {"persona": "hanako", "pin": PIN}
        return await self.post(form | typed)

    async def post(self, form: dict, **headers: str):
        sent = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "text/html",
            "accept-language": "en",
            **headers,
        }
        return await self.http.send(
            "POST", f"{ORIGIN}/tap", content=urlencode(form).encode(), headers=sent
        )


def signature_of(login: LyingLogin) -> bytes:
    return encoding.decode(login.heard[-1]["signature"])


async def test_the_page_says_who_asks_and_that_all_is_simulated(page) -> None:
    html = await page.look()

    assert "Citizens&#39; portal" in html
    assert "SIMULATED" in html
    assert "<script" not in html


async def test_a_card_that_was_held_up_leads_back_to_login_with_its_code(page, login) -> None:
    reply = await page.tap()

    onward = await page.get(reply.headers["location"])
    address = f"{LOGIN}/continue?request={REQUEST}&amp;code=one-time"
    assert reply.status == 303
    assert f'content="0;url={address}"' in onward.content.decode()
    assert f'href="{address}"' in onward.content.decode()


async def test_the_card_signs_whom_it_logs_in_to(page, login, card_db, clock) -> None:
    await page.tap()

    expected = await Cards(card_db, SECRET, clock).sign_message(
        "hanako", "authentication", PIN, authentication_message(CHALLENGE, LOGIN)
    )
    assert login.heard[-1] == expected.model_dump()


async def test_the_pin_goes_to_nobody(page, login) -> None:
    await page.tap()

    assert PIN not in json.dumps(login.heard)
    assert set(login.heard[-1]) == {"certificate", "signature"}


async def test_every_record_to_be_approved_is_shown_in_words(page, login) -> None:
    login.asks = card_request(
        kind="approve", records=terms_of(consent(), consent(item="income", provider="tax"))
    )

    html = await page.look()

    for words in (
        "To decide on child allowance",
        "Tax office (SIMULATED)",
        "Income",
        "1 April 2026",
        "Once",
    ):
        assert words in html, words


async def test_the_card_approves_the_digest_of_what_it_showed(page, login, card_db, clock) -> None:
    records = [consent(), consent(id="2" * 32)]
    login.asks = card_request(kind="approve", records=terms_of(*records))

    await page.tap()

    message = approval_message(terms_digest([each.digest for each in records]), CHALLENGE)
    expected = await Cards(card_db, SECRET, clock).sign_message(
        "hanako", "authentication", PIN, message
    )
    assert login.heard[-1] == expected.model_dump()


async def test_a_name_that_is_not_in_the_directory_is_marked(page, login) -> None:
    login.asks = card_request(kind="approve", records=terms_of(consent(reader="stranger")))

    assert "not in the country&#39;s directory" in await page.look()


def altered(change) -> list[dict]:
    record = terms_of(consent())[0]
    text = change(record["canonical"])
    return [{"digest": hashlib.sha256(text.encode()).hexdigest(), "canonical": text}]


WRONG_TERMS = {
    "a digest of something else": [{**terms_of(consent())[0], "digest": "0" * 64}],
    "a field that would not be shown": altered(lambda text: text[:-1] + ',"zzz":"all"}'),
    "spaces that hide nothing yet": altered(lambda text: text.replace(":", ": ")),
    "a field said twice": altered(lambda text: '{"reader":"tax",' + text[1:]),
    "no record at all": altered(lambda text: "{}"),
    "no JSON": altered(lambda text: "approve everything"),
    "a time beyond all calendars": terms_of(consent(until=2**40)),
    "nothing": [],
}


@pytest.mark.parametrize("records", WRONG_TERMS.values(), ids=WRONG_TERMS.keys())
async def test_the_card_refuses_terms_that_do_not_fit(page, login, records) -> None:
    login.asks = card_request()
    shown = await page.look()
    login.asks = card_request(kind="approve", records=records)

    reply = await page.tap(shown)

    assert reply.status == 422
    assert not login.heard


async def test_the_card_signs_nothing_else_than_what_was_shown(page, login) -> None:
    login.asks = card_request(kind="approve", records=terms_of(consent()))
    shown = await page.look()

    login.asks = card_request(kind="approve", records=terms_of(consent(reader="police")))
    reply = await page.tap(shown)

    assert reply.status == 422
    assert not login.heard


@pytest.mark.parametrize(
    "asks",
    [
        card_request(audience="http://evil.localhost:1"),
        card_request(return_to="http://evil.localhost:1/continue"),
        card_request(return_to=f"{LOGIN}/continue/../evil"),
    ],
)
async def test_the_card_answers_its_own_login_alone(page, login, asks) -> None:
    shown = await page.look()
    login.asks = asks

    assert (await page.tap(shown)).status == 422
    assert (await page.get(f"/tap?request={REQUEST}")).status == 422
    assert not login.heard


async def test_a_wrong_pin_is_said_kindly_above_the_form(page, login) -> None:
    reply = await page.tap(pin="0000")

    html = reply.content.decode()
    assert reply.status == 403
    assert "The PIN is wrong. After 2 more errors it locks." in html
    assert 'value="hanako" selected' in html
    assert "0000" not in html
    assert not login.heard


async def test_a_locked_card_is_told_where_to_go(page) -> None:
    for _ in range(3):
        reply = await page.tap(pin="0000")

    assert "municipality" in reply.content.decode()


async def test_a_signature_asks_for_the_longer_password(page, login, card_db, clock) -> None:
    login.asks = card_request(kind="sign", digest="d" * 64)

    refused = await page.tap()
    await page.tap(pin=PASSWORD)

    expected = await Cards(card_db, SECRET, clock).sign_digest(
        "hanako", "signature", PASSWORD, bytes.fromhex("d" * 64)
    )
    assert refused.status == 422
    assert login.heard == [expected.model_dump()]


async def test_a_form_from_another_site_is_refused(page, login) -> None:
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', await page.look()))
    form = {**fields, "persona": "hanako", "pin": PIN}

    from_elsewhere = await page.post(form, **{"sec-fetch-site": "cross-site"})
    without_token = await page.post({**form, "csrf": "x.y"})

    assert from_elsewhere.status == without_token.status == 403
    assert not login.heard


async def test_the_way_back_is_kept_for_minutes(page, clock) -> None:
    where = (await page.tap()).headers["location"]
    clock.advance(timedelta(minutes=6))

    assert (await page.get(where)).status == 404


async def test_the_person_may_turn_back(page) -> None:
    assert f'href="{LOGIN}/continue?request={REQUEST}"' in await page.look()


@pytest.mark.parametrize("show", [True, False])
async def test_pins_are_shown_only_where_the_country_is_a_toy(card_db, clock, show) -> None:
    async with open_table(card_db, clock, show_pins=show) as http:
        html = (await Page(http).get("/")).content.decode()

    assert (PIN in html) is show
    assert (PASSWORD in html) is show
    assert html.count("SIMULATED") >= 2


async def test_an_integrator_logs_in_without_a_browser(page, login) -> None:
    reply = await api(page.http, "POST", "/cards/hanako/taps", {"request": REQUEST, "pin": PIN})

    assert json.loads(reply.content)["location"].endswith("code=one-time")


async def test_the_reader_s_commands_are_there_too(page) -> None:
    message = encoding.encode(b"hello")
    signed = await api(
        page.http,
        "POST",
        "/cards/hanako/sign",
        {"key": "authentication", "pin": PIN, "message": message},
    )
    both = await api(
        page.http,
        "POST",
        "/cards/hanako/sign",
        {"key": "authentication", "pin": PIN, "message": message, "digest": "0" * 64},
    )
    locked = await api(
        page.http, "POST", "/cards/hanako/pin", {"key": "authentication", "new_pin": "1111"}
    )
    counter = await api(
        page.http,
        "POST",
        "/cards/hanako/pin",
        {"key": "authentication", "new_pin": "1111"},
        authorization=f"Bearer {OPERATOR.reveal()}",
    )
    by_other = await api(
        page.http,
        "POST",
        "/cards/hanako/pin-by-other",
        {"key": "authentication", "new_pin": "2222", "other_pin": PASSWORD},
    )
    hidden = await api(page.http, "POST", "/cards/hanako/signature-certificate", {"pin": "WRONG1"})
    read = await api(page.http, "POST", "/cards/hanako/signature-certificate", {"pin": PASSWORD})
    public = await api(page.http, "GET", "/cards/hanako/certificate")
    listed = await api(page.http, "GET", "/cards")

    statuses = [
        each.status
        for each in (signed, both, locked, counter, by_other, hidden, read, public, listed)
    ]
    assert statuses == [200, 422, 401, 204, 204, 403, 200, 200, 200]


async def api(http, method: str, path: str, body: object = None, **headers: str):
    content = b"" if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", **headers}
    return await http.send(method, ORIGIN + path, content=content, headers=sent)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
requests = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(card_request().keys() - {"id", "return_to"}, anything),
)


@given(different=requests)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_login_makes_the_page_break(page, login, different) -> None:
    login.asks = card_request(**different)

    assert (await page.get(f"/tap?request={REQUEST}")).status != 500


@given(
    form=st.dictionaries(
        st.sampled_from(["request", "persona", "pin", "shown", "csrf", "more"]),
        st.text(max_size=50),
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_form_makes_the_page_break(page, form) -> None:
    reply = await page.post(
        {name: value.encode(errors="surrogatepass") for name, value in form.items()}
    )

    assert reply.status != 500
