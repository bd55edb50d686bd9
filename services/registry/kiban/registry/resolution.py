"""
Resolution: which municipality and town a free text means, without a guess in silence.

1. a postal code in front is set aside
2. every way to read the beginning as a municipality is followed, also without prefecture, county or city
3. in each, the longest name of a town that follows is taken
4. the readings that understand most are kept; a postal code decides among them where it can
5. one is left: *resolved*, if what follows is a number or nothing, else *partial*; several: *ambiguous*; none:
   *partial*, with everything that was not understood

A name never ends in the middle of a number, so that 番地 1234 is not read as 一丁目.  A prefecture that is named is
believed: a municipality of another one is not looked for.  The work is bounded by the longest name, not by the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from kiban.registry.editions import Held
from kiban.registry.facts import TownFacts
from kiban.registry.gazetteer import Gazetteer, Place
from kiban.registry.spelling import Spelled, spell

Kind = Literal["resolved", "ambiguous", "partial"]
Level = Literal["none", "prefecture", "municipality", "town"]

_POSTAL = re.compile(r"〒?([0-9]{3})-?([0-9]{4})(?![0-9-])")
_NUMBER = re.compile(
    r"第?[0-9]|[〇一二三四五六七八九十百]+(?:丁目|番|号|ノ|-)|[甲乙丙丁戊]-?[0-9]"
    r"|[イロハニホヘト]-?[0-9]|無番地|番外地|番地"
)
_DIVIDERS = ("", "大字", "字")


class Reading(NamedTuple):
    """One way to read a text: how many folded characters name the place."""

    place: Place
    town: Held[TownFacts] | None
    taken: int


@dataclass(frozen=True, slots=True)
class Resolution:
    kind: Kind
    level: Level
    readings: list[Reading]
    matched: str
    rest: str
    unmatched: str


def resolve(gazetteer: Gazetteer, text: str) -> Resolution:
    """Say what a text means."""
    spelled = spell(text)
    code, start = _postal_code(spelled.text)
    readings, agreed = _decided(_best(list(_readings(gazetteer, spelled, start))), code)
    if not readings:
        return _unread(gazetteer, spelled, start)
    return _told(spelled, readings, 0 if agreed else start)


def _postal_code(text: str) -> tuple[str, int]:
    found = _POSTAL.match(text)
    return (found[1] + found[2], found.end()) if found else ("", 0)


def _readings(gazetteer: Gazetteer, spelled: Spelled, start: int) -> Iterator[Reading]:
    longest = min(gazetteer.longest_name, len(spelled.text) - start)
    for end in range(start + 1, start + longest + 1):
        for code in gazetteer.names.get(spelled.text[start:end], ()):
            if _may_end(spelled, end):
                yield from _in_municipality(gazetteer, gazetteer.places[code], spelled, end)


def _in_municipality(
    gazetteer: Gazetteer, place: Place, spelled: Spelled, taken: int
) -> Iterator[Reading]:
    """Read what follows a municipality's name; a designated city's towns are its wards'."""
    found = False
    for code in gazetteer.parts(place.facts.id):
        part = gazetteer.places[code]
        for reading in _towns(gazetteer, part, spelled, taken):
            found = True
            yield reading
    if not found:
        yield Reading(place, _direct(gazetteer, place, spelled.text[taken:]), taken)


def _towns(gazetteer: Gazetteer, place: Place, spelled: Spelled, taken: int) -> Iterator[Reading]:
    text = spelled.text
    names = gazetteer.town_names(place.facts.id)
    shelf = gazetteer.shelves.get(place.facts.id)
    if shelf is None:
        return
    for divider in _DIVIDERS:
        if not text.startswith(divider, taken):
            continue
        start = taken + len(divider)
        for end in range(min(len(text), start + _LONGEST_TOWN), start, -1):
            if (places := names.get(text[start:end])) and _may_end(spelled, end):
                yield from (Reading(place, shelf.at(each), end) for each in places)
                return


_LONGEST_TOWN = 40


def _may_end(spelled: Spelled, end: int) -> bool:
    """A name ends neither inside a number nor inside a character that was folded to several."""
    if end == len(spelled.text):
        return True
    inside_number = spelled.text[end - 1].isdecimal() and spelled.text[end].isdecimal()
    return not inside_number and spelled.ends[end - 1] != spelled.ends[end]


def _direct(gazetteer: Gazetteer, place: Place, rest: str) -> Held[TownFacts] | None:
    """Give the entry for numbers that follow the municipality's name directly, where there is one."""
    if not _NUMBER.match(rest):
        return None
    shelf = gazetteer.shelves.get(place.facts.id)
    held = iter(()) if shelf is None else map(shelf.at, shelf.called(""))
    return next((each for each in held if each.facts.kind == "direct"), None)


def _best(readings: list[Reading]) -> list[Reading]:
    """Keep those that understand most: a town before none, then the longest; by code."""
    if not readings:
        return []
    most = max((reading.town is not None, reading.taken) for reading in readings)
    kept = {
        (reading.place.facts.id, reading.town.facts.id if reading.town else ""): reading
        for reading in readings
        if (reading.town is not None, reading.taken) == most
    }
    return [kept[key] for key in sorted(kept)]


def _decided(readings: list[Reading], code: str) -> tuple[list[Reading], bool]:
    """Let the postal code decide; say whether it agrees with what is left."""
    fitting = [reading for reading in readings if _has_code(reading, code)]
    return (fitting, True) if fitting else (readings, not code)


def _has_code(reading: Reading, code: str) -> bool:
    return reading.town is not None and any(each.code == code for each in reading.town.facts.postal)


def _told(spelled: Spelled, readings: list[Reading], start: int) -> Resolution:
    """Word the readings; what stands before `start` was not understood."""
    first = readings[0]
    rest = spelled.after(first.taken).strip()
    numbered = _NUMBER.match(spelled.text, first.taken) is not None
    understood = not rest or (first.town is not None and numbered)
    unmatched = _joined(spelled.before(start), "" if understood else rest)
    kind: Kind = "ambiguous" if len(readings) > 1 else "partial" if unmatched else "resolved"
    return Resolution(
        kind=kind,
        level="town" if first.town else "municipality",
        readings=readings,
        matched=_between(spelled, start, first.taken),
        rest=rest if understood else "",
        unmatched=unmatched,
    )


def _unread(gazetteer: Gazetteer, spelled: Spelled, start: int) -> Resolution:
    """Nothing but a prefecture was understood, or not even that."""
    for prefecture in gazetteer.prefectures:
        end = start + len(prefecture)
        if spelled.text.startswith(prefecture, start) and _may_end(spelled, end):
            unmatched = _joined(spelled.before(start), spelled.after(end))
            matched = _between(spelled, start, end)
            return Resolution("partial", "prefecture", [], matched, "", unmatched)
    return Resolution("partial", "none", [], "", "", spelled.written.strip())


def _between(spelled: Spelled, start: int, end: int) -> str:
    return spelled.before(end)[len(spelled.before(start)) :].strip()


def _joined(*parts: str) -> str:
    return " ".join(part for each in parts if (part := each.strip()))
