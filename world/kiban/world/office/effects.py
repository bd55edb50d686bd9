"""
Effects: what an office writes into its own records when it grants an application.

Each field of the new record comes from one place: an answer of the citizen, a field that the office has read, the day
of the decision, or a text that the agency's file gives.

Refused, with file and line: any other source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import JsonValue

from kiban.shared.country import Table
from kiban.world.office.conditions import Values

Source = Literal["answer", "read", "day", "text"]
SOURCES: tuple[Source, ...] = ("answer", "read", "day", "text")


@dataclass(frozen=True, slots=True)
class Decided:
    """What an effect may draw from."""

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
            case "read":
                return decided.readings[self.item].get(self.name)
            case "day":
                return decided.on.isoformat()
            case "text":
                return self.name


@dataclass(frozen=True, slots=True)
class Effect:
    """One record that a grant writes."""

    item: str
    assignments: tuple[Assignment, ...]

    def values(self, decided: Decided) -> dict[str, JsonValue]:
        return {each.field: each.value(decided) for each in self.assignments}


def read_effect(table: Table) -> Effect:
    """Read one effect: `item`, and a list of `set = [{ field, from, ... }]`."""
    return Effect(
        item=table.text("item"),
        assignments=tuple(_assignment(each) for each in table.tables("set", at_least=1)),
    )


def _assignment(table: Table) -> Assignment:
    source = table.choice("from", SOURCES)
    return Assignment(
        field=table.text("field"),
        source=source,
        item=table.text("item") if source == "read" else "",
        name=table.text("name") if source != "day" else "",
    )
