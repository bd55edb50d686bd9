"""
The cards' front: the page at which a card is held up, and an API for those who have no browser.

The POST of the form answers with a page of its own, which leads to login by a link and a refresh: so `form-action`
can stay at 'self', and no script is needed.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from kiban.identity.authority.contract import (
    CertificateExpired,
    CertificateRefused,
    CertificateRevoked,
    KeyRefused,
)
from kiban.identity.login.client import LoginForCards
from kiban.identity.login.contract import OtherPersonsCard
from kiban.shared import encoding
from kiban.shared.access import Bearer, anyone, operator
from kiban.shared.app import service
from kiban.shared.clock import Clock
from kiban.shared.csrf import CSRF
from kiban.shared.database import Database
from kiban.shared.http import Http
from kiban.shared.keyring import Keyring
from kiban.shared.mandates import MandateNotYours
from kiban.shared.pages import Pages
from kiban.shared.problems import Malformed, Problem, Unavailable
from kiban.world.cards import names, store, terms
from kiban.world.cards.contract import (
    CardFace,
    CardList,
    CardLocked,
    Certificate,
    CounterPlace,
    FetchForm,
    NewPINForm,
    NewPINOrder,
    NoSuchCard,
    NoSuchKey,
    PasswordsDiffer,
    PINEntry,
    PINMisshapen,
    PINReset,
    PINResetByOther,
    RenewalForm,
    RenewalOrder,
    SignCommand,
    Signed,
    TapCommand,
    TapForm,
    Tapped,
    WrongPIN,
)
from kiban.world.cards.deck import PACKAGE, Cards, Fetch
from kiban.world.cards.names import Names
from kiban.world.cards.new_pins import CheckHolder, NewPINs
from kiban.world.cards.renewals import CertifyRenewal, Renewals
from kiban.world.cards.settings import CardsSettings
from kiban.world.cards.store import Drawer, Face
from kiban.world.cards.taps import Taps
from kiban.world.vault.contract import (
    CardOfSomebodyElse,
    LivesElsewhere,
    NobodyMatches,
    SignatureInForce,
)

KINDLY = (
    WrongPIN,
    CardLocked,
    PINMisshapen,
    NoSuchCard,
    NoSuchKey,
    OtherPersonsCard,
    MandateNotYours,
    CertificateExpired,
    CertificateRefused,
    CertificateRevoked,
)
"""What a person can mend at the page itself: it is shown there, above the form."""
AT_THE_COUNTER = (
    *KINDLY,
    CardOfSomebodyElse,
    KeyRefused,
    LivesElsewhere,
    NobodyMatches,
    PasswordsDiffer,
    SignatureInForce,
    Unavailable,
)
"""What is shown above the form of a renewal, and of a new PIN."""
Persona = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
RequestId = Annotated[str, Query(alias="request", pattern=r"^[0-9a-f]{32}$")]
Name = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class Counters(Bearer):
    """The counters of municipalities: what a clerk begins, who has seen the visitor."""

    name, whom = "counters", "the counters"


class Table:
    """Where cards are held up: what the routes call, from opening to closing."""

    csrf: CSRF

    def __init__(
        self,
        settings: CardsSettings,
        *,
        db: Database,
        http: Http,
        clock: Clock,
        certify_renewal: CertifyRenewal,
        check_holder: CheckHolder,
        fetch: Fetch | None = None,
    ) -> None:
        self._db = db
        self.fetch = fetch
        drawer = Drawer(settings.secret)
        self._keyring = Keyring(store.keyring, settings.secret)
        self.cards = Cards(db, settings.secret, clock)
        self.names: Names = names.load(settings.country)
        self.taps = Taps(
            login=LoginForCards(http, settings.login_origin),
            login_origin=settings.login_origin,
            cards=self.cards,
            names=self.names,
            db=db,
            drawer=drawer,
            clock=clock,
        )
        self.renewals = Renewals(
            origin=settings.origin,
            cards=self.cards,
            certify=certify_renewal,
            db=db,
            drawer=drawer,
            clock=clock,
        )

        self.new_pins = NewPINs(
            origin=settings.origin,
            cards=self.cards,
            check_holder=check_holder,
            db=db,
            drawer=drawer,
            clock=clock,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        await self._db.migrate(PACKAGE)
        async with self._db.begin() as connection:
            key = await self._keyring.get_or_make(
                connection, "csrf", lambda: secrets.token_bytes(32)
            )
        self.csrf = CSRF(key)
        yield


def create_app(
    settings: CardsSettings,
    *,
    db: Database,
    http: Http,
    clock: Clock,
    certify_renewal: CertifyRenewal,
    check_holder: CheckHolder,
    fetch: Fetch | None = None,
) -> FastAPI:
    """The card office as an application; cards that lie ready are given to whoever comes to `fetch` one."""
    table = Table(
        settings,
        db=db,
        http=http,
        clock=clock,
        certify_renewal=certify_renewal,
        check_holder=check_holder,
        fetch=fetch,
    )
    pages = Pages(PACKAGE)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with table.open():
            yield

    app = service(
        "Kiban cards (SIMULATED)",
        role="cards",
        clock=clock,
        lifespan=lifespan,
        pages=pages,
        operator_key=settings.operator_key.reveal(),
    )
    app.state.cards = table.cards
    _pages(app, table, pages, settings)
    _renewal_pages(app, table, pages)
    _new_pin_pages(app, table, pages)
    _reader_routes(app, table.cards, table.taps)
    _counter_routes(app, table, settings)
    return app


def _pages(app: FastAPI, table: Table, pages: Pages, settings: CardsSettings) -> None:
    open_to_all = [Depends(anyone)]

    @app.get("/", include_in_schema=False, dependencies=open_to_all)
    async def home(request: Request) -> Response:
        faces = await table.cards.faces()
        return pages.page(request, "home.html", faces=faces, show_pins=settings.show_pins)

    @app.get("/tap", include_in_schema=False, dependencies=open_to_all)
    async def read_tap(request: Request, name: RequestId) -> Response:
        return await _tap_page(request, table, pages, name)

    @app.post("/tap", include_in_schema=False, dependencies=open_to_all)
    async def tap(request: Request, form: Annotated[TapForm, Form()]) -> Response:
        name, persona = form.request, form.persona
        table.csrf.check(request, name, form.csrf)
        try:
            location = await table.taps.answer(name, persona, form.pin, shown=form.shown)
        except KINDLY as problem:
            return await _tap_page(request, table, pages, name, problem=problem, chosen=persona)
        return RedirectResponse(f"/tapped/{await table.taps.keep(location)}", 303)

    @app.post("/fetched", include_in_schema=False, dependencies=open_to_all)
    async def fetch_card(request: Request, form: Annotated[FetchForm, Form()]) -> Response:
        table.csrf.check(request, form.request, form.csrf)
        try:
            if table.fetch is None:
                raise NoSuchCard("no card lies ready here", sent=form.persona)
            await table.fetch(table.cards, form.persona)
        except KINDLY as problem:
            return await _tap_page(request, table, pages, form.request, problem=problem)
        return await _tap_page(request, table, pages, form.request, chosen=form.persona)

    @app.get("/tapped/{name}", include_in_schema=False, dependencies=open_to_all)
    async def read_tapped(request: Request, name: Name) -> Response:
        return pages.page(request, "tapped.html", location=await table.taps.kept(name))


async def _tap_page(
    request: Request,
    table: Table,
    pages: Pages,
    name: str,
    *,
    problem: Problem | None = None,
    chosen: str = "",
) -> Response:
    asked = await table.taps.read(name)
    return pages.page(
        request,
        "tap.html",
        problem.status if problem else 200,
        asked=asked,
        key=terms.key_for(asked.request),
        faces=await table.cards.faces(),
        chosen=chosen,
        problem=problem,
        fetching=table.fetch is not None,
        csrf=table.csrf.token(name),
    )


def _renewal_pages(app: FastAPI, table: Table, pages: Pages) -> None:
    open_to_all = [Depends(anyone)]

    @app.get("/renewals/{name}", include_in_schema=False, dependencies=open_to_all)
    async def read_renewal(request: Request, name: Name) -> Response:
        return await _renewal_page(request, table, pages, name)

    @app.post("/renewals/{name}", include_in_schema=False, dependencies=open_to_all)
    async def renew(request: Request, name: Name, form: Annotated[RenewalForm, Form()]) -> Response:
        table.csrf.check(request, name, form.csrf)
        try:
            await table.renewals.renew(name, form)
        except AT_THE_COUNTER as problem:
            return await _renewal_page(
                request, table, pages, name, problem=problem, chosen=form.persona
            )
        return RedirectResponse(f"/renewals/{name}", 303)


async def _renewal_page(
    request: Request,
    table: Table,
    pages: Pages,
    name: str,
    *,
    problem: Problem | None = None,
    chosen: str = "",
) -> Response:
    begun = await table.renewals.read(name)
    office = begun.order.office
    return pages.page(
        request,
        "renewal.html",
        problem.status if problem else 200,
        begun=begun,
        office=table.names.agencies.get(office, {"ja": office, "en": office}),
        faces=await table.cards.faces(),
        chosen=chosen,
        problem=problem,
        csrf=table.csrf.token(name),
    )


def _new_pin_pages(app: FastAPI, table: Table, pages: Pages) -> None:
    open_to_all = [Depends(anyone)]

    @app.get("/new-pins/{name}", include_in_schema=False, dependencies=open_to_all)
    async def read_new_pin(request: Request, name: Name) -> Response:
        return await _new_pin_page(request, table, pages, name)

    @app.post("/new-pins/{name}", include_in_schema=False, dependencies=open_to_all)
    async def set_pin(
        request: Request, name: Name, form: Annotated[NewPINForm, Form()]
    ) -> Response:
        table.csrf.check(request, name, form.csrf)
        try:
            await table.new_pins.set_pin(name, form)
        except AT_THE_COUNTER as problem:
            return await _new_pin_page(request, table, pages, name, form=form, problem=problem)
        return RedirectResponse(f"/new-pins/{name}", 303)


async def _new_pin_page(
    request: Request,
    table: Table,
    pages: Pages,
    name: str,
    *,
    form: NewPINForm | None = None,
    problem: Problem | None = None,
) -> Response:
    let = await table.new_pins.read(name)
    office = let.order.office
    return pages.page(
        request,
        "new-pin.html",
        problem.status if problem else 200,
        let=let,
        office=table.names.agencies.get(office, {"ja": office, "en": office}),
        faces=await table.cards.faces(),
        chosen=form.persona if form else "",
        key=form.key if form else "authentication",
        problem=problem,
        csrf=table.csrf.token(name),
    )


def _reader_routes(app: FastAPI, cards: Cards, taps: Taps) -> None:
    open_to_all = [Depends(anyone)]

    @app.get("/cards", dependencies=open_to_all)
    async def list_cards() -> CardList:
        """List the cards as they lie on the table."""
        return CardList(cards=[_face(each) for each in await cards.faces()])

    @app.get("/cards/{persona}/certificate", dependencies=open_to_all)
    async def read_certificate(persona: Persona) -> Certificate:
        """Read the authentication certificate, which names nobody and needs no PIN."""
        found = await cards.authentication_certificate(persona)
        return Certificate(certificate=encoding.encode(found))

    @app.post("/cards/{persona}/signature-certificate", dependencies=open_to_all)
    async def read_signature_certificate(persona: Persona, entry: PINEntry) -> Certificate:
        """Read the signature certificate, which names its holder, after its password."""
        found = await cards.signature_certificate(persona, entry.pin)
        return Certificate(certificate=encoding.encode(found))

    @app.post("/cards/{persona}/sign", dependencies=open_to_all)
    async def compute_signature(persona: Persona, command: SignCommand) -> Signed:
        """Sign a message or a digest, after the PIN (VERIFY, COMPUTE DIGITAL SIGNATURE)."""
        digest = _digest(command)
        return await cards.sign_digest(persona, command.key, command.pin, digest)

    @app.post("/cards/{persona}/taps", dependencies=open_to_all)
    async def tap_card(persona: Persona, command: TapCommand) -> Tapped:
        """Answer a request of login, without a browser."""
        location = await taps.answer(command.request, persona, command.pin, shown=None)
        return Tapped(location=location)

    @app.post("/cards/{persona}/pin-by-other", dependencies=open_to_all, status_code=204)
    async def reset_pin_by_other(persona: Persona, reset: PINResetByOther) -> None:
        """Set a new PIN by the card's other PIN."""
        await cards.reset_pin_by_other(persona, reset)


