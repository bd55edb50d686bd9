"""
Values: a statement as the citizen reads it, field by field, under the names that its layout gives.

A provider's answer is data of a layout; a page wants words, days and amounts.  Nothing is left out: a field that the
layout does not know is shown under its own name, because what an office says of a person is never hidden from them.
An agency's own record of exchanges, which the mesh itself lays out, is told in the country's words.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from pydantic import JsonValue

from kiban.gateway.contract import Statement
from kiban.portal.country import Country, Field, Text

Kind = Literal["text", "name", "word", "day", "moment", "number", "yen", "truth", "list"]
RECORDS = "exchange-records"
WORDS = frozenset(
    {"asked", "answered", "inquiry", "submission", "approve", "acquire", "subscribe", "announce"}
)
"""What a record of exchanges says of an exchange; each is a text of the catalogue."""


@dataclass(frozen=True, slots=True)
class Value:
    """One field with what stands in it."""

    label: Text
    kind: Kind
    text: str = ""
    name: Text | None = None
    day: date | None = None
    moment: datetime | None = None
    number: int = 0
    rows: "Rows" = ()


Rows = tuple[tuple[Value, ...], ...]


def of(statement: Statement, country: Country) -> tuple[Value, ...]:
    """Give the fields of a statement in the order of its layout."""
    item = country.item(statement.item, statement.layout)
    found = _fields(statement.values, item.fields if item else ())
    if statement.item != RECORDS:
        return found
    return tuple(replace(one, rows=_in_words(one.rows, country)) for one in found)


def _in_words(rows: Rows, country: Country) -> Rows:
    return tuple(tuple(_told(one, country) for one in row) for row in rows)


def _told(value: Value, country: Country) -> Value:
    """One field of a record of exchanges: agencies and items by their names, times as times."""
    if value.text in WORDS:
        return replace(value, kind="word")
    if value.text in country.agencies:
        return replace(value, kind="name", name=country.agency_name(value.text))
    if country.item(value.text) is not None:
        return replace(value, kind="name", name=country.item_name(value.text))
    if moment := _moment(value.text):
        return replace(value, kind="moment", moment=moment)
    return value


def _fields(values: Mapping[str, JsonValue], known: Iterable[Field]) -> tuple[Value, ...]:
    fields = {field.name: field for field in known}
    order = [name for name in fields if name in values]
    beyond = sorted(values.keys() - fields.keys())
    return tuple(_value(name, values[name], fields.get(name)) for name in [*order, *beyond])


def _value(name: str, value: JsonValue, field: Field | None) -> Value:
    label: Text = field.label if field else {"ja": name, "en": name}
    match value:
        case bool():
            return Value(label, "truth", text="yes" if value else "no")
        case int() if name.endswith("_yen"):
            return Value(label, "yen", number=value)
        case int():
            return Value(label, "number", text=str(value))
        case list():
            inner = field.fields if field else ()
            rows = tuple(_fields(row, inner) for row in value if isinstance(row, dict))
            return Value(label, "list", rows=rows)
        case str() if field and field.type == "date" and (day := _day(value)):
            return Value(label, "day", day=day)
        case _:
            return Value(label, "text", text="" if value is None else str(value))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
