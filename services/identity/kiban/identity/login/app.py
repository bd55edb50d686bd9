"""
Login's front: the OpenID provider for relying parties, and the door for cards; `pages` is for the person.

What goes back to a relying party goes by redirect; a refusal that cannot be trusted to any address is a page.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request
from starlette.responses import Response

from kiban.identity.login import authorization, documents
from kiban.identity.login.authorization import SentBack
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
    MandateCheck,
    ScopeMissing,
    SignResult,
    SignTransaction,
    TokenResponse,
    TransactionReply,
    UserInfo,
)
from kiban.identity.login.office import PACKAGE, Office
from kiban.identity.login.pages import (
    Id,
    browser_cookie,
    browser_routes,
    redirect,
    visitor_routes,
    word_of,
)
from kiban.identity.login.settings import LoginSettings
from kiban.identity.login.store import AccessToken
from kiban.shared import forms
from kiban.shared.access import ASSERTED, BEARER, Access, anyone, operator
from kiban.shared.app import refuse_as_oauth, service
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.http import Http
from kiban.shared.mandates import MandateInForce
from kiban.shared.pages import LANGUAGE_COOKIE, Pages

TOKEN_SIZE = 256
PUBLIC = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300"}


class ClientAccess(Access[Client]):
    """A relying party, proven by its assertion (private_key_jwt)."""

    name = "client"
    scheme = ASSERTED

    def __init__(self, office: Office) -> None:
        self._office = office

    async def __call__(self, request: Request) -> Client:
        return await self._office.grants.client(await read_form(request))


class TokenAccess(Access[AccessToken]):
    """Whoever holds an access token; where a scope is named, one that reaches so far."""

    name = "access-token"
    scheme = BEARER

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


async def read_form(request: Request) -> dict[str, str]:
    return forms.read(
        await request.body(),
        media_type=request.headers.get("content-type", ""),
        query=request.url.query,
    )


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
    app.state.office = office
    refuse_as_oauth(app, pages)
    app.add_exception_handler(SentBack, _sent_back)
    _provider_routes(app, office, settings)
    _transaction_routes(app, office)
    _card_routes(app, office)
    browser_routes(app, office, pages, settings)
    visitor_routes(app, office, pages, settings)
    return app


async def _sent_back(_: Request, error: Exception) -> Response:
    if not isinstance(error, SentBack):
        raise error
    return redirect(error.location)


def _provider_routes(app: FastAPI, office: Office, settings: LoginSettings) -> None:
    client = ClientAccess(office)
    person = TokenAccess(office, "openid")
    browser = browser_cookie(settings)

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

    @app.get(
        f"{OIDC}/auth",
        dependencies=[Depends(anyone)],
        status_code=303,
        openapi_extra=documents.AUTHORIZE,
    )
    async def authorize(request: Request) -> Response:
        """Take a relying party's authorization request, and send the browser to the card."""
        asked = authorization.read(
            request.query_params.multi_items(), office.clients, issuer=office.issuer
        )
        word = word_of(browser, request)
        response = redirect(await office.requests.begin(asked, word))
        browser.put(response, word)
        if asked.language:
            response.set_cookie(LANGUAGE_COOKIE, asked.language, httponly=True, samesite="lax")
        return response

    @app.post(f"{OIDC}/token", response_model_exclude_none=True, openapi_extra=documents.TOKEN)
    async def issue_tokens(
        request: Request, caller: Annotated[Client, Depends(client)]
    ) -> TokenResponse:
        """Give tokens for a code, or to a client for itself."""
        return await office.grants.grant(caller, await read_form(request))

    @app.get(
        f"{OIDC}/userinfo",
        response_model=UserInfo,
        response_model_exclude_none=True,
        responses={304: {"description": "nothing has changed, and nothing is given"}},
    )
    async def userinfo(
        response: Response,
        token: Annotated[AccessToken, Depends(person)],
        known: Annotated[str, Header(alias="if-none-match", max_length=100)] = "",
    ) -> UserInfo | Response:
        """Give the latest of those attributes that the person consented to."""
        latest = await office.consents.userinfo(token, known=known)
        if latest is None:
            return Response(status_code=304, headers={"etag": known})
        response.headers["etag"] = latest.tag
        return latest.info

    @app.post("/signing-keys", dependencies=[Depends(operator)])
    async def rotate_signing_keys() -> KeySet:
        """Sign ID tokens with a new key from now on."""
        return await office.rotate_signing_keys()


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

    @app.post("/api/mandate-checks")
    async def check_mandate(
        asked: MandateCheck, token: Annotated[AccessToken, Depends(opens_approve)]
    ) -> MandateInForce:
        """Say what a mandate allows, if it holds now."""
        return await office.acting.check(asked.mandate, office.clients.find(token.client))

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
