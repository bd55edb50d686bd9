"""
A company's pages: a first page, a login that goes through the card, and what the company was given.

1. `/login` begins an attempt and sends the browser to login, for scope `openid name address offline_access`
2. the person logs in at the card and agrees that name and address are given, also later
3. `/callback` takes the attempt up, redeems the code, reads what was agreed to and opens a session
4. from then on the company asks whether something has changed, until the person ends her consent

Refused: a return that this browser did not begin, a login that was declined, a form from elsewhere.
Source: the digital authentication app's public contract for relying parties.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import Depends, FastAPI, Form, Request
from starlette.responses import RedirectResponse, Response

from kiban.identity.login.client import LoginClient
from kiban.shared.access import anyone
from kiban.shared.app import service
from kiban.shared.clock import Clock
from kiban.shared.cookies import Cookie
from kiban.shared.csrf import CSRF
from kiban.shared.database import Database
from kiban.shared.http import Http
from kiban.shared.keyring import Wrapping
from kiban.shared.pages import Pages
from kiban.shared.problems import Unexplained
from kiban.shared.settings import Secret
from kiban.world.companies import customers
from kiban.world.companies.catalogue import COMPANIES
from kiban.world.companies.customers import LOGIN_LASTS, SESSION_LASTS, Counter
from kiban.world.companies.following import Following
from kiban.world.companies.settings import CompanySettings

SCOPE = "openid name address offline_access"


def create_app(settings: CompanySettings, *, db: Database, http: Http, clock: Clock) -> FastAPI:
    """A company as an application."""
    login = LoginClient(
        http, settings.login_issuer, settings.client_id, _key(settings.client_key), clock
    )
    following = Following(db, login, Wrapping(settings.secret), clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await db.migrate("kiban.world.companies")
        rounds = asyncio.create_task(following.run(), name=f"{settings.kind} follows its customers")
        try:
            yield
        finally:
            rounds.cancel()
            await asyncio.gather(rounds, return_exceptions=True)

    pages = Pages("kiban.world.companies")
    app = service(
        COMPANIES[settings.kind]["en"],
        role=settings.kind,
        clock=clock,
        lifespan=lifespan,
        pages=pages,
        operator_key=settings.operator_key.reveal(),
    )
    app.state.following = following
    _login_routes(app, settings, db, login, pages=pages, clock=clock)
    _session_routes(app, settings, db, pages, clock)
    return app


def _login_routes(
    app: FastAPI,
    settings: CompanySettings,
    db: Database,
    login: LoginClient,
    *,
    pages: Pages,
    clock: Clock,
) -> None:
    counter = Counter(Wrapping(settings.secret))
    visit = Cookie(f"{settings.kind}-login", settings.origin)
    session = Cookie(settings.kind, settings.origin)

    @app.get("/login", dependencies=[Depends(anyone)], include_in_schema=False)
    async def begin_login(request: Request) -> Response:
        attempt = login.begin(f"{settings.origin}/callback", scope=SCOPE)
        async with db.begin() as connection:
            token = await counter.begin(connection, attempt, clock())
        response = RedirectResponse(
            login.authorization_url(attempt, ui_locales=pages.texts(request).language), 303
        )
        visit.put(response, token, lasts=LOGIN_LASTS)
        return response

    @app.get("/callback", dependencies=[Depends(anyone)], include_in_schema=False)
    async def end_login(request: Request) -> Response:
        async with db.begin() as connection:
            attempt = await counter.end(connection, visit.read(request), clock())
        person = await login.redeem(login.returned(attempt, request.query_params), attempt)
        given = await login.userinfo_since(person.access_token, "")
        if given is None:
            raise Unexplained("login says that nothing has changed, and nothing was given before")
        async with db.begin() as connection:
            token = await counter.welcome(connection, given, person.refresh_token, clock())
        response = RedirectResponse("/", 303)
        visit.drop(response)
        session.put(response, token, lasts=SESSION_LASTS)
        return response


def _session_routes(
    app: FastAPI, settings: CompanySettings, db: Database, pages: Pages, clock: Clock
) -> None:
    session = Cookie(settings.kind, settings.origin)
    company = COMPANIES[settings.kind]
    csrf = CSRF(settings.secret.reveal().encode())

    @app.get("/", dependencies=[Depends(anyone)], include_in_schema=False)
    async def show_counter(request: Request) -> Response:
        token = session.read(request)
        async with db.read() as connection:
            customer = await customers.customer(connection, token, clock())
        if customer is None:
            return pages.page(request, "welcome.html", company=company)
        leaving = csrf.token(token or "")
        return pages.page(
            request, "customer.html", company=company, customer=customer, csrf=leaving
        )

    @app.post("/leave", dependencies=[Depends(anyone)], include_in_schema=False)
    async def leave(request: Request, csrf_token: Annotated[str, Form(alias="csrf")]) -> Response:
        token = session.read(request)
        csrf.check(request, token or "", csrf_token)
        async with db.begin() as connection:
            await customers.leave(connection, token)
        response = RedirectResponse("/", 303)
        session.drop(response)
        return response


def _key(pem: Secret) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.reveal().encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("a company's key is on P-256")
    return key
