"""
Login's front: the OpenID provider for relying parties, the door for cards, and pages for the person.

Pages: nothing here asks for a PIN.  What goes back to a relying party goes by redirect; a refusal that cannot be
trusted to any address is a page.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from kiban.identity.login import authorization, codes, forms
from kiban.identity.login.authorization import SentBack
from kiban.identity.login.cardrequests import VISIT_LASTS
from kiban.identity.login.clients import Client
from kiban.identity.login.contract import (
    OIDC,
    REALM,
    AccessTokenRefused,
    ApprovalResult,
    ApprovalTransaction,
    CardReply,
    CardRequest,
    CardResponse,
    Discovery,
    KeySet,
    OAuthProblem,
    OtherBrowser,
    ScopeMissing,
    SignResult,
    SignTransaction,
    TokenResponse,
    TransactionReply,
    UserInfo,
)
from kiban.identity.login.office import PACKAGE, Office
from kiban.identity.login.settings import LoginSettings
from kiban.identity.login.store import AccessToken, Visit
from kiban.shared.access import Access, Operator, anyone
from kiban.shared.app import problem_response, service
from kiban.shared.clock import Clock
from kiban.shared.cookies import Cookie
from kiban.shared.database import Database
from kiban.shared.http import Http, origin_of
from kiban.shared.pages import LANGUAGE_COOKIE, Pages
from kiban.shared.problems import Unauthenticated

TOKEN_SIZE = 256
PUBLIC = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300"}
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class ClientAccess(Access[Client]):
    """A relying party, proven by its assertion (private_key_jwt)."""

    name = "client"

    def __init__(self, office: Office) -> None:
        self._office = office

    async def __call__(self, request: Request) -> Client:
        return await self._office.grants.client(await read_form(request))


class TokenAccess(Access[AccessToken]):
    """Whoever holds an access token; where a scope is named, one that reaches so far."""

    name = "access-token"

    def __init__(self, office: Office, scope: str, *, clients_own: bool = False) -> None:
        self._office = office
        self._scope = scope
        self._clients_own = clients_own

    async def __call__(self, request: Request) -> AccessToken:
        scheme, _, word = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(word) <= TOKEN_SIZE:
            raise AccessTokenRefused(
                "invalid_request", "no access token was sent", expected="Authorization: Bearer …"
            )
        token = await self._office.grants.access(word.strip())
        if self._scope not in token.scope.split():
            raise ScopeMissing(
                "insufficient_scope", "the access token has another scope", expected=self._scope
            )
        if self._clients_own and token.holder is not None:
            raise ScopeMissing(
                "insufficient_scope",
                "transactions are opened in the client's own name",
                expected="an access token by client_credentials",
            )
        return token


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


async def read_form(request: Request) -> dict[str, str]:
    return forms.read(
        await request.body(),
        media_type=request.headers.get("content-type", ""),
        query=request.url.query,
    )


def redirect(location: str) -> RedirectResponse:
    """Send the browser on; the address that it comes from is nobody's business."""
    return RedirectResponse(location, 303, headers={"Referrer-Policy": "no-referrer"})


def create_app(settings: LoginSettings, *, db: Database, http: Http, clock: Clock) -> FastAPI:
    office = Office(settings, db=db, http=http, clock=clock)
    pages = Pages(PACKAGE)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with office.open():
            yield

    app = service(
        "Kiban login (SIMULATED)",
        role="login",
        clock=clock,
        lifespan=lifespan,
        pages=pages,
        operator_key=settings.operator_key.reveal(),
    )
    app.add_exception_handler(OAuthProblem, _refusals(pages))
    app.add_exception_handler(SentBack, _sent_back)
    _provider_routes(app, office, settings)
    _transaction_routes(app, office)
    _card_routes(app, office)
    _browser_routes(app, office, pages, settings)
    _visitor_routes(app, office, pages, settings)
    return app


def _browser(settings: LoginSettings) -> Cookie:
    return Cookie("login-browser", settings.origin)


def _visit(settings: LoginSettings) -> Cookie:
    return Cookie("login-visit", settings.origin)


def _refusals(pages: Pages) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, OAuthProblem):
            raise error
        if "text/html" in request.headers.get("accept", ""):
            return pages.problem(request, error)
        response = problem_response(error)
        response.headers["content-type"] = "application/json"  # RFC 6749, section 5.2
        return response

    return answer


async def _sent_back(_: Request, error: Exception) -> Response:
    if not isinstance(error, SentBack):
        raise error
    return redirect(error.location)


