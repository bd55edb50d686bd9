"""Rows of people and their sessions, and of what was done here in their names."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from kiban.portal.contract import PersonMismatch
from kiban.portal.operations import Operation, What
from kiban.portal.sessions import Session
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
        """Give the person's sessions that have not ended, latest first."""
        query = (
            select(SESSIONS)
            .where(SESSIONS.c.person == person)
            .where(SESSIONS.c.ended_at.is_(None), SESSIONS.c.ends_at > at)
            .order_by(SESSIONS.c.began_at.desc())
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
        """Write one line of the citizen's own record."""
        row = {"person": person, "at": at, "what": what, "about": about[:200]}
        await self.connection.execute(insert_new(OPERATIONS).values(row))

    async def operations(
        self, person: str, before: int | None = None
    ) -> list[tuple[int, Operation]]:
        """Give the person's record, latest first, from before a line on."""
        c = OPERATIONS.c
        query = select(OPERATIONS).where(c.person == person)
        if before is not None:
            query = query.where(c.id < before)
        rows = await self.connection.execute(query.order_by(c.id.desc()).limit(PAGE))
        return [(row.id, Operation(row.at, row.what, row.about)) for row in rows]
