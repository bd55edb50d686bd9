"""
Where each key of a TOML file stands: the line of every table, key and list entry.

tomllib gives values without places.  This walks over a text that tomllib has already taken, so it need not find
faults, only places: headers, keys, and what strings, lists and inline tables enclose.
Source: toml.io, version 1.0.0.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]
"""Keys from the root; a number is the place in a list."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL = re.compile(r"'[^']*'")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_SHORT = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


def lines_of(text: str) -> dict[KeyPath, int]:
    """Give the line of everything in a valid TOML text."""
    scan = _Scan(text)
    scan.document()
    return scan.lines


@dataclass(slots=True)
class _Scan:
    text: str
    at: int = 0
    lines: dict[KeyPath, int] = field(default_factory=dict)
    counts: dict[KeyPath, int] = field(default_factory=dict)  # entries so far of each [[list]]
    breaks: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.breaks = [place for place, character in enumerate(self.text) if character == "\n"]

    def document(self) -> None:
        table: KeyPath = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.pair(table)
            self.skip(_BLANK)

    def header(self) -> KeyPath:
        line, listed = self.line(), self.text.startswith("[[", self.at)
        self.at += 2 if listed else 1
        keys = self.keys()
        self.at += 2 if listed else 1
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self.entered((*path, key), line)
        path = (*path, keys[-1])
        if listed:
            self.lines.setdefault(path, line)
            self.counts[path] = self.counts.get(path, -1) + 1
            path = (*path, self.counts[path])
        self.lines[path] = line
        return path

    def entered(self, path: KeyPath, line: int) -> KeyPath:
        """Go into a table, or into the last entry of a list of tables."""
        self.lines.setdefault(path, line)
        return (*path, self.counts[path]) if path in self.counts else path

    def pair(self, table: KeyPath) -> None:
        line = self.line()
        path = table
        for key in self.keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self.at += 1  # the equals sign
        self.skip(_SPACE)
        self.value(path)

    def keys(self) -> list[str]:
        keys = []
        while True:
            self.skip(_SPACE)
            keys.append(self.key())
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def key(self) -> str:
        match self.text[self.at]:
            case '"':
                return _ESCAPE.sub(_unescaped, self.skip(_BASIC)[1:-1])
            case "'":
                return self.skip(_LITERAL)[1:-1]
            case _:
                return self.skip(_BARE_KEY)

    def value(self, path: KeyPath) -> None:
        match self.text[self.at : self.at + 3]:
            case '"""':
                self.long('"')
            case "'''":
                self.long("'")
            case opening if opening[0] == '"':
                self.skip(_BASIC)
            case opening if opening[0] == "'":
                self.skip(_LITERAL)
            case opening if opening[0] == "[":
                self.list(path)
            case opening if opening[0] == "{":
                self.inline_table(path)
            case _:
                self.skip(_SCALAR)

    def long(self, quote: str) -> None:
        """Pass a string of several lines; up to two quotes may stand before the closing three."""
        self.at += 3
        while not self.text.startswith(quote * 3, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += 3
        for _ in range(2):
            self.at += self.text.startswith(quote, self.at)

    def list(self, path: KeyPath) -> None:
        self.at += 1
        place = 0
        self.skip(_BLANK)
        while self.text[self.at] != "]":
            self.lines[(*path, place)] = self.line()
            self.value((*path, place))
            place += 1
            self.skip(_BLANK)
            self.at += self.text[self.at] == ","
            self.skip(_BLANK)
        self.at += 1

    def inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self.skip(_BLANK)
        while self.text[self.at] != "}":
            self.pair(path)
            self.skip(_BLANK)
            self.at += self.text[self.at] == ","
            self.skip(_BLANK)
        self.at += 1

    def skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"line {self.line()}: expected {pattern.pattern}")
        self.at = found.end()
        return found[0]

    def line(self) -> int:
        return bisect_right(self.breaks, self.at - 1) + 1


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _SHORT.get(code, code)
