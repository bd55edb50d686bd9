"""
Canonical JSON: one text, and so one digest, for each value.

What is signed, digested or logged is first written by this module.  Two programs that hold the same value so
hold the same bytes.  Refused: floating-point numbers and integers beyond 2**53 - 1, because their text differs
between languages; keys that are not strings.

Source: RFC 8785 (JCS), restricted to the I-JSON values that Kiban uses.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

JSON = None | bool | int | str | Sequence["JSON"] | Mapping[str, "JSON"]
LARGEST = 2**53 - 1
_HOLDS = "canonical JSON holds text, whole numbers, booleans, null, lists and objects"
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
_SORTING = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False, sort_keys=True
)


def encode(value: JSON) -> bytes:
    """The canonical UTF-8 bytes of a value."""
    if _sorts_alike(value):
        return _SORTING.encode(value).encode()
    return _WRITER.encode(_in_order(value)).encode()


def digest(value: JSON) -> str:
    """SHA-256 of the canonical bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(encode(value)).hexdigest()


def _sorts_alike(value: JSON) -> bool:
    """
    Whether keys have the same order by code points, as Python sorts, and by UTF-16 code units.

    They have, unless a key reaches beyond the Basic Multilingual Plane.  What has no canonical text raises.
    """
    match value:
        case None | bool() | str():
            return True
        case int():
            if abs(value) > LARGEST:
                raise ValueError(f"{value} is beyond 2**53 - 1")
            return True
        case dict():
            alike = [_key(key) & _sorts_alike(item) for key, item in value.items()]
            return all(alike)
        case list() | tuple():
            alike = [_sorts_alike(item) for item in value]
            return all(alike)
        case _:
            raise TypeError(_HOLDS)


def _key(key: object) -> bool:
    if not isinstance(key, str):
        raise TypeError(_HOLDS)
    return key.isascii() or max(key) < "\U00010000"


def _in_order(value: JSON) -> JSON:
    """The same value with its keys in the order of RFC 8785, section 3.2.3."""
    match value:
        case dict():
            return {key: _in_order(value[key]) for key in sorted(value, key=_utf16)}
        case list() | tuple():
            return [_in_order(item) for item in value]
        case _:
            return value


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")
