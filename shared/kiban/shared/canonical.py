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

type_error = "canonical JSON holds text, whole numbers, booleans, null, lists and objects"
LARGEST = 2**53 - 1

JSON = None | bool | int | str | Sequence["JSON"] | Mapping[str, "JSON"]


def encode(value: JSON) -> bytes:
    """The canonical UTF-8 bytes of a value."""
    return _write(value).encode()


def digest(value: JSON) -> str:
    """SHA-256 of the canonical bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(encode(value)).hexdigest()


def _write(value: JSON) -> str:
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            if abs(value) > LARGEST:
                raise ValueError(f"{value} is beyond 2**53 - 1")
            return str(value)
        case Mapping():
            return "{" + ",".join(_members(value)) + "}"
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return "[" + ",".join(_write(item) for item in value) + "]"
        case _:
            raise TypeError(type_error)


def _members(value: Mapping[str, JSON]) -> list[str]:
    if any(not isinstance(key, str) for key in value):
        raise TypeError(type_error)
    return [
        f"{json.dumps(key, ensure_ascii=False)}:{_write(value[key])}"
        for key in sorted(value, key=_utf16)
    ]


def _utf16(key: str) -> bytes:
    """Keys are ordered by UTF-16 code units (RFC 8785, section 3.2.3)."""
    return key.encode("utf-16-be", "surrogatepass")
