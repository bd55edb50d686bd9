"""Sessions: they end by themselves, and only the browser opens what was kept for it."""

from datetime import timedelta

import pytest

from kiban.portal.contract import SessionEnded
from kiban.portal.held import Seen, Shown
from tests.portal.builders import LIMITS, NOON, session, statement, token

MINUTE = timedelta(minutes=1)


def test_a_session_holds_for_a_while():
    session().check(LIMITS, at=NOON + 19 * MINUTE)


@pytest.mark.parametrize("minutes", [20, 60, 600])
def test_a_session_that_is_not_used_ends(minutes):
    with pytest.raises(SessionEnded):
        session().check(LIMITS, at=NOON + minutes * MINUTE)


def test_a_token_does_not_show_itself():
    assert "word" not in repr(token())
    assert "word" not in token().digest


def seen() -> Seen:
    return Seen(item="income", provider="tax", outcome="held", statement=statement())


def test_values_are_kept_for_the_browser_that_saw_them():
    shown = Shown()
    shown.keep(token(), [seen()])

    assert shown.find(token(), "income", "tax") == seen()
    assert shown.find(token("other"), "income", "tax") is None
    assert shown.find(token(), "income", "accounts") is None


def test_values_in_memory_are_sealed():
    shown = Shown()
    shown.keep(token(), [seen()])

    assert "4200000" not in repr(vars(shown))


def test_a_session_that_ended_leaves_nothing():
    shown = Shown()
    shown.keep(token(), [seen()])
    shown.forget(token().digest)

    assert shown.find(token(), "income", "tax") is None


def test_the_oldest_session_is_forgotten_first():
    shown = Shown(most=2)
    for word in ("one", "two", "three"):
        shown.keep(token(word), [seen()])

    assert shown.find(token("one"), "income", "tax") is None
    assert shown.find(token("three"), "income", "tax") is not None
