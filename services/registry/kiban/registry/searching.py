"""
Search by name: any part of an address, in kanji or kana, best first, a page at a time.

Towns of exactly this name come first, then those whose name begins so, then everything whose whole address holds
the text.  Within each, places come in the order of their codes.  The work of a page is bounded by the size of the
gazetteer, not by what is asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic

from kiban.registry.contract import CursorPassed
from kiban.registry.editions import Held
from kiban.registry.facts import Of_co, TownFacts
from kiban.registry.gazetteer import Gazetteer, Place, Shelf
from kiban.registry.spelling import canonical
from kiban.shared.problems import Malformed

EXACT, BEGINNING, SOMEWHERE = range(3)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a search goes on: the last entry given, in one state of the register."""

    sequence: int
    tier: int
    shelf: int
    place: int

    def __str__(self) -> str:
        return f"{self.sequence}-{self.tier}-{self.shelf}-{self.place}"

    @classmethod
    def read(cls, text: str | None, sequence: int) -> "Cursor":
        if text is None:
            return cls(sequence, EXACT, 0, -1)
        parts = text.split("-")
        if len(parts) != 4 or not all(part.isdecimal() and len(part) < 16 for part in parts):  # noqa: PLR2004  its fields
            raise Malformed(
                "this is no cursor of a search", expected="what `next` said", at="cursor"
            )
        cursor = cls(*map(int, parts))
        if cursor.sequence != sequence:
            raise CursorPassed("the register has changed since", expected="a search from the start")
        return cursor


@dataclass(frozen=True, slots=True)
class Page(Generic[Of_co]):
    found: Sequence[Held[Of_co]]
    next: str | None


def search(
    gazetteer: Gazetteer, codes: Sequence[str], name: str, *, limit: int, cursor: str | None
) -> Page[TownFacts]:
    """Search the shelves of some municipalities; an empty name lists them all."""
    start = Cursor.read(cursor, gazetteer.sequence)
    text = canonical(name)
    if name and not text:
        return Page([], None)
    found: list[Held[TownFacts]] = []
    last = start
    for hit, shelf in _hits(gazetteer, codes, text, start):
        if len(found) == limit:
            return Page(found, str(last))
        found.append(shelf.at(hit.place))
        last = hit
    return Page(found, None)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A shelf on which something may be found, and what to look for there."""

    number: int
    shelf: Shelf
    needles: tuple[str, ...]
    whole: bool  # the municipality's own name holds the text, so that every town is found

    def places(self, text: str, tier: int) -> Iterable[int]:
        """Give the lines that belong to one tier, in their order."""
        if not text:
            return self.shelf.all() if tier == SOMEWHERE else ()
        exact = {each for needle in self.needles for each in self.shelf.called(needle)}
        if tier == EXACT:
            return sorted(exact)
        beginning = {each for needle in self.needles for each in self.shelf.beginning(needle)}
        if tier == BEGINNING:
            return sorted(beginning - exact)
        if self.whole:
            return (each for each in self.shelf.all() if each not in beginning)
        return sorted(self.shelf.containing(text) - beginning)


def _hits(
    gazetteer: Gazetteer, codes: Sequence[str], text: str, start: Cursor
) -> Iterator[tuple[Cursor, Shelf]]:
    candidates = list(_candidates(gazetteer, codes, text))
    for tier in range(start.tier, SOMEWHERE + 1):
        for candidate in candidates:
            if tier == start.tier and candidate.number < start.shelf:
                continue
            here = (tier, candidate.number) == (start.tier, start.shelf)
            for place in candidate.places(text, tier):
                if not here or place > start.place:
                    yield Cursor(gazetteer.sequence, tier, candidate.number, place), candidate.shelf


def _candidates(gazetteer: Gazetteer, codes: Sequence[str], text: str) -> Iterator[_Candidate]:
    for number, code in enumerate(codes):
        shelf = gazetteer.shelves.get(code)
        if shelf is None:
            continue
        place = gazetteer.places[code]
        inside = (text,) if text in shelf.text else ()
        needles = (*inside, *_crossing(place, text))
        whole = text in place.read or any(text in way for way in place.written)
        if needles or whole:
            yield _Candidate(number, shelf, needles, whole)


def _crossing(place: Place, text: str) -> list[str]:
    """Where the text begins in the municipality's name and ends in the town's: give the town's part."""
    return [
        text[cut:]
        for way in (*place.written, place.read)
        if text[:1] in way
        for cut in range(1, min(len(text), len(way) + 1))
        if way.endswith(text[:cut])
    ]
