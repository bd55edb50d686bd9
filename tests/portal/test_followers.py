"""Followers: which offices have taken over what an application changed, out of the citizen's own lines."""

from datetime import UTC, datetime

import pytest

from kiban.gateway.contract import Line
from kiban.portal.history import following
from kiban.portal.procedures import Followed

GRANTED = datetime(2026, 4, 1, 3, tzinfo=UTC)
FOLLOWED = Followed("upkeep", frozenset({"address", "name"}))


def line(index: int, inquirer: str = "tax", **differs) -> Line:
    facts = {"exchange": f"{index:032x}", "kind": "inquiry", "inquirer": inquirer, "provider": "town",
             "affair": "upkeep", "item": "address", "basis": "r", "leaf": "0" * 64, "index": index,
             "answered": True, "at": int(GRANTED.timestamp()) + index}  # fmt: skip
    return Line(**facts | differs)


def told(index: int, **differs) -> Line:
    return line(index, "town", kind="announce", provider="changes", answered=None, **differs)


def followers(*lines: Line) -> list[tuple[str, int]]:
    return [(one.inquirer, one.index) for one in following(lines, FOLLOWED, GRANTED)]


def test_each_office_stands_once_by_its_first_answer_in_the_logs_order():
    lines = (line(5, "pension"), line(4), line(3, item="name"), told(2), line(6))

    assert followers(*lines) == [("tax", 3), ("pension", 5)]


def test_who_asked_before_anything_was_announced_has_taken_nothing_over():
    assert followers(line(1), told(2)) == []
    assert followers(line(1), told(2), line(3)) == [("tax", 3)]


@pytest.mark.parametrize(
    "differs",
    [
        {"answered": False},
        {"answered": None},
        {"affair": "another"},
        {"affair": None},
        {"item": "income"},
        {"item": None},
        {"kind": "subscribe"},
        {"at": None},
        {"at": int(GRANTED.timestamp()) - 1},
    ],
)
def test_a_line_that_shows_no_taking_over_is_left_out(differs):
    assert followers(told(1), line(2, **differs)) == []


@pytest.mark.parametrize("differs", [{"at": int(GRANTED.timestamp()) - 1}, {"item": "income"}])
def test_what_was_announced_before_or_of_something_else_does_not_count(differs):
    assert followers(told(1, **differs), line(2)) == []
