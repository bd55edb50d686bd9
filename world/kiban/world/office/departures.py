"""
Departures: people of whom this office had told another arrive there, and its own records of them end.

What the other office announces to this one alone (転入通知) names the notice.  It counts only for whoever stands in
that notice, once, and only from the office that was told of it: nobody else can end a record here, and nobody can end
that of whoever has come back since.  Of whoever is protected from violence the resident network tells instead: no
notice was given here, and this office is not to know where they went.  Then:

1. the records that the agency's file names end, from the day of the move or from today, whichever is earlier
2. who left is taken out of the lists (a household's members) in the records of those who stay; where that was the
   head, the eldest of them is head from then on (`relations`)
3. when everybody of the notice has arrived, its application is completed (完了), and the portal is told

An office that was told and then heard of a withdrawal may have entered the people at the same moment: they are there,
so that counts.

Source: plan rows PTL-30, MSH-35; in real life 住民基本台帳法 第8条, 第9条.
"""

import logging
from dataclasses import dataclass
from datetime import date

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Attributes, Statement
from kiban.shared.clock import Clock, day_in_japan
from kiban.shared.database import hold
from kiban.world.layouts import Layout, Misfit
from kiban.world.office import cases, store
from kiban.world.office.agencies import Completion
from kiban.world.office.counter import ToldWrong
from kiban.world.office.decisions import Decision
from kiban.world.office.following import Heard
from kiban.world.office.granting import notice_lock
from kiban.world.office.receipts import Receipts
from kiban.world.office.records import Entry, OfficeRecords
from kiban.world.office.relations import with_a_head
from kiban.world.office.store import Kept
from kiban.world.writing import plain

_log = logging.getLogger("kiban.office")


@dataclass(frozen=True, slots=True)
class Leaving:
    """One person who has arrived elsewhere."""

    person: str
    attributes: Attributes
    since: date

    def is_named_in(self, entry: JsonValue) -> bool:
        """Whether an entry of a list means this person."""
        return isinstance(entry, dict) and (
            plain(str(entry.get("name"))),
            entry.get("birth_date"),
        ) == (plain(self.attributes.name), self.attributes.birth_date)


@dataclass(frozen=True, slots=True)
class Departures:
    """Takes in who has arrived elsewhere (a `Hearer`)."""

    completion: Completion
    layout: Layout
    records: OfficeRecords
    receipts: Receipts
    clock: Clock
    network: str = ""
    """Whose word counts without a notice: the resident network's, of whoever is protected."""

    @property
    def affair(self) -> str:
        return self.completion.affair

    async def hear(
        self, connection: AsyncConnection, heard: Heard, statement: Statement | None
    ) -> None:
        """End what is held of a person who has arrived where this office had told of them; steps 1 to 3."""
        if statement is None:
            return
        notice, since = self._read(statement)
        await hold(connection, notice_lock(notice))
        attributes = await store.find_person(connection, heard.person)
        if attributes is None or not await self._may_tell(connection, heard, notice):
            _log.warning("%s tells of an arrival of which it was not told", heard.provider)
            return
        await self._leave(connection, Leaving(heard.person, attributes, since))
        await self._complete(connection, notice)

    async def _may_tell(self, connection: AsyncConnection, heard: Heard, notice: str) -> bool:
        """Whether the provider was told of this person in this notice, or needs none."""
        if heard.provider == self.network:
            return True
        told = await store.find_record(connection, heard.person, self.completion.told)
        return told is not None and (told.made_by, told.told_to) == (notice, heard.provider)

    def _read(self, statement: Statement) -> tuple[str, date]:
        values = statement.values
        try:
            self.layout.check(values)
        except Misfit as misfit:
            raise ToldWrong(rule="layout", sent=statement.provider) from misfit
        moved = date.fromisoformat(str(values["moving_day"]))
        return str(values["notice"]), min(moved, day_in_japan(self.clock()))

    # --- steps 1 and 2 --------------------------------------------------------------------------

    async def _leave(self, connection: AsyncConnection, leaving: Leaving) -> None:
        for item, field in self.completion.leaves:
            await self._take_out(connection, leaving, item, field)
        for item in (*self.completion.ends, self.completion.told):
            await self.records.end(connection, leaving.person, item, leaving.since)
        await store.note_answered(connection, leaving.person, self.completion.told)

    async def _take_out(
        self, connection: AsyncConnection, leaving: Leaving, item: str, field: str
    ) -> None:
        """Take who left out of the list in the records of everybody else whom it names."""
        own = await store.find_held(connection, leaving.person, item)
        for entry in _list(own, field):
            if isinstance(entry, dict) and not leaving.is_named_in(entry):
                name, birth_date = str(entry.get("name")), str(entry.get("birth_date"))
                for other in await store.find_people(connection, name, birth_date):
                    await self._without(connection, leaving, other, item, field)

    async def _without(
        self, connection: AsyncConnection, leaving: Leaving, other: str, item: str, field: str
    ) -> None:
        """One record without who left; the record of a mere namesake does not name them."""
        kept = await self.records.lock(connection, other, item)
        listed = _list(kept, field)
        staying = [entry for entry in listed if not leaving.is_named_in(entry)]
        if kept is None or kept.ended or len(staying) == len(listed):
            return
        values = {**kept.held.values, field: with_a_head(staying)}
        since = max(leaving.since, date.fromisoformat(kept.held.as_of))
        entry = Entry(item, values, since)
        await self.records.change(connection, other, entry, made_by=kept.made_by)

    # --- step 3 ---------------------------------------------------------------------------------

    async def _complete(self, connection: AsyncConnection, notice: str) -> None:
        made = await store.made_by(connection, notice, self.completion.told)
        found = await cases.find_application(connection, notice)
        if found and all(each.answered for each in made):
            completed = Decision("completed", self.completion.completed)
            await self.receipts.note(connection, found, completed)


def _list(kept: Kept | None, field: str) -> list[JsonValue]:
    listed = kept.held.values.get(field) if kept else None
    return listed if isinstance(listed, list) else []
