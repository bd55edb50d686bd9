"""
Rows of applications.  A change of state names the states that it may leave: of two windows that go the same step at
once, one does it and the other is told that it is done.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, select, update

from kiban.portal.applications import OPEN, SENT, Application, Reference, State
from kiban.portal.contract import ApplicationUnknown
from kiban.portal.store.tables import APPLICATIONS, AUTHORIZATIONS
from kiban.portal.store.transaction import PAGE, Transaction
from kiban.shared.database import hold, insert_new

_FOR_FRONTS = select(AUTHORIZATIONS.c.application).where(AUTHORIZATIONS.c.application.is_not(None))
"""Drafts that belong to a front's authorization, and to nothing that the citizen began here."""


class ApplicationRows(Transaction):
    """Drafts, what waits to be sent, and what was sent."""

    __slots__ = ()

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
        return read_application(row)

    async def applications(self, person: str) -> list[Application]:
        """Give the person's applications, latest first; discarded ones are gone."""
        c = APPLICATIONS.c
        query = select(APPLICATIONS).where(c.person == person, c.state != "discarded")
        rows = await self.connection.execute(query.order_by(c.changed_at.desc()).limit(PAGE))
        return [read_application(row) for row in rows]

    async def find_draft(self, person: str, procedure: str, office: str) -> Application | None:
        """Give the draft that the person has of this procedure, with this office, already."""
        c = APPLICATIONS.c
        await hold(self.connection, f"draft {person} {procedure}")
        query = select(APPLICATIONS).where(
            c.person == person,
            c.procedure == procedure,
            c.office == office,
            c.state.in_(OPEN),
            c.id.not_in(_FOR_FRONTS),
        )
        row = (await self.connection.execute(query.order_by(c.opened_at).limit(1))).first()
        return read_application(row) if row else None

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

    async def delivered_by(self, name: str, exchange: str, leaf: str, *, at: datetime) -> bool:
        """Note by which exchange it was sent, also where the office's receipt came before; false if it was noted."""
        c = APPLICATIONS.c
        done = await self.connection.execute(
            update(APPLICATIONS)
            .where(c.id == name, c.exchange.is_(None), c.state.in_(SENT))
            .values(
                state=case((c.state == "signed", "submitted"), else_=c.state),
                changed_at=at,
                exchange=exchange,
                leaf=leaf,
            )
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

    async def freeze(self, name: str, text: str, digest: str, *, by: str) -> None:
        """Keep the text that is to be signed, and by whom: a proxy's is not the principal's."""
        wrapped = self._wrap("frozen", name, {"application": text, "by": by})
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


def read_application(row: Row[Any]) -> Application:
    """One row in the portal's own words."""
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
