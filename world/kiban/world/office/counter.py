"""
The counter (窓口): who is expected to move in, and who has arrived.

A notice of moving in (転入届) is given face to face.  What another municipality told this one ahead
(転出証明書情報の事前通知) was asked for and lies here; the clerk sees it, and says that everybody of a notice has come.
Then, in one transaction: their records of this office, and that they have moved in, told to the old municipality alone.
Whoever of the notice is heard of later arrives later, and joins the household of the others.

What the old municipality no longer holds is withdrawn; who has arrived stays so, whatever is heard later.

Refused (`NothingToDecide`): a notice of which nobody is expected: it was withdrawn, has arrived before, or is unknown.
`ToldWrong`: what was told does not have the form of its layout.
Source: plan rows PTL-30, MSH-35; in real life 住民基本台帳法 第9条, 第22条, 第24条の2.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any, Literal

from pydantic import JsonValue, ValidationError
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Attributes, Statement
from kiban.shared.clock import Clock
from kiban.shared.database import Database, hold
from kiban.shared.problems import Problem
from kiban.world.layouts import Layout, Misfit
from kiban.world.office import arrivals, store
from kiban.world.office.agencies import Expectation
from kiban.world.office.effects import Decided, Effect
from kiban.world.office.following import Heard
from kiban.world.office.granting import notice_lock
from kiban.world.office.records import Entry, NothingToDecide, OfficeRecords, day
from kiban.world.writing import SEX_BY_REGISTER

State = Literal["expected", "arrived", "withdrawn"]
_NOTICE = re.compile(r"[0-9a-f]{32}")


class ToldWrong(Problem):
    slug, title, status = "told-wrong", "What an office told does not fit its layout", 422


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

    async def arrive(self, notice: str) -> None:
        """Everybody of this notice has arrived today."""
        today = day(self.clock())
        async with self.db.begin() as connection:
            await hold(connection, notice_lock(notice))
            rows = await arrivals.of_notice(connection, notice)
            coming = [row.number for row in rows if row.state == "expected"]
            if not coming:
                raise NothingToDecide("nobody is expected under this notice")
            for (item, _), group in groupby(sorted(rows, key=_told), key=_told):
                await self._enter(connection, item, [_arrival(row) for row in group], today)
            await arrivals.note_arrived(connection, coming)

    async def _enter(
        self, connection: AsyncConnection, item: str, together: Sequence[Arrival], today: date
    ) -> None:
        """Write what the office's file says of those who come together from one place, and tell that place."""
        expectation = next((each for each in self.expects if each.item == item), None)
        if expectation is None:
            raise NothingToDecide("the office's file expects nobody like this any more")
        coming = [each for each in together if each.state == "expected"]
        for effect in expectation.applies:
            for each in sorted(together, key=lambda one: one.person):
                if each in coming or await self._is_to_join(connection, effect, each):
                    await self._write(connection, effect, each, _drawn(item, each, together, today))
            if effect.affair and coming:
                await self._tell(connection, effect, coming)

    async def _is_to_join(
        self, connection: AsyncConnection, effect: Effect, earlier: Arrival
    ) -> bool:
        """Whether what says who came together is to name whoever comes later, too: not after another move."""
        if not effect.names_everybody:
            return False
        kept = await self.records.lock(connection, earlier.person, effect.item)
        return kept is not None and not kept.ended and kept.made_by == earlier.notice

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


def _drawn(item: str, arrival: Arrival, together: Sequence[Arrival], today: date) -> Decided:
    """The day of a record may be a field of what was told: nobody has moved later than they came."""
    return Decided(
        answers=arrival.values,
        readings={item: arrival.values},
        on=today,
        origin=arrival.came_from,
        everybody=sorted((each.values for each in together), key=_age),
    )


def _age(values: Mapping[str, JsonValue]) -> str:
    """A household is written down from the eldest on; ISO 8601 sorts as it reads."""
    return str(values["birth_date"])


def _told(row: Row[Any]) -> tuple[str, str]:
    return row.item, row.came_from


def _arrival(row: Row[Any]) -> Arrival:
    return Arrival(row.number, row.notice, row.person, row.came_from, row.values, row.state)
