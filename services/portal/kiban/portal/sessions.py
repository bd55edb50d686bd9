"""
Sessions: who is at the browser, for how long, and the key that only that browser brings.

The cookie is a random token; the database holds its digest alone, so that reading the database opens no session.
From the same token comes the key under which held values are kept in memory: without the browser's next request
nobody, not even this process, can read them.

Who acts for somebody else does so in a session of its own: it is the principal's, and names the proxy.

A session ends at a fixed time after login, or when nothing was asked for a while, or when the person ends it.

Pure rules: time and randomness are arguments.  Source: OWASP ASVS 5.0, V7; DESIGN 3 (what the portal may hold).
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiban.portal.contract import SessionEnded
from kiban.portal.operations import Deputy
from kiban.shared.identifiers import Hidden
from kiban.shared.mandates import MandateInForce

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
    proxy: str | None = None
    """Who is at the browser, where that is not the person whose affairs it is about."""
    mandate: str | None = None
    """Under which the proxy acts."""
    mandates: bytes | None = field(default=None, repr=False)
    """Those of whoever is at the browser, sealed under the token's key."""

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
    allowed: MandateInForce | None = None
    """What the mandate allows, where one acts for somebody else; without it nothing is allowed."""

    @property
    def person(self) -> str:
        """Whose affairs it is about."""
        return self.session.person

    @property
    def actor(self) -> str:
        """Who is at the browser, and whose card answers."""
        return self.session.proxy or self.session.person

    @property
    def deputy(self) -> Deputy | None:
        """The proxy, where somebody acts for another."""
        proxy, mandate = self.session.proxy, self.session.mandate
        return Deputy(proxy, mandate) if proxy and mandate else None

    def may_read(self, item: str) -> bool:
        """Whether this item is within what the visitor may read."""
        return self.deputy is None or (self.allowed is not None and item in self.allowed.items)

    def may_act(self, affair: str) -> bool:
        """Whether this affair is within what the visitor may apply in."""
        return self.deputy is None or (self.allowed is not None and affair in self.allowed.affairs)


def begin(
    token: Token, person: str, limits: Limits, *, at: datetime, mandates: bytes | None = None
) -> Session:
    return Session(
        id=token.digest,
        person=person,
        began_at=at,
        seen_at=at,
        ends_at=at + limits.longest,
        mandates=mandates,
    )


def for_another(
    token: Token,
    before: Session,
    *,
    principal: str,
    mandate: str,
    until: int,
    mandates: bytes,
    at: datetime,
) -> Session:
    """The session in which whoever is logged in acts for somebody else: it ends with the visit, or the mandate."""
    return Session(
        id=token.digest,
        person=principal,
        began_at=at,
        seen_at=at,
        ends_at=min(before.ends_at, datetime.fromtimestamp(until, UTC)),
        proxy=before.person,
        mandate=mandate,
        mandates=mandates,
    )


def for_oneself(token: Token, before: Session, *, mandates: bytes, at: datetime) -> Session:
    """The session in which a proxy comes back to her own affairs."""
    return Session(
        id=token.digest,
        person=before.proxy or before.person,
        began_at=at,
        seen_at=at,
        ends_at=before.ends_at,
        mandates=mandates,
    )
