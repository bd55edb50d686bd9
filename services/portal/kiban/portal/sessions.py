"""
Sessions: who is at the browser, for how long, and the key that only that browser brings.

The cookie is a random token; the database holds its digest alone, so that reading the database opens no session.
From the same token comes the key under which held values are kept in memory: without the browser's next request
nobody, not even this process, can read them.

A session ends at a fixed time after login, or when nothing was asked for a while, or when the person ends it.

Pure rules: time and randomness are arguments.  Source: OWASP ASVS 5.0, V7; DESIGN 3 (what the portal may hold).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiban.portal.contract import SessionEnded
from kiban.shared.identifiers import Hidden

TOKEN_BYTES = 32
SEEN_AGAIN = timedelta(minutes=1)
"""How exactly it is noted when a session was last used."""


class Token(Hidden):
    """What the cookie carries."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.reveal().encode()).hexdigest()

    @property
    def key(self) -> bytes:
        """The key of this session's held values: 64 bytes for AES-SIV."""
        derived = HKDF(hashes.SHA256(), 64, salt=None, info=b"kiban portal held values")
        return derived.derive(self.reveal().encode())


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lasts at most, and without a request."""

    longest: timedelta
    idle: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """A person who logged in, in one browser."""

    id: str
    """The token's digest."""
    person: str
    began_at: datetime
    seen_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None

    def check(self, limits: Limits, *, at: datetime) -> None:
        """Return silently, or say why it has ended."""
        if self.ended_at is not None:
            raise SessionEnded("it was ended")
        if at >= self.ends_at:
            raise SessionEnded("it lasted as long as a session may")
        if at >= self.seen_at + limits.idle:
            raise SessionEnded("nothing was asked for a while")

    def stale(self, *, at: datetime) -> bool:
        """Whether it should be noted that the session is still used."""
        return at >= self.seen_at + SEEN_AGAIN


@dataclass(frozen=True, slots=True)
class Visitor:
    """A session together with the token that its browser brought just now."""

    session: Session
    token: Token

    @property
    def person(self) -> str:
        return self.session.person


def begin(token: Token, person: str, limits: Limits, *, at: datetime) -> Session:
    return Session(
        id=token.digest, person=person, began_at=at, seen_at=at, ends_at=at + limits.longest
    )
