"""
An office's records, as its gateway asks for them, and what a clerk says where no answer is automatic.

What is held is answered at once, unless the record is protected (withheld because of violence: to everybody outside
it looks as if nothing were held) or marked for a clerk's eye (自動応答不可): then the inquirer waits until a clerk has
decided for this inquirer and this version of the record.  What was told to one member alone is held for nobody else
but the person; what has ended is held for nobody.

Whoever is protected from violence (DV等支援措置) has marks, each for itself, and they count before anything else:

* `undisclosed`: what says where the person is goes only to whoever keeps that very record right, and takes the marks
  over with it; to everybody else nothing is held
* `no-own-information`: nothing is shown as the person's own, because somebody else may hold the card

A change that is to be announced enters the office's outbox in the transaction that writes it: once for each version.

Refused: a decision on something that nobody asked, or that was decided before.
Sources: DESIGN 5.3 (a provider's own flags), 5.5 (changes).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import AnnouncementRequest, Attributes, Mark, Reading
from kiban.shared import canonical
from kiban.shared.clock import Clock
from kiban.shared.database import Database, hold
from kiban.shared.exchanges import new_id
from kiban.shared.gathering import Gathering, looking
from kiban.shared.outbox import Outbox
from kiban.shared.problems import Problem
from kiban.world.office import store
from kiban.world.office.agencies import Agency, Holding
from kiban.world.office.store import Consultation, Kept

ANNOUNCE = "announce"
"""Topic of the office's outbox."""


class NothingToDecide(Problem):
    slug, title, status = "nothing-to-decide", "Nobody waits for this decision", 409


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as the country's files give it, or as the office itself will write it."""

    item: str
    values: Mapping[str, JsonValue]
    as_of: date
    flag: str = ""

    @property
    def digest(self) -> str:
        """Names what the file says, so that only a changed file changes the record."""
        said: canonical.JSON = [
            self.item,
            json.dumps(self.values, sort_keys=True),
            self.as_of.isoformat(),
            self.flag,
        ]
        return canonical.digest(said)


