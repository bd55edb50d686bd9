"""
Visiting: a citizen logs in with the card, stays for a while, and leaves.

1. login's ID token says who it is for the portal (a pairwise subject); the authority's token, which login passes on,
   lets the portal's gateway say which of its numbers that is.  Nobody tells the portal a name.

A new session begins at each login, under a token that did not exist before, so nothing planted in the browser
becomes one.  Leaving ends the session and, in the same transaction, every approval that was given for its eyes.

Whoever may act for somebody else is told so at login too, and of which of the portal's numbers.  See `acting`.

Refused: a session that has ended; one of a proxy whose mandate has ended; a subject or a number that is known as
somebody else's.
Source: DESIGN 4 (step 1); OWASP ASVS 5.0, V7.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kiban.gateway.contract import PersonReply, TokenUse
from kiban.portal import sessions
from kiban.portal.approving import Approving
from kiban.portal.contract import SessionEnded
from kiban.portal.held import Shown
from kiban.portal.mandates import known, sealed
from kiban.portal.sessions import Limits, Session, Token, Visitor
from kiban.portal.store.rows import Rows, Store
from kiban.shared import trace
from kiban.shared.mandates import MandateEnded, MandateInForce, MandateLine, MandateUnknown
from kiban.shared.problems import Unavailable


class Pseudonyms(Protocol):
    """The portal's gateway, as narrow as a login needs it."""

    async def use_token(self, use: TokenUse) -> PersonReply: ...


class Mandates(Protocol):
    """Whoever knows whether a mandate holds now."""

    async def check_mandate(self, mandate: str) -> MandateInForce: ...


@dataclass(frozen=True, slots=True)
class Visiting:
    """Sessions' use cases; collaborators are given."""

    store: Store
    gateway: Pseudonyms
    mandates: Mandates
    approving: Approving
    shown: Shown
    limits: Limits
    clock: Callable[[], datetime]
    new_token: Callable[[], Token]

    async def arrive(
        self, subject: str, kiban_token: str, lines: Sequence[MandateLine] = ()
    ) -> Visitor:
        """Begin a session for whoever was at the card; step 1."""
        reply = await self.gateway.use_token(TokenUse(token=kiban_token))
        trace.saw(subject=_fingerprint(subject), own_number=_fingerprint(reply.person))
        found = [known(line, await self._principal(line)) for line in lines]
        token, at = self.new_token(), self.clock()
        kept = sealed(found, token) if found else None
        session = sessions.begin(token, reply.person, self.limits, at=at, mandates=kept)
        async with self.store.begin() as rows:
            await rows.know_person(reply.person, subject, at=at)
            await rows.begin_session(session)
            await rows.note(reply.person, "logged-in", at=at)
        return Visitor(session, token)

    async def _principal(self, line: MandateLine) -> str | None:
        """Which of our numbers a principal is; a proxy's is not ours to know."""
        if line.token is None:
            return None
        return (await self.gateway.use_token(TokenUse(token=line.token))).person

    async def recognise(self, token: Token | None, *, leaving: bool = False) -> Visitor:
        """
        Give the visitor of this cookie, or say why there is none.

        Who acts for somebody else may do so only while the mandate holds, at each request anew; but leaving needs
        nobody's word.
        """
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
        if session.mandate is None or leaving:
            return Visitor(session, token)
        return Visitor(session, token, await self._allowed(session, session.mandate))

    async def _allowed(self, session: Session, mandate: str) -> MandateInForce:
        """What the mandate allows now; the moment it has ended, so has the session."""
        try:
            return await self.mandates.check_mandate(mandate)
        except (MandateEnded, MandateUnknown):
            async with self.store.begin() as rows:
                await self.close(rows, session)
                await rows.note_act(Visitor(session, _NOBODYS), "mandate-ended", at=self.clock())
            self.shown.forget(session.id)
            raise

    async def end_what_ended(self) -> None:
        """End what proxies do under mandates that have ended, though nobody opens a page."""
        async with self.store.read() as rows:
            found = await rows.proxies(at=self.clock())
        for session in found:
            try:
                await self._allowed(session, str(session.mandate))
            except (MandateEnded, MandateUnknown):
                continue
            except Unavailable:
                return  # whoever opens a page is refused meanwhile

    async def others(self, visitor: Visitor) -> list[Session]:
        """Give the person's open sessions in whatever browser."""
        at = self.clock()
        async with self.store.read() as rows:
            found = await rows.sessions(visitor.person, at=at)
        return [session for session in found if session.seen_at + self.limits.idle > at]

    async def leave(self, visitor: Visitor) -> None:
        """End this session, and what was approved for it."""
        async with self.store.begin() as rows:
            await self.close(rows, visitor.session)
            await rows.note_act(visitor, "logged-out", at=self.clock())
        self.shown.forget(visitor.session.id)

    async def close(self, rows: Rows, session: Session) -> None:
        """End a session, and what was approved for it, in a transaction."""
        await rows.end_session(session.id, at=self.clock())
        await self.approving.end_showing(rows, session.person, session.id)

    async def end(self, visitor: Visitor, session: str) -> None:
        """End another session of the same person, or of whoever acts for them, as after a lost phone."""
        at = self.clock()
        async with self.store.begin() as rows:
            mine = {one.id: one for one in await rows.sessions(visitor.person, at=at)}
            if session not in mine:
                raise SessionEnded("no open session of yours has this number")
            await self.close(rows, mine[session])
            await rows.note_act(visitor, "session-ended", at=at)
        self.shown.forget(session)


_NOBODYS = Token("")
"""Where a session is named, and no browser has to prove anything."""


def _fingerprint(name: str) -> str:
    """Enough to recognise the same name in the flow viewer, and nothing to use."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]