def _counter_routes(app: FastAPI, table: Table, settings: CardsSettings) -> None:
    counters = Counters(settings.counter_key)

    @app.post("/cards/{persona}/pin", dependencies=[Depends(operator)], status_code=204)
    async def reset_pin(persona: Persona, reset: PINReset) -> None:
        """Set a new PIN without a counter, for whoever runs this country."""
        await table.cards.reset_pin(persona, reset.key, reset.new_pin)

    @app.post("/renewals", dependencies=[Depends(counters)])
    async def open_renewal(order: RenewalOrder) -> CounterPlace:
        """Let a visitor's card have a new signature certificate, once and soon."""
        return await table.renewals.open_renewal(order)

    @app.post("/new-pins", dependencies=[Depends(counters)])
    async def open_new_pin(order: NewPINOrder) -> CounterPlace:
        """Let a visitor set a PIN of their own card anew, once and soon."""
        return await table.new_pins.open_new_pin(order)


def _digest(command: SignCommand) -> bytes:
    match command:
        case SignCommand(message=str() as message, digest=None):
            return terms.digest_of(message)
        case SignCommand(message=None, digest=str() as digest):
            return bytes.fromhex(digest)
        case _:
            raise Malformed("say one of message and digest", expected="exactly one of them")


def _face(face: Face) -> CardFace:
    signature = face.pins.get("signature")
    return CardFace(
        persona=face.persona,
        name=face.name,
        authentication=face.pins["authentication"].state,
        signature=signature.state if signature else None,
    )
