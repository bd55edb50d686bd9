"""
Layouts as an office's own system knows them: what an item is called, and which fields its record has.

In real life the data standard for what is exchanged (データ標準レイアウト).  The mesh keeps the layouts' editions; here
they only keep an office from holding a record that nobody could read.

Refused, with file and line: a record whose values do not fit the newest edition of its item's layout.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import JsonValue

from kiban.shared import canonical
from kiban.shared.country import Mistakes, Table, read_toml, toml_files

Text = dict[str, str]


class Misfit(ValueError):  # noqa: N818  named by what is wrong
    """Values that their layout does not have.  Says where, never which value."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str
    fields: tuple["Field", ...] = ()

    def check(self, value: JsonValue) -> None:
        """Return silently if the value is of this field's type."""
        match self.type, value:
            case ("text", str()) | ("list", list()) | ("boolean", bool()):
                pass
            case "integer", int() if not isinstance(value, bool):
                if abs(value) > canonical.LARGEST:
                    raise Misfit(f"{self.name}: a whole number has at most 53 bits")
            case "date", str():
                self._check_date(value)
            case _:
                raise Misfit(f"{self.name}: expected {self.type}")
        if isinstance(value, list):
            for each in value:
                check_values(self.fields, each)

    def _check_date(self, text: str) -> None:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise Misfit(f"{self.name}: expected a date such as 2026-04-01") from None


def check_values(fields: tuple[Field, ...], values: JsonValue) -> None:
    """Return silently if the values are an object with exactly these fields."""
    if not isinstance(values, dict):
        raise Misfit("expected a table of values")
    expected = {field.name for field in fields}
    if lacking := sorted(expected - values.keys()):
        raise Misfit(f"{', '.join(lacking)} missing")
    if beyond := sorted(values.keys() - expected):
        raise Misfit(f"the layout has no {', '.join(beyond)}")
    for field in fields:
        field.check(values[field.name])


@dataclass(frozen=True, slots=True)
class Layout:
    """One item in its newest edition."""

    item: str
    edition: int
    name: Text
    fields: tuple[Field, ...]
    tells_where: bool = False
    """Whether a record of it, or that there is one, says where a person is."""

    def check(self, values: JsonValue) -> None:
        check_values(self.fields, values)

    @property
    def list_field(self) -> str | None:
        """The field that is a list, such as the members of a household."""
        return next((field.name for field in self.fields if field.type == "list"), None)


def load(country: Path, mistakes: Mistakes) -> dict[str, Layout]:
    """Read `layouts/*.toml`; of an item with several editions, the newest."""
    newest: dict[str, Layout] = {}
    for file in toml_files(country / "layouts"):
        layout = _layout(read_toml(file, mistakes))
        known = newest.get(layout.item)
        if known is None or known.edition < layout.edition:
            newest[layout.item] = layout
    return newest


def _layout(table: Table) -> Layout:
    return Layout(
        item=table.text("item"),
        edition=table.integer("edition"),
        name=table.localized("name"),
        fields=_fields(table),
        tells_where=table.truth("tells_where", False),
    )


def _fields(table: Table) -> tuple[Field, ...]:
    return tuple(
        Field(each.text("name"), each.text("type"), _fields(each)) for each in table.tables("field")
    )
