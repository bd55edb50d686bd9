"""
The portal's public interface, seen from a neighbour.  One method per operation, the same name on both sides.

A front begins an `Attempt` and keeps it for the browser's own session, pushes what it asks for, sends the browser to
`authorization_url`, reads the answer with `returned`, and redeems the code.  Every call inside is signed anew with the
key that the token is bound to.  What it is given, `verified` proves offline.

Refused: an answer to another attempt or of another server; a value that its provider did not sign.
Source: RFC 9126, RFC 9207, RFC 9449.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.asymmetric import ec

from kiban.gateway.contract import ANSWER, Answer, Statement
from kiban.portal.contract import (
    Answers,
    AnswersReply,
    ApplicationStatus,
    AuthorizationDetail,
    FrontTokens,
    HeldValue,
    HeldValues,
    ProcedureDescription,
    ProcedureList,
    PushedRequest,
    ReturnMismatch,
    ServerMetadata,
    ValueUnproven,
)
from kiban.portal.fronts import proofs
from kiban.shared import assertions, encoding, jwks, tokens
from kiban.shared.clock import Clock
from kiban.shared.exchanges import Shape
from kiban.shared.http import Http, get_shape
from kiban.shared.oauth import ASSERTION_TYPE, OAuthProblem

FORM = "application/x-www-form-urlencoded"
_Shape = TypeVar("_Shape", bound=Shape)


class PortalClient:
    def __init__(self, http: Http, origin: str) -> None:
        self._http = http
        self._origin = origin

    async def list_procedures(self) -> ProcedureList:
        """Name what a citizen can apply for."""
        return await get_shape(self._http, f"{self._origin}/api/procedures", ProcedureList)

    async def read_procedure(self, procedure: str) -> ProcedureDescription:
        """Describe one procedure: what is asked, and who already holds the rest."""
        where = f"{self._origin}/api/procedures/{quote(procedure, safe='')}"
        return await get_shape(self._http, where, ProcedureDescription)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One person on the way to let a front in: kept by the front, bound to the browser's session."""

    redirect_uri: str
    state: str
    verifier: str = field(repr=False)

    @property
    def challenge(self) -> str:
        return encoding.encode(hashlib.sha256(self.verifier.encode()).digest())


