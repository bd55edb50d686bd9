"""Rows of authorizations of fronts, and of the proofs that were spent.  An authorization is ended, never deleted."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update

from kiban.portal.fronts.authorizations import Authorization
from kiban.portal.store.tables import AUTHORIZATIONS, CONSENTS, SPENT
from kiban.portal.store.transaction import Transaction
from kiban.shared.database import insert_new

c = AUTHORIZATIONS.c


class AuthorizationRows(Transaction):
    """What fronts asked for, and what people said."""

    __slots__ = ()

    async def push_authorization(self, authorization: Authorization, *, at: datetime) -> None:
        """Keep what a front asks for; what nobody answered in time goes."""
        await self.connection.execute(
            delete(AUTHORIZATIONS).where(c.person.is_(None), c.until <= at)
        )
        row = {name: getattr(authorization, name) for name in authorization.__slots__}
        await self.connection.execute(insert_new(AUTHORIZATIONS).values(row))

    async def authorization(self, name: str) -> Authorization | None:
        return await self._authorization(c.id == name)

    async def authorization_by_approval(self, approval: str) -> Authorization | None:
        return await self._authorization(c.approval == approval)

    async def authorization_by_application(self, application: str) -> Authorization | None:
        """The authorization for which this application was opened, if a front asked for it."""
        return await self._authorization(c.application == application)

    async def authorization_by_code(self, digest: str) -> Authorization | None:
        return await self._authorization(c.code == digest)

    async def authorization_by_token(self, digest: str) -> Authorization | None:
        return await self._authorization(c.token == digest)

    async def _authorization(self, which: ColumnElement[bool]) -> Authorization | None:
        row = (await self.connection.execute(select(AUTHORIZATIONS).where(which))).one_or_none()
        return Authorization(**row._mapping) if row else None  # noqa: SLF001  its public name

    async def open_authorization(
        self, name: str, *, person: str, session: str, application: str | None, approval: str
    ) -> bool:
        """Note who is asked, and by which approval; false if it was answered meanwhile."""
        return await self._step(
            (c.id == name, c.code.is_(None), c.ended_at.is_(None)),
            person=person,
            session=session,
            application=application,
            approval=approval,
        )

    async def approve_authorization(self, name: str, *, code: str, until: datetime) -> bool:
        """Note the code that the browser is given; false if there was one before."""
        unanswered = (c.id == name, c.code.is_(None), c.ended_at.is_(None))
        return await self._step(unanswered, code=code, code_until=until)

    async def redeem_authorization(self, name: str, *, token: str, at: datetime) -> bool:
        """Spend the code; false if it was spent before."""
        unspent = (c.id == name, c.redeemed_at.is_(None), c.ended_at.is_(None))
        return await self._step(unspent, token=token, redeemed_at=at)

    async def end_authorization(self, name: str, *, at: datetime) -> bool:
        return await self._step((c.id == name, c.ended_at.is_(None)), ended_at=at)

    async def _step(self, where: tuple[ColumnElement[bool], ...], **values: Any) -> bool:
        done = await self.connection.execute(update(AUTHORIZATIONS).where(*where).values(values))
        return bool(done.rowcount)

    async def any_ended(self, approval: str) -> bool:
        """Whether the person took back anything of this approval."""
        ended = (CONSENTS.c.approval == approval, CONSENTS.c.ended_at.is_not(None))
        query = select(CONSENTS.c.id).where(*ended).limit(1)
        return (await self.connection.execute(query)).first() is not None

    async def spend_proof(self, digest: str, *, until: datetime, at: datetime) -> bool:
        """Note a proof until it ends by itself; false if it was used before."""
        await self.connection.execute(delete(SPENT).where(SPENT.c.until < at))
        row = insert_new(SPENT).values(digest=digest, until=until)
        return bool((await self.connection.execute(row)).rowcount)
