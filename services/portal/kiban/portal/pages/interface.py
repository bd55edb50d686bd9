"""
The public interface for private fronts: an authorization server, and the few things that a front may do inside.

Every operation goes through the rules that the pages use, in the visit of the person who let the front in.  There is
none for signing: a front hands the person back, and she looks the application over and signs it at the portal.

Source: RFC 8414, RFC 9126, RFC 9449; DESIGN 5.7; plan row PTL-31.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from kiban.portal.applying import Applying, Form
from kiban.portal.contract import (
    Answers,
    AnswersReply,
    ApplicationStatus,
    FrontTokenRefused,
    FrontTokens,
    HeldValue,
    HeldValues,
    OfficeNotice,
    PushedRequest,
    ServerMetadata,
)
from kiban.portal.country import Country
from kiban.portal.fronts import documents, proofs
from kiban.portal.fronts.authorizing import (
    LANGUAGES,
    PUSHED_LASTS,
    REQUEST,
    Authorizing,
    FrontVisit,
)
from kiban.portal.fronts.proofs import Proof
from kiban.portal.fronts.registrations import Front
from kiban.portal.held import Seen
from kiban.portal.store.rows import Store
from kiban.shared import forms
from kiban.shared.access import ASSERTED, HELD_KEY, Access, anyone

LONGEST_TOKEN = 256


class IsFront(Access[Front]):
    """A front, proven by its assertion (private_key_jwt)."""

    name = "front"
    scheme = ASSERTED

    def __init__(self, authorizing: Authorizing) -> None:
        self._authorizing = authorizing

    async def __call__(self, request: Request) -> Front:
        return await self._authorizing.front(await _form(request))


class LetIn(Access[FrontVisit]):
    """A front that a person let in: it has the token, and the key that the token is bound to."""

    name = "front-token"
    scheme = HELD_KEY

    def __init__(self, authorizing: Authorizing) -> None:
        self._authorizing = authorizing

    async def __call__(self, request: Request) -> FrontVisit:
        scheme, _, word = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "dpop" or not 0 < len(word) <= LONGEST_TOKEN:
            raise FrontTokenRefused(
                "invalid_token", "no access token was sent", expected="Authorization: DPoP …"
            )
        return await self._authorizing.enter(word, _proof(self._authorizing, request, word))


@dataclass(frozen=True, slots=True)
class FrontInterface:
    """The operations of this chapter; collaborators are given."""

    authorizing: Authorizing
    applying: Applying
    store: Store

    def add(self, app: FastAPI) -> None:
        self._server(app)
        self._inside(app)

    def _server(self, app: FastAPI) -> None:
        is_front = IsFront(self.authorizing)

        @app.get("/.well-known/oauth-authorization-server", dependencies=[Depends(anyone)])
        async def read_metadata() -> ServerMetadata:
            """Say what this authorization server offers (RFC 8414)."""
            return _metadata(self.authorizing.issuer)

        @app.post("/api/par", status_code=201, openapi_extra=documents.PUSH)
        async def push_authorization_request(
            request: Request, front: Annotated[Front, Depends(is_front)]
        ) -> PushedRequest:
            """Take what a front asks a person for, before the browser comes (RFC 9126)."""
            number = await self.authorizing.push(front, await _form(request))
            return PushedRequest(
                request_uri=REQUEST + number, expires_in=int(PUSHED_LASTS.total_seconds())
            )

        @app.post("/api/token", openapi_extra=documents.TOKENS)
        async def issue_tokens(
            request: Request, response: Response, front: Annotated[Front, Depends(is_front)]
        ) -> FrontTokens:
            """Give a front its token for a person's code, bound to the key that it proves."""
            response.headers["cache-control"] = "no-store"
            proof = _proof(self.authorizing, request)
            return await self.authorizing.redeem(front, await _form(request), proof)

    def _inside(self, app: FastAPI) -> None:
        let_in = LetIn(self.authorizing)

        @app.get("/api/applications/{name}")
        async def read_application(
            name: str, visit: Annotated[FrontVisit, Depends(let_in)]
        ) -> ApplicationStatus:
            """Say how far the application has come, and what its office wrote."""
            return await self._status(visit, visit.application(name))

        @app.get("/api/applications/{name}/held")
        async def read_held(name: str, visit: Annotated[FrontVisit, Depends(let_in)]) -> HeldValues:
            """Give what offices hold for the form, each with its provider's signature."""
            return await self._held(visit, visit.application(name))

        @app.put("/api/applications/{name}/answers")
        async def give_answers(
            name: str, given: Answers, visit: Annotated[FrontVisit, Depends(let_in)]
        ) -> AnswersReply:
            """Take what the person typed at the front; refuse what an office holds (once-only)."""
            checked = await self.applying.answer(
                visit.visitor, visit.application(name), given.answers
            )
            form = await self.applying.form(visit.visitor, name)
            return AnswersReply(
                ready=not checked.mistakes and form.complete,
                mistakes=checked.mistakes,
                sign_at=f"{self.authorizing.issuer}/applications/{name}",
            )

        @app.get("/api/items/{provider}/{item}")
        async def read_item(
            provider: str, item: str, visit: Annotated[FrontVisit, Depends(let_in)]
        ) -> HeldValue:
            """Give one item that the person approved, with its provider's signature."""
            seen = await self.authorizing.read_item(visit, item, provider)
            return _value(seen, self.applying.country)

    # --- how ---------------------------------------------------------------------------------------

    async def _held(self, visit: FrontVisit, name: str) -> HeldValues:
        form = await self.applying.form(visit.visitor, name)
        if form.application.editable and not form.complete:
            await self.applying.prefill(visit.visitor, name)
            form = await self.applying.form(visit.visitor, name)
        return HeldValues(values=_values(form, self.applying.country))

    async def _status(self, visit: FrontVisit, name: str) -> ApplicationStatus:
        found = await self.applying.find(visit.visitor, name)
        async with self.store.read() as rows:
            notices = await rows.notices(visit.visitor.person, name)
        return ApplicationStatus(
            id=found.id,
            procedure=found.procedure,
            state=found.state,
            outcome=found.outcome,
            digest=found.digest,
            leaf=found.leaf,
            notices=[
                OfficeNotice(event=one.event, at=int(one.at.timestamp()), message=dict(one.message))
                for one in notices
            ],
        )


