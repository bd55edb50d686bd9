"""
Taking an edition in: whole, or not at all.

One transaction compares what a source states with what the register holds, appends the differences and writes the
edition down.  Whoever is killed in the middle leaves nothing; an edition that the register ended with is not read
again; of several copies that start at once, one takes it in and the others find it done.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from itertools import groupby, islice

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.registry import editions, entities, japan_post, source, store
from kiban.registry.contract import Source
from kiban.registry.directory import Directory
from kiban.registry.editions import Change, Edition, Held
from kiban.registry.facts import EntityFacts, Facts, MunicipalityFacts, TownFacts
from kiban.registry.gazetteer import Gazetteer, Place, Shelf
from kiban.registry.register import Listed
from kiban.registry.settings import RegistrySettings
from kiban.shared.clock import Clock
from kiban.shared.country import Mistakes
from kiban.shared.database import Database, hold

_AT_ONCE = 200
"""Municipalities that are read before the loop gets its turn again."""

Counted = Callable[[], int]


async def is_newest(db: Database, source: Source, name: str) -> bool:
    """Say whether the register's newest edition of this source is this one."""
    async with db.read() as connection:
        return await _is_newest(connection, source, name)


async def take_places(
    db: Database, name: str, groups: Iterator[list[Facts]], counted: Counted, clock: Clock
) -> None:
    """Take in municipalities and towns, one municipality at a time."""
    async with db.begin() as connection:
        await hold(connection, "registry intake")
        if await _is_newest(connection, "japan-post", name):
            return
        taking = await _Taking.begin(connection)
        before = await store.held(connection, MunicipalityFacts)
        while batch := await asyncio.to_thread(_next, groups):
            for group in batch:
                await taking.take(_only(before, group), group, towns_of=group[0].id)
        for code, place in before.items():
            await taking.take({code: place}, [], towns_of=code)
        await taking.end("japan-post", name, counted(), clock)


async def take_entities(
    db: Database, name: str, entities: Iterable[EntityFacts], clock: Clock
) -> None:
    """Take in the legal entities of the country."""
    stated = list(entities)
    async with db.begin() as connection:
        await hold(connection, "registry intake")
        if await _is_newest(connection, "country", name):
            return
        taking = await _Taking.begin(connection)
        taking.compare(await store.held(connection, EntityFacts), stated)
        await taking.end("country", name, len(stated), clock)


class _Taking:
    """One edition on its way in."""

    def __init__(self, connection: AsyncConnection, number: int, sequence: int) -> None:
        self._connection = connection
        self._number = number
        self._start = self._sequence = sequence
        self._waiting: list[Change] = []

    @classmethod
    async def begin(cls, connection: AsyncConnection) -> "_Taking":
        number = await store.next_edition(connection)
        return cls(connection, number, await store.last_sequence(connection))

    async def take(
        self, places: Mapping[str, Held[Facts]], stated: list[Facts], *, towns_of: str
    ) -> None:
        """Compare one municipality and its towns; in an empty register there is nothing to ask for."""
        held: dict[str, Held[Facts]] = dict(places)
        if self._start:
            held |= await store.held(self._connection, TownFacts, beginning=f"{towns_of}-")
        self.compare(held, stated)
        if len(self._waiting) >= store.CHUNK:
            await self._write()

    def compare(self, held: Mapping[str, Held[Facts]], stated: Iterable[Facts]) -> None:
        self._waiting += editions.compare(held, stated)

    async def _write(self) -> None:
        self._sequence = await store.append(
            self._connection, self._number, self._waiting, after=self._sequence
        )
        self._waiting.clear()

    async def end(self, source: Source, name: str, rows: int, clock: Clock) -> None:
        await self._write()
        changes = self._sequence - self._start
        edition = Edition(source, name, clock(), rows, changes, self._sequence)
        await store.record_edition(self._connection, self._number, edition)


async def _is_newest(connection: AsyncConnection, source: Source, name: str) -> bool:
    of_it = [each for each in await store.editions(connection) if each.source == source]
    return bool(of_it) and of_it[-1].name == name


def _next(groups: Iterator[list[Facts]]) -> list[list[Facts]]:
    return list(islice(groups, _AT_ONCE))


def _only(
    before: dict[str, Held[MunicipalityFacts]], group: list[Facts]
) -> dict[str, Held[MunicipalityFacts]]:
    """Take out of what was held the municipalities that a group states."""
    return {facts.id: before.pop(facts.id) for facts in group if facts.id in before}


async def take_all(db: Database, settings: RegistrySettings, clock: Clock) -> None:
    """Take in what the register does not end with yet: the postal data, then the country's entities."""
    data = source.chosen(settings.postal_data)
    if not await is_newest(db, "japan-post", data.edition):
        counted = source.Counted(source.rows(data))
        await take_places(db, data.edition, japan_post.groups(counted), lambda: counted.rows, clock)
    edition = entities.edition(settings.country)
    if not await is_newest(db, "country", edition):
        seats = await _seats(db, entities.municipalities(settings.country))
        mistakes = Mistakes()
        found = entities.read(settings.country, mistakes, seats.get)
        mistakes.check()
        await take_entities(db, edition, found, clock)


async def listed(db: Database) -> Listed:
    """Put everything that is listed into memory."""
    async with db.read() as connection:
        sequence = await store.last_sequence(connection)
        places = {
            held.facts.id: Place.of(held)
            async for some in store.newest(connection, MunicipalityFacts)
            for held in some
            if not held.withdrawn
        }
        shelves = {shelf.municipality: shelf async for shelf in _shelves(connection)}
        known = [held async for some in store.newest(connection, EntityFacts) for held in some]
        taken = await store.editions(connection)
    directory = Directory(held for held in known if not held.withdrawn)
    return Listed(Gazetteer(sequence, places, shelves), directory, taken)


async def _shelves(connection: AsyncConnection) -> AsyncIterator[Shelf]:
    """Put towns on shelves as they come, municipality by municipality."""
    waiting: list[Held[TownFacts]] = []
    async for some in store.newest(connection, TownFacts):
        shelves = [list(of_it) for _, of_it in groupby(waiting + some, key=_municipality)]
        waiting = shelves.pop() if shelves else []
        for towns in shelves:
            if listed_towns := _only_listed(towns):
                yield Shelf(_municipality(towns[0]), listed_towns)
    if listed_towns := _only_listed(waiting):
        yield Shelf(_municipality(waiting[0]), listed_towns)


def _municipality(held: Held[TownFacts]) -> str:
    return held.facts.municipality


def _only_listed(towns: list[Held[TownFacts]]) -> list[Held[TownFacts]]:
    return [held for held in towns if not held.withdrawn]


async def _seats(db: Database, codes: Iterable[str]) -> dict[str, entities.Found]:
    """Give the municipalities of these codes that are listed, with their towns."""
    seats = {}
    async with db.read() as connection:
        for code in codes:
            places = await store.held(connection, MunicipalityFacts, beginning=code)
            towns = await store.held(connection, TownFacts, beginning=f"{code}-")
            if code in places and not places[code].withdrawn:
                listed_towns = [each.facts for each in towns.values() if not each.withdrawn]
                seats[code] = entities.Found(places[code].facts, listed_towns)
    return seats
