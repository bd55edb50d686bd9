"""
The gazetteer: every place that is listed now, in memory, for look-ups that must be fast.

A municipality's towns stand on one shelf: a single text with a line for each town, folded spelling first.  That is
a tenth of what as many objects would take, and Python searches a text at the speed of memory, so that ids, names in
kanji and in kana, and parts of whole addresses are found without an index.  Postal codes have one sorted array.

The gazetteer does not change: a register that took in another edition gets another one.
"""

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kiban.registry.editions import Held
from kiban.registry.facts import MunicipalityFacts, PostalCode, TownFacts
from kiban.registry.spelling import canonical

_NAME, _READING, _FIELD = "\n", "\v", "\t"
"""What stands before a folded name, before its folded reading, and before each further field of a line."""


@dataclass(frozen=True, slots=True)
class Place:
    """A municipality as it is listed, with the ways to write the beginning of its addresses."""

    facts: MunicipalityFacts
    held: Held[MunicipalityFacts]
    written: tuple[str, ...]
    read: str

    @classmethod
    def of(cls, held: Held[MunicipalityFacts]) -> "Place":
        facts = held.facts
        full = canonical(facts.prefecture + facts.name)
        short = canonical(facts.prefecture + facts.city + facts.ward)
        written = (full,) if full == short else (full, short)
        return cls(facts, held, written, canonical(facts.prefecture_kana + facts.kana))


class Shelf:
    """The towns of one municipality.  A town's place on it is where its line begins."""

    def __init__(self, municipality: str, towns: Iterable[Held[TownFacts]]) -> None:
        self.municipality = municipality
        ordered = sorted(towns, key=_reading_order)
        self.text = "".join(map(_line, ordered)) + _NAME
        self.codes = array(
            "I", sorted({int(each.code) for held in ordered for each in held.facts.postal})
        )

    @property
    def size(self) -> int:
        return self.text.count(_NAME) - 1

    def town(self, town_id: str) -> Held[TownFacts] | None:
        at = self.text.find(f"{_FIELD}{town_id[6:]}{_FIELD}")
        return None if at < 0 else self.at(self.text.rfind(_NAME, 0, at))

    def at(self, place: int) -> Held[TownFacts]:
        """Read the line that begins here."""
        line = self.text[place + 1 : self.text.index(_NAME, place + 1)]
        _, end, sequence, kind, chome, name, kana, postal = line.split(_FIELD)
        codes = tuple(PostalCode(code, note) for code, note in json.loads(postal))
        facts = TownFacts(self.municipality + end, kind, name, kana, chome == "1", codes)  # type: ignore[arg-type]  # as it was written by _line
        return Held(facts, int(sequence))

    def all(self, place: int = 0) -> Iterator[int]:
        """Give the places from here on."""
        end = len(self.text) - 1
        while place < end:
            yield place
            place = self.text.index(_NAME, place + 1)

    def called(self, name: str) -> set[int]:
        """Give the towns of exactly this folded name or reading."""
        return self._lines(f"{_NAME}{name}{_READING}") | self._lines(f"{_READING}{name}{_FIELD}")

    def beginning(self, name: str) -> set[int]:
        return self._lines(f"{_NAME}{name}") | self._lines(f"{_READING}{name}")

    def containing(self, text: str) -> set[int]:
        """Give the towns whose folded name or reading holds this text."""
        found = set()
        at = self.text.find(text)
        while at >= 0:
            place = self.text.rfind(_NAME, 0, at + 1)
            if self.text.find(_FIELD, place, at) < 0:
                found.add(place)
            at = self.text.find(text, self.text.index(_NAME, at + 1))
        return found

    def with_code(self, code: str) -> list[int]:
        return sorted(self._lines(f'"{code}"'))

    def names(self) -> dict[str, list[int]]:
        """Give the places of each folded name; addresses without a town's name are left out."""
        named: dict[str, list[int]] = {}
        for place in self.all():
            if name := self.text[place + 1 : self.text.index(_READING, place)]:
                named.setdefault(name, []).append(place)
        return named

    def _lines(self, part: str) -> set[int]:
        found = set()
        at = self.text.find(part)
        while at >= 0:
            found.add(self.text.rfind(_NAME, 0, at + 1))
            at = self.text.find(part, at + 1)
        return found


