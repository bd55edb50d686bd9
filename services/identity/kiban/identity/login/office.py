"""
The office: login with its keys and its neighbours, from opening to closing.

At opening the schema is brought up to date, keys are read or made, and login becomes a member, waiting for the
authority where that is not up yet.  While it is open, it forgets what has ended and renews its membership in time.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.identity.authority.client import AuthorityClient, obtain_identity
from kiban.identity.login import clients, idtokens, store
from kiban.identity.login.acting import Acting
from kiban.identity.login.authorization import LANGUAGES
from kiban.identity.login.cardanswers import CardAnswers
from kiban.identity.login.cardrequests import CardRequests
from kiban.identity.login.consents import Consents
from kiban.identity.login.contract import ATTRIBUTES, OIDC, REALM, SCOPES, Discovery, KeySet
from kiban.identity.login.idtokens import SigningKeys
from kiban.identity.login.settings import LoginSettings
from kiban.identity.login.store import Visit
from kiban.identity.login.subjects import Subjects
from kiban.identity.login.tokengrants import TokenGrants
from kiban.identity.login.transactions import Transactions
from kiban.shared import codes
from kiban.shared.clock import Clock
from kiban.shared.csrf import CSRF
from kiban.shared.database import Database, hold
from kiban.shared.http import Http
from kiban.shared.keyring import Keyring, Wrapping
from kiban.shared.members import Identity
from kiban.shared.membership import SignedHttp
from kiban.shared.problems import Problem

PACKAGE = "kiban.identity.login"
ROUND = 60.0
"""Seconds between two rounds of housekeeping."""
REMEMBERED = timedelta(days=1)
"""How long what has ended is kept, so that its repetition is recognised."""
SIGNING_KEYS = "signing keys"
_KEY_SIZE = 32
_log = logging.getLogger("kiban.login")


class Office:
    """Everything that login's routes call."""

    identity: Identity
    requests: CardRequests
    grants: TokenGrants
    acting: Acting
    transactions: Transactions
    csrf: CSRF

    def __init__(self, settings: LoginSettings, *, db: Database, http: Http, clock: Clock) -> None:
        self._settings = settings
        self._db = db
        self._http = http
        self._clock = clock
        self._keyring = Keyring(store.keyring, settings.secret)
        self._wrapping = Wrapping(settings.secret)
        self.clients = clients.read(settings.clients)
        self.issuer = settings.origin + REALM

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        await self._db.migrate(PACKAGE)
        await self._join()
        await self._furnish()
        rounds = asyncio.create_task(self._rounds(), name="login's housekeeping")
        try:
            yield
        finally:
            rounds.cancel()
            await asyncio.gather(rounds, return_exceptions=True)

    def discovery(self) -> Discovery:
        """What this provider offers, for machines."""
        place = self._settings.origin + OIDC
        return Discovery(
            issuer=self.issuer,
            authorization_endpoint=f"{place}/auth",
            token_endpoint=f"{place}/token",
            userinfo_endpoint=f"{place}/userinfo",
            jwks_uri=f"{place}/certs",
            scopes_supported=list(SCOPES),
            response_types_supported=["code"],
            response_modes_supported=["query"],
            grant_types_supported=["authorization_code", "refresh_token", "client_credentials"],
            acr_values_supported=[idtokens.ACR],
            subject_types_supported=["pairwise"],
            id_token_signing_alg_values_supported=["ES256"],
            token_endpoint_auth_methods_supported=["private_key_jwt"],
            token_endpoint_auth_signing_alg_values_supported=["ES256", "RS256"],
            code_challenge_methods_supported=["S256"],
            claims_supported=["sub", "acr", "amr", "auth_time", *ATTRIBUTES],
            claims_parameter_supported=False,
            request_parameter_supported=False,
            request_uri_parameter_supported=False,
            authorization_response_iss_parameter_supported=True,
            prompt_values_supported=["none", "login", "consent"],
            ui_locales_supported=list(LANGUAGES),
        )

    async def keys(self) -> KeySet:
        """The public keys by which ID tokens are verified."""
        async with self._db.read() as connection:
            return (await self._signing_keys(connection)).public()

    async def rotate_signing_keys(self) -> KeySet:
        """Sign with a new key from now on; those before it stay published for a while."""
        async with self._db.begin() as connection:
            await hold(connection, SIGNING_KEYS)
            rotated = (await self._signing_keys(connection)).rotated()
            await self._keyring.replace(connection, SIGNING_KEYS, rotated.dumped())
        return rotated.public()

    async def visit(self, word: str) -> Visit | None:
        """The person at login's own pages, while the visit lasts."""
        async with self._db.read() as connection:
            visit = await store.find_visit(connection, codes.digest(word))
        return visit if visit and self._clock() < visit.expires_at else None

    async def leave(self, visit: Visit) -> None:
        """End a visit at once."""
        async with self._db.begin() as connection:
            await store.end_visit(connection, visit.digest)

    async def _join(self) -> None:
        settings = self._settings
        self.identity, _ = await obtain_identity(
            AuthorityClient(self._http, settings.authority_origin),
            self._keyring,
            self._db,
            member=settings.member,
            secret=settings.member_secret,
            clock=self._clock,
        )

    async def _furnish(self) -> None:
        settings, db, clock = self._settings, self._db, self._clock
        async with db.begin() as connection:
            subjects = Subjects(await self._made(connection, "subjects"))
            self.csrf = CSRF(await self._made(connection, "csrf"))
            await self._keyring.get_or_make(connection, SIGNING_KEYS, _new_signing_keys)
        signed = SignedHttp(self._http, lambda: self.identity, clock)
        authority = AuthorityClient(signed, settings.authority_origin)
        self.acting = Acting(authority)
        self.transactions = Transactions(db, self.acting, self._wrapping, clock)
        self.consents = Consents(db, authority, self.clients, subjects, clock)
        self.requests = CardRequests(
            db=db,
            clients=self.clients,
            answers=CardAnswers(authority, self.clients, subjects, self.acting, settings.origin),
            consents=self.consents,
            transactions=self.transactions,
            acting=self.acting,
            wrapping=self._wrapping,
            clock=clock,
            origin=settings.origin,
            issuer=self.issuer,
            card_origin=settings.card_origin,
        )
        self.grants = TokenGrants(
            db=db,
            clients=self.clients,
            subjects=subjects,
            keys=self._signing_keys,
            wrapping=self._wrapping,
            clock=clock,
            issuer=self.issuer,
            audiences=(self.issuer, f"{settings.origin}{OIDC}/token"),
        )

    async def _made(self, connection: AsyncConnection, name: str) -> bytes:
        return await self._keyring.get_or_make(
            connection, name, lambda: secrets.token_bytes(_KEY_SIZE)
        )

    async def _signing_keys(self, connection: AsyncConnection) -> SigningKeys:
        dumped = await self._keyring.get(connection, SIGNING_KEYS)
        if dumped is None:
            raise LookupError("the signing keys are made at opening")
        return SigningKeys.loaded(dumped)

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(ROUND)
            try:
                await self.tidy()
            except Problem as problem:
                _log.warning("housekeeping waits: %s", problem)
            except Exception:  # noqa: BLE001  whatever breaks, the next round is due
                _log.exception("housekeeping broke")

    async def tidy(self) -> None:
        """Forget what ended long ago, and stay a member."""
        async with self._db.begin() as connection:
            await store.forget(connection, before=self._clock() - REMEMBERED)
        await self._join()


def _new_signing_keys() -> bytes:
    return SigningKeys.made().dumped()
