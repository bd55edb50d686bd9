"""
Login between its real neighbours, without sockets: the authority, the cards, and a person with a browser.

The authority and the cards are prepared once for each run of the tests and copied for each test, because their keys
take long to make.  Everything that arrives anywhere is written on a tape.
"""

import hmac
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import sqlalchemy as sa
from cryptography import x509
from fastapi import FastAPI

from kiban.identity.authority.app import create_app as create_authority
from kiban.identity.authority.client import AuthorityClient, obtain_identity
from kiban.identity.authority.contract import (
    Address,
    CardCertificates,
    CardRegistration,
    HolderAttributes,
    ResidentRegistration,
    Revocation,
)
from kiban.identity.authority.settings import Settings as AuthoritySettings
from kiban.identity.login.app import create_app as create_login
from kiban.identity.login.client import Attempt, LoginClient
from kiban.identity.login.office import Office
from kiban.identity.login.settings import LoginSettings
from kiban.shared import encoding
from kiban.shared.clock import Clock, FrozenClock
from kiban.shared.database import Database
from kiban.shared.http import HttpxHttp, Reply, origin_of
from kiban.shared.keyring import Keyring, keyring_table
from kiban.shared.membership import SignedHttp
from kiban.shared.problems import Unavailable
from kiban.shared.settings import Secret
from kiban.world.cards.app import create_app as create_cards
from kiban.world.cards.deck import PACKAGE as CARDS_PACKAGE
from kiban.world.cards.deck import Cards
from kiban.world.cards.settings import CardsSettings
from tests.login.parties import (
    BANK,
    BANK_BACK,
    ISSUER,
    LOGIN,
    PORTAL,
    PORTAL_BACK,
    document,
    key_of,
)

AUTHORITY, CARDS = "http://127.0.0.1:8709", "http://card.localhost:8702"
COUNTRY = Path(__file__).parents[2] / "world/kiban/world/country"
ENROLMENT = Secret("enrolment of these tests")
OPERATOR = Secret("operator of these tests")
CARD_SECRET = Secret("wraps the cards of these tests")
REGISTRAR = "resident-network"
ADDRESS = "神奈川県鎌倉市御成町18番10号"


@dataclass(frozen=True)
class Person:
    """Somebody made up, with a card."""

    id: str
    name: str
    kana: str
    born: str
    sex: str
    code: str
    pin: str
    password: str | None

    def attributes(self, address: str = ADDRESS) -> HolderAttributes:
        return HolderAttributes(
            name=self.name,
            name_kana=self.kana,
            birth_date=self.born,
            sex=self.sex,
            address=Address(
                municipality="142042", town="0001001", rest="18-10", text=address, sequence=1
            ),
        )

    def resident(self, address: str = ADDRESS) -> ResidentRegistration:
        return ResidentRegistration(
            resident_record_code=self.code, attributes=self.attributes(address)
        )


HANAKO = Person(
    "hanako",
    "見本　花子",
    "ミホン　ハナコ",
    "1985-05-15",
    "female",
    "00000000013",
    "4649",
    "HANAKO1985",
)
TARO = Person(
    "taro", "見本　太郎", "ミホン　タロウ", "1984-02-29", "male", "00000000021", "1234", "TAROU84"
)
MEI = Person(
    "mei", "見本　芽衣", "ミホン　メイ", "2017-08-08", "female", "00000000039", "8888", None
)
PEOPLE = {each.id: each for each in (HANAKO, TARO, MEI)}


def member_secret(member: str) -> Secret:
    return Secret(hmac.digest(ENROLMENT.reveal().encode(), member.encode(), "sha256").hex())


def authority_settings() -> AuthoritySettings:
    return AuthoritySettings(
        origin=AUTHORITY,
        secret=Secret("wraps the authority of these tests"),
        operator_key=OPERATOR,
        enrolment_secret=ENROLMENT,
        registrars=("resident-network",),
        resident_network="resident-network",
        portal="portal",
    )


