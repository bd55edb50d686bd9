"""
Answers: what only the citizen knows, read from a form that works without any script.

Each field has a type and nothing else is taken: text, a month, a date (in a window of days, or so soon after another
date, where the file says so), a declaration (yes), a company of the registry, an address whose town is the registry's,
some of a list that an office holds, by their places.  Companies and towns are searched for in a step of its own and
then chosen, so that an application holds ids and never a name that somebody typed.

Refused: a value for a field that an office holds (`OnceOnlyViolated`, once-only when it is submitted), and fields
that the procedure does not have.  What the citizen can mend is no problem but a `mistake` beside its field.

Pure rules; the registers are an argument.
Source: DESIGN 3 (identifiers), 4 (step 4), 6; the application's form in `applications`.
"""

import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from kiban.portal.contract import OnceOnlyViolated
from kiban.portal.procedures import Asked, Procedure, Window
from kiban.shared import identifiers
from kiban.shared.canonical import JSON
from kiban.shared.problems import Malformed, Problem

YES = "yes"
QUERY, REST = "-query", "-rest"
"""What the names of the search field and of the rest of an address end in."""
LONGEST_QUERY, LONGEST_REST = 100, 100
MOST_MEMBERS = 30
_FIRST_YEAR, _LAST_YEAR = 1900, 2199


@dataclass(frozen=True, slots=True)
class Choice:
    """Something of the registry that a citizen can choose, with the sequence at which it was read."""

    id: str
    label: str
    sequence: int


class Registers(Protocol):
    """The base registries, as narrow as forms need them.  What is not there is a problem (404)."""

    async def companies(self, text: str) -> list[Choice]: ...

    async def company(self, number: str) -> Choice: ...

    async def towns(self, text: str) -> list[Choice]: ...

    async def town(self, name: str) -> Choice: ...


@dataclass(frozen=True, slots=True)
class Said:
    """One answer as it will be signed, and how it is shown to the citizen."""

    field: Asked
    value: JSON
    shown: str


@dataclass(slots=True)
class Checked:
    """All answers that hold, and by field what the citizen must mend."""

    said: dict[str, Said] = field(default_factory=dict)
    mistakes: dict[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, JSON]:
        return {name: said.value for name, said in self.said.items()}


@dataclass(frozen=True, slots=True)
class Setting:
    """What answers are read against: the registers, the day, and the lists that offices hold (labels, by field)."""

    registers: Registers
    today: date
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Mistake(ValueError):  # noqa: N818  named by what is wrong
    """Something the citizen can mend; its word names a text of the catalogue."""


def typed(procedure: Procedure, form: Mapping[str, str]) -> dict[str, str]:
    """Take the procedure's own fields from a form; refuse what an office holds, and what is unknown."""
    names = _names(procedure)
    held = {field.name: field for field in procedure.held}
    for name in form:
        base = re.split(r"[-.\[]", name, maxsplit=1)[0]
        if base in held:
            raise OnceOnlyViolated(
                f"{base} is filled by {held[base].provider} alone",
                sent=base,
                expected="no such field in the form",
                rule="once-only",
            )
        if name not in names:
            raise Malformed(
                f"{procedure.id} has no such field", sent=name[:100], expected=", ".join(names)
            )
    return {name: _plain(form.get(name, ""), longest) for name, longest in names.items()}


def _names(procedure: Procedure) -> dict[str, int]:
    """The names that the form may carry, each with the number of characters kept of it."""
    names: dict[str, int] = {}
    for asked in procedure.asked:
        if asked.type == "members":
            names |= dict.fromkeys(places(asked), len(YES))
            continue
        names[asked.name] = asked.longest + 1  # one more than allowed, so that it shows
        if asked.type in {"company", "address"}:
            names[asked.name + QUERY] = LONGEST_QUERY
        if asked.type == "address":
            names[asked.name + REST] = LONGEST_REST + 1
    return names


def places(asked: Asked) -> list[str]:
    """The names under which a form says which of a list are chosen."""
    return [f"{asked.name}-{place}" for place in range(1, MOST_MEMBERS + 1)]


def _plain(text: str, longest: int) -> str:
    """One line of text in one normal form; control characters have no place in a form."""
    kept = "".join(each for each in unicodedata.normalize("NFC", text) if each.isprintable())
    return kept.strip()[:longest]


async def check(procedure: Procedure, given: Mapping[str, str], setting: Setting) -> Checked:
    """Read every field; what holds is an answer, what does not is a mistake beside its field."""
    checked = Checked()
    for asked in procedure.asked:
        try:
            said = await _read(asked, given, setting)
        except Mistake as mistake:
            checked.mistakes[asked.name] = str(mistake)
        else:
            if said is not None:
                checked.said[asked.name] = said
    _check_following(procedure, checked)
    return checked


def _check_following(procedure: Procedure, checked: Checked) -> None:
    """A day that does not follow another as it should is a mistake; of two that hold, and are both there."""
    for asked in procedure.asked:
        first = checked.said.get(asked.follows.field) if asked.follows else None
        then = checked.said.get(asked.name)
        if asked.follows and first and then:
            days = (_as_day(then) - _as_day(first)).days
            if not 0 <= days <= asked.follows.days:
                checked.mistakes[asked.name] = "follows"
                del checked.said[asked.name]


def _as_day(said: Said) -> date:
    return date.fromisoformat(str(said.value))


