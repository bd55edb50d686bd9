"""
Customers: what the bank keeps of whom it serves, and of a login on its way.

A customer is a pairwise subject: the bank could not recognise the person at another service, nor another service's
customer here.  Name and address are kept as they were given, by consent, and given anew at each login.

A session and a login on its way are known by a random text that only the browser has; here stands its digest.
Source: OpenID Connect Core 1.0, section 8.1 (pairwise subjects).
"""

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Column, MetaData, String, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.identity.login.client import Attempt
from kiban.identity.login.contract import UserInfo
from kiban.shared.database import Blob, Instant, insert_or_renew
from kiban.shared.keyring import Wrapping
from kiban.shared.problems import Problem

LOGIN_LASTS, SESSION_LASTS = timedelta(minutes=10), timedelta(minutes=20)
_ATTEMPT = "attempt"

metadata = MetaData()
customers = Table(
    "bank_customers",
    metadata,
    Column("sub", String(255), primary_key=True),
    Column("name", String(200)),
    Column("address", String(400)),
    Column("since", Instant, nullable=False),
    Column("given_at", Instant, nullable=False),
)
attempts = Table(
    "bank_attempts",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("attempt", Blob, nullable=False),
    Column("until", Instant, nullable=False),
)
sessions = Table(
    "bank_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("sub", String(255), nullable=False),
    Column("until", Instant, nullable=False),
)


class NoSuchVisit(Problem):
    slug, title, status = "no-such-visit", "This browser began no login here", 403


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody whom the bank serves."""

    sub: str
    name: str | None = field(repr=False)
    address: str | None = field(repr=False)
    since: datetime
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Counter:
    """The bank's counter: logins on their way, sessions, customers."""

    wrapping: Wrapping

    async def begin(self, connection: AsyncConnection, attempt: Attempt, at: datetime) -> str:
        """Keep a login on its way; the text is for the browser alone."""
        await connection.execute(delete(attempts).where(attempts.c.until <= at))
        token, row = _token()
        written = json.dumps(asdict(attempt)).encode()
        row["attempt"] = self.wrapping.wrap(_ATTEMPT, written)
        await connection.execute(attempts.insert().values(**row, until=at + LOGIN_LASTS))
        return token

    async def end(self, connection: AsyncConnection, token: str | None, at: datetime) -> Attempt:
        """Take up a login that this browser began; once."""
        here = attempts.c.digest == _digest(token or "")
        row = (await connection.execute(select(attempts).where(here))).one_or_none()
        await connection.execute(delete(attempts).where(here))
        if row is None or row.until <= at:
            raise NoSuchVisit("begin at the bank's first page")
        return Attempt(**json.loads(self.wrapping.unwrap(_ATTEMPT, row.attempt)))


async def welcome(connection: AsyncConnection, info: UserInfo, at: datetime) -> str:
    """Keep who this is, by consent, and open a session; the text is for the browser alone."""
    row = {
        "sub": info.sub,
        "name": info.name,
        "address": info.address.formatted if info.address else None,
        "since": at,
        "given_at": at,
    }
    given = insert_or_renew(customers, ["sub"], ["name", "address", "given_at"])
    await connection.execute(given.values(row))
    token, session = _token()
    await connection.execute(
        sessions.insert().values(**session, sub=info.sub, until=at + SESSION_LASTS)
    )
    return token


async def customer(connection: AsyncConnection, token: str | None, at: datetime) -> Customer | None:
    """Whose session this is, while it lasts."""
    query = (
        select(customers)
        .join(sessions, sessions.c.sub == customers.c.sub)
        .where(sessions.c.digest == _digest(token or ""), sessions.c.until > at)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Customer(*row)


async def leave(connection: AsyncConnection, token: str | None) -> None:
    """End a session."""
    await connection.execute(delete(sessions).where(sessions.c.digest == _digest(token or "")))


def _token() -> tuple[str, dict[str, str | bytes]]:
    token = secrets.token_urlsafe(32)
    return token, {"digest": _digest(token)}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