@dataclass(slots=True)
class OfficeRecords:
    """The records of one office; its gateway's `Records`."""

    agency: Agency
    db: Database
    outbox: Outbox
    clock: Clock
    portal: str = ""
    """Through whom people read their own records."""
    _found: Gathering[tuple[str, str], Kept | None] = field(init=False)

    def __post_init__(self) -> None:
        self._found = looking(self.db, store.find_records)

    async def read(
        self, person: str, item: str, *, inquirer: str, at: datetime, affair: str = ""
    ) -> Reading:
        """What is held of this item about this person, for this inquirer and affair."""
        holding = self.agency.holding(item)
        if holding is None:
            return await self._of_the_gateway(person, inquirer)
        kept = await self._found.add((person, item))
        if kept is None or kept.ended or not self._is_for(kept, inquirer):
            return "not-held"
        if inquirer == self.agency.id:
            return kept.held  # the office's own eyes: its flags are for others
        keeps_it_right = self._keeps_it_right(kept, holding, inquirer, affair)
        if kept.flag == "withheld" or self._hides(kept, holding, inquirer, keeps_it_right):
            return "withheld"
        if holding.answers == "after-a-clerk" or kept.flag == "no-automatic-answer":
            return await self._after_a_clerk(
                kept, Consultation(person, item, inquirer, kept.version), at
            )
        return kept.held if keeps_it_right else kept.unmarked

    def _is_for(self, kept: Kept, inquirer: str) -> bool:
        """What was told to one member is for that member, for the office itself, and for the person's own eyes."""
        return not kept.told_to or inquirer in {kept.told_to, self.agency.id, self.portal}

    def _keeps_it_right(self, kept: Kept, holding: Holding, inquirer: str, affair: str) -> bool:
        """Whether the inquirer follows this very record, or was told of it alone: they alone get the marks."""
        if inquirer == self.portal:
            return False
        return kept.told_to == inquirer or (bool(affair) and affair == holding.announces)

    def _hides(self, kept: Kept, holding: Holding, inquirer: str, keeps_it_right: bool) -> bool:
        """Whether what protects the person hides the record from this inquirer."""
        marks = kept.held.marks
        if "no-own-information" in marks and inquirer == self.portal:
            return True
        return "undisclosed" in marks and holding.tells_where and not keeps_it_right

    async def _of_the_gateway(self, person: str, inquirer: str) -> Reading:
        """What the gateway keeps itself, its record of exchanges, tells who asked here: nobody else is to see that."""
        async with self.db.look() as connection:
            marks = await store.find_marks(connection, person)
        return "withheld" if marks and inquirer != self.agency.id else "not-held"

    async def _after_a_clerk(self, kept: Kept, asked: Consultation, at: datetime) -> Reading:
        async with self.db.begin() as connection:
            await store.consult(connection, asked, at)
            decided = await store.find_consultation(connection, asked)
        if decided is None or decided.allowed is None:
            return "waits"
        return kept.unmarked if decided.allowed else "withheld"

    # --- the clerk ----------------------------------------------------------------------------

    async def waiting(self) -> list[Consultation]:
        """The inquiries that a clerk must look at, oldest first."""
        async with self.db.look() as connection:
            return await store.open_consultations(connection)

    async def decide(self, asked: Consultation, *, allowed: bool) -> None:
        """Let this inquirer have this version of the record, or not."""
        async with self.db.begin() as connection:
            noted = await store.decide_consultation(
                connection, asked, allowed=allowed, at=self.clock()
            )
        if not noted:
            raise NothingToDecide("it was decided before, or nobody asked")

    # --- writing ------------------------------------------------------------------------------

    async def load(self, person: str, attributes: Attributes, entries: Sequence[Entry]) -> None:
        """Take in what the files say of one person; what is known and unchanged stays as it is."""
        async with self.db.begin() as connection:
            await store.put_person(connection, person, attributes)
            for entry in entries:
                kept = await store.find_record(connection, person, entry.item)
                if kept is None or kept.loaded != entry.digest:
                    await self._write(connection, person, entry, kept)

    async def _write(
        self, connection: AsyncConnection, person: str, entry: Entry, kept: Kept | None
    ) -> None:
        version = await store.write_record(
            connection,
            person,
            entry.item,
            entry.values,
            as_of=entry.as_of,
            flag=entry.flag,
            loaded=entry.digest,
        )
        if kept is not None and version != kept.version:
            await self.announce(connection, person, entry.item, version)

    async def change(
        self,
        connection: AsyncConnection,
        person: str,
        entry: Entry,
        *,
        told_to: str | None = None,
        made_by: str | None = None,
    ) -> None:
        """
        Write a record in the caller's transaction, and announce it if it now says something else.

        Whether it is protected stays as it is.
        """
        kept = await self.lock(connection, person, entry.item)
        version = await store.write_record(
            connection,
            person,
            entry.item,
            entry.values,
            as_of=entry.as_of,
            flag=kept.flag if kept else entry.flag,
            told_to=told_to,
            made_by=made_by,
        )
        if kept is None or version != kept.version:
            await self.announce(connection, person, entry.item, version)

    async def protect(
        self, connection: AsyncConnection, person: str, marks: Sequence[Mark]
    ) -> None:
        """
        Protect a person in the caller's transaction, as these marks say; none ends it.

        Who follows a record of theirs is told that it changed, as of any change: the marks come with the answer.
        """
        await hold(connection, f"office marks {person}")
        if set(await store.find_marks(connection, person)) == set(marks):
            return
        await store.put_marks(connection, person, marks)
        for holding in self.agency.holds:
            kept = await self.lock(connection, person, holding.item)
            if holding.announces and kept is not None and not kept.ended:
                await store.renew_version(connection, person, holding.item)
                await self.announce(connection, person, holding.item, kept.version + 1)

    async def lock(self, connection: AsyncConnection, person: str, item: str) -> Kept | None:
        """The record as it is, and nobody else changes it until the caller's transaction ends."""
        await hold(connection, f"office record {person} {item}")
        return await store.find_record(connection, person, item)

    async def end(self, connection: AsyncConnection, person: str, item: str, on: date) -> None:
        """End a record in the caller's transaction, and announce that; one that is not held stays as it is."""
        kept = await self.lock(connection, person, item)
        if kept is not None and not kept.ended:
            await store.end_record(connection, person, item, on)
            await self.announce(connection, person, item, kept.version + 1)

    async def tell(
        self,
        connection: AsyncConnection,
        people: Sequence[str],
        item: str,
        *,
        to: str,
        affair: str,
        key: str,
    ) -> None:
        """Tell one member alone, in one announcement, that an item of these people changed; once for each key."""
        request = AnnouncementRequest(
            id=new_id(), to=to, affair=affair, item=item, people=list(people)
        )
        await self.outbox.put(
            connection, ANNOUNCE, request.model_dump(mode="json"), key=key, at=self.clock()
        )

    async def announce(
        self, connection: AsyncConnection, person: str, item: str, version: int
    ) -> None:
        """
        Put the announcement of a version into the outbox, if the office announces this item.

        Its id is drawn, not computed: whoever guesses the office's number for a person could try a computed one.
        """
        holding = self.agency.holding(item)
        if holding is None or holding.announces is None:
            return
        request = AnnouncementRequest(
            id=new_id(), affair=holding.announces, item=item, people=[person]
        )
        await self.outbox.put(
            connection,
            ANNOUNCE,
            request.model_dump(mode="json"),
            key=f"{person} {item} {version}",
            at=self.clock(),
        )