def login_settings(**different) -> LoginSettings:
    wanted = {
        "origin": LOGIN,
        "secret": Secret("wraps the login of these tests"),
        "operator_key": OPERATOR,
        "member_secret": member_secret("login"),
        "authority_origin": AUTHORITY,
        "card_origin": CARDS,
        "clients": document(),
        **different,
    }
    return LoginSettings(**wanted)


def cards_settings() -> CardsSettings:
    return CardsSettings(
        origin=CARDS,
        secret=CARD_SECRET,
        operator_key=OPERATOR,
        counter_key=Secret("no counter is here"),
        login_origin=LOGIN,
        country=COUNTRY,
    )


async def renew_nothing(*_) -> CardCertificates:
    raise Unavailable("there is no card office here")


async def check_nobody(*_) -> None:
    raise Unavailable("there is no card office here")


def sqlite(place: Path, name: str) -> Database:
    return Database(f"sqlite+aiosqlite:///{place}/{name}.sqlite")


async def join(http: HttpxHttp, place: Path, name: str, clock: Clock) -> SignedHttp:
    """Become a member, or go on as the one that we are."""
    metadata = sa.MetaData()
    keyring = Keyring(keyring_table(metadata), Secret(f"wraps {name}"))
    db = sqlite(place, name)
    async with db.begin() as connection:
        await connection.run_sync(metadata.create_all)
    identity, _ = await obtain_identity(
        AuthorityClient(http, AUTHORITY),
        keyring,
        db,
        member=name,
        secret=member_secret(name),
        clock=clock,
    )
    await db.close()
    return SignedHttp(http, identity, clock)


async def prepare(place: Path) -> None:
    """The authority with its members and residents, and everybody's card: once for a run."""
    clock = FrozenClock()
    authority_db, cards_db = sqlite(place, "authority"), sqlite(place, "cards")
    await cards_db.migrate(CARDS_PACKAGE)
    app = create_authority(authority_settings(), db=authority_db, clock=clock)
    async with app.router.lifespan_context(app):
        http = HttpxHttp({AUTHORITY: app})
        for name in ("core", "portal"):
            await join(http, place, name, clock)
        registrar = AuthorityClient(await join(http, place, REGISTRAR, clock), AUTHORITY)
        cards = Cards(cards_db, CARD_SECRET, clock)
        for person in PEOPLE.values():
            await registrar.register_resident(person.resident())
            await cards.issue(
                person.id,
                authentication_pin=person.pin,
                signature_password=person.password,
                certify=certifying(registrar, person),
                name=person.name,
            )
        await http.close()
    await authority_db.close()
    await cards_db.close()


def certifying(registrar: AuthorityClient, person: Person):
    async def certify(authentication: bytes, signature: bytes | None):
        return await registrar.register_card(
            CardRegistration(
                resident_record_code=person.code,
                authentication_request=encoding.encode(authentication),
                signature_request=None if signature is None else encoding.encode(signature),
                card_expires="2030-05-15",
            )
        )

    return certify


@dataclass
class Heard:
    """One message as it arrived somewhere."""

    role: str
    target: str
    headers: str
    body: bytearray = field(default_factory=bytearray)
    reply: bytearray = field(default_factory=bytearray)


class Taped:
    """An application, and a tape of everything that arrives at it and leaves it."""

    def __init__(self, app, role: str, tape: list[Heard]) -> None:
        self.app, self.role, self.tape = app, role, tape

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        target = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}"
        heard = Heard(self.role, target, repr(scope["headers"]))
        self.tape.append(heard)

        async def receiving():
            message = await receive()
            heard.body += message.get("body", b"")
            return message

        async def sending(message) -> None:
            heard.reply += repr(message.get("headers", "")).encode() + message.get("body", b"")
            await send(message)

        await self.app(scope, receiving, sending)


