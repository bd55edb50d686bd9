"""
Effects: what an office writes into its own records, when it grants an application or follows another's record.

Each field of the new record comes from one place: an answer of the citizen, an address that she chose of the
registry's, a field that the office has read, the day from which it holds, or a text that the agency's file gives.  It
holds from the day of the decision, or from the day that the citizen named (`since`); what is followed holds from the
day that its provider states.

Refused, with file and line: any other source; an answer where nobody was asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import JsonValue

from kiban.shared.country import Table
from kiban.world.office.conditions import Values

Source = Literal["answer", "address", "read", "day", "text"]
SOURCES: tuple[Source, ...] = ("answer", "address", "read", "day", "text")
UNASKED: tuple[Source, ...] = ("read", "day", "text")
"""What there is where no citizen answered anything."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What an effect may draw from; of an address among the answers also how it is written, as `text`."""

    answers: Values
    readings: Mapping[str, Values]
    on: date


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where one field of the new record comes from."""

    field: str
    source: Source
    item: str = ""
    name: str = ""

    def value(self, decided: Decided) -> JsonValue:
        match self.source:
            case "answer":
                return decided.answers.get(self.name)
            case "address":
                chosen = decided.answers.get(self.name)
                return chosen["text"] if isinstance(chosen, dict) else None
            case "read":
                return decided.readings[self.item].get(self.name)
            case "day":
                return decided.on.isoformat()
            case "text":
                return self.name


@dataclass(frozen=True, slots=True)
class Effect:
    """One record that is written."""

    item: str
    assignments: tuple[Assignment, ...]
    since: str = ""
    """The answer that says from which day it holds."""

    def values(self, decided: Decided) -> dict[str, JsonValue]:
        return {each.field: each.value(decided) for each in self.assignments}

    def as_of(self, decided: Decided) -> date:
        day = decided.answers.get(self.since)
        return date.fromisoformat(day) if isinstance(day, str) else decided.on


def read_effect(table: Table, *, asked: bool) -> Effect:
    """Read one effect: `item`, a list of `set = [{ field, from, ... }]`, and `since` where a citizen was asked."""
    sources = SOURCES if asked else UNASKED
    return Effect(
        item=table.text("item"),
        assignments=tuple(_assignment(each, sources) for each in table.tables("set", at_least=1)),
        since=table.text("since", "") if asked else "",
    )


def _assignment(table: Table, sources: tuple[Source, ...]) -> Assignment:
    source = table.choice("from", sources)
    return Assignment(
        field=table.text("field"),
        source=source,
        item=table.text("item") if source == "read" else "",
        name=table.text("name") if source != "day" else "",
    )
