"""
Visiting: a citizen logs in with the card, stays for a while, and leaves.

1. login's ID token says who it is for the portal (a pairwise subject); the authority's token, which login passes on,
   lets the portal's gateway say which of its numbers that is.  Nobody tells the portal a name.

A new session begins at each login, under a token that did not exist before, so nothing planted in the browser
becomes one.  Leaving ends the session and, in the same transaction, every approval that was given for its eyes.

Refused: a session that has ended; a subject or a number that is known as somebody else's.
Source: DESIGN 4 (step 1); OWASP ASVS 5.0, V7.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kiban.gateway.contract import PersonReply, TokenUse
from kiban.portal import sessions
from kiban.portal.approving import Approving
from kiban.portal.contract import SessionEnded
from kiban.portal.held import Shown
from kiban.portal.sessions import Limits, Session, Token, Visitor
from kiban.portal.store.rows import Store
from kiban.shared import trace


class Pseudonyms(Protocol):
    """The portal's gateway, as narrow as a login needs it."""

    async def use_token(self, use: TokenUse) -> PersonReply: ...


@dataclass(frozen=True, slots=True)
class Visiting:
    """Sessions' use cases; collaborators are given."""

    store: Store
    gateway: Pseudonyms
    approving: Approving
    shown: Shown
    limits: Limits
    clock: Callable[[], datetime]
    new_token: Callable[[], Token]

    async def arrive(self, subject: str, kiban_token: str) -> Visitor:
        """Begin a session for whoever was at the card; step 1."""
        reply = await self.gateway.use_token(TokenUse(token=kiban_token))
        trace.saw(subject=_fingerprint(subject), own_number=_fingerprint(reply.person))
        token, at = self.new_token(), self.clock()
        session = sessions.begin(token, reply.person, self.limits, at=at)
        async with self.store.begin() as rows:
            await rows.know_person(reply.person, subject, at=at)
            await rows.begin_session(session)
            await rows.note(reply.person, "logged-in", at=at)
        return Visitor(session, token)

    async def recognise(self, token: Token | None) -> Visitor:
        """Give the visitor of this cookie, or say why there is none."""
        if token is None:
            raise SessionEnded("no session was sent")
        async with self.store.read() as rows:
            session = await rows.session(token.digest)
        if session is None:
            raise SessionEnded("no such session")
        at = self.clock()
        try:
            session.check(self.limits, at=at)
        except SessionEnded:
            self.shown.forget(session.id)
            raise
        if session.stale(at=at):
            async with self.store.begin() as rows:
                await rows.touch_session(session.id, at=at)
        return Visitor(session, token)

    async def others(self, visitor: Visitor) -> list[Session]:
        """Give the person's open sessions in whatever browser."""
        at = self.clock()
        async with self.store.read() as rows:
            found = await rows.sessions(visitor.person, at=at)
        return [session for session in found if session.seen_at + self.limits.idle > at]

    async def leave(self, visitor: Visitor) -> None:
        """End this session, and what was approved for it."""
        at = self.clock()
        async with self.store.begin() as rows:
            await rows.end_session(visitor.session.id, at=at)
            await self.approving.end_showing(rows, visitor.person, visitor.session.id)
            await rows.note(visitor.person, "logged-out", at=at)
        self.shown.forget(visitor.session.id)

    async def end(self, visitor: Visitor, session: str) -> None:
        """End another session of the same person, as after a lost phone."""
        at = self.clock()
        async with self.store.begin() as rows:
            mine = {one.id for one in await rows.sessions(visitor.person, at=at)}
            if session not in mine:
                raise SessionEnded("no open session of yours has this number")
            await rows.end_session(session, at=at)
            await self.approving.end_showing(rows, visitor.person, session)
            await rows.note(visitor.person, "session-ended", at=at)
        self.shown.forget(session)


def _fingerprint(name: str) -> str:
    """Enough to recognise the same name in the flow viewer, and nothing to use."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]
