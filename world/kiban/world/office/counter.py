"""
The counter (窓口): who is expected to move in, and who has arrived.

A notice of moving in (転入届) is given face to face.  What another municipality told this one ahead
(転出証明書情報の事前通知) was asked for and lies here; the clerk sees it, and says that everybody of a notice has come.
Then, in one transaction: their records of this office, and that they have moved in, told to the old municipality alone.
Whoever of the notice is heard of later arrives later, and joins the household of the others.  Those who come are a
household of their own, or join one (`households`); then its records are rewritten in the same transaction.

What the old municipality no longer holds is withdrawn; who has arrived stays so, whatever is heard later.

Refused (`NothingToDecide`): a notice of which nobody is expected: it was withdrawn, has arrived before, or is unknown.
`MoveToCome`: a move whose day is still to come, because a notice of moving in is given after the move (第22条).
`ToldWrong`: what was told does not have the form of its layout.
Source: plan rows PTL-30, MSH-35; in real life 住民基本台帳法 第9条, 第22条, 第24条の2.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from typing import Any, Literal

from pydantic import JsonValue, ValidationError
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Attributes, Statement
from kiban.shared.clock import Clock, day_in_japan
from kiban.shared.database import Database, hold
from kiban.shared.problems import Problem
from kiban.world.layouts import Layout, Misfit
from kiban.world.office import arrivals, households, store
from kiban.world.office.agencies import Expectation
from kiban.world.office.effects import Decided, Effect
from kiban.world.office.following import Heard
from kiban.world.office.granting import notice_lock
from kiban.world.office.households import (
    Comer,
    HeadNotMoving,
    Household,
    HouseholdNotHere,
    Living,
    Ways,
    joined,
    own,
)
from kiban.world.office.records import Entry, NothingToDecide, OfficeRecords
from kiban.world.office.relations import RelationNeeded
from kiban.world.writing import SEX_BY_REGISTER, plain

State = Literal["expected", "arrived", "withdrawn"]
_NOTICE = re.compile(r"[0-9a-f]{32}")


class ToldWrong(Problem):
    slug, title, status = "told-wrong", "What an office told does not fit its layout", 422


class MoveToCome(Problem):
    slug, title, status = "move-to-come", "The day of the move is still to come", 409


@dataclass(frozen=True, slots=True)
class Arrival:
    """One person of a notice of moving out, as the old municipality told of them."""

    number: int
    notice: str
    """Those who move together have one notice: the application at the old municipality."""
    person: str
    came_from: str
    values: Mapping[str, JsonValue] = field(repr=False)
    state: State
    item: str
    """What it was told under."""

    @property
    def moves_on(self) -> date:
        return date.fromisoformat(str(self.values["moving_day"]))


def attributes(values: Mapping[str, JsonValue], address: str) -> Attributes:
    """What an office knows of anybody (基本4情報), out of what was told: at one of the two addresses."""
    return Attributes(
        name=str(values["name"]),
        name_kana=str(values["name_kana"]),
        birth_date=str(values["birth_date"]),
        sex=SEX_BY_REGISTER[str(values["sex"])],
        address=str(values[address]),
    )


@dataclass(frozen=True, slots=True)
class Expecting:
    """Takes in whom another office tells this one alone to expect (its `Hearer`)."""

    expectation: Expectation
    layout: Layout
    clock: Clock

    @property
    def affair(self) -> str:
        return self.expectation.affair

    async def hear(
        self, connection: AsyncConnection, heard: Heard, statement: Statement | None
    ) -> None:
        """Expect the person whom the provider tells of; what it no longer holds, it has withdrawn."""
        notice = None
        if statement:
            values = self._read(statement)
            notice = str(values["notice"])
            await self._enter(connection, heard.person, attributes(values, "old_address"))
            await arrivals.expect(
                connection,
                heard.person,
                heard.item,
                values,
                notice=notice,
                came_from=heard.provider,
            )
        await arrivals.withdraw(connection, heard.provider, heard.person, but=notice)

    def _read(self, statement: Statement) -> Mapping[str, JsonValue]:
        """What is told of a person, in the form of its layout, and good for what an office knows of anybody."""
        try:
            self._check(statement.values)
            attributes(statement.values, "old_address")
            attributes(statement.values, "new_address")
        except (Misfit, KeyError, ValidationError) as error:
            raise ToldWrong(rule="layout", sent=statement.provider) from error
        return statement.values

    def _check(self, values: dict[str, JsonValue]) -> None:
        self.layout.check(values)
        if not _NOTICE.fullmatch(str(values["notice"])):
            raise Misfit("notice: expected the number of an application")

    async def _enter(
        self, connection: AsyncConnection, person: str, attributes: Attributes
    ) -> None:
        """Who is new to the office becomes one of its people; the gateway has their pseudonym already."""
        await store.put_person(connection, person, attributes)
        await store.note_acquired(connection, person, self.clock())


@dataclass(frozen=True, slots=True)
class Home:
    """Those of a notice who come from one place, and the household in which they will live."""

    expectation: Expectation
    coming: tuple[Arrival, ...]
    listing: Effect | None
    """Which of the effects names everybody of a household."""
    before: Household | None = None
    """As it was before they came; their own was none."""
    household: Household = field(default_factory=lambda: Household(()))
    asked: tuple[int, ...] = ()
    later: bool = False
    """Whether it is that of others of the same notice, who came earlier."""

    @property
    def head(self) -> int | None:
        """Who of those who come is its head."""
        for each in self.coming:
            if not self.before and plain(str(each.values["name"])) == plain(self.household.head):
                return each.number
        return None

    def still_names(self, values: Mapping[str, JsonValue]) -> bool:
        """Whether a record says what this household was before."""
        listed = values.get(self.listing.listed) if self.listing else None
        return self.before is not None and households.entries(listed) == list(self.before.members)

    def drawn(self, arrival: Arrival, today: date) -> Decided:
        """The day of a record may be a field of what was told: nobody has moved later than they came."""
        return Decided(
            answers=arrival.values,
            readings={arrival.item: arrival.values},
            on=today,
            origin=arrival.came_from,
            everybody=self.household.members,
        )


@dataclass(frozen=True, slots=True)
class Counter:
    """The counter of one office."""

    expects: Sequence[Expectation]
    records: OfficeRecords
    db: Database
    clock: Clock

    async def arrivals(self) -> list[Arrival]:
        """Everybody who is or was expected, by notice, in the order in which the office heard of them."""
        async with self.db.look() as connection:
            found = [_arrival(row) for row in await arrivals.everybody(connection)]
        first = {each.notice: each.number for each in reversed(found)}
        return sorted(found, key=lambda each: (first[each.notice], each.number))

    async def ways(self, notice: str, head: int | None = None) -> Ways:
        """How those of a notice who are expected may live here, and what must be asked if this one is head."""
        async with self.db.look() as connection:
            together = await self._of_notice(connection, notice)
            moves_on = _to_come(together, day_in_japan(self.clock()))
            homes = await self._homes(connection, together, Living(head))
            beside = next((one for one in homes if not one.later), None)
            found = await self._neighbours(connection, beside) if len(homes) == 1 and beside else []
        return Ways(
            head=beside.head if beside else None,
            asked=tuple(number for one in homes for number in one.asked),
            households=tuple(found),
            moves_on=moves_on,
        )

    async def arrive(self, notice: str, living: Living = Living()) -> None:  # noqa: B008  a value
        """Everybody of this notice has arrived today, and lives as they say."""
        today = day_in_japan(self.clock())
        async with self.db.begin() as connection:
            await hold(connection, notice_lock(notice))
            together = await self._of_notice(connection, notice)
            coming = [each.number for each in together if each.state == "expected"]
            if not coming:
                raise NothingToDecide("nobody is expected under this notice")
            if moves_on := _to_come(together, today):
                raise MoveToCome(f"the move is on {moves_on}", rule="住民基本台帳法 第22条")
            if living.head is not None and living.head not in coming:
                raise HeadNotMoving("somebody else than those who come")
            for home in await self._homes(connection, together, living):
                await self._enter(connection, home, today)
            await arrivals.note_arrived(connection, coming)

    async def _of_notice(self, connection: AsyncConnection, notice: str) -> list[Arrival]:
        rows = await arrivals.of_notice(connection, notice)
        return [_arrival(row) for row in sorted(rows, key=_told)]

    # --- in which household ---------------------------------------------------------------------

    async def _homes(
        self,
        connection: AsyncConnection,
        together: Sequence[Arrival],
        living: Living,
    ) -> list[Home]:
        """Those who come together from one place, with the household in which they will live."""
        groups = groupby(together, key=lambda each: (each.item, each.came_from))
        places = [list(group) for _, group in groups]
        homes = [
            await self._home(connection, place, living)
            for place in places
            if any(each.state == "expected" for each in place)
        ]
        if living.joins and (len(homes) != 1 or homes[0].later):
            raise HouseholdNotHere("those of this notice do not join another household")
        return homes

    async def _home(
        self, connection: AsyncConnection, together: Sequence[Arrival], living: Living
    ) -> Home:
        expectation = self._expectation(together[0].item)
        listing = next((one for one in expectation.applies if one.listed), None)
        coming = tuple(
            sorted(
                (each for each in together if each.state == "expected"), key=lambda one: one.person
            )
        )
        home = Home(expectation, coming, listing)
        if listing is None:
            return home
        comers = [Comer(each.number, each.person, each.values) for each in sorted(coming, key=_age)]
        before = await self._before(connection, together, listing)
        if before is None and living.joins:
            before = await self._to_join(connection, home, living.joins)
            household, asked = joined(before, comers, living)
        elif before is not None:
            household, asked = joined(before, comers, living, [each.values for each in together])
            home = replace(home, later=True)
        else:
            household, asked = own(comers, living)
        return replace(home, before=before, household=household, asked=asked)

    def _expectation(self, item: str) -> Expectation:
        expectation = next((each for each in self.expects if each.item == item), None)
        if expectation is None:
            raise NothingToDecide("the office's file expects nobody like this any more")
        return expectation

    async def _before(
        self, connection: AsyncConnection, together: Sequence[Arrival], listing: Effect
    ) -> Household | None:
        """The household of those who came earlier under the same notice, unless they have moved on since."""
        for each in together:
            if each.state == "arrived":
                kept = await store.find_held(connection, each.person, listing.item)
                if kept and kept.made_by == each.notice:
                    found = await households.of_members(
                        connection, kept.held.values.get(listing.listed), listing
                    )
                    return await self._unless_protected(connection, together, found)
        return None

    async def _unless_protected(
        self, connection: AsyncConnection, together: Sequence[Arrival], found: Household
    ) -> Household | None:
        """The household, unless others than those of the notice live in it, and anybody is protected."""
        people = {each.person for each in together}
        marks = [await store.find_marks(connection, each) for each in people.union(found.people)]
        return None if any(marks) and not people.issuperset(found.people) else found

    async def _to_join(self, connection: AsyncConnection, home: Home, name: str) -> Household:
        for each in await self._neighbours(connection, home):
            if each.id == name:
                return each
        raise HouseholdNotHere("it has changed meanwhile, or lives elsewhere")

    async def _neighbours(self, connection: AsyncConnection, home: Home) -> list[Household]:
        """The households that those who come can join; nobody joins, and is joined by, the protected."""
        addresses = {str(each.values["new_address"]) for each in home.coming}
        marks = [await store.find_marks(connection, each.person) for each in home.coming]
        if home.listing is None or len(addresses) != 1 or any(marks):
            return []
        return await households.at(connection, addresses.pop(), home.listing)

    # --- written down ---------------------------------------------------------------------------

    async def _enter(self, connection: AsyncConnection, home: Home, today: date) -> None:
        """Write what the office's file says of those who come together from one place, and tell that place."""
        if home.asked:
            raise RelationNeeded(rule="what each of those who are asked for is to the head")
        for effect in home.expectation.applies:
            for each in home.coming:
                await self._write(connection, effect, each, home.drawn(each, today))
            if effect.listed:
                await self._rewrite(connection, effect, home, today)
            if effect.affair:
                await self._tell(connection, effect, home.coming)

    async def _rewrite(
        self, connection: AsyncConnection, effect: Effect, home: Home, today: date
    ) -> None:
        """Name those who come in the records of who lived in this household before."""
        decided = home.drawn(home.coming[0], today)
        listed = effect.values(decided)[effect.listed]
        for person in sorted(home.before.people) if home.before else ():
            kept = await self.records.lock(connection, person, effect.item)
            if kept is None or kept.ended or not home.still_names(kept.held.values):
                raise HouseholdNotHere("it has changed meanwhile")
            since = max(effect.as_of(decided), date.fromisoformat(kept.held.as_of))
            entry = Entry(effect.item, {**kept.held.values, effect.listed: listed}, since)
            await self.records.change(
                connection, person, entry, told_to=kept.told_to, made_by=kept.made_by
            )

    async def _write(
        self, connection: AsyncConnection, effect: Effect, arrival: Arrival, decided: Decided
    ) -> None:
        entry = Entry(effect.item, effect.values(decided), effect.as_of(decided))
        told_to = arrival.came_from if effect.affair else None
        await self.records.change(
            connection, arrival.person, entry, told_to=told_to, made_by=arrival.notice
        )

    async def _tell(
        self, connection: AsyncConnection, effect: Effect, coming: Sequence[Arrival]
    ) -> None:
        """Tell the old municipality alone, in one announcement."""
        first = coming[0]
        await self.records.tell(
            connection,
            [each.person for each in coming],
            effect.item,
            to=first.came_from,
            affair=effect.affair,
            key=f"{first.notice} {first.number} {effect.item}",
        )


def _to_come(together: Sequence[Arrival], today: date) -> date | None:
    """The last day on which any of those who are expected moves, if it is still to come."""
    days = [each.moves_on for each in together if each.state == "expected"]
    last = max(days, default=today)
    return last if last > today else None


def _age(arrival: Arrival) -> str:
    """A household is written down from the eldest on; ISO 8601 sorts as it reads."""
    return str(arrival.values["birth_date"])


def _told(row: Row[Any]) -> tuple[str, str]:
    """By where it was told from, and there in the order in which it was heard."""
    return row.item, row.came_from


def _arrival(row: Row[Any]) -> Arrival:
    return Arrival(
        row.number, row.notice, row.person, row.came_from, row.values, row.state, row.item
    )
