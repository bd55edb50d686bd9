"""
Households (世帯): in which one those live who arrive.

Whoever moves in is a household of their own, with a head of their choice, or joins one that lives at exactly that
address.  Consent of who lives there is said at the counter, as in real life; the clerk sees them, and nobody else
learns from this who lives where.  Whoever of a notice comes later belongs to the household of the others.

Protection (支援措置) comes first: a household with somebody protected is never offered and cannot be joined, and
whoever is protected joins none, because the others' own pages would then say that they live there.

A household has no number: it is those at one address whose records name the same members.  A household that has
changed since the clerk saw it is another one.

Refused: a head who does not move (`HeadNotMoving`), a household that is not there any more, or elsewhere
(`HouseholdNotHere`), a relation that is not in the list or that nobody said (`RelationNeeded`).
Source: 住民基本台帳法 第22条第1項第4号 (世帯主の氏名及び続柄), 第25条 (世帯変更届).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.shared import canonical
from kiban.shared.problems import Problem
from kiban.world.office import store
from kiban.world.office.effects import Effect
from kiban.world.office.relations import (
    HEAD,
    TERMS,
    RelationNeeded,
    Said,
    default_head,
    restated,
)
from kiban.world.office.shelter import RESIDENT_RECORD
from kiban.world.writing import plain


class HeadNotMoving(Problem):
    slug, title, status = "head-not-moving", "The head of the household is not among them", 422


class HouseholdNotHere(Problem):
    slug, title, status = "household-not-here", "This household does not live there as shown", 409


@dataclass(frozen=True, slots=True)
class Living:
    """How those who come will live, as they say at the counter; nothing said is as the notice has it."""

    head: int | None = None
    joins: str = field(default="", repr=False)
    relations: Mapping[int, str] = field(default_factory=dict, repr=False)

    def said(self, number: int) -> str | None:
        """What somebody is said to be to the head, if anything."""
        relation = self.relations.get(number) or None
        if relation is not None and relation not in TERMS:
            raise RelationNeeded("a relation that the register does not know")
        return relation


@dataclass(frozen=True, slots=True)
class Comer:
    """Somebody who is to be written into a household."""

    number: int
    person: str
    said: Said = field(repr=False)
    """What was told of them."""


@dataclass(frozen=True, slots=True)
class Household:
    """Those whose records name the same members."""

    members: Sequence[Said] = field(repr=False)
    people: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Names it as it is now, so that whoever joins it joins what the clerk saw."""
        return canonical.digest(["household", json.dumps(list(map(dict, self.members)))])

    @property
    def head(self) -> str:
        return next(
            (str(one.get("name")) for one in self.members if one.get("relation") == HEAD), ""
        )


@dataclass(frozen=True, slots=True)
class Ways:
    """What the clerk's page offers."""

    head: int | None = None
    """Who would be head; nobody of those who come where they join others."""
    asked: tuple[int, ...] = ()
    """Of whom nobody but the family can say what they are to that head."""
    households: tuple[Household, ...] = ()
    moves_on: date | None = None
    """The day of the move, while it is still to come: nobody is taken in before it."""


def own(comers: Sequence[Comer], living: Living) -> tuple[Household, tuple[int, ...]]:
    """A household of those who come alone, and for whom it must be asked what they are."""
    place = default_head([each.said for each in comers])
    chosen = next((each for each in comers if each.number == living.head), comers[place])
    members, asked = [], list[int]()
    for each in comers:
        relation = HEAD if each is chosen else living.said(each.number)
        relation = relation or restated(each.said, chosen.said)
        if relation is None:
            asked.append(each.number)
        members.append({**each.said, "relation": relation or ""})
    return Household(members), tuple(asked)


def joined(
    home: Household, comers: Sequence[Comer], living: Living, of_notice: Sequence[Said] = ()
) -> tuple[Household, tuple[int, ...]]:
    """A household with those who join it; whose head came under the same notice, it says what they are to them."""
    head = next((one for one in of_notice if _is_head(home, one)), None)
    members, asked = list(home.members), list[int]()
    for each in comers:
        relation = living.said(each.number) or (restated(each.said, head) if head else None)
        if relation is None:
            asked.append(each.number)
        members.append({**each.said, "relation": relation or ""})
    return replace(home, members=members), tuple(asked)


def _is_head(home: Household, one: Said) -> bool:
    """Whether this is who heads the household: by name and date of birth."""
    return any(
        each.get("relation") == HEAD
        and plain(str(each.get("name"))) == plain(str(one.get("name")))
        and each.get("birth_date") == one.get("birth_date")
        for each in home.members
    )


# --- who lives where --------------------------------------------------------------------------------


async def at(connection: AsyncConnection, address: str, effect: Effect) -> list[Household]:
    """The households that live whole at exactly this address, and of whom nobody is protected."""
    residents = await store.held_of(connection, RESIDENT_RECORD)
    here = [
        person
        for person, values in residents
        if plain(str(values.get("address"))) == plain(address)
    ]
    found: dict[str, Household] = {}
    hidden = set[str]()
    for person, kept in zip(here, await _kept(connection, here, effect.item), strict=True):
        if kept is None or kept.ended:
            continue
        one = Household(entries(kept.held.values.get(effect.listed)), (person,))
        known = found.get(one.id)
        found[one.id] = replace(known, people=(*known.people, person)) if known else one
        if kept.held.marks or kept.flag:
            hidden.add(one.id)
    return [
        one
        for name, one in found.items()
        if name not in hidden and one.head and len(one.people) == len(one.members)
    ]


async def of_members(connection: AsyncConnection, members: JsonValue, effect: Effect) -> Household:
    """The household whose records name exactly these."""
    listed = entries(members)
    people = list[str]()
    for each in listed:
        likely = await store.find_people(
            connection, str(each.get("name")), str(each.get("birth_date"))
        )
        for person, kept in zip(likely, await _kept(connection, likely, effect.item), strict=True):
            if kept and not kept.ended and kept.held.values.get(effect.listed) == members:
                people.append(person)
    return Household(listed, tuple(people))


def entries(listed: JsonValue) -> list[Said]:
    """Who stands in a list of members."""
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


async def _kept(
    connection: AsyncConnection, people: Sequence[str], item: str
) -> list[store.Kept | None]:
    if not people:
        return []
    return await store.find_records(connection, [(person, item) for person in people])
