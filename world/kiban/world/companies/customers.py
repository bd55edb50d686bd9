"""
Customers: what a company keeps of whom it serves, and of a login on its way.

A customer is a pairwise subject: the company could not recognise the person at another service, nor another service's
customer here.  Name and address are kept as they were given, by consent, and given anew at each login and whenever
they change.  What opens later questions is wrapped, and goes when the consent has ended.

A session and a login on its way are known by a random text that only the browser has; here stands its digest.
Source: OpenID Connect Core 1.0, section 8.1 (pairwise subjects).
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta

from sqlalchemy import Column, Index, MetaData, String, Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.identity.login.client import Attempt, Latest
from kiban.shared.database import Blob, Instant, insert_or_renew
from kiban.shared.keyring import Wrapping
from kiban.shared.problems import Problem

LOGIN_LASTS, SESSION_LASTS = timedelta(minutes=10), timedelta(minutes=20)
MOST = 500
"""How many customers are asked about in one round."""
_ATTEMPT = "attempt"

metadata = MetaData()
customers = Table(
    "customers",
    metadata,
    Column("sub", String(255), primary_key=True),
    Column("name", String(200)),
    Column("address", String(400)),
    Column("since", Instant, nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("refresh_token", Blob),
    Column("tag", String(100)),
    Column("asked_at", Instant),
    Column("ended_at", Instant),
)
Index("customers_asked", customers.c.asked_at)
attempts = Table(
    "attempts",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("attempt", Blob, nullable=False),
    Column("until", Instant, nullable=False),
)
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("sub", String(255), nullable=False),
    Column("until", Instant, nullable=False),
)


class NoSuchVisit(Problem):
    slug, title, status = "no-such-visit", "This browser began no login here", 403


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody whom the company serves; `ended_at` is when it learned that the consent had ended."""

    sub: str
    name: str | None = field(repr=False)
    address: str | None = field(repr=False)
    since: datetime
    given_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Followed:
    """A customer of whom the company asks whether something has changed."""

    sub: str
    refresh_token: str = field(repr=False)
    tag: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Counter:
    """The company's counter: logins on their way, sessions, customers, and who is to be asked about."""

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
            raise NoSuchVisit("begin at the company's first page")
        return Attempt(**json.loads(self.wrapping.unwrap(_ATTEMPT, row.attempt)))

    async def welcome(
        self, connection: AsyncConnection, given: Latest, refresh_token: str | None, at: datetime
    ) -> str:
        """Keep who this is, by consent, and open a session; the text is for the browser alone."""
        row = {"sub": given.info.sub, "since": at, **_given(given, at)}
        row["refresh_token"] = refresh_token and self._wrapped(given.info.sub, refresh_token)
        renewed = insert_or_renew(customers, ["sub"], [*row.keys() - {"sub", "since"}])
        await connection.execute(renewed.values(row))
        token, session = _token()
        await connection.execute(
            sessions.insert().values(**session, sub=given.info.sub, until=at + SESSION_LASTS)
        )
        return token

    async def due(self, connection: AsyncConnection, before: datetime) -> list[Followed]:
        """Of whom nothing was asked since then, while the company may ask."""
        query = select(customers).where(
            customers.c.refresh_token.is_not(None), customers.c.asked_at <= before
        )
        rows = await connection.execute(query.order_by(customers.c.asked_at).limit(MOST))
        return [
            Followed(
                row.sub,
                self.wrapping.unwrap(_label(row.sub), row.refresh_token).decode(),
                row.tag,
                row.asked_at,
            )
            for row in rows
        ]

    def _wrapped(self, sub: str, refresh_token: str) -> bytes:
        return self.wrapping.wrap(_label(sub), refresh_token.encode())


async def renew(
    connection: AsyncConnection, asked: Followed, given: Latest | None, at: datetime
) -> None:
    """Keep what was given; or, where there was nothing, that it was asked for."""
    await _noted(connection, asked, _given(given, at) if given else {"asked_at": at})


async def lose(connection: AsyncConnection, asked: Followed, at: datetime) -> None:
    """The consent has ended: nothing is asked any more."""
    await _noted(connection, asked, {"refresh_token": None, "ended_at": at})


async def _noted(
    connection: AsyncConnection, asked: Followed, values: Mapping[str, object]
) -> None:
    """Write this, unless she has been here in the meantime: what she said then counts."""
    unchanged = (customers.c.sub == asked.sub, customers.c.asked_at == asked.asked_at)
    await connection.execute(update(customers).where(*unchanged).values(**values))


async def customer(connection: AsyncConnection, token: str | None, at: datetime) -> Customer | None:
    """Whose session this is, while it lasts."""
    shown = [customers.c[each.name] for each in fields(Customer)]
    query = (
        select(*shown)
        .join(sessions, sessions.c.sub == customers.c.sub)
        .where(sessions.c.digest == _digest(token or ""), sessions.c.until > at)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Customer(*row)


async def leave(connection: AsyncConnection, token: str | None) -> None:
    """End a session."""
    await connection.execute(delete(sessions).where(sessions.c.digest == _digest(token or "")))


def _given(given: Latest, at: datetime) -> dict[str, object]:
    address = given.info.address
    return {
        "name": given.info.name,
        "address": address.formatted if address else None,
        "tag": given.tag,
        "given_at": at,
        "asked_at": at,
        "ended_at": None,
    }


def _label(sub: str) -> str:
    return f"refresh token {sub}"


def _token() -> tuple[str, dict[str, str | bytes]]:
    token = secrets.token_urlsafe(32)
    return token, {"digest": _digest(token)}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
