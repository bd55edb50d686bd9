"""Rows of what offices tell: how far each office's feed was read, and the notices that came of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update

from kiban.gateway.contract import Receipt
from kiban.portal.applications import UNDECIDED, Application
from kiban.portal.notices import Notice
from kiban.portal.store.applications import read_application
from kiban.portal.store.tables import APPLICATIONS, FEEDS, NOTICES
from kiban.portal.store.transaction import PAGE, Transaction
from kiban.shared.database import hold, insert_new


class NoticeRows(Transaction):
    """Receipts on their way to people."""

    __slots__ = ()

    async def owing_word(self, *, since: datetime) -> list[str]:
        """Name the offices that have not decided an application, or that granted one since then."""
        c = APPLICATIONS.c
        waits = c.state.in_(UNDECIDED) | (
            (c.state == "decided") & (c.outcome == "granted") & (c.changed_at >= since)
        )
        query = select(c.office).where(waits).distinct().order_by(c.office)
        return list((await self.connection.execute(query)).scalars())

    async def cursor(self, office: str) -> int:
        """Give how far this office's receipts were read."""
        query = select(FEEDS.c.cursor).where(FEEDS.c.office == office)
        return (await self.connection.execute(query)).scalar_one_or_none() or 0

    async def hold_cursor(self, office: str) -> int:
        """The same, and nobody else moves it until this transaction ends."""
        await hold(self.connection, f"receipts {office}")
        return await self.cursor(office)

    async def move_cursor(self, office: str, cursor: int) -> None:
        await self.connection.execute(insert_new(FEEDS).values(office=office, cursor=0))
        await self.connection.execute(
            update(FEEDS).where(FEEDS.c.office == office).values(cursor=cursor)
        )

    async def applied_to(self, name: str, office: str) -> Application | None:
        """Find the application that an office's receipt is about."""
        c = APPLICATIONS.c
        query = select(APPLICATIONS).where(c.id == name, c.office == office)
        row = (await self.connection.execute(query)).one_or_none()
        return read_application(row) if row else None

    async def tell(self, person: str, receipt: Receipt, *, at: datetime) -> bool:
        """Write a notice; false if it was written before."""
        message = dict(receipt.message)
        done = await self.connection.execute(
            insert_new(NOTICES).values(
                person=person,
                application=receipt.application,
                office=receipt.office,
                event=receipt.event,
                at=at,
                message=self._wrap("notice", receipt.application, message),
            )
        )
        return bool(done.rowcount)

    async def notices(self, person: str, application: str | None = None) -> list[Notice]:
        c = NOTICES.c
        query = select(NOTICES).where(c.person == person)
        if application is not None:
            query = query.where(c.application == application)
        rows = await self.connection.execute(query.order_by(c.id.desc()).limit(PAGE))
        return [self._notice(row) for row in rows]

    async def unseen(self, person: str) -> int:
        query = (
            select(func.count())
            .select_from(NOTICES)
            .where(NOTICES.c.person == person, NOTICES.c.seen_at.is_(None))
        )
        return int((await self.connection.execute(query)).scalar_one())

    async def see_notices(self, person: str, *, at: datetime) -> None:
        await self.connection.execute(
            update(NOTICES)
            .where(NOTICES.c.person == person, NOTICES.c.seen_at.is_(None))
            .values(seen_at=at)
        )

    def _notice(self, row: Row[Any]) -> Notice:
        return Notice(
            id=row.id,
            application=row.application,
            office=row.office,
            event=row.event,
            at=row.at,
            message=self._unwrap("notice", row.application, row.message),
            seen_at=row.seen_at,
        )
