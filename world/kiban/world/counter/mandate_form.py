"""
The form with which a clerk tells of a mandate: what it offers, what it takes, and what is said above it again.

Items are those that the law lets people be shown of their own, and affairs those in which they can apply: a mandate for
anything else would let nobody do anything.

Refused: a choice that the form did not offer, a day that is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import Field

from kiban.identity.authority.contract import MandateRefused
from kiban.shared.exchanges import Hex32, Shape
from kiban.shared.problems import Malformed, Unavailable
from kiban.world.counter.mandates import NoGuardian, Told
from kiban.world.counter.register import Named, NoSuchResident, SeveralResidents
from kiban.world.vault.contract import LivesElsewhere, NobodyMatches, SeveralMatch

KINDLY = (
    LivesElsewhere,
    Malformed,
    MandateRefused,
    NoGuardian,
    NobodyMatches,
    NoSuchResident,
    SeveralMatch,
    SeveralResidents,
    Unavailable,
)
"""What the clerk can mend, or try again: it is said above the form."""
FIRST, LAST = date(1900, 1, 1), date(2199, 12, 31)
"""Between which days a mandate can end."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What a mandate can be about in this country: items and affairs, each with its names."""

    items: Mapping[str, Mapping[str, str]]
    affairs: Mapping[str, Mapping[str, str]]


class MandateForm(Shape):
    """What the clerk fills in."""

    csrf: str = Field(max_length=200, repr=False)
    number: Hex32
    principal_name: str = Field(max_length=100, repr=False)
    principal_birth: str = Field(max_length=20, repr=False)
    proxy_name: str = Field(max_length=100, repr=False)
    proxy_birth: str = Field(max_length=20, repr=False)
    basis: Literal["guardian", "counter"]
    items: list[str] = Field(default_factory=list, max_length=32)
    affairs: list[str] = Field(default_factory=list, max_length=16)
    until: str = Field(max_length=20)

    def read(self, offered: Offered) -> Told:
        """What is told, if every choice is one that the form offered."""
        chosen = {*self.items, *self.affairs}
        if not chosen <= {*offered.items, *offered.affairs}:
            raise Malformed("choose of the items and affairs that the form offers")
        return Told(
            number=self.number,
            principal=Named(self.principal_name, self.principal_birth),
            proxy=Named(self.proxy_name, self.proxy_birth),
            basis=self.basis,
            items=self.items,
            affairs=self.affairs,
            last_day=_day(self.until),
        )


def _day(written: str) -> date:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise Malformed("until is no day", expected="YYYY-MM-DD") from None
    if not FIRST <= day <= LAST:
        raise Malformed("until is out of reach", expected=f"{FIRST} to {LAST}")
    return day
