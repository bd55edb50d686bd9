"""
Login's pages: the way back from the card, the person's consent, and what was consented to.

No page asks for a PIN.  What is decided here counts only from our own form, in the browser that began.

Refused: another browser than the one that began; a form from elsewhere; a visit that has ended.
"""

from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from kiban.identity.login.cardrequests import VISIT_LASTS
from kiban.identity.login.contract import OtherBrowser
from kiban.identity.login.office import Office
from kiban.identity.login.settings import LoginSettings
from kiban.identity.login.store import Visit
from kiban.shared import codes
from kiban.shared.access import Access, anyone
from kiban.shared.cookies import Cookie
from kiban.shared.http import origin_of
from kiban.shared.pages import Pages
from kiban.shared.problems import Unauthenticated

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class BrowserAccess(Access[str]):
    """The browser that began, by its cookie."""

    name = "browser"

    def __init__(self, cookie: Cookie) -> None:
        self._cookie = cookie

    async def __call__(self, request: Request) -> str:
        word = self._cookie.read(request)
        if not word:
            raise OtherBrowser("this browser began nothing here: its cookie is missing")
        return word


class VisitorAccess(Access[Visit | None]):
    """A person at login's own pages, who held up a card for it; or somebody who has not yet."""

    name = "visitor"

    def __init__(self, office: Office, cookie: Cookie) -> None:
        self._office = office
        self._cookie = cookie

    async def __call__(self, request: Request) -> Visit | None:
        word = self._cookie.read(request)
        return await self._office.visit(word) if word else None


def redirect(location: str) -> RedirectResponse:
    """Send the browser on; the address that it comes from is nobody's business."""
    return RedirectResponse(location, 303, headers={"Referrer-Policy": "no-referrer"})


def browser_cookie(settings: LoginSettings) -> Cookie:
    return Cookie("login-browser", settings.origin)


def visit_cookie(settings: LoginSettings) -> Cookie:
    return Cookie("login-visit", settings.origin)


def word_of(cookie: Cookie, request: Request) -> str:
    """The browser's own word, or a new one; two tabs of a browser share it."""
    word = cookie.read(request) or ""
    return word if codes.has_form(word) else codes.new()


def browser_routes(app: FastAPI, office: Office, pages: Pages, settings: LoginSettings) -> None:
    browser = BrowserAccess(browser_cookie(settings))
    visit = visit_cookie(settings)

    @app.get("/continue", include_in_schema=False)
    async def resume(
        word: Annotated[str, Depends(browser)],
        name: Annotated[str, Query(alias="request", pattern=r"^[0-9a-f]{32}$")],
        code: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        onward = await office.requests.resume(name, code, word)
        response = redirect(onward.location)
        if onward.visit:
            visit.put(response, onward.visit, lasts=VISIT_LASTS)
        return response

    @app.get("/consent", include_in_schema=False)
    async def read_consent(
        request: Request,
        word: Annotated[str, Depends(browser)],
        name: Annotated[str, Query(alias="request", pattern=r"^[0-9a-f]{32}$")],
    ) -> Response:
        question = await office.requests.question(name, word)
        return pages.page(
            request,
            "consent.html",
            form_targets=(origin_of(question.redirect_uri),),
            question=question,
            csrf=office.csrf.token(word),
        )

    @app.post("/consent", include_in_schema=False)
    async def decide(
        request: Request,
        word: Annotated[str, Depends(browser)],
        name: Annotated[str, Form(alias="request", pattern=r"^[0-9a-f]{32}$")],
        answer: Annotated[Literal["agree", "refuse"], Form()],
        csrf: Annotated[str, Form(max_length=200)],
    ) -> Response:
        office.csrf.check(request, word, csrf)
        onward = await office.requests.decide(name, word, agreed=answer == "agree")
        return redirect(onward.location)


def visitor_routes(app: FastAPI, office: Office, pages: Pages, settings: LoginSettings) -> None:
    browser, visit = browser_cookie(settings), visit_cookie(settings)
    visitor = VisitorAccess(office, visit)

    @app.get("/", include_in_schema=False, dependencies=[Depends(anyone)])
    async def home(request: Request) -> Response:
        return pages.page(request, "home.html")

    @app.get("/consents/enter", include_in_schema=False, dependencies=[Depends(anyone)])
    async def enter(request: Request) -> Response:
        word = word_of(browser, request)
        response = redirect(await office.requests.begin_visit(word))
        browser.put(response, word)
        return response

    @app.get("/consents", include_in_schema=False)
    async def list_consents(
        request: Request, here: Annotated[Visit | None, Depends(visitor)]
    ) -> Response:
        return pages.page(
            request,
            "consents.html",
            history=await office.consents.history(here.holder) if here else None,
            clients=office.clients.by_id,
            csrf=office.csrf.token(here.digest) if here else "",
        )

    @app.post("/consents/{name}/end", include_in_schema=False)
    async def end_consent(
        request: Request,
        name: Id,
        here: Annotated[Visit | None, Depends(visitor)],
        csrf: Annotated[str, Form(max_length=200)],
    ) -> Response:
        here = _present(here)
        office.csrf.check(request, here.digest, csrf)
        await office.consents.end(here.holder, name)
        return redirect("/consents")

    @app.post("/consents/leave", include_in_schema=False)
    async def leave(
        request: Request,
        here: Annotated[Visit | None, Depends(visitor)],
        csrf: Annotated[str, Form(max_length=200)],
    ) -> Response:
        here = _present(here)
        office.csrf.check(request, here.digest, csrf)
        await office.leave(here)
        response = redirect("/")
        visit.drop(response)
        return response


def _present(here: Visit | None) -> Visit:
    if here is None:
        raise Unauthenticated("nobody has held up a card here, or too long ago")
    return here