@dataclass(repr=False)
class House:
    """Everything that runs."""

    place: Path
    clock: FrozenClock
    http: HttpxHttp
    db: Database
    cards: Cards
    registrar: AuthorityClient
    tape: list[Heard]
    taped: Taped
    office: Office
    apps: dict[str, FastAPI] = field(default_factory=dict)

    def client(self, client_id: str = BANK) -> LoginClient:
        return LoginClient(self.http, ISSUER, client_id, key_of(client_id), self.clock)

    def browser(self, language: str = "en") -> "Browser":
        return Browser(self.http, language)

    @asynccontextmanager
    async def another_login(self) -> AsyncIterator[None]:
        """Another copy of login over the same database answers instead, for a while."""
        first = self.taped.app
        to_authority = HttpxHttp({AUTHORITY: self.apps[AUTHORITY]})
        other = create_login(login_settings(), db=self.db, http=to_authority, clock=self.clock)
        async with other.router.lifespan_context(other):
            self.taped.app = other
            yield
            self.taped.app = first
        await to_authority.close()

    async def revoke(self, person: Person, kind: str = "authentication") -> None:
        certificate = await self.cards.authentication_certificate(person.id)
        if kind == "signature":
            certificate = await self.cards.signature_certificate(person.id, person.password)
        serial = f"{x509.load_der_x509_certificate(certificate).serial_number:x}"
        event = "attributes-changed" if kind == "signature" else "loss"
        await self.registrar.revoke_certificate(
            Revocation(authority=kind, serial=serial, event=event)
        )


@asynccontextmanager
async def open_house(
    place: Path, prepared: Path, db: Database, clock: FrozenClock, **different
) -> AsyncIterator[House]:
    shutil.copytree(prepared, place, dirs_exist_ok=True)
    tape: list[Heard] = []
    async with AsyncExitStack() as running:
        authority_db, cards_db = sqlite(place, "authority"), sqlite(place, "cards")
        authority = create_authority(authority_settings(), db=authority_db, clock=clock)
        to_authority = HttpxHttp({AUTHORITY: Taped(authority, "authority", tape)})
        login = create_login(login_settings(**different), db=db, http=to_authority, clock=clock)
        taped = Taped(login, "login", tape)
        to_login = HttpxHttp({LOGIN: taped})
        cards = create_cards(
            cards_settings(),
            db=cards_db,
            http=to_login,
            clock=clock,
            certify_renewal=renew_nothing,
            check_holder=check_nobody,
        )
        for app in (authority, login, cards):
            await running.enter_async_context(app.router.lifespan_context(app))
        to_all = HttpxHttp(
            {
                AUTHORITY: authority,
                LOGIN: taped,
                CARDS: Taped(cards, "cards", tape),
            }
        )
        signed = await join(to_all, place, REGISTRAR, clock)
        for each in (authority_db, cards_db, to_all, to_login, to_authority):
            running.push_async_callback(each.close)
        yield House(
            place=place,
            clock=clock,
            http=to_all,
            taped=taped,
            office=login.state.office,
            apps={LOGIN: login, CARDS: cards, AUTHORITY: authority},
            db=db,
            cards=Cards(cards_db, CARD_SECRET, clock),
            registrar=AuthorityClient(signed, AUTHORITY),
            tape=tape,
        )


@dataclass
class Page:
    """What a browser shows."""

    url: str
    status: int
    html: str

    @property
    def query(self) -> dict[str, str]:
        return {name: each[0] for name, each in parse_qs(urlsplit(self.url).query).items()}

    def form(self, name: str) -> dict[str, str]:
        """The hidden fields of a form."""
        found = re.search(rf'<form[^>]*name="{name}".*?</form>', self.html, re.DOTALL)
        assert found, f"no form {name} at {self.url}: {self.html}"
        fields = re.findall(r'name="(\w+)" value="([^"]*)"', found[0])
        return {field: unescape(value) for field, value in fields}

    def action(self, name: str) -> str:
        found = re.search(rf'<form[^>]*action="([^"]*)" name="{name}"', self.html)
        assert found, f"no form {name} at {self.url}"
        return urljoin(self.url, unescape(found[1]))

    @property
    def onward(self) -> str | None:
        found = re.search(r'http-equiv="refresh" content="0;url=([^"]*)"', self.html)
        return unescape(found[1]) if found else None


