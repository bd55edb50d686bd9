"""
Japan Post's postal code data, as towns: the rules for reading them, and their traps.

A row is one postal code in one municipality and town.  One town has many rows where the code depends on the part
of it; the part becomes the code's note.  What is mended here, because the data are made for letters:

* lines that were cut in two repeat the reading (`イナリチョウイナリチョウ`): it is given once;
* plots of Iwate were cut off in the middle of a number (`穴明２２地割、穴明２`, `寅沢１`): the name ends before it;
* a row without a town (以下に掲載がない場合) is the *rest* of its municipality, one that names the municipality
  itself stands for numbers that follow it *directly* (次に番地がくる場合), and one with floors is a *building*;
* designated cities have no rows of their own: their codes follow from those of their wards.

Two towns of one municipality that are written alike and read differently stay two.
Source: Japan Post, 郵便番号データの説明; JIS X 0402.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from kiban.registry import town_ids
from kiban.registry.contract import TownKind
from kiban.registry.facts import Facts, MunicipalityFacts, PostalCode, TownFacts
from kiban.shared.identifiers import municipality_check_digit

READING = 1
"""Number of these rules: data that were read by other rules are read again."""

_PLOTS = re.compile(r"(.+?)(第?[０-９]+地割.*)")
_CUT_PLOT = re.compile(r"[０-９]+地割.*")
_DIRECT = re.compile(r".+の(次に.*番地がくる場合)")
_FLOOR = re.compile(r"[0-9]+階|地階・階層不明")
_COUNTY = re.compile(r"(.+?郡|三宅島|八丈島)(.+[町村])")
_WARD = re.compile(r"(.+市)(.+区)")
_HALF_WIDTH = str.maketrans("０１２３４５６７８９", "0123456789")
_IDENTITY_OF_DIRECT = "の次に番地がくる場合"


class Row(NamedTuple):
    """One row of the postal code data; its flags are 0 or 1."""

    jis: str
    town: str
    town_kana: str
    postal_code: str
    note: str
    several_lines: int
    has_chome: int
    prefecture: str
    prefecture_kana: str
    city: str
    city_kana: str


class _Named(NamedTuple):
    kind: TownKind
    name: str
    kana: str


def groups(rows: Iterable[Row]) -> Iterator[list[Facts]]:
    """Give each municipality with its towns, then the designated cities.  Rows come sorted by municipality."""
    wards: defaultdict[tuple[str, str], list[MunicipalityFacts]] = defaultdict(list)
    for jis, grouped in groupby(rows, key=lambda row: row.jis):
        of_it = list(grouped)
        place = municipality(jis, of_it[0])
        if place.kind == "ward":
            wards[place.prefecture, place.city].append(place)
        yield [place, *towns(place, of_it)]
    yield [designated_city(of_it) for of_it in wards.values()]


def municipality(jis: str, row: Row) -> MunicipalityFacts:
    county, city, ward = "", row.city, ""
    if found := _WARD.fullmatch(row.city):
        city, ward = found[1], found[2]
    elif found := _COUNTY.fullmatch(row.city):
        county, city = found[1], found[2]
    return MunicipalityFacts(
        id=_with_check_digit(jis),
        kind="ward" if ward else "municipality",
        prefecture=row.prefecture,
        prefecture_kana=row.prefecture_kana,
        county=county,
        city=city,
        ward=ward,
        kana=row.city_kana,
    )


def designated_city(wards: list[MunicipalityFacts]) -> MunicipalityFacts:
    """Name the city that the wards share; its code is the ten below the first ward's."""
    first = min(wards, key=lambda ward: ward.id)
    kana = _shared_beginning([ward.kana for ward in wards])
    return MunicipalityFacts(
        id=_with_check_digit(f"{int(first.id[:5]) // 10 * 10:05}"),
        kind="designated-city",
        prefecture=first.prefecture,
        prefecture_kana=first.prefecture_kana,
        county="",
        city=first.city,
        ward="",
        kana=kana[: kana.rfind("シ") + 1],
    )


def towns(place: MunicipalityFacts, rows: Iterable[Row]) -> list[TownFacts]:
    """Gather the rows of one municipality by town."""
    gathered: defaultdict[_Named, list[tuple[Row, str]]] = defaultdict(list)
    for row in rows:
        named, note = _read(place, row)
        gathered[named].append((row, note))
    readings: defaultdict[str, set[str]] = defaultdict(set)
    for named in gathered:
        readings[named.name].add(named.kana)
    return [
        _town(place, named, of_it, alone=len(readings[named.name]) == 1)
        for named, of_it in gathered.items()
    ]


def _town(
    place: MunicipalityFacts, named: _Named, of_it: list[tuple[Row, str]], *, alone: bool
) -> TownFacts:
    identity = _IDENTITY_OF_DIRECT if named.kind == "direct" else named.name
    parts = {PostalCode(row.postal_code, note) for row, note in of_it}
    floors = any(_FLOOR.fullmatch(part.note) for part in parts if part.note)
    return TownFacts(
        id=town_ids.mint(place.id, identity, reading="" if alone else named.kana),
        kind="building" if floors else named.kind,
        name=named.name,
        kana=named.kana,
        has_chome=any(row.has_chome for row, _ in of_it),
        postal=tuple(sorted(parts)),
    )


def _read(place: MunicipalityFacts, row: Row) -> tuple[_Named, str]:
    """Say which town a row means, and for which part of it."""
    kana = _once(row.town_kana) if row.several_lines else row.town_kana
    if not row.town:
        return _Named("rest", "", ""), row.note
    if found := _DIRECT.fullmatch(row.town):
        return _Named("direct", "", ""), _joined(found[1], row.note)
    if row.town == place.city:
        return _Named("direct", "", ""), _joined("次に番地がくる場合", row.note)
    written = row.town + row.note if _CUT_PLOT.fullmatch(row.note) else row.town
    if found := _PLOTS.fullmatch(written):
        return _Named("town", found[1], kana), _joined(found[2], "")
    return _Named("town", row.town, kana), row.note


def _joined(first: str, second: str) -> str:
    return (f"{first}（{second}）" if second else first).translate(_HALF_WIDTH)


def _once(kana: str) -> str:
    """Undo the repetition of a reading: its shortest part of which the whole consists."""
    for length in range(1, len(kana) // 2 + 1):
        if kana[:length] * (len(kana) // length) == kana:
            return kana[:length]
    return kana


def _shared_beginning(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same]


def _with_check_digit(jis: str) -> str:
    return f"{jis}{municipality_check_digit(jis)}"
