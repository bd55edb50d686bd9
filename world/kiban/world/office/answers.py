"""
Answers: what a citizen may have answered, checked by the office that relies on it.

The office trusts no form but checks each answer itself against the procedure's file: companies and towns only by the
registry's ids, which the registry must know; of a list that an office holds only by places; and nothing at all for
what an office holds already.  An address is then written as the registry writes its town, because ids alone are no
address on paper, and the chosen places of a list give way to its entries, once the office has read the list itself.

Refused (`AnswerWrong`, named by field and never by value): a missing required answer, a value of another kind, an
unknown company or town, what follows a town and could stand in no address, a place that a list does not have or that
is named twice, an answer to what was not asked.
Source: DESIGN 4 (step 6), 6 (once-only enforced four times).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from kiban.shared import identifiers
from kiban.shared.country import Mistakes, Table, read_toml

LONGEST_TEXT = 200
LONGEST_REST = 100
"""Characters that may follow an address's town."""
_LONG_NUMBER = re.compile(r"\d{11,}")  # as long as a number of a person's own
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class AnswerWrong(ValueError):  # noqa: N818  named by what is wrong
    """An answer that the office cannot take; says which field, never which value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class UnknownReference(ValueError):  # noqa: N818
    """The registry holds no such thing."""


@dataclass(frozen=True, slots=True)
class Town:
    """A town of the registry: whose it is, and how it is written from the prefecture on."""

    municipality: str
    address: str


class References(Protocol):
    """The base registries, as narrow as an office needs them; `UnknownReference` for what is not there."""

    async def check_company(self, number: str) -> None: ...

    async def find_town(self, town: str) -> Town: ...


@dataclass(frozen=True, slots=True)
class Question:
    """One field that the citizen fills."""

    name: str
    type: str
    required: bool
    of: str = ""
    """The held field from whose list some are chosen."""
    follows: tuple[str, int] | None = None
    """The date that it follows, and within how many days."""


@dataclass(frozen=True, slots=True)
class HeldField:
    """A field that a provider's record fills."""

    name: str
    item: str
    provider: str


@dataclass(frozen=True, slots=True)
class ByConsent:
    """An item that the office reads by the citizen's consent."""

    item: str
    provider: str


@dataclass(frozen=True, slots=True)
class Form:
    """What an office needs to know of a procedure's file."""

    edition: int
    affair: str
    questions: tuple[Question, ...]
    consents: tuple[ByConsent, ...]
    """In the order in which an application lists the consents' ids."""
    held: tuple[HeldField, ...] = ()

    def list_of(self, question: str) -> HeldField | None:
        """The held field from whose list this question chooses."""
        of = next((each.of for each in self.questions if each.name == question), "")
        return next((each for each in self.held if each.name == of), None)

    def follows(self, question: str) -> tuple[str, int] | None:
        """Which date a question's day follows, and within how many days."""
        return next((each.follows for each in self.questions if each.name == question), None)

    def asks(self, name: str, type_: str) -> bool:
        """Whether there is a question of this name and type."""
        return any((each.name, each.type) == (name, type_) for each in self.questions)


def read_form(country: Path, procedure: str, office: str = "") -> Form:
    """Read the procedure's file, as this office takes it.  Its owner, the portal, names what is wrong in it."""
    table = read_toml(country / "procedures" / f"{procedure}.toml", Mistakes())
    fields = table.tables("field")
    return Form(
        edition=table.integer("edition", 1),
        affair=table.text("affair"),
        questions=tuple(
            Question(
                each.text("name"),
                each.text("type"),
                each.truth("required", True),
                each.text("of", ""),
                _follows(each.table("follows")) if "follows" in each else None,
            )
            for each in fields
            if "held" not in each
        ),
        consents=tuple(
            ByConsent(each.table("held").text("item"), each.table("held").text("provider", office))
            for each in fields
            if each.truth("consent", False)
        ),
        held=tuple(
            HeldField(
                each.text("name"),
                each.table("held").text("item"),
                each.table("held").text("provider", office),
            )
            for each in fields
            if "held" in each
        ),
    )


def _follows(table: Table) -> tuple[str, int]:
    return table.text("field"), table.integer("days")


async def check(
    asked: tuple[Question, ...], answers: Mapping[str, JsonValue], references: References
) -> dict[str, JsonValue]:
    """Give the answers if they are what was asked and nothing else: of an address also its municipality and text."""
    known = {question.name for question in asked}
    for name in answers:
        if name not in known:
            raise AnswerWrong(name, "was not asked")
    checked: dict[str, JsonValue] = {}
    for question in asked:
        if question.name in answers:
            checked[question.name] = await _checked(question, answers[question.name], references)
        elif question.required:
            raise AnswerWrong(question.name, "is missing")
    return checked


async def _checked(question: Question, answer: JsonValue, references: References) -> JsonValue:
    match question.type, answer:
        case "text", str() if 0 < len(answer) <= LONGEST_TEXT:
            pass
        case "yes", True:
            pass
        case "month", str() if _MONTH.fullmatch(answer):
            pass
        case "date", str():
            _check_date(question.name, answer)
        case "members", [int(), *_] if _are_places(answer):
            pass
        case "company", {"corporate_number": str() as number, "sequence": int(), **more} if (
            not more
        ):
            await _check_company(question.name, number, references)
        case "address", {
            "town": str() as town,
            "rest": str() as rest,
            "sequence": int() as read_at,
            **more,
        } if not more:
            written = await _written(question.name, town, rest, references)
            return {"town": town, "rest": rest, "sequence": read_at, **written}
        case _:
            raise AnswerWrong(question.name, f"is no {question.type}")
    return answer


def _are_places(answer: JsonValue) -> bool:
    """Whether these are places of a list, each once and in order."""
    if not isinstance(answer, list) or any(type(each) is not int for each in answer):
        return False
    places = [each for each in answer if isinstance(each, int)]
    return places[0] >= 0 and all(one < other for one, other in pairwise(places))


def entries(field: str, places: JsonValue, held: JsonValue) -> list[dict[str, JsonValue]]:
    """The entries of a held list at the places that the citizen chose."""
    chosen, listed = _listed(places), _listed(held)
    found = [listed[each] for each in chosen if isinstance(each, int) and each < len(listed)]
    known = [each for each in found if isinstance(each, dict)]
    if len(known) < len(chosen):
        raise AnswerWrong(field, "names a place that the list does not have")
    return known


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _check_date(field: str, text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise AnswerWrong(field, "is no date") from None


async def _check_company(field: str, number: str, references: References) -> None:
    try:
        identifiers.check_corporate_number(number)
        await references.check_company(number)
    except ValueError:
        raise AnswerWrong(field, "is no company of the registry") from None


async def _written(
    field: str, town: str, rest: str, references: References
) -> dict[str, JsonValue]:
    if len(rest) > LONGEST_REST or not rest.isprintable() or _LONG_NUMBER.search(rest):
        raise AnswerWrong(field, "is followed by what no address has")
    try:
        found = await references.find_town(town)
    except UnknownReference:
        raise AnswerWrong(field, "is no town of the registry") from None
    return {"municipality": found.municipality, "text": found.address + rest}
