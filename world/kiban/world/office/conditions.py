"""
Conditions: the closed list of rules by which an office decides without a clerk.

A condition looks at one item that the office has read itself, or at one answer of the citizen's, on one day.  What a
rule cannot express is for a clerk to decide (`waits_for_clerk`), not for a new rule in a data file.

Refused, with file and line: a rule that is not on the list, a parameter that the rule does not have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from pydantic import JsonValue

from kiban.shared.country import Table
from kiban.shared.identifiers import check_municipality_code

Values = Mapping[str, JsonValue]
"""The values of one record, or the answers of one application, by field."""
Readings = Mapping[str, Values]
"""What the office has read, by name: a person's own item by its id, somebody else's as `spouse.income`."""
ANSWERS = ""
"""What stands for an item where a condition looks at the answers."""


def named(item: str, of: str | None) -> str:
    """The name of a reading: of the person's own item, or of the same item of somebody in this relation to them."""
    return f"{of}.{item}" if of else item


class Form(Protocol):
    """A procedure's form, as narrow as conditions need it."""

    def follows(self, question: str) -> tuple[str, int] | None: ...


class Condition(Protocol):
    @property
    def item(self) -> str:
        """The item whose record it looks at, or `ANSWERS`."""
        ...

    def met(self, read: Readings, *, on: date) -> bool:
        """Whether what was read fulfils this condition on that day."""
        ...


@dataclass(frozen=True, slots=True)
class AMemberIsYoungerThan:
    """Somebody in a list has not yet had this birthday."""

    item: str
    list: str
    field: str
    years: int

    def met(self, read: Readings, *, on: date) -> bool:
        values = read.get(self.item, {})
        members = values.get(self.list)
        if not isinstance(members, list):
            return False
        births = [each.get(self.field) for each in members if isinstance(each, dict)]
        return any(isinstance(birth, str) and self._younger(birth, on) for birth in births)

    def _younger(self, birth: str, on: date) -> bool:
        born = date.fromisoformat(birth)
        years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
        return years < self.years


@dataclass(frozen=True, slots=True)
class IsAtMost:
    item: str
    field: str
    value: int

    def met(self, read: Readings, *, on: date) -> bool:  # noqa: ARG002  no day matters to it
        values = read.get(self.item, {})
        number = values.get(self.field)
        return isinstance(number, int) and number <= self.value


@dataclass(frozen=True, slots=True)
class IsAtLeast:
    item: str
    field: str
    value: int

    def met(self, read: Readings, *, on: date) -> bool:  # noqa: ARG002
        values = read.get(self.item, {})
        number = values.get(self.field)
        return isinstance(number, int) and number >= self.value


@dataclass(frozen=True, slots=True)
class IsAtLeastThatOf:
    """A number is no less than the same number of somebody else, if there is such a person and such a number."""

    item: str
    field: str
    of: str

    def met(self, read: Readings, *, on: date) -> bool:  # noqa: ARG002
        number = read.get(self.item, {}).get(self.field)
        theirs = read.get(named(self.item, self.of), {}).get(self.field)
        return isinstance(number, int) and (not isinstance(theirs, int) or number >= theirs)


@dataclass(frozen=True, slots=True)
class Is:
    """A field says exactly this."""

    item: str
    field: str
    value: str

    def met(self, read: Readings, *, on: date) -> bool:  # noqa: ARG002
        values = read.get(self.item, {})
        return values.get(self.field) == self.value


@dataclass(frozen=True, slots=True)
class LiesIn:
    """An address that the citizen chose is one of this municipality's."""

    answer: str
    municipality: str
    item: str = ANSWERS

    def met(self, read: Readings, *, on: date) -> bool:  # noqa: ARG002
        values = read.get(self.item, {})
        chosen = values.get(self.answer)
        return isinstance(chosen, dict) and chosen.get("municipality") == self.municipality


@dataclass(frozen=True, slots=True)
class IsWithinDays:
    """A day that the citizen named is the day itself, or one of so many days before it."""

    answer: str
    days: int
    item: str = ANSWERS

    def met(self, read: Readings, *, on: date) -> bool:
        values = read.get(self.item, {})
        day = values.get(self.answer)
        return isinstance(day, str) and 0 <= (on - date.fromisoformat(day)).days <= self.days


