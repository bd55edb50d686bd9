"""
Token grants: what a relying party gets for a code, or for itself.

For a code: an access token, an ID token, and for a client that is a member the authority's token that says which of
its pseudonyms this is, and for whom this person may act.  For a refresh token, which came with a code where the person
let the client come back later: an access token.  For itself (client credentials): the right to open a transaction,
nothing else.

A refresh token is of use to its client alone, which proves itself each time, so it is not replaced when it is used;
it ends with the person's consent, and after a year in any case.

Refused: an assertion used twice; a code used twice, which also ends what it gave the first time; every other
mismatch of a code, which is spent by the attempt; another client's refresh token, or one that has ended; scopes that
a client cannot have for itself, or that a person did not give.

Source: RFC 6749 sections 4.1.2 to 4.1.4, 4.4, 5, 6; RFC 7523 section 3; RFC 9700 sections 4.5 and 4.14.2; OpenID
Connect Core 1.0 sections 3.1.3, 11 and 12.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.identity.login import idtokens, store
from kiban.identity.login.cardanswers import NOTHING, Told
from kiban.identity.login.cardrequests import token_label
from kiban.identity.login.clients import Client, Clients
from kiban.identity.login.consents import standing
from kiban.identity.login.contract import AccessTokenRefused, TokenResponse
from kiban.identity.login.idtokens import Claims, SigningKeys
from kiban.identity.login.store import AccessToken, KeptCode, RefreshToken, Request
from kiban.identity.login.subjects import Subjects
from kiban.shared import assertions, codes
from kiban.shared.clock import Clock
from kiban.shared.codes import Code
from kiban.shared.database import Database
from kiban.shared.keyring import Wrapping
from kiban.shared.oauth import ClientRefused, OAuthProblem

LASTS = timedelta(minutes=10)
REFRESH_LASTS = timedelta(days=365)
OFFERED = "authorization_code, refresh_token or client_credentials"
FOR_ITSELF = frozenset({"sign", "approve"})
"""What a client may do in its own name: open a transaction of that kind."""


@dataclass(frozen=True, slots=True)
class TokenGrants:
    """The use case; collaborators are given."""

    db: Database
    clients: Clients
    subjects: Subjects
    keys: Callable[[AsyncConnection], Awaitable[SigningKeys]]
    wrapping: Wrapping
    clock: Clock
    issuer: str
    audiences: tuple[str, ...]

    async def client(self, form: Mapping[str, str]) -> Client:
        """The client that the form's assertion proves; the assertion is spent by this."""
        assertion = assertions.verify(form, self.clients, audiences=self.audiences, at=self.clock())
        until = assertion.expires_at + assertions.LEEWAY
        async with self.db.begin() as connection:
            new = await store.spend_assertion(connection, assertion.digest, until=until)
        if not new:
            raise ClientRefused(
                "invalid_client", "this assertion was used before", expected="a jti that is new"
            )
        return assertion.client

    async def grant(self, client: Client, form: Mapping[str, str]) -> TokenResponse:
        """What this client gets for this form."""
        match form.get("grant_type"):
            case "authorization_code":
                return await self._for_code(client, form)
            case "refresh_token":
                return await self._for_refresh(client, form)
            case "client_credentials":
                return await self._for_itself(client, form)
            case None:
                raise OAuthProblem(
                    "invalid_request",
                    "grant_type is missing from the form",
                    expected=f"{OFFERED}, in the body of the POST",
                )
            case sent:
                raise OAuthProblem(
                    "unsupported_grant_type",
                    "this grant is not offered",
                    sent=sent[:100],
                    expected=OFFERED,
                )

    async def access(self, word: str) -> AccessToken:
        """The access token of this word, while it lasts."""
        async with self.db.read() as connection:
            found = await store.find_access_token(connection, codes.digest(word))
        if found is None:
            raise AccessTokenRefused("invalid_token", "this access token was never given")
        if found.revoked_at is not None:
            raise AccessTokenRefused(
                "invalid_token", "the access token was revoked: its code was used twice"
            )
        if self.clock() >= found.expires_at:
            raise AccessTokenRefused("invalid_token", "the access token has expired")
        return found

    async def _for_itself(self, client: Client, form: Mapping[str, str]) -> TokenResponse:
        scope = sorted(set(form.get("scope", "").split()))
        client.check_scope(scope)
        if not scope or not FOR_ITSELF.issuperset(scope):
            raise OAuthProblem(
                "invalid_scope",
                "client credentials open transactions, and do nothing else",
                sent=" ".join(scope)[:200],
                expected="sign or approve",
            )
        word = codes.new()
        token = AccessToken(
            digest=codes.digest(word),
            client=client.id,
            scope=" ".join(scope),
            request=None,
            holder=None,
            transaction=None,
            expires_at=self.clock() + LASTS,
        )
        async with self.db.begin() as connection:
            await store.add(connection, store.access_tokens, token)
        return self._response(word, token.scope)

    async def _for_refresh(self, client: Client, form: Mapping[str, str]) -> TokenResponse:
        given = form.get("refresh_token", "")
        if not given:
            raise OAuthProblem("invalid_request", "refresh_token is missing from the form")
        async with self.db.begin() as connection:
            kept = await store.find_refresh_token(connection, codes.digest(given))
            if kept is None or kept.client != client.id:
                raise OAuthProblem("invalid_grant", "this refresh token was never given to you")
            if not await self._holds(connection, kept):
                raise OAuthProblem(
                    "invalid_grant",
                    "this refresh token has ended",
                    expected="a new login, in which the person consents again",
                )
            word = codes.new()
            token = AccessToken(
                digest=codes.digest(word),
                client=client.id,
                scope=_narrowed(kept.scope, form.get("scope", "")),
                request=kept.request,
                holder=kept.holder,
                transaction=None,
                expires_at=self.clock() + LASTS,
            )
            await store.add(connection, store.access_tokens, token)
        return self._response(word, token.scope)

    async def _for_code(self, client: Client, form: Mapping[str, str]) -> TokenResponse:
        word = form.get("code", "")
        if not word:
            raise OAuthProblem("invalid_request", "code is missing from the form")
        async with self.db.begin() as connection:
            outcome = await self._redeemed(connection, client, codes.digest(word), form)
        # A refusal is raised only now: what it spent and revoked stays so.
        if isinstance(outcome, OAuthProblem):
            raise outcome
        return outcome

    async def _redeemed(
        self, connection: AsyncConnection, client: Client, digest: str, form: Mapping[str, str]
    ) -> TokenResponse | OAuthProblem:
        at = self.clock()
        kept = await store.find_code(connection, digest)
        request = await store.find_request(connection, kept.request) if kept else None
        if kept is None or request is None or request.client is None:
            return OAuthProblem("invalid_grant", "this code was never given")
        if not await store.spend_code(connection, digest, at=at):
            await store.revoke_tokens(connection, request.id, at=at)
            return OAuthProblem(
                "invalid_grant", "the code was used before; what it gave is revoked"
            )
        try:
            _code(kept, request).check(
                client=client.id,
                redirect_uri=form.get("redirect_uri", ""),
                verifier=form.get("code_verifier", ""),
                at=at,
            )
        except OAuthProblem as problem:
            return problem
        return await self._given(connection, client, request, at=at)

    async def _given(
        self, connection: AsyncConnection, client: Client, request: Request, *, at: datetime
    ) -> TokenResponse:
        word = codes.new()
        token = AccessToken(
            digest=codes.digest(word),
            client=client.id,
            scope=request.scope,
            request=request.id,
            holder=request.holder,
            transaction=request.transaction,
            expires_at=at + LASTS,
        )
        await store.add(connection, store.access_tokens, token)
        wrapped = await store.take_kiban_token(connection, request)
        keys = await self.keys(connection)
        return self._response(
            word,
            request.scope,
            id_token=keys.sign(self._claims(client, request, word, at=at)),
            refresh_token=await self._lasting(connection, client, request, at=at),
            told=self._unwrapped(request, wrapped),
        )

    async def _holds(self, connection: AsyncConnection, kept: RefreshToken) -> bool:
        given = await standing(connection, holder=kept.holder, client=kept.client)
        in_time = kept.revoked_at is None and self.clock() < kept.expires_at
        return in_time and "offline_access" in given

    async def _lasting(
        self, connection: AsyncConnection, client: Client, request: Request, *, at: datetime
    ) -> str | None:
        """A refresh token, if the person let the client come back later."""
        if "offline_access" not in request.scope.split() or request.holder is None:
            return None
        word = codes.new()
        token = RefreshToken(
            digest=codes.digest(word),
            client=client.id,
            scope=request.scope,
            request=request.id,
            holder=request.holder,
            expires_at=at + REFRESH_LASTS,
        )
        await store.add(connection, store.refresh_tokens, token)
        return word

    def _claims(self, client: Client, request: Request, word: str, *, at: datetime) -> Claims:
        if request.holder is None or request.answered_at is None:
            raise LookupError("a code is given only for a request that a card answered")
        return Claims(
            issuer=self.issuer,
            client=client.id,
            subject=self.subjects.of(request.holder, sector=client.sector),
            nonce=request.nonce,
            authenticated_at=request.answered_at,
            access_token_hash=idtokens.access_token_hash(word),
            issued_at=at,
        )

    def _unwrapped(self, request: Request, wrapped: bytes | None) -> Told:
        if wrapped is None:
            return NOTHING
        return Told.model_validate_json(self.wrapping.unwrap(token_label(request.id), wrapped))

    def _response(
        self,
        word: str,
        scope: str,
        *,
        id_token: str | None = None,
        refresh_token: str | None = None,
        told: Told = NOTHING,
    ) -> TokenResponse:
        return TokenResponse(
            access_token=word,
            token_type="Bearer",  # noqa: S106  RFC 6750
            expires_in=int(LASTS.total_seconds()),
            scope=scope,
            id_token=id_token,
            refresh_token=refresh_token,
            kiban_token=told.token,
            kiban_mandates=told.mandates,
        )


def _code(kept: KeptCode, request: Request) -> Code:
    return Code(
        client=request.client or "",
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        expires_at=kept.expires_at,
    )


def _narrowed(given: str, asked: str) -> str:
    """What of a refresh token's scope an access token gets: less, if the client asks for less."""
    wanted = asked.split() or given.split()
    if beyond := sorted(set(wanted) - set(given.split())):
        raise OAuthProblem(
            "invalid_scope",
            "the person did not let you have this later",
            sent=" ".join(beyond)[:200],
            expected=f"among: {given}",
        )
    return " ".join(each for each in given.split() if each in wanted and each != "offline_access")
