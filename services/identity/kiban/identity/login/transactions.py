"""
Transactions: what a relying party asks one person to sign, or to approve, on the card.

The relying party opens one for the person who is logged in with it; the person answers at the card; the result goes
to the relying party with the person's own access token.  Results are wrapped at rest and kept for minutes.

Whom it is done for, and in what, may be checked only here: see `acting`.

Refused: records whose digest is not that of their text; a bearer other than the relying party itself; a transaction
that is another's, has ended or was answered; an access token of another transaction.

Source: DESIGN 4 (steps 3 and 5), 5.6; the digital authentication app's signing API; plan rows IDN-06, IDN-07.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.identity.login import acting, store
from kiban.identity.login.acting import Acting
from kiban.identity.login.clients import Client
from kiban.identity.login.contract import (
    ApprovalResult,
    ApprovalTransaction,
    ScopeMissing,
    SignResult,
    SignTransaction,
    TransactionOpen,
    TransactionReply,
    TransactionUnknown,
)
from kiban.identity.login.store import AccessToken, Transaction
from kiban.shared import canonical
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.exchanges import new_id
from kiban.shared.keyring import Wrapping
from kiban.shared.problems import Forbidden, Malformed

LASTS = timedelta(minutes=30)
Asked = SignTransaction | ApprovalTransaction
_Result = TypeVar("_Result", SignResult, ApprovalResult)


def terms(asked: ApprovalTransaction) -> str:
    """What the person approves: the digest of the list of the records' digests."""
    return canonical.digest([record.digest for record in asked.records])


def check_records(asked: ApprovalTransaction) -> None:
    """Return silently if each digest is that of its text."""
    for place, record in enumerate(asked.records):
        expected = hashlib.sha256(record.canonical.encode()).hexdigest()
        if record.digest != expected:
            raise Malformed(
                f"records.{place}: the digest is not that of the canonical text",
                sent=record.digest,
                expected=expected,
                rule="SHA-256 of the UTF-8 text",
            )


def read_sign(transaction: Transaction) -> SignTransaction:
    return SignTransaction.model_validate(transaction.asked)


def read_approval(transaction: Transaction) -> ApprovalTransaction:
    return ApprovalTransaction.model_validate(transaction.asked)


@dataclass(frozen=True, slots=True)
class Transactions:
    """The use case; collaborators are given."""

    db: Database
    acting: Acting
    wrapping: Wrapping
    clock: Clock

    async def open_sign(self, client: Client, asked: SignTransaction) -> TransactionReply:
        if asked.mandate is not None:
            await self.acting.check(asked.mandate, client)
        return await self._open(client, "sign", asked)

    async def open_approval(self, client: Client, asked: ApprovalTransaction) -> TransactionReply:
        check_records(asked)
        if asked.bearer != client.member:
            raise Forbidden(
                "the tokens' bearer is the relying party itself, as a member",
                sent=asked.bearer,
                expected=client.member or "a client that is registered as a member",
            )
        if asked.mandate is not None:
            acting.check_terms(asked.records, await self.acting.check(asked.mandate, client))
        return await self._open(client, "approve", asked)

    async def find_open(
        self, connection: AsyncConnection, name: str, *, client: str, kind: str
    ) -> Transaction:
        """The relying party's own transaction that waits for an answer."""
        found = await store.find_transaction(connection, name)
        if found is None or (found.client, found.kind) != (client, kind):
            raise TransactionUnknown(f"this client opened no such transaction to {kind}")
        if found.answered_at is not None or self.clock() >= found.expires_at:
            raise TransactionUnknown("the transaction was answered, or has expired")
        return found

    async def answer(self, connection: AsyncConnection, name: str, result: BaseModel) -> None:
        """Keep what the card's answer gave, in the transaction that notes the answer."""
        wrapped = self.wrapping.wrap(_label(name), result.model_dump_json().encode())
        if not await store.answer_transaction(connection, name, wrapped, at=self.clock()):
            raise TransactionUnknown("the transaction was answered before")

    async def sign_result(self, token: AccessToken, name: str) -> SignResult:
        return await self._result(token, name, "sign", SignResult)

    async def approval_result(self, token: AccessToken, name: str) -> ApprovalResult:
        return await self._result(token, name, "approve", ApprovalResult)

    async def _open(self, client: Client, kind: str, asked: Asked) -> TransactionReply:
        transaction = Transaction(
            id=new_id(),
            kind=kind,
            client=client.id,
            asked=asked.model_dump(mode="json"),
            expires_at=self.clock() + LASTS,
        )
        async with self.db.begin() as connection:
            await store.add(connection, store.transactions, transaction)
        return TransactionReply(id=transaction.id)

    async def _result(
        self, token: AccessToken, name: str, kind: str, shape: type[_Result]
    ) -> _Result:
        async with self.db.read() as connection:
            found = await store.find_transaction(connection, name)
        if found is None or (found.client, found.kind) != (token.client, kind):
            raise TransactionUnknown(f"this client opened no such transaction to {kind}")
        if found.result is None:
            raise TransactionOpen("nobody has answered at the card yet")
        if token.transaction != name:
            raise ScopeMissing(
                "insufficient_scope",
                "the result is given with the person's access token for this very transaction",
                expected="the access token that came of this transaction's code",
            )
        return shape.model_validate_json(self.wrapping.unwrap(_label(name), found.result))


def _label(transaction: str) -> str:
    return f"result {transaction}"