def _values(form: Form, country: Country) -> dict[str, HeldValue | None]:
    return {name: _value(seen, country) if seen else None for name, seen in form.seen.items()}


def _value(seen: Seen, country: Country) -> HeldValue:
    return HeldValue(
        item=seen.item,
        provider=seen.provider,
        item_name=dict(country.item_name(seen.item)),
        provider_name=dict(country.agency_name(seen.provider)),
        outcome=seen.outcome,
        statement=seen.statement,
        basis=seen.basis,
        provision=dict(country.provision(seen.basis)) if seen.basis else None,
        exchange=seen.exchange,
        leaf=seen.leaf,
        answer=seen.answer,
    )


async def _form(request: Request) -> dict[str, str]:
    return forms.read(
        await request.body(),
        media_type=request.headers.get("content-type", ""),
        query=request.url.query,
    )


def _proof(authorizing: Authorizing, request: Request, token: str | None = None) -> Proof:
    """The proof that this very call carries."""
    return proofs.verify(
        request.headers.get("dpop", ""),
        method=request.method,
        url=authorizing.issuer + request.url.path,
        at=authorizing.clock(),
        token=token,
    )


def _metadata(issuer: str) -> ServerMetadata:
    return ServerMetadata(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/authorize",
        token_endpoint=f"{issuer}/api/token",
        pushed_authorization_request_endpoint=f"{issuer}/api/par",
        require_pushed_authorization_requests=True,
        response_types_supported=["code"],
        grant_types_supported=["authorization_code"],
        code_challenge_methods_supported=["S256"],
        token_endpoint_auth_methods_supported=["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported=["ES256", "RS256"],
        dpop_signing_alg_values_supported=["ES256"],
        authorization_details_types_supported=["procedure", "item"],
        authorization_response_iss_parameter_supported=True,
        ui_locales_supported=list(LANGUAGES),
    )
