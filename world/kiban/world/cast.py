"""
The cast: everything that a country's directory says about its offices and its people, read at once.

Law and procedures have other owners, who read them themselves; this is what the world plays from.
"""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from kiban.shared.country import Mistakes, read_toml, toml_files
from kiban.world import layouts, people
from kiban.world.layouts import Layout, Text
from kiban.world.office import agency_files
from kiban.world.office.agencies import Agency
from kiban.world.people import People

SELF = "self-information"
"""The affair under which the portal shows people what is held of them."""


@dataclass(frozen=True, slots=True)
class Cast:
    agencies: dict[str, Agency]
    people: People
    layouts: dict[str, Layout]
    portal: str = ""
    """Through whom people read their own records."""
    affairs: dict[str, Text] = field(default_factory=dict)
    """In what can be applied, with its names."""
    shown: frozenset[str] = frozenset()
    """The items that the law lets people be shown of their own."""

    @property
    def vault(self) -> Agency:
        """The agency that plays the resident network."""
        return next(each for each in self.agencies.values() if each.vault)

    @property
    def municipalities(self) -> list[str]:
        """The agencies that are a municipality: each has a counter."""
        return [each.id for each in self.agencies.values() if each.municipality]

    @property
    def municipality_codes(self) -> dict[str, str]:
        """Which municipality each of those agencies is."""
        return {each.id: each.municipality for each in self.agencies.values() if each.municipality}


def shipped_country() -> Path:
    """The directory of the country that comes with Kiban."""
    return Path(str(files("kiban.world"))) / "country"


def load(country: Path, mistakes: Mistakes) -> Cast:
    """Read agencies, layouts and people; what is wrong is noted, and nothing is raised here."""
    known = agency_files.load(country, mistakes)
    return Cast(
        agencies=known,
        people=people.load(country, known.values(), mistakes),
        layouts=layouts.load(country, mistakes),
        portal=read_toml(country / "country.toml", Mistakes()).text("portal"),
        affairs=_affairs(country),
        shown=_shown(country),
    )


def _affairs(country: Path) -> dict[str, Text]:
    """The affairs of the country's procedures; law and procedures have owners who name what is wrong in them."""
    unheard = Mistakes()
    files = toml_files(country / "procedures")
    asked = {read_toml(file, unheard).text("affair") for file in files}
    law = [read_toml(file, unheard) for file in toml_files(country / "law")]
    named = {
        affair.text("id"): affair.localized("name")
        for table in law
        for affair in table.tables("affair")
    }
    return {affair: named[affair] for affair in sorted(asked & named.keys())}


def _shown(country: Path) -> frozenset[str]:
    """What the law has a row for, under which people are shown their own information (自己情報)."""
    unheard = Mistakes()
    law = [read_toml(file, unheard) for file in toml_files(country / "law")]
    rows = [row for table in law for row in table.tables("row") if row.text("affair") == SELF]
    return frozenset(row.text("item") for row in rows if row.text("kind") == "inquiry")


@cache
def load_checked(country: Path) -> Cast:
    """Read a country that must be right; once in a process, whose country stays as it is."""
    mistakes = Mistakes()
    cast = load(country, mistakes)
    mistakes.check()
    return cast
