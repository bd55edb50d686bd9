"""
Identifiers: what things and people are called, and the types that keep a name from being seen.

Public: municipality codes (全国地方公共団体コード) and corporate numbers (法人番号), both with a check digit, and
members' names.  Secret or personal: My Number (個人番号), the resident record code (住民票コード) and pseudonyms
(機関別符号); their types show nothing of themselves in `repr`, so a log line cannot give them away.

Sources: 法人番号 check digit: 法人番号の指定等に関する省令 第2条; municipality code: JIS X 0402 and its check
digit; 個人番号: 番号法施行令 第8条; 住民票コード: 住民基本台帳法施行規則 第1条.
"""

import hashlib
import re
from dataclasses import dataclass

MEMBER = r"[a-z][a-z0-9-]{1,62}"
_MEMBER = re.compile(MEMBER)


def check_member(text: str) -> str:
    """A member's name: lower-case letters, digits and hyphens, 2 to 63 characters."""
    if not _MEMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no member's name: lower-case letters, digits, hyphens")
    return text


def check_name(text: str) -> str:
    """What affairs, items, procedures and rows of the law are called, as in `exchanges.Name`."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}", text):
        raise ValueError(f"{text!r} is no name: lower-case letters, digits, hyphens, dots")
    return text


def check_field(text: str) -> str:
    """What a field of an item or a form is called."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", text):
        raise ValueError(f"{text!r} is no field's name: lower-case letters, digits, underscores")
    return text


def corporate_check_digit(base: str) -> int:
    """The first of the thirteen digits, from the twelve that follow it."""
    weights = (1 if place % 2 == 0 else 2 for place in range(12))
    total = sum(int(digit) * weight for digit, weight in zip(reversed(base), weights, strict=True))
    return 9 - total % 9


def check_corporate_number(text: str) -> str:
    """A corporate number (法人番号), thirteen digits whose first one fits the rest."""
    if not re.fullmatch(r"[1-9][0-9]{12}", text, re.ASCII):
        raise ValueError(f"{text!r} is no corporate number: thirteen digits")
    if int(text[0]) != (expected := corporate_check_digit(text[1:])):
        raise ValueError(f"{text}: the check digit should be {expected}")
    return text


def municipality_check_digit(code: str) -> int:
    """The sixth digit of a municipality code, from the first five."""
    total = sum(int(digit) * weight for digit, weight in zip(code, (6, 5, 4, 3, 2), strict=True))
    return (11 - total % 11) % 10


def check_municipality_code(text: str) -> str:
    """A municipality code (全国地方公共団体コード), six digits whose last one fits the rest."""
    if not re.fullmatch(r"[0-9]{6}", text, re.ASCII):
        raise ValueError(f"{text!r} is no municipality code: six digits")
    if int(text[5]) != (expected := municipality_check_digit(text[:5])):
        raise ValueError(f"{text}: the check digit should be {expected}")
    return text


@dataclass(frozen=True, slots=True, repr=False)
class Hidden:
    """A value that does not show itself; `reveal` says in the code where it is used."""

    _value: str

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __str__ = __repr__


class MyNumber(Hidden):
    """My Number (個人番号), twelve digits; it exists in the resident network's vault alone."""


class ResidentRecordCode(Hidden):
    """The resident record code (住民票コード), eleven digits; resident network and authority alone."""


@dataclass(frozen=True, slots=True, repr=False)
class Pseudonym:
    """What a person is called inside one agency (機関別符号), as raw bytes."""

    value: bytes

    def __repr__(self) -> str:
        return "Pseudonym(…)"

    @property
    def fingerprint(self) -> str:
        """Eight digits that tell two pseudonyms apart where one is shown, and say nothing of either."""
        return hashlib.sha256(b"fingerprint" + self.value).hexdigest()[:8]
