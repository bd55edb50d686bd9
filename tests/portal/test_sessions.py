"""Sessions: they end by themselves, and only the browser opens what was kept for it."""

from datetime import timedelta

import pytest

from kiban.portal.contract import SessionEnded
from kiban.portal.held import Seen, Shown
from kiban.portal.sessions import Visitor
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


def visitor(word: str = "word") -> Visitor:
    return Visitor(session(word=word), token(word))


def test_values_are_kept_for_the_browser_that_saw_them():
    shown = Shown()
    shown.keep(visitor(), [seen()])

    assert shown.find(visitor(), "income", "tax") == seen()
    assert shown.find(visitor("other"), "income", "tax") is None
    assert shown.find(visitor(), "income", "accounts") is None


def test_another_token_opens_nothing_of_a_session():
    shown = Shown()
    shown.keep(visitor(), [seen()])

    assert shown.find(Visitor(session(), token("guessed")), "income", "tax") is None


def test_values_in_memory_are_sealed():
    shown = Shown()
    shown.keep(visitor(), [seen()])

    assert "4200000" not in repr(vars(shown))


def test_a_session_that_ended_leaves_nothing():
    shown = Shown()
    shown.keep(visitor(), [seen()])
    shown.forget(session().id)

    assert shown.find(visitor(), "income", "tax") is None


def test_a_session_that_came_to_its_end_leaves_nothing():
    shown = Shown()
    shown.keep(visitor(), [seen()])
    shown.sweep(at=NOON + LIMITS.longest - MINUTE)
    assert shown.find(visitor(), "income", "tax") is not None

    shown.sweep(at=NOON + LIMITS.longest)

    assert shown.find(visitor(), "income", "tax") is None


def test_the_oldest_session_is_forgotten_first():
    shown = Shown(most=2)
    for word in ("one", "two", "three"):
        shown.keep(visitor(word), [seen()])

    assert shown.find(visitor("one"), "income", "tax") is None
    assert shown.find(visitor("three"), "income", "tax") is not None
