"""
Acting for somebody else (代理): a visitor turns into somebody's proxy, and back.

1. the visitor chooses one of the mandates of which login told; the authority says whether it holds now
2. another session begins under a new token: the principal's, in which the proxy is named
3. every page of it asks the authority again; the moment the mandate has ended, so has the session
4. the proxy goes back to her own affairs, by another new session

Because acting is a session of its own, nothing that was read, approved or begun for one person is there for the
other: not a held value, not a form in another tab, not a way back from the card.  Both people find in their operation
history who acted for whom, and under which mandate.

Refused: a mandate that login did not tell of, one that does not hold; acting for a principal's principal.
Source: decision 0020; plan rows PTL-19, IDN-22.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kiban.portal import mandates, sessions
from kiban.portal.contract import NotAsProxy
from kiban.portal.mandates import Known
from kiban.portal.sessions import Token, Visitor
from kiban.portal.store.rows import Store
from kiban.portal.visiting import Visiting


@dataclass(frozen=True, slots=True)
class Acting:
    """The use cases; collaborators are given."""

    store: Store
    visiting: Visiting
    clock: Callable[[], datetime]
    new_token: Callable[[], Token]

    def known(self, visitor: Visitor) -> tuple[Known, ...]:
        """Every mandate of the person at the card, ended ones too."""
        return mandates.opened(visitor.session, visitor.token)

    async def begin(self, visitor: Visitor, mandate: str) -> Visitor:
        """Act for somebody from now on; steps 1 and 2."""
        if visitor.deputy is not None:
            raise NotAsProxy("go back to your own affairs first")
        found = self.known(visitor)
        chosen = mandates.find(found, mandate)
        allowed = await self.visiting.mandates.check_mandate(mandate)
        token = self.new_token()
        session = sessions.for_another(
            token,
            visitor.session,
            principal=str(chosen.person),
            mandate=mandate,
            until=allowed.until,
            mandates=mandates.sealed(found, token),
            at=self.clock(),
        )
        await self._turn(visitor, Visitor(session, token, allowed))
        return Visitor(session, token, allowed)

    async def end(self, visitor: Visitor) -> Visitor:
        """Go back to one's own affairs; step 4."""
        if visitor.deputy is None:
            return visitor
        token = self.new_token()
        sealed = mandates.sealed(self.known(visitor), token)
        session = sessions.for_oneself(token, visitor.session, mandates=sealed, at=self.clock())
        await self._turn(visitor, Visitor(session, token))
        return Visitor(session, token)

    async def _turn(self, before: Visitor, after: Visitor) -> None:
        """End one session and begin the other, in one; the act is noted where both people see it."""
        async with self.store.begin() as rows:
            if after.deputy is not None:
                await rows.note_act(after, "acting-began", at=self.clock())
            else:
                await rows.note_act(before, "acting-ended", at=self.clock())
            await rows.begin_session(after.session)
            await self.visiting.close(rows, before.session)
        self.visiting.shown.forget(before.session.id)
