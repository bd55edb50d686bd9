"""
A country's files: read one TOML file, and say of each mistake in which line it stands and why it is one.

Each owner of a part of the country (law, layouts, procedures, people) reads its own files with this.  A getter
notes what is missing or of the wrong kind and gives a stand-in of the right type, so that the reader goes on and
one check names every mistake at once.  `end` notes the keys that nobody asked for; `Mistakes.check` raises.

    mistakes = Mistakes()
    for row in read_toml(path, mistakes).tables("row"):
        kind = row.choice("kind", ("inquiry", "submission"))
        ...
    mistakes.check()

Never repeated in a reason: the value that stood there, which may be a person's.
Source: toml.io, version 1.0.0.  Where a key stands is found by `toml_lines`: tomllib does not say.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date as Date  # noqa: N812  a getter is called date
from datetime import datetime
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from re import search
from typing import Any, TypeVar, cast

from kiban.shared.problems import Problem
from kiban.shared.toml_lines import KeyPath, lines_of

LARGEST = 4 << 20  # bytes of one file
LANGUAGES = ("ja", "en")
EASY = "ja-easy"
_MISSING: Any = object()
_Kind = TypeVar("_Kind")
_Choice = TypeVar("_Choice", bound=str)


class CountryMistake(Problem):
    """One mistake in one file: members file, line and reason."""

    slug, title, status = "country-mistake", "A file of the country is wrong", 422

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}", file=file, line=line, reason=reason)
        self.file, self.line, self.reason = file, line, reason


class CountryWrong(Problem):
    """All mistakes of one check, a line each."""

    slug, title, status = "country-wrong", "The country's files hold mistakes", 422


@dataclass(slots=True)
class Mistakes:
    """Collects, so that one check can name every mistake."""

    found: list[CountryMistake] = field(default_factory=list)

    def note(self, file: Path, line: int, reason: str) -> None:
        self.found.append(CountryMistake(str(file), line, reason))

    def lines(self) -> list[str]:
        """Give `file:line: reason` for each, in the order of files and lines."""
        return [each.detail for each in sorted(self.found, key=lambda each: (each.file, each.line))]

    def check(self) -> None:
        """Return silently, or raise everything that was noted."""
        if self.found:
            raise CountryWrong("\n".join(self.lines()), mistakes=len(self.found))


@dataclass(slots=True)
class Table:
    """One table of a file.  Getters note what is wrong and give a stand-in of the right type."""

    file: Path
    values: dict[str, Any]
    mistakes: Mistakes
    lines: Callable[[], Mapping[KeyPath, int]]
    """Where everything stands; asked for only where something is wrong, because finding it takes as long as reading."""
    path: KeyPath = ()
    readable: bool = True
    """False where the file could not be read at all: nothing more is noted then."""
    asked: set[str] = field(default_factory=set)
    inner: list["Table"] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Table({self.file.name}:{self.line})"

    @property
    def line(self) -> int:
        return self.lines().get(self.path, 1)

    def line_of(self, key: str) -> int:
        """Where the key stands; the table's own line if it does not."""
        return self.lines().get((*self.path, key), self.line)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def mistake(self, key: str, reason: str) -> None:
        """Note what a rule of the owner's finds wrong about a key (or, with "", about the table)."""
        if self.readable:
            self.mistakes.note(self.file, self.line_of(key), f"{key}: {reason}" if key else reason)

    # --- getters ------------------------------------------------------------------------------

    def text(
        self, key: str, default: str = _MISSING, *, check: Callable[[str], object] | None = None
    ) -> str:
        """Text that is not empty.  What `check` raises as ValueError is noted in its words."""
        text = self._get(key, str, "text", default, stand_in="")
        if key not in self or not isinstance(self.values[key], str):
            return text
        if not text.strip():
            self.mistake(key, "the text is empty")
        elif check is not None:
            try:
                check(text)
            except ValueError as error:
                self.mistake(key, str(error))
        return text

    def integer(self, key: str, default: int = _MISSING) -> int:
        return self._get(key, int, "a whole number", default, stand_in=0)

    def truth(self, key: str, default: bool = _MISSING) -> bool:
        return self._get(key, bool, "true or false", default, stand_in=False)

    def date(self, key: str) -> Date:
        return self._get(key, Date, "a date such as 2026-04-01", _MISSING, stand_in=Date.min)

    def date_or_none(self, key: str) -> Date | None:
        self.asked.add(key)
        return self.date(key) if key in self else None

    def localized(self, key: str) -> dict[str, str]:
        """One text in Japanese and English: `{ ja = "…", en = "…" }`; easy Japanese is optional."""
        found = self.table(key)
        texts = {language: found.text(language) for language in LANGUAGES}
        return texts | ({EASY: found.text(EASY)} if EASY in found else {})

    def localized_or_none(self, key: str) -> dict[str, str] | None:
        self.asked.add(key)
        return self.localized(key) if key in self else None

    def choice(self, key: str, choices: Sequence[_Choice], default: _Choice = _MISSING) -> _Choice:
        """One of a closed list of words."""
        expected = f"one of {', '.join(filter(None, choices))}"
        text = self._get(key, str, expected, default, stand_in=choices[0])
        for choice in choices:
            if text == choice:
                return choice
        self.mistake(key, f"expected {expected}")
        return choices[0]

    def texts(self, key: str, default: Sequence[str] = _MISSING) -> list[str]:
        """Give a list of texts."""
        found = self._get(key, list, "a list of texts", default, stand_in=[])
        for place, each in enumerate(found):
            if not isinstance(each, str) or not each.strip():
                self._note_at((*self.path, key, place), f"{key}: each entry is a text")
        return [each for each in found if isinstance(each, str)]

    def table(self, key: str) -> "Table":
        """Give the table under this key; an empty, silent one where there is none."""
        found = self._get(key, dict, "a table", _MISSING, stand_in=None)
        return self._below((*self.path, key), found)

    def tables(self, key: str, *, at_least: int = 0) -> list["Table"]:
        """Give the list of tables under this key (`[[key]]`); none where there is no such key."""
        expected = f"a list of tables, [[{key}]]"
        found = self._get(key, list, expected, [], stand_in=[])
        if len(found) < at_least and (key not in self or isinstance(self.values[key], list)):
            self.mistake(key, f"expected at least {at_least} of [[{key}]]")
        below = []
        for place, each in enumerate(found):
            path = (*self.path, key, place)
            if not isinstance(each, dict):
                self._note_at(path, f"{key}: expected {expected}")
            below.append(self._below(path, each if isinstance(each, dict) else None))
        return below

    def value(self, key: str) -> Any:
        """Whatever stands there, for the owner to judge; nothing below it counts as unknown."""
        return self._get(key, object, "a value", _MISSING, stand_in=None)

    def end(self) -> None:
        """Note every key of this table, and of those read from it, that nobody asked for."""
        for key in [key for key in self.values if key not in self.asked]:
            near = get_close_matches(key, self.asked, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self._note_at((*self.path, key), f"unknown key {key!r}{hint}")
        for table in self.inner:
            table.end()

    # --- how ----------------------------------------------------------------------------------

    def _get(
        self, key: str, kind: type[_Kind], expected: str, default: Any, *, stand_in: Any
    ) -> _Kind:
        self.asked.add(key)
        if key not in self.values:
            if default is _MISSING:
                self.mistake("", f"{key} is missing: expected {expected}")
                return cast("_Kind", stand_in)
            return cast("_Kind", default)
        value = self.values[key]
        if isinstance(value, kind) and not _misleading(value, kind):
            return value
        self.mistake(key, f"expected {expected}")
        return cast("_Kind", stand_in)

    def _below(self, path: KeyPath, values: dict[str, Any] | None) -> "Table":
        readable = self.readable and values is not None
        table = Table(self.file, values or {}, self.mistakes, self.lines, path, readable)
        self.inner.append(table)
        return table

    def _note_at(self, path: KeyPath, reason: str) -> None:
        if self.readable:
            self.mistakes.note(self.file, self.lines().get(path, self.line), reason)


def _misleading(value: object, kind: type) -> bool:
    """Python counts True as a number, and a time of day on a date as a date."""
    return (kind is int and isinstance(value, bool)) or (
        kind is Date and isinstance(value, datetime)
    )


def read_toml(file: Path, mistakes: Mistakes) -> Table:
    """Read one file.  One that cannot be read is noted, and the table it gives is empty and silent."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
        text = _decoded(raw)
        values = tomllib.loads(text)
    except OSError as error:
        mistakes.note(file, 1, f"cannot be read: {error.strerror or type(error).__name__}")
    except RecursionError:
        mistakes.note(file, 1, "no TOML: nested too deep")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        mistakes.note(file, line, "not UTF-8")
    except ValueError as error:
        mistakes.note(file, _line_said(error, raw), f"no TOML: {error}")
    else:
        return Table(file, values, mistakes, cache(partial(lines_of, text)))
    return Table(file, {}, mistakes, dict, readable=False)


def _decoded(raw: bytes) -> str:
    if len(raw) > LARGEST:
        raise ValueError(f"larger than {LARGEST} bytes")
    return raw.decode()


def _line_said(error: ValueError, raw: bytes) -> int:
    if said := search(r"\(at line (\d+)", str(error)):
        return int(said[1])
    return raw.count(b"\n") + 1 if "end of document" in str(error) else 1


@contextmanager
def reading(file: Path, mistakes: Mistakes) -> Iterator[Table]:
    """Read one file and, when the block is done, note the keys that it did not ask for."""
    table = read_toml(file, mistakes)
    yield table
    table.end()


def toml_files(folder: Path) -> list[Path]:
    """Give the files of one folder of the country, in order; a folder that is absent holds none."""
    return sorted(folder.glob("*.toml"))
