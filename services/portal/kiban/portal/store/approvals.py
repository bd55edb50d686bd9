"""Rows of approvals and of the consents that came of them.  A consent is ended, never deleted."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, select, update

from kiban.gateway.contract import ConsentRecord
from kiban.portal.approvals import Approval, Consent
from kiban.portal.contract import ConsentUnknown
from kiban.portal.store.tables import APPROVALS, CONSENTS
from kiban.portal.store.transaction import PAGE, Transaction
from kiban.shared.database import insert_new

KEEP_UNAPPROVED = timedelta(days=1)


class ApprovalRows(Transaction):
    """What was put to people, and what they said yes to."""

    __slots__ = ()

    async def ask_approval(self, approval: Approval) -> None:
        await self._forget_unapproved(approval)
        await self.connection.execute(
            insert_new(APPROVALS).values(
                id=approval.id,
                person=approval.person,
                session=approval.session,
                application=approval.application,
                asked_at=approval.asked_at,
                away=[],
            )
        )
        rows = [
            {
                "id": record.id,
                "approval": approval.id,
                "place": place,
                "person": approval.person,
                "record": record.model_dump(),
            }
            for place, record in enumerate(approval.records)
        ]
        await self.connection.execute(insert_new(CONSENTS), rows)

    async def _forget_unapproved(self, approval: Approval) -> None:
        """Terms to which the person never said yes are kept for a day."""
        c = APPROVALS.c
        old = select(c.id).where(
            c.person == approval.person,
            c.approved_at.is_(None),
            c.asked_at < approval.asked_at - KEEP_UNAPPROVED,
        )
        stale = list((await self.connection.execute(old)).scalars())
        if stale:
            await self.connection.execute(delete(CONSENTS).where(CONSENTS.c.approval.in_(stale)))
            await self.connection.execute(delete(APPROVALS).where(c.id.in_(stale)))

    async def approval(self, name: str, person: str) -> Approval | None:
        query = select(APPROVALS).where(APPROVALS.c.id == name, APPROVALS.c.person == person)
        row = (await self.connection.execute(query)).one_or_none()
        return await self._approval(row) if row else None

    async def last_approval(
        self, person: str, application: str | None, session: str | None = None
    ) -> Approval | None:
        """Give the latest approved one of an application (or of own records), perhaps of one session."""
        c = APPROVALS.c
        query = select(APPROVALS).where(c.person == person, c.approved_at.is_not(None))
        query = query.where(
            c.application.is_(None) if application is None else c.application == application
        )
        if session is not None:
            query = query.where(c.session == session)
        row = (await self.connection.execute(query.order_by(c.number.desc()).limit(1))).first()
        return await self._approval(row) if row else None

    async def _approval(self, row: Row[Any]) -> Approval:
        query = select(CONSENTS.c.record).where(CONSENTS.c.approval == row.id)
        records = (await self.connection.execute(query.order_by(CONSENTS.c.place))).scalars()
        return Approval(
            id=row.id,
            person=row.person,
            session=row.session,
            application=row.application,
            asked_at=row.asked_at,
            records=tuple(ConsentRecord.model_validate(record) for record in records),
            approved_at=row.approved_at,
            pending=row.tokens is not None,
            away=tuple(row.away),
        )

    async def approve(self, name: str, tokens: Sequence[str], *, at: datetime) -> bool:
        """Note that the person approved; false if that was noted before."""
        done = await self.connection.execute(
            update(APPROVALS)
            .where(APPROVALS.c.id == name, APPROVALS.c.approved_at.is_(None))
            .values(approved_at=at, tokens=self._wrap("tokens", name, list(tokens)))
        )
        return bool(done.rowcount)

    async def tokens(self, name: str) -> list[str]:
        """Give the tokens that were not handed on yet."""
        query = select(APPROVALS.c.tokens).where(APPROVALS.c.id == name)
        wrapped = (await self.connection.execute(query)).scalar_one_or_none()
        return [] if wrapped is None else self._unwrap("tokens", name, wrapped)

    async def delivered(self, name: str, away: Iterable[str]) -> None:
        """Note that the tokens were handed on, and which parties could not be reached."""
        await self.connection.execute(
            update(APPROVALS).where(APPROVALS.c.id == name).values(away=list(away), tokens=None)
        )

    async def consents(self, person: str) -> list[Consent]:
        """Give what the person ever approved, latest first."""
        query = (
            select(CONSENTS.c.record, CONSENTS.c.ended_at, APPROVALS.c.approved_at)
            .join(APPROVALS, APPROVALS.c.id == CONSENTS.c.approval)
            .where(CONSENTS.c.person == person, APPROVALS.c.approved_at.is_not(None))
            .order_by(APPROVALS.c.number.desc(), CONSENTS.c.place)
            .limit(4 * PAGE)
        )
        return [_consent(row) for row in await self.connection.execute(query)]

    async def consents_of_session(self, session: str) -> list[Consent]:
        """Give what was approved for showing in one session and has not been ended."""
        query = (
            select(CONSENTS.c.record, CONSENTS.c.ended_at, APPROVALS.c.approved_at)
            .join(APPROVALS, APPROVALS.c.id == CONSENTS.c.approval)
            .where(APPROVALS.c.session == session, APPROVALS.c.approved_at.is_not(None))
            .where(CONSENTS.c.ended_at.is_(None))
        )
        found = [_consent(row) for row in await self.connection.execute(query)]
        return [consent for consent in found if consent.record.kind == "self"]

    async def consents_of_application(self, application: str, *, but: str) -> list[str]:
        """Give what was approved for one application, but for this approval, and not been ended."""
        query = (
            select(CONSENTS.c.id)
            .join(APPROVALS, APPROVALS.c.id == CONSENTS.c.approval)
            .where(APPROVALS.c.application == application)
            .where(APPROVALS.c.id != but, APPROVALS.c.approved_at.is_not(None))
            .where(CONSENTS.c.ended_at.is_(None))
        )
        return list((await self.connection.execute(query)).scalars())

    async def end_consent(self, name: str, person: str, *, at: datetime) -> bool:
        """Note the end; false if it was ended before."""
        c = CONSENTS.c
        mine = (c.id == name, c.person == person)
        if (await self.connection.execute(select(c.id).where(*mine))).first() is None:
            raise ConsentUnknown("you have given no consent with this number")
        done = await self.connection.execute(
            update(CONSENTS).where(*mine, c.ended_at.is_(None)).values(ended_at=at)
        )
        return bool(done.rowcount)


def _consent(row: Row[Any, Any, Any]) -> Consent:
    record, ended_at, approved_at = row
    return Consent(ConsentRecord.model_validate(record), approved_at, ended_at)
