"""
Effects: what an office writes into its own records: when it grants, follows another's record, or somebody arrives.

Each field of the new record comes from one place, and what there is depends on the occasion.  Always: a field that
the office has read, the day, a text of the agency's file.  Where a citizen applied: an answer of hers, an address
that she chose of the registry's, the number of the application as a notice.  Where an effect is for *each* whom she
chose of a list: that entry of the list, the office's own record of that person, and what it knows of them.  Where
people arrive: the office that told of them, and some fields of everybody in the household in which they live.

A record holds from the day on which it is written, or from an earlier one that is named (`since`); what is followed
holds from the day that its provider states.  What is announced to one office alone (`affair`) goes to the office of
the address that the citizen chose (`to`), or back to whoever told of an arrival.

Refused, with file and line: any other source; a source that the occasion does not have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pydantic import JsonValue

from kiban.shared.country import Table
from kiban.world.office.conditions import Values

Source = Literal[
    "answer",
    "address",
    "read",
    "day",
    "text",
    "notice",
    "entry",
    "own",
    "person",
    "origin",
    "everybody",
]
Occasion = Literal["application", "each", "following", "arrival"]
_ALWAYS: tuple[Source, ...] = ("read", "day", "text")
_ASKED: tuple[Source, ...] = ("answer", "address", "read", "day", "text", "notice")
SOURCES: dict[Occasion, tuple[Source, ...]] = {
    "application": _ASKED,
    "each": (*_ASKED, "entry", "own", "person"),
    "following": _ALWAYS,
    "arrival": (*_ALWAYS, "origin", "everybody"),
}
OF_AN_ITEM = frozenset({"read", "own"})
NAMELESS = frozenset({"day", "notice", "origin", "everybody"})
PERSON = ("name", "name_kana", "birth_date", "sex")
"""What an office knows of a person beside its records."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What an effect may draw from; of an address among the answers also how it is written, as `text`."""

    answers: Values
    readings: Mapping[str, Values]
    on: date
    notice: str = ""
    entry: Values = field(default_factory=dict)
    own: Mapping[str, Values] = field(default_factory=dict)
    person: Values = field(default_factory=dict)
    origin: str = ""
    everybody: Sequence[Values] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where one field of the new record comes from."""

    field: str
    source: Source
    item: str = ""
    name: str = ""
    names: tuple[str, ...] = ()

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
            case _:
                return self._of_somebody(decided)

    def _of_somebody(self, decided: Decided) -> JsonValue:
        """What there is where an effect is for each of several, or for who arrives."""
        match self.source:
            case "notice":
                return decided.notice
            case "entry":
                return decided.entry.get(self.name)
            case "own":
                return decided.own[self.item].get(self.name)
            case "person":
                return decided.person.get(self.name)
            case "origin":
                return decided.origin
            case _:
                return self._of_everybody(decided.everybody)

    def _of_everybody(self, everybody: Sequence[Values]) -> JsonValue:
        return [{name: one.get(name) for name in self.names} for one in everybody]


@dataclass(frozen=True, slots=True)
class Effect:
    """One record that is written, or one for each who was chosen."""

    item: str
    assignments: tuple[Assignment, ...]
    since: str = ""
    """The answer, or the field of what was told, that says from which day it holds."""
    each: str = ""
    """The answer that says for whom."""
    affair: str = ""
    """Under which it is announced to one office alone."""
    to: str = ""
    """The answer with the address whose office that is."""

    def values(self, decided: Decided) -> dict[str, JsonValue]:
        return {each.field: each.value(decided) for each in self.assignments}

    def as_of(self, decided: Decided) -> date:
        day = decided.answers.get(self.since)
        return min(date.fromisoformat(day), decided.on) if isinstance(day, str) else decided.on

    @property
    def listed(self) -> str:
        """The field that names everybody of a household, if one does."""
        return next((one.field for one in self.assignments if one.source == "everybody"), "")

    @property
    def own(self) -> tuple[str, ...]:
        """The items of the office's own of which each person's record is needed."""
        return tuple(dict.fromkeys(one.item for one in self.assignments if one.source == "own"))


def read_effect(table: Table, occasion: Occasion) -> Effect:
    """Read one effect: `item`, a list of `set = [{ field, from, ... }]`, and what the occasion may have beside."""
    asked, arrival = occasion == "application", occasion == "arrival"
    each = table.text("each", "") if asked else ""
    to = table.text("to", "") if asked else ""
    sources = SOURCES["each" if each else occasion]
    return Effect(
        item=table.text("item"),
        assignments=tuple(_assignment(one, sources) for one in table.tables("set", at_least=1)),
        since=table.text("since", "") if asked or arrival else "",
        each=each,
        affair=table.text("affair") if to else table.text("affair", "") if arrival else "",
        to=to,
    )


def _assignment(table: Table, sources: tuple[Source, ...]) -> Assignment:
    source = table.choice("from", sources)
    return Assignment(
        field=table.text("field"),
        source=source,
        item=table.text("item") if source in OF_AN_ITEM else "",
        name=_name(table, source),
        names=tuple(table.texts("names")) if source == "everybody" else (),
    )


def _name(table: Table, source: Source) -> str:
    if source == "person":
        return table.choice("name", PERSON)
    return "" if source in NAMELESS else table.text("name")
