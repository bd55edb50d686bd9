"""
Granting: what a grant writes, whom it tells, and what it takes back.

Made before the transaction that decides: for whom each record is, and what it says.  People whom a citizen chose of a
list are found among the office's own by name and date of birth, with the records of the office's own that are needed.
In the transaction: the records, and where an office is told alone (事前通知) one announcement for everybody.

Refused (`Returned`): somebody who is not found, or found twice; somebody of whom an office has been told already and
who has not arrived.  `Overtaken`: what is to be withdrawn has ended, or somebody of it has arrived, since it was read.
"""

from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.shared.database import hold
from kiban.world.office import cases, decisions, store
from kiban.world.office.agencies import Acceptance, Withdrawal
from kiban.world.office.conditions import Values
from kiban.world.office.decisions import Decision, Returned
from kiban.world.office.effects import Decided, Effect
from kiban.world.office.receipts import Receipts
from kiban.world.office.records import Entry, OfficeRecords
from kiban.world.writing import SEX_IN_THE_REGISTER


class Overtaken(Exception):  # noqa: N818  named by what happened
    """What was to be withdrawn can no longer be."""


@dataclass(frozen=True, slots=True)
class Writing:
    """One record that is to be written for one person."""

    person: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Part:
    """What one effect writes, and who alone is told of it."""

    writings: tuple[Writing, ...]
    item: str
    affair: str = ""
    told_to: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Everything that one grant does."""

    application: str
    person: str
    on: date
    parts: tuple[Part, ...] = ()
    withdraws: Withdrawal | None = None


@dataclass(frozen=True, slots=True)
class Granting:
    """The writing side of one office's desk."""

    records: OfficeRecords
    receipts: Receipts

    # --- before the transaction -----------------------------------------------------------------

    async def plan(
        self, acceptance: Acceptance, application: str, person: str, decided: Decided
    ) -> Grant:
        """What the grant of an application will do."""
        decided = replace(decided, notice=application)
        return Grant(
            application=application,
            person=person,
            on=decided.on,
            parts=tuple([await self._part(each, person, decided) for each in acceptance.applies]),
            withdraws=acceptance.withdraws,
        )

    async def _part(self, effect: Effect, person: str, decided: Decided) -> Part:
        draws = await self._everybody(effect, decided) if effect.each else {person: decided}
        writings = tuple(
            Writing(one, Entry(effect.item, effect.values(draw), effect.as_of(draw)))
            for one, draw in draws.items()
        )
        address = decided.answers.get(effect.to)
        told_to = str(address["office"]) if isinstance(address, dict) else None
        return Part(writings, effect.item, effect.affair, told_to)

    async def _everybody(self, effect: Effect, decided: Decided) -> dict[str, Decided]:
        """Everybody for whom the effect is, by the office's number, with what it draws from for each."""
        chosen = decided.answers.get(effect.each)
        entries = chosen if isinstance(chosen, list) else []
        return dict(
            [await self._one(effect, decided, one) for one in entries if isinstance(one, dict)]
        )

    async def _one(self, effect: Effect, decided: Decided, entry: Values) -> tuple[str, Decided]:
        """The one of the office's people whom an entry means, with their own records."""
        name = str(entry.get("name"))
        async with self.records.db.read() as connection:
            likely = await store.find_people(connection, name, str(entry.get("birth_date")))
            found = [await self._draw(connection, effect, decided, each) for each in likely]
        match [each for each in found if each is not None]:
            case [(person, draw)]:
                return person, replace(draw, entry=entry)
            case []:
                raise Returned(decisions.NOT_FOUND, name)
            case _:
                raise Returned(decisions.FOUND_TWICE, name)

    async def _draw(
        self, connection: AsyncConnection, effect: Effect, decided: Decided, person: str
    ) -> tuple[str, Decided] | None:
        """What an effect draws from for one person; nothing where a record is lacking that it needs."""
        own = {item: await store.find_held(connection, person, item) for item in effect.own}
        known = await store.find_person(connection, person)
        held = {item: kept.held.values for item, kept in own.items() if kept}
        if known is None or len(held) < len(own):
            return None
        written = {**known.model_dump(), "sex": SEX_IN_THE_REGISTER[known.sex]}
        return person, replace(decided, own=held, person=written)

    # --- in the transaction ---------------------------------------------------------------------

    async def write(self, connection: AsyncConnection, grant: Grant) -> None:
        """Do everything in the caller's transaction."""
        for part in grant.parts:
            await self._write(connection, grant, part)
        if grant.withdraws:
            await self._withdraw(connection, grant, grant.withdraws)

    async def _write(self, connection: AsyncConnection, grant: Grant, part: Part) -> None:
        for writing in sorted(part.writings, key=lambda each: each.person):
            if part.told_to:
                await self._check_untold(connection, writing)
            await self.records.change(
                connection,
                writing.person,
                writing.entry,
                told_to=part.told_to,
                made_by=grant.application,
            )
        if part.told_to and part.writings:
            await self.records.tell(
                connection,
                [each.person for each in part.writings],
                part.item,
                to=part.told_to,
                affair=part.affair,
                key=f"{grant.application} {part.item}",
            )

    async def _check_untold(self, connection: AsyncConnection, writing: Writing) -> None:
        """Nobody is told of twice before the first has ended: two offices would expect one person."""
        kept = await self.records.lock(connection, writing.person, writing.entry.item)
        if kept is not None and not kept.ended:
            raise Returned(decisions.TOLD_ALREADY, str(writing.entry.values.get("name", "")))

    async def _withdraw(
        self, connection: AsyncConnection, grant: Grant, withdrawal: Withdrawal
    ) -> None:
        """End what the earlier application wrote, for everybody of it, and tell the citizen and who was told."""
        earlier = await store.find_held(connection, grant.person, withdrawal.item)
        if earlier is None or earlier.made_by is None or earlier.told_to is None:
            raise Overtaken
        await hold(connection, notice_lock(earlier.made_by))
        made = await store.made_by(connection, earlier.made_by, withdrawal.item)
        application = await cases.find_application(connection, earlier.made_by)
        if application is None or any(each.ended for each in made):
            raise Overtaken
        await self.receipts.note(
            connection, application, Decision("withdrawn", withdrawal.withdrawn)
        )
        for each in made:
            await self.records.end(connection, each.person, withdrawal.item, grant.on)
        await self.records.tell(
            connection,
            [each.person for each in made],
            withdrawal.item,
            to=earlier.told_to,
            affair=withdrawal.affair,
            key=f"{grant.application} {withdrawal.item}",
        )


def notice_lock(notice: str) -> str:
    """What whoever changes the records of a notice holds."""
    return f"office notice {notice}"
