"""
What login keeps: requests on their way through the card, codes and tokens as digests, transactions, consents.

Words that open something are kept as SHA-256 alone.  What is secret or personal (tokens of the authority, results)
is wrapped, and goes when its time is over.  Consents and disclosures stay: a consent ends, it is never deleted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    MetaData,
    Row,
    String,
    Table,
    delete,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.shared.database import Blob, Instant, JSONDocument, insert_new
from kiban.shared.keyring import keyring_table

Kept = TypeVar("Kept")

metadata = MetaData()
keyring = keyring_table(metadata)

requests = Table(
    "requests",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("client", String(255)),  # none: the person comes for login's own pages
    Column("scope", String(200), nullable=False),
    Column("redirect_uri", String(255), nullable=False),
    Column("state", String(255), nullable=False),
    Column("nonce", String(255), nullable=False),
    Column("code_challenge", String(43), nullable=False),
    Column("transaction", String(32)),
    Column("asks_consent_again", Boolean, nullable=False),
    Column("browser", String(64), nullable=False),
    Column("challenge", String(64), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("holder", String(64)),
    Column("card_code", String(64)),
    Column("kiban_token", Blob),
    Column("returned_at", Instant),
    Column("closed_at", Instant),
)
Index("requests_end", requests.c.expires_at)
codes = Table(
    "codes",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("request", String(32), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("spent_at", Instant),
)
access_tokens = Table(
    "access_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("client", String(255), nullable=False),
    Column("scope", String(200), nullable=False),
    Column("request", String(32)),  # none: given to the client itself
    Column("holder", String(64)),
    Column("transaction", String(32)),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)
Index("access_tokens_request", access_tokens.c.request)
refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("client", String(255), nullable=False),
    Column("scope", String(200), nullable=False),
    Column("request", String(32), nullable=False),
    Column("holder", String(64), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)
Index("refresh_tokens_of", refresh_tokens.c.holder, refresh_tokens.c.client)
assertions = Table(
    "assertions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("expires_at", Instant, nullable=False),
)
transactions = Table(
    "transactions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("client", String(255), nullable=False),
    Column("asked", JSONDocument, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("result", Blob),
)
consents = Table(
    "consents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("client", String(255), nullable=False),
    Column("holder", String(64), nullable=False),
    Column("attributes", JSONDocument, nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("ended_at", Instant),
)
Index("consents_of", consents.c.holder, consents.c.client)
disclosures = Table(
    "disclosures",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("client", String(255), nullable=False),
    Column("holder", String(64), nullable=False),
    Column("attributes", JSONDocument, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("disclosures_of", disclosures.c.holder, disclosures.c.at)
visits = Table(
    "visits",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("expires_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One way through the card, as far as it has come."""

    id: str
    client: str | None
    scope: str
    redirect_uri: str
    state: str
    nonce: str
    code_challenge: str
    transaction: str | None
    asks_consent_again: bool
    browser: str
    challenge: str
    expires_at: datetime
    answered_at: datetime | None = None
    holder: str | None = None
    card_code: str | None = None
    kiban_token: bytes | None = None
    returned_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeptCode:
    digest: str
    request: str
    expires_at: datetime
    spent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token without the word itself; `holder` is none where it is the client's own."""

    digest: str
    client: str
    scope: str
    request: str | None
    holder: str | None
    transaction: str | None
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What opens later access tokens, without the word itself."""

    digest: str
    client: str
    scope: str
    request: str
    holder: str
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a relying party asks a person to sign or approve; `asked` is the contract's own shape."""

    id: str
    kind: str
    client: str
    asked: dict[str, Any]
    expires_at: datetime
    answered_at: datetime | None = None
    result: bytes | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """A person lets a relying party know some attributes, until one of them ends it."""

    id: str
    client: str
    holder: str
    attributes: list[str]
    given_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Disclosure:
    """That attributes went to a relying party; never their values."""

    id: str
    client: str
    holder: str
    attributes: list[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """A person at login's own pages."""

    digest: str
    holder: str
    expires_at: datetime


async def add(connection: AsyncConnection, table: Table, row: object) -> bool:
    """Write one row, from the dataclass of its table; false if its key was there before."""
    values = {each.name: getattr(row, each.name) for each in fields(row)}  # type: ignore[arg-type]
    return bool((await connection.execute(insert_new(table).values(**values))).rowcount)


async def find_request(connection: AsyncConnection, name: str) -> Request | None:
    return await _one(connection, Request, requests, requests.c.id == name)


async def answer_request(
    connection: AsyncConnection,
    name: str,
    *,
    holder: str,
    card_code: str,
    kiban_token: bytes | None,
    at: datetime,
) -> bool:
    """Note the card's answer; false if there was one before."""
    return await _step(
        connection,
        requests,
        (requests.c.id == name, requests.c.answered_at.is_(None)),
        answered_at=at,
        holder=holder,
        card_code=card_code,
        kiban_token=kiban_token,
    )


async def return_request(connection: AsyncConnection, name: str, *, at: datetime) -> bool:
    """Note that the browser came back with the card's code; false if it did before."""
    unspent = (requests.c.id == name, requests.c.returned_at.is_(None))
    return await _step(connection, requests, unspent, returned_at=at, card_code=None)


async def close_request(connection: AsyncConnection, name: str, *, at: datetime) -> bool:
    """Note that the relying party has its answer; false if it had before."""
    still_open = (requests.c.id == name, requests.c.closed_at.is_(None))
    return await _step(connection, requests, still_open, closed_at=at)


async def spend_code(connection: AsyncConnection, digest: str, *, at: datetime) -> bool:
    """Note that a code was presented; false if it was before, or was never given."""
    unspent = (codes.c.digest == digest, codes.c.spent_at.is_(None))
    return await _step(connection, codes, unspent, spent_at=at)


async def find_code(connection: AsyncConnection, digest: str) -> KeptCode | None:
    return await _one(connection, KeptCode, codes, codes.c.digest == digest)


async def take_kiban_token(connection: AsyncConnection, request: Request) -> bytes | None:
    """The wrapped token of the authority, once: nothing is kept of it."""
    await _step(connection, requests, (requests.c.id == request.id,), kiban_token=None)
    return request.kiban_token


async def find_access_token(connection: AsyncConnection, digest: str) -> AccessToken | None:
    return await _one(connection, AccessToken, access_tokens, access_tokens.c.digest == digest)


async def revoke_tokens(connection: AsyncConnection, request: str, *, at: datetime) -> None:
    """End whatever came of a request's code."""
    for table in (access_tokens, refresh_tokens):
        given = (table.c.request == request, table.c.revoked_at.is_(None))
        await _step(connection, table, given, revoked_at=at)


async def find_refresh_token(connection: AsyncConnection, digest: str) -> RefreshToken | None:
    return await _one(connection, RefreshToken, refresh_tokens, refresh_tokens.c.digest == digest)


async def end_refresh_tokens(
    connection: AsyncConnection, *, holder: str, client: str, at: datetime
) -> None:
    """End what a relying party could come back with later for this person."""
    given = (
        refresh_tokens.c.holder == holder,
        refresh_tokens.c.client == client,
        refresh_tokens.c.revoked_at.is_(None),
    )
    await _step(connection, refresh_tokens, given, revoked_at=at)


async def spend_assertion(connection: AsyncConnection, digest: str, *, until: datetime) -> bool:
    """Note a client's assertion until it ends by itself; false if it was used before."""
    row = insert_new(assertions).values(digest=digest, expires_at=until)
    return bool((await connection.execute(row)).rowcount)


async def find_transaction(connection: AsyncConnection, name: str) -> Transaction | None:
    return await _one(connection, Transaction, transactions, transactions.c.id == name)


async def answer_transaction(
    connection: AsyncConnection, name: str, result: bytes, *, at: datetime
) -> bool:
    """Note what came of a transaction; false if something had before."""
    unanswered = (transactions.c.id == name, transactions.c.answered_at.is_(None))
    return await _step(connection, transactions, unanswered, answered_at=at, result=result)


async def list_consents(
    connection: AsyncConnection, holder: str, *, client: str | None = None
) -> list[Consent]:
    """Every consent of a person, newest first; of one relying party, if one is named."""
    query = select(consents).where(consents.c.holder == holder)
    if client is not None:
        query = query.where(consents.c.client == client)
    rows = await connection.execute(query.order_by(consents.c.given_at.desc(), consents.c.id))
    return [_made(Consent, row) for row in rows]


async def end_consent(
    connection: AsyncConnection, name: str, *, holder: str, at: datetime
) -> str | None:
    """End a person's own consent: the client to which it was given; none if there is none that stands."""
    standing = (
        consents.c.id == name,
        consents.c.holder == holder,
        consents.c.ended_at.is_(None),
    )
    ended = update(consents).where(*standing).values(ended_at=at).returning(consents.c.client)
    client: str | None = (await connection.execute(ended)).scalar_one_or_none()
    return client


async def list_disclosures(
    connection: AsyncConnection, holder: str, *, limit: int
) -> list[Disclosure]:
    query = select(disclosures).where(disclosures.c.holder == holder)
    newest = query.order_by(disclosures.c.at.desc(), disclosures.c.id).limit(limit)
    return [_made(Disclosure, row) for row in await connection.execute(newest)]


async def find_visit(connection: AsyncConnection, digest: str) -> Visit | None:
    return await _one(connection, Visit, visits, visits.c.digest == digest)


async def end_visit(connection: AsyncConnection, digest: str) -> None:
    await connection.execute(delete(visits).where(visits.c.digest == digest))


async def forget(connection: AsyncConnection, *, before: datetime) -> None:
    """Delete what ended before this time; consents and disclosures stay."""
    for table in (
        codes,
        access_tokens,
        refresh_tokens,
        assertions,
        transactions,
        requests,
        visits,
    ):
        await connection.execute(delete(table).where(table.c.expires_at < before))


async def _one(
    connection: AsyncConnection, kind: type[Kept], table: Table, where: Any
) -> Kept | None:
    row = (await connection.execute(select(table).where(where))).one_or_none()
    return None if row is None else _made(kind, row)


def _made(kind: type[Kept], row: Row[Any]) -> Kept:
    return kind(**row._mapping)  # noqa: SLF001  SQLAlchemy's own name for it


async def _step(
    connection: AsyncConnection, table: Table, where: Iterable[Any], **values: object
) -> bool:
    found = await connection.execute(update(table).where(*where).values(**values))
    return bool(found.rowcount)
