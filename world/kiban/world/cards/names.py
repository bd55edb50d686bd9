"""
Names: what agencies, items and affairs are called, for the person who is to approve something.

The card reads them from the country's directory itself: a page that took them from whoever asks would show whatever
that one likes.  A name that is not in the directory is shown as it was sent, and marked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kiban.shared.country import Mistakes, read_toml, toml_files

Text = dict[str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """Names by id, each in both languages."""

    agencies: Mapping[str, Text]
    items: Mapping[str, Text]
    affairs: Mapping[str, Text]


def load(country: Path) -> Names:
    """Read the names of a country's agencies, layouts and law; everything else is for others to check."""
    mistakes = Mistakes()
    agencies, items, affairs = {}, {}, {}
    for file in toml_files(country / "agencies"):
        table = read_toml(file, mistakes)
        agencies[table.text("id")] = table.localized("name")
    for file in toml_files(country / "layouts"):
        table = read_toml(file, mistakes)
        items[table.text("item")] = table.localized("name")
    for file in toml_files(country / "law"):
        for affair in read_toml(file, mistakes).tables("affair"):
            affairs[affair.text("id")] = affair.localized("name")
    mistakes.check()
    return Names(agencies, items, affairs)
