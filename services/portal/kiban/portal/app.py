"""The portal as an application: its parts put together, its pages added, its couriers run."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import FastAPI

from kiban.gateway.client import InnerClient
from kiban.identity.login.client import LoginClient
from kiban.portal import country as words
from kiban.portal import procedures as linter
from kiban.portal.acting import Acting
from kiban.portal.applying import SUBMIT, Applying
from kiban.portal.approving import END_CONSENT, Approving
from kiban.portal.card import Card
from kiban.portal.errands import Errands
from kiban.portal.fronts import registrations
from kiban.portal.fronts.authorizing import LANGUAGES, Authorizing
from kiban.portal.held import Shown
from kiban.portal.history import History
from kiban.portal.pages.acting import ActingPages
from kiban.portal.pages.apply import ApplyPages
from kiban.portal.pages.authorize import AuthorizePages
from kiban.portal.pages.front import FrontPages
from kiban.portal.pages.interface import FrontInterface
from kiban.portal.pages.own import OwnPages
from kiban.portal.pages.site import PortalPages, Site
from kiban.portal.pages.visit import VisitPages
from kiban.portal.receipts import Receipts
from kiban.portal.records import Looking
from kiban.portal.registers import RegistryRegisters
from kiban.portal.sessions import TOKEN_BYTES, Limits, Token
from kiban.portal.settings import Settings
from kiban.portal.store.rows import Store
from kiban.portal.store.tables import OUTBOX
from kiban.portal.visiting import Visiting
from kiban.registry.client import RegistryClient
from kiban.shared import mistakes
from kiban.shared.app import refuse_as_oauth, service
from kiban.shared.clock import Clock
from kiban.shared.cookies import Cookie
from kiban.shared.csrf import CSRF
from kiban.shared.database import Database
from kiban.shared.exchanges import new_id
from kiban.shared.http import Http
from kiban.shared.outbox import Outbox

BODY_LIMIT = 128 << 10
_log = logging.getLogger("kiban.portal")


@dataclass(frozen=True, slots=True)
class Parts:
    """The portal's parts, as its pages and its couriers use them."""

    store: Store
    outbox: Outbox
    site: Site
    card: Card
    visiting: Visiting
    acting: Acting
    approving: Approving
    applying: Applying
    looking: Looking
    history: History
    receipts: Receipts
    authorizing: Authorizing


def create_app(settings: Settings, *, db: Database, http: Http, clock: Clock) -> FastAPI:
    """The portal as an application."""
    parts = _parts(settings, db, http, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await db.migrate("kiban.portal")
        works = [
            asyncio.create_task(parts.outbox.run()),
            asyncio.create_task(_look_around(parts, settings.poll_seconds)),
        ]
        yield
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    app = service(
        "Kiban portal (SIMULATED)",
        role="portal",
        clock=clock,
        lifespan=lifespan,
        pages=parts.site.pages,
        operator_key=settings.operator_key.reveal(),
        body_limit=BODY_LIMIT,
    )
    app.state.parts = parts
    refuse_as_oauth(app, parts.site.pages)
    _add_pages(app, parts)
    return app


def _add_pages(app: FastAPI, parts: Parts) -> None:
    procedures = parts.applying.procedures
    FrontPages(parts.site, procedures, parts.receipts, parts.applying).add(app)
    ActingPages(parts.site, parts.acting).add(app)
    VisitPages(
        parts.site,
        parts.card,
        parts.visiting,
        parts.approving,
        parts.applying,
        parts.looking,
        parts.authorizing,
    ).add(app)
    AuthorizePages(parts.site, parts.authorizing).add(app)
    FrontInterface(parts.authorizing, parts.applying, parts.store).add(app)
    ApplyPages(parts.site, parts.applying, procedures, parts.history, parts.authorizing.fronts).add(
        app
    )
    OwnPages(
        parts.site, parts.looking, parts.history, parts.approving, procedures, parts.acting
    ).add(app)


def _parts(settings: Settings, db: Database, http: Http, clock: Clock) -> Parts:
    country = words.read(settings.country)
    procedures = linter.load(settings.country)
    gateway = InnerClient(http, settings.gateway_origin, settings.agency_key)
    store, shown = Store(db, settings.secret), Shown()
    card = _card(settings, http, clock, country.portal)
    approving = Approving(store, gateway, card, country.portal, clock, new_id)
    applying = Applying(
        store=store,
        gateway=gateway,
        approving=approving,
        card=card,
        registers=RegistryRegisters(RegistryClient(http, settings.registry_origin)),
        shown=shown,
        procedures=procedures,
        country=country,
        clock=clock,
        new_id=new_id,
    )
    visiting = Visiting(
        store, gateway, card, approving, shown, _limits(settings), clock, new_token=_new_token
    )
    parts = Parts(
        store=store,
        outbox=Outbox(db, OUTBOX, {SUBMIT: applying.send, END_CONSENT: approving.send_end}, clock),
        site=_site(settings, store, visiting, country),
        card=card,
        visiting=visiting,
        acting=Acting(store, visiting, clock, new_token=_new_token),
        approving=approving,
        applying=applying,
        looking=Looking(store, gateway, approving, shown, country, clock, new_id),
        history=History(gateway, country),
        receipts=Receipts(store, gateway, clock),
        authorizing=Authorizing(
            store=store,
            fronts=registrations.read(settings.fronts),
            applying=applying,
            approving=approving,
            shown=shown,
            procedures=procedures,
            limits=_limits(settings),
            issuer=settings.origin,
            clock=clock,
            new_id=new_id,
        ),
    )
    store.wake = parts.outbox.wake
    return parts


def _card(settings: Settings, http: Http, clock: Clock, portal: str) -> Card:
    key = load_pem_private_key(settings.client_key.reveal().encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("client_key is a P-256 key in PEM")
    login = LoginClient(http, settings.login_issuer, settings.client_id, key, clock)
    errands = Errands(_derived(settings, b"kiban portal errands"))
    return Card(login, errands, f"{settings.origin}/callback", portal, clock)


def _site(settings: Settings, store: Store, visiting: Visiting, country: words.Country) -> Site:
    csrf = CSRF(_derived(settings, b"kiban portal forms"))
    return Site(
        pages=PortalPages("kiban.portal", languages=LANGUAGES, csrf=csrf),
        csrf=csrf,
        cookie=Cookie("portal-session", settings.origin),
        visit_cookie=Cookie("portal-visit", settings.origin),
        visiting=visiting,
        store=store,
        country=country,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        longest=timedelta(minutes=settings.session_minutes),
        idle=timedelta(minutes=settings.idle_minutes),
    )


def _derived(settings: Settings, info: bytes) -> bytes:
    derived = HKDF(SHA256(), 32, salt=None, info=info)
    return derived.derive(settings.secret.reveal().encode())


def _new_token() -> Token:
    return Token(secrets.token_urlsafe(TOKEN_BYTES))


async def _look_around(parts: Parts, seconds: float) -> None:
    """Hear the offices and forget what has ended; a mistake of ours is written down and stops nothing."""
    while True:
        try:
            parts.applying.shown.sweep(at=parts.visiting.clock())
            await parts.receipts.poll()
            await parts.visiting.end_what_ended()
        except Exception as error:  # noqa: BLE001  the next look may go well
            mistakes.log(_log, "hearing back", error)
        await asyncio.sleep(seconds)
