"""
Card requests: the way from a relying party through the card and back to the same browser.

The numbers are the order of things:

1. a relying party's request is checked, and bound to the browser that brought it by a cookie
2. the card's page fetches what is asked, and who asks
3. the card answers login directly; the authority says whose card it was, and that it is in force
4. a card of somebody else than the person in a transaction is refused
5. the browser comes back with the card's one-time code and its cookie: both must fit
6. if attributes are asked to which there is no consent, the person decides
7. the relying party gets its authorization code, once

The PIN never comes here.  Refused: a second answer, a code used twice, another browser, whatever comes too late.

Source: DESIGN 4 (steps 1, 3, 5); RFC 9700 section 4.7; plan row IDN-05.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.identity.login import store, transactions
from kiban.identity.login.acting import Acting
from kiban.identity.login.authorization import Authorization, Kind, Return, SentBack, kind_of
from kiban.identity.login.cardanswers import NOTHING, CardAnswers, Told
from kiban.identity.login.clients import Client, Clients
from kiban.identity.login.consents import Consents, asked_in, standing
from kiban.identity.login.contract import (
    CardReply,
    CardRequest,
    CardResponse,
    Consented,
    OtherBrowser,
    RequestExpired,
    RequestUnknown,
    TransactionUnknown,
)
from kiban.identity.login.store import KeptCode, Request, Transaction, Visit
from kiban.identity.login.transactions import Transactions
from kiban.shared import codes, trace
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.exchanges import new_id
from kiban.shared.keyring import Wrapping
from kiban.shared.oauth import OAuthProblem

LASTS = timedelta(minutes=10)
"""How long the person has for the card, and for a consent."""
CODE_LASTS = timedelta(minutes=1)
VISIT_LASTS = timedelta(minutes=15)
OURSELVES = {"ja": "ログイン（模擬）", "en": "Login (SIMULATED)"}
LOG_IN = {"ja": "ログイン", "en": "Log in"}
SEE_CONSENTS = {"ja": "同意の確認", "en": "See your consents"}


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked before a relying party learns attributes."""

    request: str
    client: Client
    attributes: tuple[Consented, ...]
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Onward:
    """Where the browser goes next; `visit` is the word of its cookie for login's own pages."""

    location: str
    visit: str | None = None