@dataclass(frozen=True, slots=True)
class LiesWithAnotherOffice:
    """An address that the citizen chose lies in the municipality of another office, which can be told."""

    answer: str
    item: str = ANSWERS

    def met(self, read: Readings, *, on: date) -> bool:  # noqa: ARG002
        values = read.get(self.item, {})
        chosen = values.get(self.answer)
        return isinstance(chosen, dict) and bool(chosen.get("office"))


@dataclass(frozen=True, slots=True)
class IsInWindow:
    """A day that the citizen named lies in a window around the day itself."""

    answer: str
    first: int
    last: int
    item: str = ANSWERS

    def met(self, read: Readings, *, on: date) -> bool:
        values = read.get(self.item, {})
        days = _days(on, values.get(self.answer))
        return days is not None and self.first <= days <= self.last


@dataclass(frozen=True, slots=True)
class FollowsWithinDays:
    """
    A day that the citizen named is another such day, or one of so many days after it.

    Which, and how many, the procedure's file says (`follows`), so that the form tells the citizen the same.
    """

    answer: str
    after: str
    days: int
    item: str = ANSWERS

    def met(self, read: Readings, *, on: date) -> bool:  # noqa: ARG002
        values = read.get(self.item, {})
        first = values.get(self.after)
        if not isinstance(first, str):
            return False
        days = _days(date.fromisoformat(first), values.get(self.answer))
        return days is not None and 0 <= days <= self.days


@dataclass(frozen=True, slots=True)
class IsHeld:
    """An item is held at all."""

    item: str

    def met(self, read: Readings, *, on: date) -> bool:  # noqa: ARG002
        return bool(read.get(self.item))


def _days(first: date, then: JsonValue) -> int | None:
    return (date.fromisoformat(then) - first).days if isinstance(then, str) else None


FOLLOWS = "follows-within-days"
RULES: dict[str, Callable[[Table], Condition]] = {
    "a-member-is-younger-than": lambda table: AMemberIsYoungerThan(
        table.text("item"), table.text("list"), table.text("field"), table.integer("years")
    ),
    "is-at-most": lambda table: IsAtMost(
        table.text("item"), table.text("field"), table.integer("value")
    ),
    "is-at-least": lambda table: IsAtLeast(
        table.text("item"), table.text("field"), table.integer("value")
    ),
    "is-at-least-that-of": lambda table: IsAtLeastThatOf(
        table.text("item"), table.text("field"), table.text("of")
    ),
    "is": lambda table: Is(table.text("item"), table.text("field"), table.text("value")),
    "lies-in": lambda table: LiesIn(
        table.text("answer"), table.text("municipality", check=check_municipality_code)
    ),
    "is-within-days": lambda table: IsWithinDays(table.text("answer"), table.integer("days")),
    "lies-with-another-office": lambda table: LiesWithAnotherOffice(table.text("answer")),
    "is-in-window": lambda table: IsInWindow(
        table.text("answer"), table.integer("from"), table.integer("to")
    ),
    "is-held": lambda table: IsHeld(table.text("item")),
}
ASKED = {
    "lies-in": "address",
    "is-within-days": "date",
    "lies-with-another-office": "address",
    "is-in-window": "date",
    FOLLOWS: "date",
}
"""The rules that look at an answer, and the type of its question."""


def read_condition(table: Table, form: Form | None) -> Condition:
    """Read one condition of an agency's file, about an application by this form."""
    rule = table.choice("rule", (*RULES, FOLLOWS))
    return RULES[rule](table) if rule != FOLLOWS else _follows(table, form)


def _follows(table: Table, form: Form | None) -> FollowsWithinDays:
    answer = table.text("answer")
    follows = form.follows(answer) if form else None
    if form and follows is None:
        table.mistake("answer", f"the procedure does not say what {answer} follows")
    after, days = follows or ("", 0)
    return FollowsWithinDays(answer, after, days)
