"""Validity: the fifth birthday after issue, Japanese days, 29 February, the card's end."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiban.identity.authority import validity
from kiban.shared.clock import day_in_japan
from kiban.shared.problems import Malformed

FAR = date(2199, 12, 31)
DAYS = st.dates(date(2000, 1, 1), date(2100, 12, 31))
BIRTHS = st.one_of(
    st.dates(date(1900, 1, 1), date(2000, 1, 1)),
    st.sampled_from([date(year, 2, 29) for year in (1904, 1960, 1988, 1996)]),
)


def at_noon_in_japan(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("birth", "issued", "last"),
    [
        (date(1990, 5, 17), date(2026, 5, 16), date(2030, 5, 17)),
        (date(1990, 5, 17), date(2026, 5, 17), date(2031, 5, 17)),
        (date(1990, 5, 17), date(2026, 5, 18), date(2031, 5, 17)),
        (date(1988, 2, 29), date(2026, 2, 27), date(2030, 2, 28)),
        (date(1988, 2, 29), date(2026, 2, 28), date(2031, 2, 28)),
        (date(1988, 2, 29), date(2027, 2, 28), date(2032, 2, 29)),
        (date(1988, 2, 29), date(2028, 2, 28), date(2032, 2, 29)),
        (date(1988, 2, 29), date(2028, 2, 29), date(2033, 2, 28)),
        (date(1990, 1, 1), date(2026, 12, 31), date(2031, 1, 1)),
    ],
)
def test_it_ends_on_the_fifth_birthday_after_the_day_of_issue(birth, issued, last):
    end = validity.holder_end(birth, at_noon_in_japan(issued), FAR)

    assert end == datetime(last.year, last.month, last.day, 14, 59, 59, tzinfo=UTC)


def test_a_day_begins_at_midnight_in_japan():
    birth = date(1990, 5, 17)

    before = validity.holder_end(birth, datetime(2026, 5, 16, 14, 59, 59, tzinfo=UTC), FAR)
    after = validity.holder_end(birth, datetime(2026, 5, 16, 15, 0, 0, tzinfo=UTC), FAR)

    assert (before.year, after.year) == (2030, 2031)


def test_it_never_outlives_the_card():
    end = validity.holder_end(
        date(1990, 5, 17), at_noon_in_japan(date(2026, 4, 1)), date(2027, 3, 3)
    )

    assert day_in_japan(end) == date(2027, 3, 3)


def test_a_card_that_has_expired_is_refused_and_one_that_expires_today_is_not():
    issued = at_noon_in_japan(date(2026, 4, 1))

    validity.holder_end(date(1990, 5, 17), issued, date(2026, 4, 1))
    with pytest.raises(Malformed, match="expired"):
        validity.holder_end(date(1990, 5, 17), issued, date(2026, 3, 31))


@given(BIRTHS, DAYS)
def test_there_are_five_birthdays_between_issue_and_end(birth, issued):
    end = day_in_japan(validity.holder_end(birth, at_noon_in_japan(issued), FAR))

    birthdays = [
        day
        for year in range(issued.year, end.year + 1)
        if issued < (day := validity.birthday_in(year, birth)) <= end
    ]
    assert len(birthdays) == 5
    assert birthdays[-1] == end


@given(BIRTHS, DAYS)
def test_it_lasts_more_than_four_years_and_at_most_five(birth, issued):
    start = at_noon_in_japan(issued)

    lasts = validity.holder_end(birth, start, FAR) - start

    assert timedelta(days=4 * 365) <= lasts <= timedelta(days=5 * 365 + 3)


@given(BIRTHS, DAYS, DAYS)
def test_the_earlier_of_birthday_and_card_ends_it(birth, issued, expires):
    if expires < issued:
        return
    end = validity.holder_end(birth, at_noon_in_japan(issued), expires)

    free = validity.holder_end(birth, at_noon_in_japan(issued), FAR)
    assert end == min(free, validity.end_of(expires))


@given(BIRTHS, DAYS)
def test_somebody_grows_older_on_birthdays_only(birth, day):
    grew = validity.age_on(birth, day) - validity.age_on(birth, day - timedelta(days=1))

    assert grew == (day == validity.birthday_in(day.year, birth))


@pytest.mark.parametrize(
    ("birth", "day", "old_enough"),
    [
        (date(2011, 4, 2), date(2026, 4, 1), False),
        (date(2011, 4, 1), date(2026, 4, 1), True),
        (date(2012, 2, 29), date(2027, 2, 27), False),
        (date(2012, 2, 29), date(2027, 2, 28), True),
    ],
)
def test_whoever_is_fifteen_is_old_enough_to_sign(birth, day, old_enough):
    assert validity.old_enough_to_sign(birth, at_noon_in_japan(day)) is old_enough


def test_a_root_made_on_a_leap_day_lasts_to_the_end_of_a_february():
    end = validity.years_later(at_noon_in_japan(date(2028, 2, 29)), 10)

    assert day_in_japan(end) == date(2038, 2, 28)