class Browser:
    """A browser without scripts: cookies by origin, redirects and refreshes up to a relying party."""

    def __init__(self, http: HttpxHttp, language: str = "en") -> None:
        self.http = http
        self.language = language
        self.cookies: dict[str, dict[str, str]] = {}
        self.addresses: list[str] = []

    async def open(self, url: str, *, refreshing: bool = True) -> Page:
        reply = await self._send("GET", url)
        return await self._follow(url, reply, refreshing)

    async def submit(self, page: Page, form: str, *, refreshing: bool = True, **typed: str) -> Page:
        url = page.action(form)
        sent = urlencode({**page.form(form), **typed}).encode()
        return await self._follow(url, await self._send("POST", url, sent), refreshing)

    async def tap(self, page: Page, person: Person, pin: str | None = None, **more) -> Page:
        """Choose a card and type the PIN."""
        pin = pin if pin is not None else person.pin
        return await self.submit(page, "tap", persona=person.id, pin=pin, **more)

    async def _follow(self, url: str, reply: Reply, refreshing: bool) -> Page:
        while reply.status == 303:
            url = urljoin(url, reply.headers["location"])
            if origin_of(url) not in (LOGIN, CARDS):
                self.addresses.append(url)
                return Page(url, 200, "")
            reply = await self._send("GET", url)
        page = Page(url, reply.status, reply.content.decode())
        if refreshing and page.onward:
            return await self.open(page.onward)
        return page

    async def _send(self, method: str, url: str, content: bytes = b"") -> Reply:
        self.addresses.append(url)
        jar = self.cookies.setdefault(origin_of(url), {})
        headers = {
            "accept": "text/html,application/xhtml+xml",
            "accept-language": self.language,
            "cookie": "; ".join(f"{name}={value}" for name, value in jar.items()),
        }
        if content:
            headers["content-type"] = "application/x-www-form-urlencoded"
            headers["sec-fetch-site"] = "same-origin"
        reply = await self.http.send(method, url, content=content, headers=headers)
        for line in reply.headers.all("set-cookie"):
            for morsel in SimpleCookie(line).values():
                jar[morsel.key] = morsel.value
        return reply


@dataclass
class Login:
    """A relying party with a person in front of it."""

    house: House
    client: LoginClient
    back: str
    browser: Browser

    def begin(self, scope: str, transaction: str | None = None) -> Attempt:
        return self.client.begin(self.back, scope=scope, transaction=transaction)

    async def tap(self, attempt: Attempt, person: Person, pin: str | None = None, **more) -> Page:
        page = await self.browser.open(self.client.authorization_url(attempt, **more))
        return await self.browser.tap(page, person, pin)

    async def code(self, scope: str, person: Person = HANAKO):
        """An attempt and its code, with consent where it is asked."""
        attempt = self.begin(scope)
        page = await self.tap(attempt, person)
        if page.html:
            page = await self.browser.submit(page, "agree")
        return attempt, self.client.returned(attempt, page.query)

    async def log_in(self, scope: str, person: Person = HANAKO):
        attempt, code = await self.code(scope, person)
        return await self.client.redeem(code, attempt)


def at_bank(house: House, browser: Browser | None = None) -> Login:
    return Login(house, house.client(BANK), BANK_BACK, browser or house.browser())


def at_portal(house: House, browser: Browser | None = None) -> Login:
    return Login(house, house.client(PORTAL), PORTAL_BACK, browser or house.browser())


def problem(reply: Reply) -> dict:
    return json.loads(reply.content)
