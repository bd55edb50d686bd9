"""
Mandates (代理権): who may act for whom, in what, from when, until when, and on what that rests.

A guardian acts for a child by law, and a proxy for somebody who said so at a counter.  A mandate names two people by
their records, and what may be read and applied for, as closed lists.  It is entered once, ends by a row beside it, and
is never deleted.  A guardian's ends by itself on the child's eighteenth birthday, which this register reads in its own
record of the child and believes of nobody.

Refused: a mandate of somebody for themselves, one that ends before it begins or had no scope, a guardian of an adult,
a number that was used for another mandate; and whoever acts under another's mandate, out of its time or its scope.

Sources: 民法4条, 824条, 99条; DESIGN 6; decision 0020; plan rows IDN-22, MSH-08, PTL-19.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from kiban.identity.authority.contract import MandateEntry, MandateRefused
from kiban.identity.authority.validity import birthday_in
from kiban.shared.clock import JAPAN
from kiban.shared.mandates import Basis, MandateEnded, MandateNotYours, Scope

ADULT = 18
"""民法4条"""


@dataclass(frozen=True, slots=True, repr=False)
class Mandate:
    """A mandate as the register holds it; `until` is the first moment at which it no longer holds."""

    number: str
    principal: str
    proxy: str
    basis: Basis
    items: tuple[str, ...]
    affairs: tuple[str, ...]
    starts: datetime
    until: datetime
    ended_at: datetime | None = None

    def in_force(self, at: datetime) -> bool:
        ended = self.ended_at is not None and self.ended_at <= at
        return self.starts <= at < self.until and not ended

    def check(self, *, proxy: str, at: datetime) -> None:
        """Return silently if this person may act under it now."""
        if self.proxy != proxy:
            raise MandateNotYours("the card is not its proxy's")
        self.check_in_force(at)

    def check_in_force(self, at: datetime) -> None:
        if not self.in_force(at):
            raise MandateEnded("the mandate has ended, or has not begun")

    @property
    def scope(self) -> Scope:
        return Scope(
            basis=self.basis,
            items=list(self.items),
            affairs=list(self.affairs),
            until=int(self.until.timestamp()),
        )


def read(asked: MandateEntry, *, principal: str, proxy: str, birth: date) -> Mandate:
    """The mandate that was asked for, between these two records; a guardian's ends at eighteen."""
    until = _moment(asked.until)
    return Mandate(
        number=asked.number,
        principal=principal,
        proxy=proxy,
        basis=asked.basis,
        items=tuple(sorted(set(asked.items))),
        affairs=tuple(sorted(set(asked.affairs))),
        starts=_moment(asked.starts),
        until=min(until, comes_of_age(birth)) if asked.basis == "guardian" else until,
    )


def check_new(mandate: Mandate, *, birth: date, at: datetime) -> None:
    """Return silently if there can be such a mandate from now on."""
    if mandate.principal == mandate.proxy:
        raise MandateRefused("nobody needs a mandate to act for themselves", rule="proxy")
    if not mandate.items and not mandate.affairs:
        raise MandateRefused("a mandate says in what its proxy may act", rule="scope")
    if mandate.basis == "guardian" and comes_of_age(birth) <= at:
        raise MandateRefused("an adult has no guardian by this law", rule="of-age")
    if mandate.until <= max(mandate.starts, at):
        raise MandateRefused("a mandate ends after it begins, and later than now", rule="until")


def check_repeated(known: Mandate, asked: Mandate) -> None:
    """Return silently if this is the same mandate again: it may be told twice, and not be changed."""
    if _said(known) != _said(asked):
        raise MandateRefused("this number is another mandate's", rule="number", sent=asked.number)


def comes_of_age(birth: date) -> datetime:
    """The first moment, in Japan, of the day on which somebody is eighteen."""
    day = birthday_in(birth.year + ADULT, birth)
    return datetime.combine(day, time(), JAPAN).astimezone(UTC)


def _said(mandate: Mandate) -> tuple[object, ...]:
    """All of a mandate but its end."""
    return (
        mandate.principal,
        mandate.proxy,
        mandate.basis,
        mandate.items,
        mandate.affairs,
        mandate.starts,
        mandate.until,
    )


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise MandateRefused("a time lies beyond every calendar", rule="until") from None