class PortalForFronts:
    """The portal's operations for a private service."""

    def __init__(
        self, http: Http, origin: str, client_id: str, key: ec.EllipticCurvePrivateKey, clock: Clock
    ) -> None:
        self.origin = origin
        self.client_id = client_id
        self._http = http
        self._key = key
        self._clock = clock

    def __repr__(self) -> str:
        return f"PortalForFronts({self.client_id} at {self.origin})"

    # --- the way of the browser ---------------------------------------------------------------

    def begin(self, redirect_uri: str) -> Attempt:
        return Attempt(redirect_uri, secrets.token_urlsafe(24), secrets.token_urlsafe(48))

    def authorization_url(self, pushed: PushedRequest) -> str:
        """Where the browser goes: a number, and nothing else."""
        asked = {"client_id": self.client_id, "request_uri": pushed.request_uri}
        return f"{self.origin}/authorize?{urlencode(asked)}"

    def returned(self, attempt: Attempt, parameters: Mapping[str, str]) -> str:
        """The code that the browser brought back, or what was refused, as `OAuthProblem`."""
        state = parameters.get("state", "").encode(errors="replace")
        if not hmac.compare_digest(state, attempt.state.encode()):
            raise ReturnMismatch("the state is not the one of this browser's attempt")
        if parameters.get("iss") != self.origin:
            raise ReturnMismatch("another server answered (iss)", expected=self.origin)
        if error := parameters.get("error"):
            raise OAuthProblem(error[:100], "the person did not let this front in")
        if not (code := parameters.get("code")):
            raise ReturnMismatch("neither a code nor an error came back")
        return code

    # --- operations ---------------------------------------------------------------------------

    async def read_metadata(self) -> ServerMetadata:
        where = f"{self.origin}/.well-known/oauth-authorization-server"
        return await get_shape(self._http, where, ServerMetadata)

    async def push_authorization_request(
        self, attempt: Attempt, details: Sequence[AuthorizationDetail], *, ui_locales: str = ""
    ) -> PushedRequest:
        """The number for this attempt; the portal goes on in the first language of `ui_locales` that it has."""
        asked = {
            "response_type": "code",
            "redirect_uri": attempt.redirect_uri,
            "state": attempt.state,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            "dpop_jkt": jwks.thumbprint(self._key.public_key()),
            "authorization_details": json.dumps([one.model_dump() for one in details]),
            **({"ui_locales": ui_locales} if ui_locales else {}),
        }
        return await self._proven("/api/par", asked, PushedRequest)

    async def issue_tokens(self, attempt: Attempt, code: str) -> FrontTokens:
        """The token for a code, bound to this front's key."""
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        return await self._proven("/api/token", asked, FrontTokens)

    async def read_application(self, token: str, name: str) -> ApplicationStatus:
        return await self._inside(
            "GET", f"/api/applications/{_part(name)}", token, ApplicationStatus
        )

    async def read_held(self, token: str, name: str) -> HeldValues:
        return await self._inside("GET", f"/api/applications/{_part(name)}/held", token, HeldValues)

    async def give_answers(self, token: str, name: str, answers: Mapping[str, str]) -> AnswersReply:
        path, given = f"/api/applications/{_part(name)}/answers", Answers(answers=dict(answers))
        return await self._inside("PUT", path, token, AnswersReply, given)

    async def read_item(self, token: str, provider: str, item: str) -> HeldValue:
        return await self._inside(
            "GET", f"/api/items/{_part(provider)}/{_part(item)}", token, HeldValue
        )

    # --- how ----------------------------------------------------------------------------------

    async def _proven(self, path: str, asked: Mapping[str, str], shape: type[_Shape]) -> _Shape:
        url = self.origin + path
        form = {
            **asked,
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(),
        }
        headers = {
            "content-type": FORM,
            "accept": "application/json",
            "dpop": self._proof("POST", url),
        }
        content = urlencode(form).encode()
        reply = await self._http.send("POST", url, content=content, headers=headers)
        return reply.raise_problem().read(shape)

    async def _inside(
        self, method: str, path: str, token: str, shape: type[_Shape], body: Shape | None = None
    ) -> _Shape:
        url = self.origin + path
        headers = {
            "accept": "application/json",
            "authorization": f"DPoP {token}",
            "dpop": self._proof(method, url, token),
        }
        content = b""
        if body is not None:
            headers["content-type"] = "application/json"
            content = body.model_dump_json().encode()
        reply = await self._http.send(method, url, content=content, headers=headers)
        return reply.raise_problem().read(shape)

    def assertion(self) -> str:
        """Who this is, signed: good once, for a minute."""
        return assertions.made(
            self._key, client_id=self.client_id, audience=self.origin, at=self._clock()
        )

    def _proof(self, method: str, url: str, token: str | None = None) -> str:
        return proofs.made(
            self._key,
            method=method,
            url=url,
            jti=secrets.token_urlsafe(16),
            at=self._clock(),
            token=token,
        )


def verified(value: HeldValue, *, key: ec.EllipticCurvePublicKey) -> Statement:
    """The statement, if its provider signed exactly it for this exchange; needs nobody but the provider's key."""
    if value.answer is None or value.statement is None:
        raise ValueUnproven("no signed answer came with the value")
    try:
        answer = tokens.read(value.answer, Answer, key=key, typ=ANSWER)
    except tokens.TokenRefused as problem:
        raise ValueUnproven("this provider did not sign the answer") from problem
    said = (answer.exchange, answer.provider, answer.item)
    if said != (value.exchange, value.provider, value.item):
        raise ValueUnproven("the signed answer is to another question")
    if value.statement not in answer.statements:
        raise ValueUnproven("the provider signed another value")
    return value.statement


def _part(text: str) -> str:
    return quote(text, safe="")
