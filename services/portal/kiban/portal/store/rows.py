"""
The portal's rows, written and read in the portal's own values.

One block is one transaction.  Everything of a citizen is asked for together with the person, so that one citizen's
address in another's browser finds nothing.  A change of state names the states that it may leave: of two windows
that go the same step at once, one does it and the other is told that it is done.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import ConsentRecord, Receipt
from kiban.portal.applications import OPEN, Application, Reference, State
from kiban.portal.approvals import Approval, Consent
from kiban.portal.contract import ApplicationUnknown, ConsentUnknown, PersonMismatch
from kiban.portal.notices import Notice
from kiban.portal.operations import Operation, What
from kiban.portal.sessions import Session
from kiban.portal.store.tables import (
    APPLICATIONS,
    APPROVALS,
    CONSENTS,
    FEEDS,
    NOTICES,
    OPERATIONS,
    OUTBOX,
    PEOPLE,
    SESSIONS,
)
from kiban.shared import outbox
from kiban.shared.database import Database, hold, insert_new
from kiban.shared.keyring import Wrapping
from kiban.shared.settings import Secret

PAGE = 50
"""Rows that a page shows of a list without an end."""
KEEP_SESSIONS = timedelta(days=30)
KEEP_UNAPPROVED = timedelta(days=1)


class Store:
    """The portal's database, as its rules use it."""

    def __init__(self, db: Database, secret: Secret) -> None:
        self._db = db
        self._wrapping = Wrapping(secret)
        self.wake: Callable[[], None] = _asleep
        """Called when something was enqueued: the courier's, once it is there."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["Rows"]:
        """Hold one transaction."""
        async with self._db.begin() as connection:
            yield Rows(connection, self._wrapping, self._wake_after)

    @asynccontextmanager
    async def read(self) -> AsyncIterator["Rows"]:
        """Hold one view; nothing is written."""
        async with self._db.read() as connection:
            yield Rows(connection, self._wrapping, self._wake_after)

    def _wake_after(self, connection: AsyncConnection) -> None:
        self._db.after_commit(connection, self.wake)


def _asleep() -> None:
    """Wake nobody: what was enqueued is found at the courier's next look."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one transaction."""

    connection: AsyncConnection
    _wrapping: Wrapping
    _wake_after: Callable[[AsyncConnection], None]

    # --- people and sessions -----------------------------------------------------------------------

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

    # --- approvals and consents --------------------------------------------------------------------

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

    # --- applications ------------------------------------------------------------------------------

    async def open_application(self, application: Application) -> None:
        await self.connection.execute(
            insert_new(APPLICATIONS).values(
                id=application.id,
                person=application.person,
                procedure=application.procedure,
                edition=application.edition,
                office=application.office,
                state=application.state,
                opened_at=application.opened_at,
                changed_at=application.changed_at,
                held=[],
            )
        )

    async def application(self, name: str, person: str) -> Application:
        c = APPLICATIONS.c
        query = select(APPLICATIONS).where(c.id == name, c.person == person)
        row = (await self.connection.execute(query)).one_or_none()
        if row is None:
            raise ApplicationUnknown("no application of yours has this number")
        return _application(row)

    async def applications(self, person: str) -> list[Application]:
        """Give the person's applications, latest first; discarded ones are gone."""
        c = APPLICATIONS.c
        query = select(APPLICATIONS).where(c.person == person, c.state != "discarded")
        rows = await self.connection.execute(query.order_by(c.changed_at.desc()).limit(PAGE))
        return [_application(row) for row in rows]

    async def find_draft(self, person: str, procedure: str) -> Application | None:
        """Give the draft that the person has of this procedure already."""
        c = APPLICATIONS.c
        await hold(self.connection, f"draft {person} {procedure}")
        query = select(APPLICATIONS).where(
            c.person == person, c.procedure == procedure, c.state.in_(OPEN)
        )
        row = (await self.connection.execute(query.order_by(c.opened_at).limit(1))).first()
        return _application(row) if row else None

    async def advance(
        self,
        name: str,
        state: State,
        *,
        leaving: Sequence[State],
        at: datetime,
        **values: str | None,
    ) -> bool:
        """Move an application on from one of these states; false if it is elsewhere by now."""
        done = await self.connection.execute(
            update(APPLICATIONS)
            .where(APPLICATIONS.c.id == name, APPLICATIONS.c.state.in_(leaving))
            .values(state=state, changed_at=at, **values)
        )
        return bool(done.rowcount)

    async def refer(self, name: str, held: Iterable[Reference]) -> None:
        """Note the references to what was read; what was frozen before is so no longer."""
        await self._set_application(
            name, held=[reference.document() for reference in held], frozen=None, digest=None
        )

    async def answer(self, name: str, given: Mapping[str, str]) -> None:
        """Keep what the citizen typed; what was frozen before is so no longer."""
        wrapped = self._wrap("answers", name, dict(given))
        await self._set_application(name, answers=wrapped, frozen=None, digest=None)

    async def answers(self, name: str) -> dict[str, str]:
        wrapped = await self._blob(name, "answers")
        return {} if wrapped is None else self._unwrap("answers", name, wrapped)

    async def freeze(self, name: str, text: str, digest: str) -> None:
        wrapped = self._wrap("frozen", name, {"application": text})
        await self._set_application(name, frozen=wrapped, digest=digest)

    async def unfreeze(self, name: str) -> None:
        await self._set_application(name, frozen=None, digest=None)

    async def seal_signed(self, name: str, signed: Mapping[str, object]) -> None:
        """Keep what waits to be sent, and drop what was typed."""
        wrapped = self._wrap("frozen", name, dict(signed))
        await self._set_application(name, frozen=wrapped, answers=None)

    async def frozen(self, name: str) -> dict[str, Any] | None:
        wrapped = await self._blob(name, "frozen")
        return None if wrapped is None else self._unwrap("frozen", name, wrapped)

    async def forget_text(self, name: str) -> None:
        """Drop everything that the citizen wrote; digest and receipt stay."""
        await self._set_application(name, frozen=None, answers=None)

    async def _set_application(self, name: str, **values: Any) -> None:
        await self.connection.execute(
            update(APPLICATIONS).where(APPLICATIONS.c.id == name).values(values)
        )

    async def _blob(self, name: str, column: str) -> bytes | None:
        query = select(APPLICATIONS.c[column]).where(APPLICATIONS.c.id == name)
        return (await self.connection.execute(query)).scalar_one_or_none()

    async def enqueue(self, topic: str, key: str, body: Mapping[str, Any], *, at: datetime) -> None:
        """Write what must follow this transaction."""
        await outbox.put(self.connection, OUTBOX, topic, body, key=key, at=at)
        self._wake_after(self.connection)

    # --- what offices tell -------------------------------------------------------------------------

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
        return _application(row) if row else None

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

    # --- own operations ----------------------------------------------------------------------------

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

    # --- wrapping ----------------------------------------------------------------------------------

    def _wrap(self, what: str, name: str, value: object) -> bytes:
        text = json.dumps(value, ensure_ascii=False)
        return self._wrapping.wrap(f"{what} {name}", text.encode())

    def _unwrap(self, what: str, name: str, wrapped: bytes) -> Any:
        return json.loads(self._wrapping.unwrap(f"{what} {name}", wrapped))


def _consent(row: Row[Any, Any, Any]) -> Consent:
    record, ended_at, approved_at = row
    return Consent(ConsentRecord.model_validate(record), approved_at, ended_at)


def _application(row: Row[Any]) -> Application:
    return Application(
        id=row.id,
        person=row.person,
        procedure=row.procedure,
        edition=row.edition,
        office=row.office,
        state=row.state,
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        held=tuple(Reference.read(document) for document in row.held),
        digest=row.digest,
        exchange=row.exchange,
        leaf=row.leaf,
        outcome=row.outcome,
    )