def _provider_routes(app: FastAPI, office: Office, settings: LoginSettings) -> None:
    client = ClientAccess(office)
    person = TokenAccess(office, "openid")
    operator = Operator(settings.operator_key.reveal())
    browser = _browser(settings)

    @app.get(f"{REALM}/.well-known/openid-configuration", dependencies=[Depends(anyone)])
    async def read_discovery(response: Response) -> Discovery:
        """Say what this provider offers (OpenID Connect Discovery)."""
        response.headers.update(PUBLIC)
        return office.discovery()

    @app.get(f"{OIDC}/certs", dependencies=[Depends(anyone)])
    async def read_keys(response: Response) -> KeySet:
        """Give the public keys by which ID tokens are verified (JWKS)."""
        response.headers.update(PUBLIC)
        return await office.keys()

    @app.get(f"{OIDC}/auth", dependencies=[Depends(anyone)], status_code=303)
    async def authorize(request: Request) -> Response:
        """Take a relying party's authorization request, and send the browser to the card."""
        asked = authorization.read(
            request.query_params.multi_items(), office.clients, issuer=office.issuer
        )
        word = _word_of(browser, request)
        response = redirect(await office.requests.begin(asked, word))
        browser.put(response, word)
        if asked.language:
            response.set_cookie(LANGUAGE_COOKIE, asked.language, httponly=True, samesite="lax")
        return response

    @app.post(f"{OIDC}/token", response_model_exclude_none=True)
    async def issue_tokens(
        request: Request, caller: Annotated[Client, Depends(client)]
    ) -> TokenResponse:
        """Give tokens for a code, or to a client for itself."""
        return await office.grants.grant(caller, await read_form(request))

    @app.get(f"{OIDC}/userinfo", response_model_exclude_none=True)
    async def userinfo(token: Annotated[AccessToken, Depends(person)]) -> UserInfo:
        """Give the latest of those attributes that the person consented to."""
        return await office.consents.userinfo(token)

    @app.post("/signing-keys", dependencies=[Depends(operator)])
    async def rotate_signing_keys() -> KeySet:
        """Sign ID tokens with a new key from now on."""
        return await office.rotate_signing_keys()


def _word_of(cookie: Cookie, request: Request) -> str:
    """The browser's own word, or a new one; two tabs of a browser share it."""
    word = cookie.read(request) or ""
    return word if codes.has_form(word) else codes.new()


def _transaction_routes(app: FastAPI, office: Office) -> None:
    sign, approve = TokenAccess(office, "sign"), TokenAccess(office, "approve")
    opens_sign = TokenAccess(office, "sign", clients_own=True)
    opens_approve = TokenAccess(office, "approve", clients_own=True)

    @app.post("/api/sign-transactions")
    async def open_sign_transaction(
        asked: SignTransaction, token: Annotated[AccessToken, Depends(opens_sign)]
    ) -> TransactionReply:
        """Ask a person to sign a digest."""
        return await office.transactions.open_sign(office.clients.find(token.client), asked)

    @app.get("/api/sign-transactions/{name}/result")
    async def sign_result(name: Id, token: Annotated[AccessToken, Depends(sign)]) -> SignResult:
        """Give the signature that the person made."""
        return await office.transactions.sign_result(token, name)

    @app.post("/api/approval-transactions")
    async def open_approval_transaction(
        asked: ApprovalTransaction, token: Annotated[AccessToken, Depends(opens_approve)]
    ) -> TransactionReply:
        """Ask a person to approve exact terms."""
        return await office.transactions.open_approval(office.clients.find(token.client), asked)

    @app.get("/api/approval-transactions/{name}/result")
    async def approval_result(
        name: Id, token: Annotated[AccessToken, Depends(approve)]
    ) -> ApprovalResult:
        """Give the authority's tokens for what the person approved."""
        return await office.transactions.approval_result(token, name)


def _card_routes(app: FastAPI, office: Office) -> None:
    @app.get("/card-requests/{name}", dependencies=[Depends(anyone)])
    async def read_card_request(name: Id) -> CardRequest:
        """Say what a card is asked, and by whom."""
        return await office.requests.read(name)

    @app.post("/card-requests/{name}/response", dependencies=[Depends(anyone)])
    async def answer_card_request(name: Id, answer: CardResponse) -> CardReply:
        """Take the card's answer, once."""
        return await office.requests.answer(name, answer)


def _browser_routes(app: FastAPI, office: Office, pages: Pages, settings: LoginSettings) -> None:
    browser = BrowserAccess(_browser(settings))
    visit = _visit(settings)

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


def _visitor_routes(app: FastAPI, office: Office, pages: Pages, settings: LoginSettings) -> None:
    browser, visit = _browser(settings), _visit(settings)
    visitor = VisitorAccess(office, visit)

    @app.get("/", include_in_schema=False, dependencies=[Depends(anyone)])
    async def home(request: Request) -> Response:
        return pages.page(request, "home.html")

    @app.get("/consents/enter", include_in_schema=False, dependencies=[Depends(anyone)])
    async def enter(request: Request) -> Response:
        word = _word_of(browser, request)
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
