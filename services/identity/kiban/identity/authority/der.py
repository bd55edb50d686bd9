"""
DER: the little of ASN.1's distinguished encoding that the linter and the signer need, written and read strictly.

It is a second hand beside the library that builds certificates: the linter writes by this module what it expects,
and compares.  It also joins what was linted with the real signature, so that exactly the judged bytes are signed.

Refused: indefinite and overlong lengths, tags of more than one octet, bytes before or behind.

Source: ITU-T X.690, sections 8 and 10.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 1, 2, 3, 4, 5, 6
UTF8, PRINTABLE, IA5, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x16, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
_LAST_TWO_DIGIT_YEAR = 2049  # RFC 5280, section 4.1.2.5


class NotDER(ValueError):  # noqa: N818  named by what is wrong
    """These bytes are no single DER value."""


@dataclass(frozen=True, slots=True)
class Element:
    """One value: its tag, its content and its whole encoding."""

    tag: int
    content: bytes
    whole: bytes

    def children(self) -> list["Element"]:
        return list(elements(self.content))


def read(data: bytes) -> Element:
    """The one value that these bytes are."""
    found = list(elements(data))
    if len(found) != 1:
        raise NotDER(f"{len(found)} values instead of one")
    return found[0]


def elements(data: bytes) -> Iterator[Element]:
    at = 0
    while at < len(data):
        start, content_at, end = at, *_extent(data, at)
        yield Element(data[start], data[content_at:end], data[start:end])
        at = end


def _extent(data: bytes, at: int) -> tuple[int, int]:
    if data[at] & 0x1F == 0x1F:  # noqa: PLR2004  X.690, 8.1.2.4
        raise NotDER("a tag of several octets")
    if at + 1 >= len(data):
        raise NotDER("the length is missing")
    first, content_at = data[at + 1], at + 2
    length = first
    if first & 0x80:
        octets = data[content_at : content_at + (first & 0x7F)]
        length = int.from_bytes(octets, "big")
        if len(octets) != first & 0x7F or _length(length) != bytes([first]) + octets:
            raise NotDER("a length that is not the shortest, or is indefinite")
        content_at += len(octets)
    if content_at + length > len(data):
        raise NotDER("the content ends too early")
    return content_at, content_at + length


def _length(size: int) -> bytes:
    if size < 0x80:  # noqa: PLR2004  X.690, 8.1.3.4
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def write(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return bytes([tag]) + _length(len(content)) + content


def sequence(*parts: bytes) -> bytes:
    return write(SEQUENCE, *parts)


def tagged(number: int, *parts: bytes, constructed: bool = True) -> bytes:
    """A context-specific tag."""
    return write((0xA0 if constructed else 0x80) | number, *parts)


def integer(value: int) -> bytes:
    return write(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def true() -> bytes:
    return write(BOOLEAN, b"\xff")


def null() -> bytes:
    return write(NULL)


def octets(value: bytes) -> bytes:
    return write(OCTET_STRING, value)


def bits(value: bytes, unused: int = 0) -> bytes:
    return write(BIT_STRING, bytes([unused]), value)


def named_bits(places: set[int]) -> bytes:
    """A bit string of named bits: trailing zeros are left out (X.690, 11.2.2)."""
    last = max(places)
    value = sum(1 << (last - place) for place in places)
    unused = 7 - last % 8
    return bits((value << unused).to_bytes(last // 8 + 1, "big"), unused)


@cache
def oid(dotted: str) -> bytes:
    first, second, *others = (int(part) for part in dotted.split("."))
    return write(OID, *(_base128(arc) for arc in (40 * first + second, *others)))


def _base128(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(0x80 | arc & 0x7F)
    return bytes(reversed(groups))


def utf8(text: str) -> bytes:
    return write(UTF8, text.encode())


def printable(text: str) -> bytes:
    return write(PRINTABLE, text.encode("ascii"))


def ia5(text: str) -> bytes:
    return write(IA5, text.encode("ascii"))


def instant(at: datetime) -> bytes:
    """A time as RFC 5280 wants it: two digits of the year until 2049, four afterwards."""
    if at.year <= _LAST_TWO_DIGIT_YEAR:
        return write(UTC_TIME, f"{at:%y%m%d%H%M%S}Z".encode())
    return write(GENERALIZED_TIME, f"{at:%Y%m%d%H%M%S}Z".encode())
