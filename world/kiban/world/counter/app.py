"""
The counter's pages, added to the application of a municipality's gateway.

1. a clerk signs in with the counter's key, and sees who is expected
2. a family comes: its page is filled already; one button takes the notice of moving in (転入届), for a household of
   their own or for one that lives there; what no office knows, what they are to its head, is asked
3. somebody names a proxy, or comes as a child's guardian: one form tells the resident network, one button ends it
4. whoever has a card has its signature certificate renewed, or sets a PIN anew that is locked or forgotten: the clerk
   begins, the card's own page does the rest
5. whoever is to be protected from violence (支援措置) says where the register has them, and comes without any notice

Addresses name notices by random ids, and nobody.  What somebody else did first is shown, not refused.

A form that is refused comes back as it was filled in, with the reason above it.

Refused: whoever has not signed in, a form from elsewhere, a notice that is not there.
Source: DESIGN 8; デジタル社会の実現に向けた重点計画 (書かないワンストップ窓口).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Annotated, get_args

from fastapi import Depends, FastAPI, Form, Path, Request
from starlette.responses import RedirectResponse, Response

from kiban.gateway.contract import Attributes, Mark
from kiban.shared.access import anyone
from kiban.shared.app import add_pages
from kiban.shared.cookies import Cookie
from kiban.shared.csrf import CSRF
from kiban.shared.exchanges import new_id
from kiban.shared.pages import Pages
from kiban.shared.problems import NotFound, Problem
from kiban.world.cards.client import CardsForCounters
from kiban.world.cards.contract import NewPINOrder, RenewalOrder
from kiban.world.counter import notices
from kiban.world.counter.clerks import (
    SESSION_LASTS,
    AtTheCounter,
    ClerkKeyWrong,
    Clerks,
    ClerkSignedOut,
)
from kiban.world.counter.forms import ArrivalForm, HolderForm, MarksForm, ProtectionForm
from kiban.world.counter.mandate_form import KINDLY, MandateForm, Offered
from kiban.world.counter.mandates import MandateDesk
from kiban.world.counter.notices import Notice
from kiban.world.counter.register import Named, NoSuchResident, Register, SeveralResidents
from kiban.world.counter.settings import CounterSettings
from kiban.world.office.agencies import Agency
from kiban.world.office.counter import Counter, MoveToCome, attributes
from kiban.world.office.households import HeadNotMoving, HouseholdNotHere, Living
from kiban.world.office.records import NothingToDecide
from kiban.world.office.relations import TERMS, RelationNeeded
from kiban.world.office.shelter import NotHere, Shelter
from kiban.world.vault.contract import AddressUnclear, OldCardInForce

PACKAGE = "kiban.world.counter"
HOME = "/counter"
SIGNING_IN = "sign-in"
"""What the form is bound to where there is no session yet."""
Names = Mapping[str, Mapping[str, str]]
Token = Annotated[str, Form(alias="csrf", max_length=200)]


@dataclass(frozen=True, slots=True)
class Desk:
    """The counter of one municipality: what its pages are made of."""

    agency: Agency
    names: Names
    """What the agencies of the country are called."""
    network: str
    """The resident network, which stands for the old municipality of whoever is protected."""
    counter: Callable[[], Counter]
    register: Register
    mandates: MandateDesk
    offered: Offered
    """What a mandate can be about."""
    shelter: Shelter
    clerks: Clerks
    cards: CardsForCounters
    settings: CounterSettings
    pages: Pages
    csrf: CSRF

    @property
    def cookie(self) -> Cookie:
        """One of its own at each counter, because cookies ignore ports."""
        return Cookie(f"counter-{self.agency.id}", self.settings.origin)

    async def find(self, name: str) -> Notice:
        return notices.find(await self.counter().arrivals(), name)

    async def take(self, name: str, living: Living) -> None:
        """Take a notice of moving in, if it still waits for that."""
        notice = await self.find(name)
        # A second click, or another clerk, may have been first: the page then says what became of it.
        with suppress(NothingToDecide):
            await self.counter().arrive(notice.id, living)

    async def begin_renewal(self, name: str, number: int) -> str:
        """Begin a renewal for whoever lives here, or for one person of a notice; where the card is put down."""
        visitor = await self.arrived(name, number) if name else None
        place = await self.cards.open_renewal(
            RenewalOrder(
                id=new_id(),
                office=self.agency.id,
                municipality=self.agency.municipality or "",
                visitor=visitor,
                return_to=f"{self.settings.origin}{HOME}/{name}".rstrip("/"),
            )
        )
        return place.location

    async def begin_new_pin(self, form: HolderForm) -> str:
        """Let a resident, or one person of a notice, set a PIN of their card anew; where the card is put down."""
        if form.notice:
            visitor = await self.arrived(form.notice, form.number)
        else:
            named = Named(form.name, form.birth_date)
            visitor = await self.register.attributes(await self.register.find(named))
        place = await self.cards.open_new_pin(
            NewPINOrder(
                id=new_id(),
                office=self.agency.id,
                municipality=self.agency.municipality or "",
                visitor=visitor,
                return_to=f"{self.settings.origin}{HOME}/{form.notice}".rstrip("/"),
            )
        )
        return place.location

    async def arrived(self, name: str, number: int) -> Attributes:
        """Somebody of a notice who lives here by now, as the resident network knows them."""
        return attributes((await self.find(name)).arrived(number).values, "new_address")

    def page(self, request: Request, template: str, status: int = 200, **facts: object) -> Response:
        return self.pages.page(
            request,
            template,
            status,
            form_targets=(self.settings.cards_origin,),
            office=self.agency.name,
            network=self.network,
            **facts,
        )

    def name_of(self, agency: str) -> Mapping[str, str]:
        return self.names.get(agency, {"ja": agency, "en": agency})


def add_routes(app: FastAPI, desk: Desk) -> None:
    """Let clerks come to a gateway's application."""
    add_pages(app, desk.pages, under=HOME)
    _door(app, desk)
    _mandate_pages(app, desk)
    _shelter_pages(app, desk)
    _notice_pages(app, desk)