@dataclass(frozen=True, slots=True)
class CardRequests:
    """The use case; collaborators are given."""

    db: Database
    clients: Clients
    answers: CardAnswers
    consents: Consents
    transactions: Transactions
    acting: Acting
    wrapping: Wrapping
    clock: Clock
    origin: str
    issuer: str
    card_origin: str

    async def begin(self, asked: Authorization, browser: str) -> str:
        """Step 1: keep the request, and give the address of the card's page."""
        request = self._new(
            browser,
            client=asked.client.id,
            scope=" ".join(asked.scope),
            redirect_uri=asked.back.redirect_uri,
            state=asked.back.state or "",
            nonce=asked.nonce,
            code_challenge=asked.code_challenge,
            transaction=asked.transaction,
            asks_consent_again=asked.asks_consent_again,
        )
        async with self.db.begin() as connection:
            if asked.transaction is not None:
                await self._check_transaction(connection, asked, asked.transaction)
            await store.add(connection, store.requests, request)
        trace.saw(client=asked.client.id, kind=asked.kind)
        return self._tap(request) + (f"&lang={asked.language}" if asked.language else "")

    async def begin_visit(self, browser: str) -> str:
        """The same for login's own pages."""
        request = self._new(
            browser,
            client=None,
            scope="openid",
            redirect_uri=f"{self.origin}/consents",
            state="",
            nonce="",
            code_challenge="",
            transaction=None,
            asks_consent_again=False,
        )
        async with self.db.begin() as connection:
            await store.add(connection, store.requests, request)
        return self._tap(request)

    async def read(self, name: str) -> CardRequest:
        """Step 2: what is asked, for the card's page."""
        async with self.db.read() as connection:
            request = await self._waiting(connection, name)
            asked = await self._transaction(connection, request)
        sign = transactions.read_sign(asked) if asked and asked.kind == "sign" else None
        approval = transactions.read_approval(asked) if asked and asked.kind == "approve" else None
        transaction = sign or approval
        client = OURSELVES if request.client is None else self.clients.find(request.client).name
        mandate = transaction.mandate if transaction else None
        title = SEE_CONSENTS if request.client is None else LOG_IN
        return CardRequest(
            id=request.id,
            kind=_kind(request),
            client=dict(client),
            title=transaction.title if transaction else title,
            audience=self.origin,
            challenge=request.challenge,
            digest=sign.digest if sign else None,
            records=approval.records if approval else [],
            mandate=mandate,
            acting_for=await self._acting_for(request, mandate),
            return_to=f"{self.origin}/continue",
            expires_at=int(request.expires_at.timestamp()),
        )

    async def answer(self, name: str, response: CardResponse) -> CardReply:
        """Steps 3 and 4: the card's answer, once."""
        async with self.db.read() as connection:
            request = await self._waiting(connection, name)
            transaction = await self._transaction(connection, request)
        answer = await self.answers.verify(request, transaction, response)
        word = codes.new()
        async with self.db.begin() as connection:
            answered = await store.answer_request(
                connection,
                name,
                holder=answer.holder,
                card_code=codes.digest(word),
                kiban_token=self._wrapped(name, answer.told),
                at=self.clock(),
            )
            if not answered:
                raise _answered()
            if transaction is not None and answer.result is not None:
                await self.transactions.answer(connection, transaction.id, answer.result)
        return CardReply(code=word)

    async def resume(self, name: str, code: str, browser: str) -> Onward:
        """Steps 5 to 7: the browser is back from the card."""
        async with self.db.begin() as connection:
            request = await self._of_browser(connection, name, browser)
            if not code:
                return Onward(await self._turned_back(connection, request))
            if not codes.fits(code, request.card_code):
                raise RequestUnknown("the card's code is not this request's, or was used before")
            await store.return_request(connection, name, at=self.clock())
            if request.client is None:
                return await self._visited(connection, request)
            if await self._asks(connection, request):
                return Onward(f"/consent?request={request.id}")
            return Onward(await self._give_code(connection, request))

    async def question(self, name: str, browser: str) -> Question:
        """Step 6: what the person is asked."""
        async with self.db.read() as connection:
            return self._question(await self._undecided(connection, name, browser))

    async def decide(self, name: str, browser: str, *, agreed: bool) -> Onward:
        """Steps 6 and 7: the person's decision."""
        async with self.db.begin() as connection:
            request = await self._undecided(connection, name, browser)
            if not agreed:
                return Onward(await self._turned_back(connection, request))
            question = self._question(request)
            await self.consents.give(
                connection,
                holder=_holder(request),
                client=question.client.id,
                attributes=question.attributes,
            )
            return Onward(await self._give_code(connection, request))

    # --- how ----------------------------------------------------------------------------------

    def _new(self, browser: str, **asked: Any) -> Request:
        return Request(
            id=new_id(),
            browser=codes.digest(browser),
            challenge=secrets.token_hex(32),
            expires_at=self.clock() + LASTS,
            **asked,
        )

    def _tap(self, request: Request) -> str:
        return f"{self.card_origin}/tap?request={request.id}"

    async def _check_transaction(
        self, connection: AsyncConnection, asked: Authorization, name: str
    ) -> None:
        try:
            await self.transactions.find_open(
                connection, name, client=asked.client.id, kind=asked.kind
            )
        except TransactionUnknown as problem:
            raise asked.back.refusal(OAuthProblem("invalid_request", problem.detail)) from problem

    async def _current(self, connection: AsyncConnection, name: str) -> Request:
        request = await store.find_request(connection, name)
        if request is None:
            raise RequestUnknown("no request of this id waits here")
        if self.clock() >= request.expires_at:
            raise RequestExpired(f"it ended at {request.expires_at:%H:%M:%S} UTC; begin again")
        return request

    async def _waiting(self, connection: AsyncConnection, name: str) -> Request:
        request = await self._current(connection, name)
        if request.answered_at is not None or request.closed_at is not None:
            raise _answered()
        return request

    async def _of_browser(self, connection: AsyncConnection, name: str, browser: str) -> Request:
        request = await self._current(connection, name)
        if not codes.fits(browser, request.browser):
            raise OtherBrowser("the cookie of the browser that began is missing or another")
        if request.closed_at is not None:
            raise RequestUnknown("this request came to its end before")
        return request

    async def _undecided(self, connection: AsyncConnection, name: str, browser: str) -> Request:
        request = await self._of_browser(connection, name, browser)
        if request.returned_at is None or request.client is None:
            raise RequestUnknown("there is nothing to decide here yet")
        return request

    async def _transaction(
        self, connection: AsyncConnection, request: Request
    ) -> Transaction | None:
        if request.transaction is None or request.client is None:
            return None
        return await self.transactions.find_open(
            connection, request.transaction, client=request.client, kind=_kind(request)
        )

    def _wrapped(self, name: str, told: Told | None) -> bytes | None:
        if told is None or told == NOTHING:
            return None
        return self.wrapping.wrap(token_label(name), told.model_dump_json().encode())

    async def _acting_for(self, request: Request, mandate: str | None) -> str | None:
        """Whom it is done for, by the authority's word of this moment."""
        if mandate is None or request.client is None:
            return None
        return (await self.acting.check(mandate, self.clients.find(request.client))).principal

    async def _asks(self, connection: AsyncConnection, request: Request) -> bool:
        asked = asked_in(request.scope.split())
        if not asked:
            return False
        given = await standing(connection, holder=_holder(request), client=request.client or "")
        return request.asks_consent_again or not given.issuperset(asked)

    def _question(self, request: Request) -> Question:
        client = self.clients.find(request.client or "")
        attributes = asked_in(request.scope.split())
        return Question(request.id, client, attributes, request.redirect_uri)

    async def _visited(self, connection: AsyncConnection, request: Request) -> Onward:
        word = codes.new()
        visit = Visit(codes.digest(word), _holder(request), self.clock() + VISIT_LASTS)
        await store.add(connection, store.visits, visit)
        await store.close_request(connection, request.id, at=self.clock())
        return Onward("/consents", visit=word)

    async def _give_code(self, connection: AsyncConnection, request: Request) -> str:
        if not await store.close_request(connection, request.id, at=self.clock()):
            raise RequestUnknown("this request came to its end before")
        word = codes.new()
        code = KeptCode(codes.digest(word), request.id, self.clock() + CODE_LASTS)
        await store.add(connection, store.codes, code)
        return self._back(request).location(code=word)

    async def _turned_back(self, connection: AsyncConnection, request: Request) -> str:
        """The person does not want to: the relying party is told so."""
        await store.close_request(connection, request.id, at=self.clock())
        if request.client is None:
            return "/"
        refusal: SentBack = self._back(request).refusal(
            OAuthProblem("access_denied", "the person did not go on")
        )
        return refusal.location

    def _back(self, request: Request) -> Return:
        return Return(request.redirect_uri, request.state, self.issuer)


def token_label(request: str) -> str:
    """What the authority's token is bound to at rest."""
    return f"kiban token {request}"


def _kind(request: Request) -> Kind:
    return kind_of(request.scope.split())


def _holder(request: Request) -> str:
    if request.holder is None:
        raise LookupError("a request that came back from the card has a holder")
    return request.holder


def _answered() -> RequestUnknown:
    return RequestUnknown("this request was answered before")
