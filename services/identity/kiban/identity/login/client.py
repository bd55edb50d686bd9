"""
Login, seen from its neighbours: from a relying party, from a card, from its operator.

A relying party begins an `Attempt` and keeps it in the browser's own session, sends the browser to
`authorization_url`, reads the answer with `returned`, and redeems the code:

    attempt = login.begin(redirect_uri, scope="openid name")
    …
    person = await login.redeem(login.returned(attempt, request.query_params), attempt)

With scope `offline_access` it comes back later, without the person, until she ends her consent:

    token = await login.refresh(person.refresh_token)
    changed = await login.userinfo_since(token, tag)

Refused: an answer of another provider or attempt, an ID token that is not for this client and this attempt.

Source: OpenID Connect Core 1.0 section 3.1.3.7; RFC 7523, RFC 7636, RFC 9207.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel

from kiban.identity.login.contract import (
    OIDC,
    REALM,
    ApprovalResult,
    ApprovalTransaction,
    CardReply,
    CardRequest,
    CardResponse,
    Discovery,
    KeySet,
    MandateCheck,
    SignResult,
    SignTransaction,
    TokenResponse,
    TransactionReply,
    UserInfo,
)
from kiban.shared import assertions, canonical, encoding, jwks, tokens
from kiban.shared.assertions import PrivateKey
from kiban.shared.clock import Clock
from kiban.shared.http import Http, Reply
from kiban.shared.mandates import MandateInForce, MandateLine
from kiban.shared.oauth import ASSERTION_TYPE, OAuthProblem
from kiban.shared.problems import Problem
from kiban.shared.settings import Secret

LEEWAY = timedelta(seconds=60)
_NOT_MODIFIED = 304
_Shape = TypeVar("_Shape", bound=BaseModel)


class IDTokenRefused(Problem):
    slug, title, status = "id-token-refused", "The ID token does not hold", 401


class ReturnRefused(Problem):
    slug, title, status = "return-refused", "The answer belongs to no login that was begun", 403


def public_jwks(*keys: PrivateKey) -> dict[str, list[dict[str, str]]]:
    """What a relying party registers: its public keys, each named by its thumbprint."""
    return {"keys": [jwks.written(key.public_key()) for key in keys]}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login on its way: kept by the relying party, bound to the browser's session."""

    redirect_uri: str
    scope: str
    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    transaction: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who logged in, as this relying party calls them; made by `redeem` alone."""

    sub: str
    at: datetime
    scope: frozenset[str]
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    kiban_token: str | None = field(repr=False)
    mandates: tuple[MandateLine, ...] = field(repr=False, default=())


@dataclass(frozen=True, slots=True)
class Latest:
    """What was given, and the tag by which to ask whether it changed."""

    info: UserInfo = field(repr=False)
    tag: str


class LoginClient:
    """Login's operations for a relying party."""

    def __init__(
        self, http: Http, issuer: str, client_id: str, signing_key: PrivateKey, clock: Clock
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self._http = http
        self._key = signing_key
        self._clock = clock
        self._origin = issuer.removesuffix(REALM)
        self._known: dict[str, ec.EllipticCurvePublicKey] = {}

    def __repr__(self) -> str:
        return f"LoginClient({self.client_id} at {self.issuer})"

    # --- the way of the browser ---------------------------------------------------------------

    def begin(self, redirect_uri: str, *, scope: str, transaction: str | None = None) -> Attempt:
        """A new attempt.  For scope `openid sign` or `openid approve` name the transaction."""
        return Attempt(
            redirect_uri=redirect_uri,
            scope=scope,
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            transaction=transaction,
        )

    def authorization_url(self, attempt: Attempt, **more: str) -> str:
        """Where the browser goes to log in, to sign or to approve."""
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": attempt.redirect_uri,
            "scope": attempt.scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": encoding.encode(digest),
            "code_challenge_method": "S256",
            **more,
        }
        if attempt.transaction is not None:
            kind = "sign" if "sign" in attempt.scope.split() else "approval"
            asked[f"{kind}_transaction_id"] = attempt.transaction
        return f"{self._origin}{OIDC}/auth?{urlencode(asked)}"

    def returned(self, attempt: Attempt, parameters: Mapping[str, str]) -> str:
        """The code that the browser brought back, or what was refused, as `OAuthProblem`."""
        state = parameters.get("state", "").encode(errors="replace")
        if not hmac.compare_digest(state, attempt.state.encode()):
            raise ReturnRefused("the state is not the one of this browser's login")
        if parameters.get("iss") != self.issuer:
            raise ReturnRefused("another provider answered (iss)", expected=self.issuer)
        if error := parameters.get("error"):
            raise OAuthProblem(error[:100], parameters.get("error_description", "")[:300])
        if not (code := parameters.get("code")):
            raise ReturnRefused("neither a code nor an error came back")
        return code

    async def redeem(self, code: str, attempt: Attempt) -> LoggedIn:
        """Who logged in: the code is redeemed and the ID token verified."""
        given = await self.issue_tokens(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": attempt.redirect_uri,
                "code_verifier": attempt.verifier,
            }
        )
        claims = await self.verify_id_token(
            given.id_token or "", nonce=attempt.nonce, access_token=given.access_token
        )
        return LoggedIn(
            sub=claims.sub,
            at=claims.auth_time,
            scope=frozenset(given.scope.split()),
            access_token=given.access_token,
            refresh_token=given.refresh_token,
            kiban_token=given.kiban_token,
            mandates=tuple(given.kiban_mandates or ()),
        )

    # --- operations ---------------------------------------------------------------------------

    async def read_discovery(self) -> Discovery:
        return await self._get(f"{REALM}/.well-known/openid-configuration", Discovery)

    async def read_keys(self) -> KeySet:
        return await self._get(f"{OIDC}/certs", KeySet)

    async def issue_tokens(self, grant: Mapping[str, str]) -> TokenResponse:
        """Tokens for a grant, in this client's name."""
        form = {
            **grant,
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        url, content = f"{self._origin}{OIDC}/token", urlencode(form).encode()
        reply = await self._http.send("POST", url, content=content, headers=headers)
        return _read(reply, TokenResponse)

    async def client_credentials(self, scope: str) -> str:
        """An access token of the client's own, to open a transaction: scope sign or approve."""
        grant = {"grant_type": "client_credentials", "scope": scope}
        return (await self.issue_tokens(grant)).access_token

    async def refresh(self, refresh_token: str, *, scope: str = "") -> str:
        """An access token for later, while the person's consent stands (scope offline_access)."""
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if scope:
            grant["scope"] = scope
        return (await self.issue_tokens(grant)).access_token

    async def userinfo(self, access_token: str) -> UserInfo:
        """The attributes that the person lets this client know, as they are now."""
        return await self._get(f"{OIDC}/userinfo", UserInfo, access_token)

    async def userinfo_since(self, access_token: str, tag: str) -> Latest | None:
        """The same with a tag for the next time; none if this tag is theirs still."""
        headers = {"authorization": f"Bearer {access_token}", "if-none-match": tag}
        reply = await self._http.send("GET", f"{self._origin}{OIDC}/userinfo", headers=headers)
        if reply.status == _NOT_MODIFIED:
            return None
        return Latest(_read(reply, UserInfo), reply.headers.get("etag", ""))

    async def open_sign_transaction(self, asked: SignTransaction) -> TransactionReply:
        token = await self.client_credentials("sign")
        return await self._post("/api/sign-transactions", asked, token, TransactionReply)

    async def sign_result(self, transaction: str, access_token: str) -> SignResult:
        path = f"/api/sign-transactions/{transaction}/result"
        return await self._get(path, SignResult, access_token)

    async def open_approval_transaction(self, asked: ApprovalTransaction) -> TransactionReply:
        token = await self.client_credentials("approve")
        return await self._post("/api/approval-transactions", asked, token, TransactionReply)

    async def approval_result(self, transaction: str, access_token: str) -> ApprovalResult:
        path = f"/api/approval-transactions/{transaction}/result"
        return await self._get(path, ApprovalResult, access_token)

    async def check_mandate(self, asked: MandateCheck) -> MandateInForce:
        token = await self.client_credentials("approve")
        return await self._post("/api/mandate-checks", asked, token, MandateInForce)

    # --- ID tokens ----------------------------------------------------------------------------

    async def verify_id_token(
        self, token: str, *, nonce: str, access_token: str
    ) -> "VerifiedIDToken":
        """The ID token's word, if login signed it for this client and this attempt."""
        kid = tokens.signer(token)
        if kid not in self._known:
            await self._learn_keys()
        if kid not in self._known:
            raise IDTokenRefused("login publishes no key of this name", sent=kid[:100])
        claims = tokens.verify(token, key=self._known[kid], typ="JWT")
        half = encoding.encode(hashlib.sha256(access_token.encode()).digest()[:16])
        expected = {"iss": self.issuer, "aud": self.client_id, "nonce": nonce, "at_hash": half}
        for name, value in expected.items():
            if claims.get(name) != value:
                raise IDTokenRefused(f"{name} is not the expected one")
        return _verified(claims, at=self._clock())

    async def _learn_keys(self) -> None:
        for jwk in (await self.read_keys()).keys:
            key = jwks.read(jwk)
            if isinstance(key.public, ec.EllipticCurvePublicKey):
                self._known[key.kid] = key.public

    # --- how ----------------------------------------------------------------------------------

    def _assertion(self) -> str:
        return assertions.made(
            self._key, client_id=self.client_id, audience=self.issuer, at=self._clock()
        )

    async def _get(self, path: str, shape: type[_Shape], access_token: str | None = None) -> _Shape:
        headers = {"accept": "application/json"}
        if access_token is not None:
            headers["authorization"] = f"Bearer {access_token}"
        return _read(await self._http.send("GET", self._origin + path, headers=headers), shape)

    async def _post(
        self, path: str, asked: BaseModel, access_token: str, shape: type[_Shape]
    ) -> _Shape:
        headers = {
            "accept": "application/json",
            "content-type": "application/json",
            "authorization": f"Bearer {access_token}",
        }
        content = canonical.encode(asked.model_dump(mode="json"))
        url = self._origin + path
        reply = await self._http.send("POST", url, content=content, headers=headers)
        return _read(reply, shape)


@dataclass(frozen=True, slots=True)
class VerifiedIDToken:
    """What login says of a person; made by `LoginClient.verify_id_token` alone."""

    sub: str
    auth_time: datetime
    acr: str


def _verified(claims: Mapping[str, canonical.JSON], *, at: datetime) -> VerifiedIDToken:
    sub, acr = claims.get("sub"), claims.get("acr")
    times = [claims.get(name) for name in ("exp", "iat", "auth_time")]
    if not isinstance(sub, str) or not isinstance(acr, str):
        raise IDTokenRefused("sub and acr are text")
    if any(isinstance(each, bool) or not isinstance(each, int) for each in times):
        raise IDTokenRefused("exp, iat and auth_time are whole seconds")
    end, issued, authenticated = (each for each in times if isinstance(each, int))
    in_order = 0 <= authenticated <= issued + LEEWAY.seconds
    if not in_order or not issued - LEEWAY.seconds <= at.timestamp() < end + LEEWAY.seconds:
        raise IDTokenRefused("the ID token is not valid at this time")
    return VerifiedIDToken(sub, datetime.fromtimestamp(authenticated, at.tzinfo), acr)


class LoginForCards:
    """Login's operations for a card's page, which needs no proof of its own: the card is the proof."""

    def __init__(self, http: Http, origin: str) -> None:
        self._http = http
        self._origin = origin

    async def read_card_request(self, name: str) -> CardRequest:
        reply = await self._http.send("GET", f"{self._origin}/card-requests/{name}")
        return _read(reply, CardRequest)

    async def answer_card_request(self, name: str, answer: CardResponse) -> CardReply:
        url = f"{self._origin}/card-requests/{name}/response"
        headers = {"content-type": "application/json"}
        content = canonical.encode(answer.model_dump(mode="json"))
        return _read(
            await self._http.send("POST", url, content=content, headers=headers), CardReply
        )


class LoginForOperators:
    """Login's operations for whoever runs it."""

    def __init__(self, http: Http, origin: str, operator_key: Secret) -> None:
        self._http = http
        self._origin = origin
        self._key = operator_key

    async def rotate_signing_keys(self) -> KeySet:
        headers = {"authorization": f"Bearer {self._key.reveal()}"}
        reply = await self._http.send("POST", f"{self._origin}/signing-keys", headers=headers)
        return _read(reply, KeySet)


def _read(reply: Reply, shape: type[_Shape]) -> _Shape:
    return reply.raise_problem().read(shape)
