"""
Validity: until when a holder's certificate lasts (有効期間), and who is old enough to sign.

A certificate ends on the holder's fifth birthday after the day of issue, at the end of that day in Japan, and never
after the card.  The day of issue does not count as a birthday.  Days are days in Japan: a certificate issued at
15:00 UTC is of the next day there.

Refused: a card that has ended.

Sources: identity's reference, section 2.3; 公的個人認証法施行規則; for 29 February the rule of 道路交通法 第92条の2,
whose common-year birthday is 28 February, is taken (`profile.LEAP_DAY_FALLS_ON`).
"""

from datetime import UTC, date, datetime, time

from kiban.identity.authority import profile
from kiban.shared.clock import JAPAN, day_in_japan
from kiban.shared.problems import Malformed

_DAYS_END = time(23, 59, 59, tzinfo=JAPAN)


def end_of(day: date) -> datetime:
    """The last second of a day in Japan, in UTC."""
    return datetime.combine(day, _DAYS_END).astimezone(UTC)


def birthday_in(year: int, birth: date) -> date:
    """The day on which somebody has their birthday in that year."""
    try:
        return birth.replace(year=year)
    except ValueError:
        return date(year, *profile.LEAP_DAY_FALLS_ON)


def nth_birthday_after(birth: date, day: date, count: int) -> date:
    """The birthday that is the first, second, ... after a day; the day itself does not count."""
    passed = birthday_in(day.year, birth) <= day
    return birthday_in(day.year + count - (not passed), birth)


def age_on(birth: date, day: date) -> int:
    return day.year - birth.year - (day < birthday_in(day.year, birth))


def old_enough_to_sign(birth: date, at: datetime) -> bool:
    return age_on(birth, day_in_japan(at)) >= profile.SIGNING_AGE


def holder_end(birth: date, issued: datetime, card_expires: date) -> datetime:
    """When a certificate ends that is issued now to somebody of this birth date on this card."""
    today = day_in_japan(issued)
    if card_expires < today:
        raise Malformed(
            "the card has expired", sent=card_expires.isoformat(), expected=f"{today} or later"
        )
    return end_of(min(nth_birthday_after(birth, today, profile.HOLDER_BIRTHDAYS), card_expires))


def years_later(at: datetime, years: int) -> datetime:
    """The end of the day, that many years from now."""
    today = day_in_japan(at)
    return end_of(birthday_in(today.year + years, today))
