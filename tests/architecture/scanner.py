"""
The scanner: looks for a person's actual values in whatever bytes a party holds, sent or wrote down.

A value can hide as UTF-8, in compatibility forms, in other encodings of Japanese, as hexadecimal, in base64 at any of
three offsets, quoted for an address, escaped for JSON or HTML.  Digits alone are looked for as a word of their own,
because long hexadecimal numbers contain every short one.
"""

import base64
import html
import json
import re
import unicodedata
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

SHORTEST = 5
"""Bytes; what is shorter is found everywhere by chance."""
WORD = rb"[0-9A-Za-z]"


@dataclass(frozen=True)
class Value:
    """One thing that somebody may not know: what kind it is, whose, and how it reads."""

    kind: str
    whose: str
    raw: str | bytes = field(repr=False)

    @cached_property
    def needles(self) -> tuple[bytes, ...]:
        return tuple(sorted({each for each in _encoded(self.raw) if len(each) >= SHORTEST}))

    @cached_property
    def digits(self) -> re.Pattern[bytes] | None:
        """Digits that stand alone, where the value is a short number."""
        if isinstance(self.raw, str) and self.raw.isdigit() and len(self.raw) < 11:
            return re.compile(rb"(?<!" + WORD + rb")" + self.raw.encode() + rb"(?!" + WORD + rb")")
        return None

    def in_(self, haystack: bytes) -> bytes | None:
        """Give the form in which the value stands there, if it does."""
        if self.digits is not None and self.digits.search(haystack):
            return self.digits.pattern
        return next((each for each in self.needles if each in haystack), None)


@dataclass(frozen=True)
class Found:
    where: str
    kind: str
    whose: str
    form: bytes = field(compare=False)


def scan(places: Iterable[tuple[str, bytes]], values: Iterable[Value]) -> list[Found]:
    """Give every value that stands somewhere, once for each place."""
    known = list(values)
    return [
        Found(where, value.kind, value.whose, form)
        for where, haystack in places
        for value in known
        if (form := value.in_(haystack)) is not None
    ]


def _encoded(raw: str | bytes) -> Iterator[bytes]:
    if isinstance(raw, bytes):
        yield from _as_bytes(raw)
        return
    forms = {raw, *(unicodedata.normalize(form, raw) for form in ("NFC", "NFD", "NFKC", "NFKD"))}
    forms |= {form.replace(" ", "").replace("　", "") for form in forms}
    short_number = raw.isdigit() and len(raw) < 11
    for text in forms:
        if not short_number:
            yield from _as_text(text)
        yield from (each for each in _as_bytes(text.encode()) if each != text.encode())
        for codec in ("utf-16-le", "utf-16-be", "shift_jis", "euc_jp"):
            try:
                encoded = text.encode(codec)
            except UnicodeEncodeError:
                continue
            if encoded != text.encode():
                yield encoded


def _as_text(text: str) -> Iterator[bytes]:
    yield text.encode()
    yield urllib.parse.quote(text, safe="").encode()
    yield urllib.parse.quote(text, safe="").lower().encode()
    yield urllib.parse.quote_plus(text).encode()
    escaped = json.dumps(text)[1:-1]
    yield escaped.encode()
    yield escaped.replace("\\u", "\\\\u").encode()
    yield html.escape(text).encode()
    yield "".join(f"&#{ord(each)};" for each in text).encode()
    yield repr(text.encode())[2:-1].encode()


def _as_bytes(raw: bytes) -> Iterator[bytes]:
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # Drop what the bytes before and after would change.
            text = encode(b"\0" * offset + raw)
            first = (offset * 8 + 5) // 6
            last = (offset + len(raw)) * 8 // 6
            yield text[first:last]