def _door(app: FastAPI, desk: Desk) -> None:
    clerk = AtTheCounter(desk.clerks, desk.cookie)

    @app.get(HOME, include_in_schema=False, dependencies=[Depends(anyone)])
    async def show_counter(request: Request) -> Response:
        try:
            session = await desk.clerks.recognise(desk.cookie.read(request))
        except ClerkSignedOut:
            return _sign_in_page(desk, request)
        return await _list_page(desk, request, session)

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


async def _list_page(
    desk: Desk,
    request: Request,
    session: str,
    form: HolderForm | None = None,
    problem: Problem | None = None,
) -> Response:
    found = notices.together(await desk.counter().arrivals())
    return desk.page(
        request,
        "counter.html",
        problem.status if problem else 200,
        form=form,
        problem=problem,
        expected=[each for each in found if each.state == "expected"],
        arrived=[each for each in found if each.state == "arrived"],
        name_of=desk.name_of,
        text=notices.text,
        as_day=_day,
        csrf=desk.csrf.token(session),
    )


def _mandate_pages(app: FastAPI, desk: Desk) -> None:
    clerk = AtTheCounter(desk.clerks, desk.cookie)

    @app.get(f"{HOME}/mandates", include_in_schema=False)
    async def show_mandates(request: Request, session: Annotated[str, Depends(clerk)]) -> Response:
        return await _mandates_page(desk, request, session)

    @app.post(f"{HOME}/mandates", include_in_schema=False)
    async def tell_mandate(
        request: Request,
        form: Annotated[MandateForm, Form()],
        session: Annotated[str, Depends(clerk)],
    ) -> Response:
        desk.csrf.check(request, session, form.csrf)
        try:
            await desk.mandates.tell(form.read(desk.offered))
        except KINDLY as problem:
            return await _mandates_page(desk, request, session, form, problem)
        return RedirectResponse(f"{HOME}/mandates", 303)

    @app.post(f"{HOME}/mandates/{{number}}/end", include_in_schema=False)
    async def end_mandate(
        request: Request,
        number: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")],
        token: Token,
        session: Annotated[str, Depends(clerk)],
    ) -> Response:
        desk.csrf.check(request, session, token)
        await desk.mandates.end(number)
        return RedirectResponse(f"{HOME}/mandates", 303)


async def _mandates_page(
    desk: Desk,
    request: Request,
    session: str,
    form: MandateForm | None = None,
    problem: Problem | None = None,
) -> Response:
    return desk.page(
        request,
        "mandates.html",
        problem.status if problem else 200,
        mandates=await desk.mandates.list(),
        offered=desk.offered,
        form=form,
        number=form.number if form else new_id(),
        problem=problem,
        csrf=desk.csrf.token(session),
    )