async def _read(asked: Asked, given: Mapping[str, str], setting: Setting) -> Said | None:
    if asked.type == "members":
        return _members(asked, given, setting.lists.get(asked.name, ()))
    text = given.get(asked.name, "")
    if not text:
        _check_nothing(asked, given)
        return None
    if asked.type == "company":
        return await _company(asked, text, setting.registers)
    if asked.type == "address":
        return await _address(asked, text, given.get(asked.name + REST, ""), setting.registers)
    said = _READERS[asked.type](asked, text)
    if asked.window:
        _check_window(asked.window, str(said.value), setting.today)
    return said


def _check_nothing(asked: Asked, given: Mapping[str, str]) -> None:
    """An empty field is well unless it is required, or was begun and not finished."""
    if given.get(asked.name + QUERY) or given.get(asked.name + REST):
        raise Mistake(f"choose-{asked.type}")
    if asked.required:
        raise Mistake("yes" if asked.type == "yes" else "required")


def _check_window(window: Window, day: str, today: date) -> None:
    if not window.first <= (date.fromisoformat(day) - today).days <= window.last:
        raise Mistake("window")


def _members(asked: Asked, given: Mapping[str, str], labels: Sequence[str]) -> Said | None:
    chosen = [place for place, name in enumerate(places(asked)) if given.get(name) == YES]
    if not chosen:
        if asked.required:
            raise Mistake("members")
        return None
    if chosen[-1] >= len(labels):
        raise Mistake("members-unread")  # the list was another one, or is not here now
    value: JSON = list[JSON](chosen)
    return Said(asked, value, "、".join(labels[place] for place in chosen))


def _text(asked: Asked, text: str) -> Said:
    if len(text) > asked.longest:
        raise Mistake("too-long")
    return Said(asked, text, text)


def _yes(asked: Asked, text: str) -> Said:
    if text != YES:
        raise Mistake("yes")
    return Said(asked, True, text)


def _month(asked: Asked, text: str) -> Said:
    year, month = _numbers(text, 2, "month")
    _day(year, month, 1, "month")
    return Said(asked, f"{year:04}-{month:02}", f"{year:04}-{month:02}")


def _date(asked: Asked, text: str) -> Said:
    year, month, day = _numbers(text, 3, "date")
    said = _day(year, month, day, "date").isoformat()
    return Said(asked, said, said)


def _numbers(text: str, expected: int, mistake: str) -> list[int]:
    """Read 2026-04, 2026/4, 2026年4月 and the same in full-width digits."""
    parts = re.findall(r"[0-9]+", unicodedata.normalize("NFKC", text))
    if len(parts) != expected or any(len(part) > 4 for part in parts):  # noqa: PLR2004  a year
        raise Mistake(mistake)
    return [int(part) for part in parts]


def _day(year: int, month: int, day: int, mistake: str) -> date:
    try:
        found = date(year, month, day)
    except ValueError:
        raise Mistake(mistake) from None
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise Mistake(mistake)
    return found


_READERS: Mapping[str, Callable[[Asked, str], Said]] = {
    "text": _text,
    "yes": _yes,
    "month": _month,
    "date": _date,
}


async def _company(asked: Asked, text: str, registers: Registers) -> Said:
    try:
        identifiers.check_corporate_number(text)
    except ValueError:
        raise Mistake("choose-company") from None
    found = await _found(registers.company(text), "choose-company")
    value: JSON = {"corporate_number": found.id, "sequence": found.sequence}
    return Said(asked, value, found.label)


async def _address(asked: Asked, text: str, rest: str, registers: Registers) -> Said:
    if len(rest) > LONGEST_REST:
        raise Mistake("too-long")
    if not rest:
        raise Mistake("rest")
    found = await _found(registers.town(text), "choose-address")
    value: JSON = {"town": found.id, "rest": rest, "sequence": found.sequence}
    return Said(asked, value, f"{found.label} {rest}")


async def _found(search: Awaitable[Choice], mistake: str) -> Choice:
    """What the registry has under an id that the form sent; a registry that is away is said so."""
    try:
        return await search
    except Problem as problem:
        if problem.status >= 500:  # noqa: PLR2004  RFC 9110
            raise Mistake("register-away") from problem
        raise Mistake(mistake) from problem


@dataclass(frozen=True, slots=True)
class Search:
    """What a search in the registry gave, for one field of the form."""

    found: tuple[Choice, ...] = ()
    away: bool = False


async def search(asked: Asked, given: Mapping[str, str], registers: Registers) -> Search | None:
    """Search what the citizen typed into the field's search box; None where nothing was typed."""
    text = given.get(asked.name + QUERY, "")
    if not text:
        return None
    look = registers.companies if asked.type == "company" else registers.towns
    try:
        return Search(tuple(await look(text)))
    except Problem as problem:
        return Search(away=problem.status >= 500)  # noqa: PLR2004  RFC 9110


async def chosen(asked: Asked, given: Mapping[str, str], registers: Registers) -> Choice | None:
    """What the citizen chose before, as the registry words it; its bare id while the registry is away."""
    name = given.get(asked.name, "")
    if not name:
        return None
    try:
        return await (registers.company if asked.type == "company" else registers.town)(name)
    except Problem as problem:
        away = problem.status >= 500  # noqa: PLR2004  RFC 9110
        return Choice(name, name, 0) if away else None
