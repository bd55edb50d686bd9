"""Rows of people and their sessions, and of what was done here in their names."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, or_, select, update

from kiban.portal.contract import PersonMismatch
from kiban.portal.operations import Deputy, Operation, What
from kiban.portal.sessions import Session, Visitor
from kiban.portal.store.tables import OPERATIONS, PEOPLE, SESSIONS
from kiban.portal.store.transaction import PAGE, Transaction
from kiban.shared.database import insert_new

KEEP_SESSIONS = timedelta(days=30)


class PeopleRows(Transaction):
    """Who visits, and what they did."""

    __slots__ = ()

    async def know_person(self, person: str, subject: str, *, at: datetime) -> None:
        """Note who this subject is here; login and gateway must not contradict what is known."""
        row = {"person": person, "subject": subject, "first_at": at}
        await self.connection.execute(insert_new(PEOPLE).values(row))
        query = select(PEOPLE.c.subject).where(PEOPLE.c.person == person)
        if (await self.connection.execute(query)).scalar_one_or_none() != subject:
            raise PersonMismatch("the person or the subject is known as somebody else's")

    async def subject(self, person: str) -> str:
        """What login calls this person towards the portal."""
        query = select(PEOPLE.c.subject).where(PEOPLE.c.person == person)
        return str((await self.connection.execute(query)).scalar_one())

    async def begin_session(self, session: Session) -> None:
        row = {name: getattr(session, name) for name in session.__slots__}
        await self.connection.execute(insert_new(SESSIONS).values(row))
        await self.connection.execute(
            delete(SESSIONS).where(SESSIONS.c.ends_at < session.began_at - KEEP_SESSIONS)
        )

    async def session(self, digest: str) -> Session | None:
        query = select(SESSIONS).where(SESSIONS.c.id == digest)
        row = (await self.connection.execute(query)).one_or_none()
        return Session(**row._mapping) if row else None  # noqa: SLF001  its public name

    async def sessions(self, person: str, *, at: datetime) -> list[Session]:
        """Give the sessions of the person, and of whoever acts for them or for whom they act; latest first."""
        query = (
            select(SESSIONS)
            .where(or_(SESSIONS.c.person == person, SESSIONS.c.proxy == person))
            .where(SESSIONS.c.ended_at.is_(None), SESSIONS.c.ends_at > at)
            .order_by(SESSIONS.c.began_at.desc())
        )
        rows = await self.connection.execute(query)
        return [Session(**row._mapping) for row in rows]  # noqa: SLF001

    async def proxies(self, *, at: datetime) -> list[Session]:
        """Give the open sessions in which somebody acts for somebody else."""
        query = select(SESSIONS).where(
            SESSIONS.c.proxy.is_not(None), SESSIONS.c.ended_at.is_(None), SESSIONS.c.ends_at > at
        )
        rows = await self.connection.execute(query)
        return [Session(**row._mapping) for row in rows]  # noqa: SLF001

    async def touch_session(self, digest: str, *, at: datetime) -> None:
        await self._set_session(digest, seen_at=at)

    async def end_session(self, digest: str, *, at: datetime) -> None:
        await self._set_session(digest, ended_at=at)

    async def _set_session(self, digest: str, **values: datetime) -> None:
        await self.connection.execute(
            update(SESSIONS).where(SESSIONS.c.id == digest).values(values)
        )

    async def note(self, person: str, what: What, about: str = "", *, at: datetime) -> None:
        """Write one line of the citizen's own record: what happened without anybody at a browser."""
        await self._note(person, what, about, at, None)

    async def note_act(
        self, visitor: Visitor, what: What, about: str = "", *, at: datetime
    ) -> None:
        """Write what a visitor did; where it was for somebody else, both find it."""
        await self._note(visitor.person, what, about, at, visitor.deputy)

    async def _note(
        self, person: str, what: What, about: str, at: datetime, deputy: Deputy | None
    ) -> None:
        row = {
            "person": person,
            "at": at,
            "what": what,
            "about": about[:200],
            "proxy": deputy.proxy if deputy else None,
            "mandate": deputy.mandate if deputy else None,
        }
        await self.connection.execute(insert_new(OPERATIONS).values(row))

    async def operations(
        self, person: str, before: int | None = None
    ) -> list[tuple[int, Operation]]:
        """Give the person's record, latest first, from before a line on."""
        c = OPERATIONS.c
        query = select(OPERATIONS).where(or_(c.person == person, c.proxy == person))
        if before is not None:
            query = query.where(c.id < before)
        rows = await self.connection.execute(query.order_by(c.id.desc()).limit(PAGE))
        return [(row.id, _operation(row)) for row in rows]


def _operation(row: Row[Any]) -> Operation:
    deputy = Deputy(row.proxy, row.mandate) if row.proxy else None
    return Operation(row.at, row.what, row.about, row.person, deputy)