def _notice_pages(app: FastAPI, desk: Desk) -> None:
    clerk = AtTheCounter(desk.clerks, desk.cookie)

    @app.post(f"{HOME}/renewals", include_in_schema=False)
    async def begin_renewal(
        request: Request,
        token: Token,
        session: Annotated[str, Depends(clerk)],
        notice: Annotated[str, Form(max_length=100)] = "",
        number: Annotated[int, Form()] = 0,
    ) -> Response:
        desk.csrf.check(request, session, token)
        return RedirectResponse(await desk.begin_renewal(notice, number), 303)

    @app.post(f"{HOME}/new-pins", include_in_schema=False)
    async def begin_new_pin(
        request: Request,
        form: Annotated[HolderForm, Form()],
        session: Annotated[str, Depends(clerk)],
    ) -> Response:
        desk.csrf.check(request, session, form.csrf)
        try:
            return RedirectResponse(await desk.begin_new_pin(form), 303)
        except (NoSuchResident, SeveralResidents) as problem:
            return await _list_page(desk, request, session, form, problem)

    @app.get(f"{HOME}/{{notice}}", include_in_schema=False)
    async def show_notice(
        request: Request, notice: str, session: Annotated[str, Depends(clerk)]
    ) -> Response:
        return await _notice_page(desk, request, session, notice)

    @app.post(f"{HOME}/{{notice}}/arrival", include_in_schema=False)
    async def take_notice(
        request: Request,
        notice: str,
        form: Annotated[ArrivalForm, Form()],
        session: Annotated[str, Depends(clerk)],
    ) -> Response:
        desk.csrf.check(request, session, form.csrf)
        try:
            await desk.take(notice, form.living)
        except (HeadNotMoving, HouseholdNotHere, MoveToCome, RelationNeeded) as problem:
            return await _notice_page(desk, request, session, notice, form=form, problem=problem)
        return RedirectResponse(f"{HOME}/{notice}", 303)


async def _notice_page(
    desk: Desk,
    request: Request,
    session: str,
    name: str,
    *,
    form: ArrivalForm | None = None,
    problem: Problem | None = None,
) -> Response:
    """What is known of a notice; after a refusal also what the clerk had filled in."""
    notice = await desk.find(name)
    waits = notice.state == "expected"
    return desk.page(
        request,
        "notice.html",
        problem.status if problem else 200,
        notice=notice,
        ways=await desk.counter().ways(notice.id, form.head if form else None) if waits else None,
        form=form,
        problem=problem,
        terms=TERMS,
        name_of=desk.name_of,
        text=notices.text,
        as_day=_day,
        csrf=desk.csrf.token(session),
    )


def _shelter_pages(app: FastAPI, desk: Desk) -> None:
    clerk = AtTheCounter(desk.clerks, desk.cookie)

    @app.get(f"{HOME}/protection", include_in_schema=False)
    async def show_protection(
        request: Request, session: Annotated[str, Depends(clerk)]
    ) -> Response:
        return await _protection_page(desk, request, session)

    @app.post(f"{HOME}/protection", include_in_schema=False)
    async def protect(
        request: Request,
        form: Annotated[ProtectionForm, Form()],
        session: Annotated[str, Depends(clerk)],
    ) -> Response:
        desk.csrf.check(request, session, form.csrf)
        try:
            notice = await desk.shelter.take_in(form.asked)
        except (*KINDLY, AddressUnclear, NotFound, NotHere, OldCardInForce) as problem:
            return await _protection_page(desk, request, session, form, problem)
        return RedirectResponse(f"{HOME}/{notice or 'protection'}", 303)

    @app.post(f"{HOME}/protection/marks", include_in_schema=False)
    async def change_protection(
        request: Request,
        form: Annotated[MarksForm, Form()],
        session: Annotated[str, Depends(clerk)],
    ) -> Response:
        desk.csrf.check(request, session, form.csrf)
        await desk.shelter.change(form.person, form.marks)
        return RedirectResponse(f"{HOME}/protection", 303)


async def _protection_page(
    desk: Desk,
    request: Request,
    session: str,
    form: ProtectionForm | None = None,
    problem: Problem | None = None,
) -> Response:
    expected = notices.together(await desk.counter().arrivals())
    return desk.page(
        request,
        "protection.html",
        problem.status if problem else 200,
        protected=await desk.shelter.protected(),
        expected=[each for each in expected if each.state == "expected"],
        marks=get_args(Mark),
        form=form,
        problem=problem,
        text=notices.text,
        csrf=desk.csrf.token(session),
    )


def _day(written: str) -> date | None:
    """A day as the notice writes it; nothing where it writes none."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
