"""
Legal entities of a country: read from its file, and refused where they could be mistaken for real ones.

Every number has a right check digit and comes from a range that is never assigned: the twelve digits behind the check
digit begin with 9, while those of registered corporations begin with 0 to 5 and all others with 00 or 7.  So nothing
in a simulated country names a real company, and nothing real is refused by a form that checks digits alone.

A seat is written with the names of municipality and town, and becomes ids here; a town that is not listed, or that is
written like another one, is a mistake in the file.
Sources: 法人番号の指定等に関する省令 第2条; docs/decisions/0011-simulated-corporate-numbers.md.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kiban.registry import japan_post, source
from kiban.registry.facts import EntityFacts, Facts, MunicipalityFacts, TownFacts
from kiban.shared.country import Mistakes, Table, read_toml, reading
from kiban.shared.identifiers import check_corporate_number, check_municipality_code

FILE = "legal-entities.toml"
READING = 1
"""Number of these rules: a file that was read by other rules is read again."""
KINDS = ("101", "201", "301", "302", "303", "304", "305", "399", "401", "499")
"""法人種別 of the tax agency: 101 the state, 201 local government, 301 to 305 companies, 399 other registered ones."""


@dataclass(frozen=True, slots=True)
class Found:
    """A municipality and its towns, as far as a seat needs them."""

    municipality: MunicipalityFacts
    towns: Sequence[TownFacts]


Lookup = Callable[[str], Found | None]


def read(folder: Path, mistakes: Mistakes, lookup: Lookup) -> list[EntityFacts]:
    """Read the file of a country; a country may have none."""
    file = folder / FILE
    if not file.exists():
        return []
    with reading(file, mistakes) as table:
        return list(_entities(table, lookup))


def edition(folder: Path) -> str:
    """Name the edition of a country's file by its content."""
    file = folder / FILE
    if not file.exists():
        return f"no {FILE}"
    return f"{FILE} sha256:{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}, rules {READING}"


def check(folder: Path, mistakes: Mistakes) -> None:
    """Note every mistake in the file of a country, against the postal data that are installed."""
    file = folder / FILE
    if not file.exists():
        return
    codes = municipalities(folder)
    rows = source.rows(source.packaged(), only=[code[:5] for code in codes])
    listed = {
        found.municipality.id: found for found in map(_listed, japan_post.groups(rows)) if found
    }
    read(folder, mistakes, listed.get)


def municipalities(folder: Path) -> set[str]:
    """Give the codes of the municipalities in which the file says that seats are; `read` says what is wrong."""
    file = folder / FILE
    if not file.exists():
        return set()
    entities = read_toml(file, Mistakes()).tables("entity")
    return {code for each in entities if (code := each.text("municipality", ""))}


def _listed(group: list[Facts]) -> Found | None:
    first = group[0] if group else None
    if not isinstance(first, MunicipalityFacts):
        return None
    return Found(first, [facts for facts in group if isinstance(facts, TownFacts)])


def _entities(table: Table, lookup: Lookup) -> Iterator[EntityFacts]:
    seen: set[str] = set()
    for row in table.tables("entity"):
        number = row.text("number", check=_check_simulated)
        if number in seen:
            row.mistake("number", "two entities have this number")
        seen.add(number)
        yield _entity(row, number, lookup)


def _check_simulated(number: str) -> None:
    check_corporate_number(number)
    if number[1] != "9":
        raise ValueError("not of the simulated range: the second digit is 9")


def _entity(row: Table, number: str, lookup: Lookup) -> EntityFacts:
    listed, town = _seat(row, lookup)
    rest = row.text("rest")
    place = listed.municipality if listed else None
    written = (place.prefecture + place.name, town.name if town else "", rest) if place else ()
    return EntityFacts(
        id=number,
        kind=row.choice("kind", KINDS),
        name=row.text("name"),
        kana=row.text("name_kana"),
        name_en=row.text("name_en"),
        town=town.id if town else "",
        rest=rest,
        address="".join(written),
        postal_code=_postal_code(row, town),
        valid_from=row.date("since"),
        valid_to=row.date_or_none("closed"),
    )


def _seat(row: Table, lookup: Lookup) -> tuple[Found | None, TownFacts | None]:
    code = row.text("municipality", check=check_municipality_code)
    name, kana = row.text("town"), row.text("town_kana", "")
    listed = lookup(code)
    if listed is None:
        if code:
            row.mistake("municipality", "the postal data list no such municipality")
        return None, None
    found = [each for each in listed.towns if each.name == name and kana in ("", each.kana)]
    if len(found) != 1 and name:
        several = "several towns are written so: say town_kana"
        row.mistake("town", several if found else f"{listed.municipality.name} has no such town")
    return listed, found[0] if found else None


def _postal_code(row: Table, town: TownFacts | None) -> str | None:
    codes = sorted({each.code for each in town.postal}) if town else []
    said = row.text("postal_code", "")
    if said and town and said not in codes:
        row.mistake("postal_code", "it is none of the town's")
    return said or (codes[0] if len(codes) == 1 else None)