def _line(held: Held[TownFacts]) -> str:
    facts = held.facts
    fields = (
        f"{_NAME}{canonical(facts.name)}{_READING}{canonical(facts.kana)}",
        facts.id[6:],
        str(held.sequence),
        facts.kind,
        "1" if facts.has_chome else "0",
        facts.name,
        facts.kana,
        _JSON.encode(facts.postal),
    )
    return _FIELD.join(fields)


_JSON = json.JSONEncoder(ensure_ascii=False)


def _reading_order(held: Held[TownFacts]) -> tuple[bool, str, str, str]:
    facts = held.facts
    return (not facts.name, facts.kana, facts.name, facts.id)


class Gazetteer:
    """Municipalities and their shelves, as of one sequence of the register."""

    def __init__(
        self, sequence: int, places: Mapping[str, Place], shelves: Mapping[str, Shelf]
    ) -> None:
        self.sequence = sequence
        self.places = places
        self.shelves = shelves
        self.towns = sum(shelf.size for shelf in shelves.values())
        self.order = sorted(shelves)
        """The codes of all that have towns."""
        self.names = _names(places.values())
        """The ways in which addresses name a municipality, folded, and which ones each may mean."""
        self.longest_name = max(map(len, self.names), default=0)
        self.prefectures = {canonical(place.facts.prefecture) for place in places.values()}
        self._codes = _numbered_codes([shelves[code] for code in self.order])
        self._wards = _wards([place.facts for place in places.values()])
        self._known: dict[str, dict[str, list[int]]] = {}

    def __repr__(self) -> str:
        return f"Gazetteer({len(self.places)} municipalities, {self.towns} towns)"

    def town(self, town_id: str) -> Held[TownFacts] | None:
        shelf = self.shelves.get(town_id[:6])
        return None if shelf is None else shelf.town(town_id)

    def parts(self, code: str) -> tuple[str, ...]:
        """Give a designated city's wards; any other municipality is its own only part."""
        return self._wards.get(code, (code,))

    def with_postal_code(self, code: str) -> list[Held[TownFacts]]:
        """Give the towns of a postal code, by municipality."""
        number = int(code) * _MOST_PLACES
        found: list[Held[TownFacts]] = []
        for at in range(bisect_left(self._codes, number), len(self._codes)):
            if self._codes[at] >= number + _MOST_PLACES:
                break
            shelf = self.shelves[self.order[self._codes[at] % _MOST_PLACES]]
            found += [shelf.at(place) for place in shelf.with_code(code)]
        return found

    def town_names(self, code: str) -> dict[str, list[int]]:
        """Give the folded names of one municipality's towns; the last hundred are remembered."""
        if code not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            shelf = self.shelves.get(code)
            self._known[code] = {} if shelf is None else shelf.names()
        return self._known[code]


_MOST_PLACES = 1 << 14
_REMEMBERED = 128


def _numbered_codes(shelves: Sequence[Shelf]) -> Sequence[int]:
    """Give every postal code with the number of its shelf, sorted."""
    numbered = (
        code * _MOST_PLACES + number for number, shelf in enumerate(shelves) for code in shelf.codes
    )
    return array("Q", sorted(numbered))


def _wards(municipalities: Sequence[MunicipalityFacts]) -> dict[str, tuple[str, ...]]:
    """Give the wards of each designated city."""
    cities = {
        (each.prefecture, each.city): each.id
        for each in municipalities
        if each.kind == "designated-city"
    }
    wards: dict[str, tuple[str, ...]] = dict.fromkeys(cities.values(), ())
    for each in municipalities:
        city = cities.get((each.prefecture, each.city))
        if city and each.kind == "ward":
            wards[city] += (each.id,)
    return wards


def _names(places: Iterable[Place]) -> dict[str, tuple[str, ...]]:
    named: dict[str, tuple[str, ...]] = {}
    for place in places:
        for name in sorted({canonical(way) for way in _ways(place.facts)}):
            named[name] = (*named.get(name, ()), place.facts.id)
    return named


def _ways(facts: MunicipalityFacts) -> Iterator[str]:
    """With and without prefecture, county and, of a ward, its city."""
    for beginning in (facts.prefecture, ""):
        yield beginning + facts.name
        yield beginning + facts.city + facts.ward
        if facts.ward:
            yield beginning + facts.ward
