"""
Clerks: who may see the counter's pages, and for how long.

A clerk shows the key of the municipality's counter and gets a session, which lasts for a working day or until the
clerk leaves.  The cookie is a random text; here stands its digest alone.

Refused: another key, a session that has ended.
Source: OWASP ASVS 5.0, V7.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Column, MetaData, String, Table, delete, select
from starlette.requests import Request

from kiban.shared.access import Access
from kiban.shared.clock import Clock
from kiban.shared.cookies import Cookie
from kiban.shared.database import Database, Instant
from kiban.shared.problems import Problem
from kiban.shared.settings import Secret

SESSION_LASTS = timedelta(hours=8)

metadata = MetaData()
sessions = Table(
    "counter_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("until", Instant, nullable=False),
)


class ClerkKeyWrong(Problem):
    slug, title, status = "clerk-key-wrong", "This is not the key of this counter", 403


class ClerkSignedOut(Problem):
    slug, title, status = "clerk-signed-out", "No clerk is signed in in this browser", 401


@dataclass(frozen=True, slots=True)
class Clerks:
    """The clerks of one counter."""

    key: Secret
    db: Database
    clock: Clock

    async def sign_in(self, given: str) -> str:
        """Open a session; the text is for the browser alone."""
        if not hmac.compare_digest(given.strip().encode(), self.key.reveal().encode()):
            raise ClerkKeyWrong("ask whoever runs the counter")
        token, at = secrets.token_urlsafe(32), self.clock()
        async with self.db.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.until <= at))
            row = {"digest": _digest(token), "until": at + SESSION_LASTS}
            await connection.execute(sessions.insert().values(row))
        return token

    async def recognise(self, token: str | None) -> str:
        """Give the session's name, while it lasts."""
        digest = _digest(token or "")
        query = select(sessions.c.digest).where(
            sessions.c.digest == digest, sessions.c.until > self.clock()
        )
        async with self.db.look() as connection:
            found: str | None = (await connection.execute(query)).scalar_one_or_none()
        if found is None:
            raise ClerkSignedOut("sign in at the counter's first page")
        return found

    async def sign_out(self, session: str) -> None:
        async with self.db.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.digest == session))


class AtTheCounter(Access[str]):
    """A clerk who has signed in; gives the session's name."""

    name = "clerk"

    def __init__(self, clerks: Clerks, cookie: Cookie) -> None:
        self._clerks = clerks
        self._cookie = cookie

    async def __call__(self, request: Request) -> str:
        return await self._clerks.recognise(self._cookie.read(request))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
