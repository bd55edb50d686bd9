"""
The counter's pages, added to the application of a municipality's gateway.

1. a clerk signs in with the counter's key
2. whoever lives here and comes with a card has its signature certificate renewed: the clerk begins, the card's own page
   does the rest, and the clerk learns neither PIN nor password

Refused: whoever has not signed in, a form from elsewhere.
Source: DESIGN 8; 公的個人認証サービスの窓口での手続 (identity's reference, section 4).
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Form, Request
from starlette.responses import RedirectResponse, Response

from kiban.shared.access import anyone
from kiban.shared.app import add_pages
from kiban.shared.cookies import Cookie
from kiban.shared.csrf import CSRF
from kiban.shared.exchanges import new_id
from kiban.shared.pages import Pages
from kiban.world.cards.client import CardsForCounters
from kiban.world.cards.contract import RenewalOrder
from kiban.world.counter.clerks import (
    SESSION_LASTS,
    AtTheCounter,
    ClerkKeyWrong,
    Clerks,
    ClerkSignedOut,
)
from kiban.world.counter.settings import CounterSettings
from kiban.world.office.agencies import Agency

PACKAGE = "kiban.world.counter"
HOME = "/counter"
SIGNING_IN = "sign-in"
"""What the form is bound to where there is no session yet."""
Token = Annotated[str, Form(alias="csrf", max_length=200)]


@dataclass(frozen=True, slots=True)
class Desk:
    """The counter of one municipality: what its pages are made of."""

    agency: Agency
    clerks: Clerks
    cards: CardsForCounters
    settings: CounterSettings
    pages: Pages
    csrf: CSRF

    @property
    def cookie(self) -> Cookie:
        """One of its own at each counter, because cookies ignore ports."""
        return Cookie(f"counter-{self.agency.id}", self.settings.origin)

    async def begin_renewal(self) -> str:
        """Begin a renewal for whoever lives here; where the card is put down."""
        place = await self.cards.open_renewal(
            RenewalOrder(
                id=new_id(),
                office=self.agency.id,
                municipality=self.agency.municipality or "",
                return_to=f"{self.settings.origin}{HOME}",
            )
        )
        return place.location

    def page(self, request: Request, template: str, status: int = 200, **facts: object) -> Response:
        return self.pages.page(
            request,
            template,
            status,
            form_targets=(self.settings.cards_origin,),
            office=self.agency.name,
            **facts,
        )


def add_routes(app: FastAPI, desk: Desk) -> None:
    """Let clerks come to a gateway's application."""
    add_pages(app, desk.pages, under=HOME)
    _door(app, desk)
    _renewals(app, desk)


def _door(app: FastAPI, desk: Desk) -> None:
    clerk = AtTheCounter(desk.clerks, desk.cookie)

    @app.get(HOME, include_in_schema=False, dependencies=[Depends(anyone)])
    async def show_counter(request: Request) -> Response:
        try:
            session = await desk.clerks.recognise(desk.cookie.read(request))
        except ClerkSignedOut:
            return _sign_in_page(desk, request)
        return desk.page(request, "counter.html", csrf=desk.csrf.token(session))

    @app.post(HOME, include_in_schema=False, dependencies=[Depends(anyone)])
    async def sign_in(
        request: Request, token: Token, key: Annotated[str, Form(max_length=200)]
    ) -> Response:
        desk.csrf.check(request, SIGNING_IN, token)
        try:
            session = await desk.clerks.sign_in(key)
        except ClerkKeyWrong as problem:
            return _sign_in_page(desk, request, problem)
        response = RedirectResponse(HOME, 303)
        desk.cookie.put(response, session, lasts=SESSION_LASTS)
        return response

    @app.post(f"{HOME}/sign-out", include_in_schema=False)
    async def sign_out(
        request: Request, token: Token, session: Annotated[str, Depends(clerk)]
    ) -> Response:
        desk.csrf.check(request, session, token)
        await desk.clerks.sign_out(session)
        response = RedirectResponse(HOME, 303)
        desk.cookie.drop(response)
        return response


def _sign_in_page(desk: Desk, request: Request, problem: ClerkKeyWrong | None = None) -> Response:
    return desk.page(
        request,
        "sign-in.html",
        problem.status if problem else 200,
        problem=problem,
        csrf=desk.csrf.token(SIGNING_IN),
    )


def _renewals(app: FastAPI, desk: Desk) -> None:
    clerk = AtTheCounter(desk.clerks, desk.cookie)

    @app.post(f"{HOME}/renewals", include_in_schema=False)
    async def begin_renewal(
        request: Request, token: Token, session: Annotated[str, Depends(clerk)]
    ) -> Response:
        desk.csrf.check(request, session, token)
        return RedirectResponse(await desk.begin_renewal(), 303)
