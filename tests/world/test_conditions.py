"""Conditions and effects: the closed lists by which an office decides and acts."""

from datetime import date

import pytest

from kiban.world.office.conditions import (
    ANSWERS,
    AMemberIsYoungerThan,
    Is,
    IsAtLeast,
    IsAtLeastThatOf,
    IsAtMost,
    IsWithinDays,
    LiesIn,
)
from kiban.world.office.effects import Assignment, Decided, Effect

CHILD = AMemberIsYoungerThan("household", "members", "birth_date", 18)


def household(*births: str):
    return {"household": {"members": [{"birth_date": birth} for birth in births]}}


@pytest.mark.parametrize(
    ("on", "met"),
    [(date(2036, 2, 2), True), (date(2036, 2, 3), False)],
)
def test_a_child_is_one_until_the_day_of_the_eighteenth_birthday(on, met):
    assert CHILD.met(household("1990-05-12", "2018-02-03"), on=on) is met


def test_one_born_on_a_leap_day_is_older_on_the_first_of_march():
    rule = AMemberIsYoungerThan("household", "members", "birth_date", 18)

    assert rule.met(household("2020-02-29"), on=date(2038, 2, 28))
    assert not rule.met(household("2020-02-29"), on=date(2038, 3, 1))


@pytest.mark.parametrize("values", [{}, {"members": None}, {"members": [3]}, {"members": [{}]}])
def test_a_record_without_what_a_rule_needs_does_not_meet_it(values):
    assert not CHILD.met({"household": values}, on=date(2026, 4, 1))


@pytest.mark.parametrize(("income", "met"), [(9_600_000, True), (9_600_001, False), (None, False)])
def test_a_limit_is_inclusive(income, met):
    rule = IsAtMost("income", "total_income_yen", 9_600_000)

    assert rule.met({"income": {"total_income_yen": income}}, on=date(2026, 4, 1)) is met


def test_at_least_and_exactly():
    assert IsAtLeast("i", "n", 3).met({"i": {"n": 3}}, on=date(2026, 4, 1))
    assert not IsAtLeast("i", "n", 3).met({"i": {"n": 2}}, on=date(2026, 4, 1))
    assert Is("i", "s", "yes").met({"i": {"s": "yes"}}, on=date(2026, 4, 1))
    assert not Is("i", "s", "yes").met({}, on=date(2026, 4, 1))


@pytest.mark.parametrize(
    ("theirs", "met"),
    [({"n": 2}, True), ({"n": 3}, True), ({"n": 4}, False), ({"n": None}, True), (None, True)],
)
def test_a_number_is_at_least_somebody_elses_if_there_is_one(theirs, met):
    read = {"i": {"n": 3}, **({"spouse.i": theirs} if theirs else {})}

    assert IsAtLeastThatOf("i", "n", "spouse").met(read, on=date(2026, 4, 1)) is met


def test_without_a_number_of_ones_own_nothing_is_at_least_another():
    assert not IsAtLeastThatOf("i", "n", "spouse").met({"i": {}}, on=date(2026, 4, 1))


@pytest.mark.parametrize(
    ("day", "met"),
    [
        ("2026-04-01", True),
        ("2026-03-22", True),
        ("2026-03-21", False),
        ("2026-04-02", False),
        (None, False),
    ],
)
def test_a_day_is_the_day_itself_or_not_long_before(day, met):
    assert (
        IsWithinDays("moved_on", 10).met({ANSWERS: {"moved_on": day}}, on=date(2026, 4, 1)) is met
    )


@pytest.mark.parametrize(
    ("answers", "met"),
    [
        ({"home": {"municipality": "142042"}}, True),
        ({"home": {"municipality": "131016"}}, False),
        ({"home": "142042"}, False),
        ({}, False),
    ],
)
def test_an_address_lies_in_its_towns_municipality(answers, met):
    assert LiesIn("home", "142042").met({ANSWERS: answers}, on=date(2026, 4, 1)) is met


def test_an_effect_writes_an_address_as_text_from_the_day_that_was_named():
    effect = Effect("home", (Assignment("address", "address", name="new"),), since="moved_on")
    chosen = {"town": "142042-k1", "rest": "1番", "text": "神奈川県鎌倉市長谷1番"}
    decided = Decided({"new": chosen, "moved_on": "2026-03-28"}, {}, date(2026, 4, 1))

    assert effect.values(decided) == {"address": "神奈川県鎌倉市長谷1番"}
    assert effect.as_of(decided) == date(2026, 3, 28)


def test_without_an_answer_an_effect_writes_no_address_and_holds_from_its_own_day():
    effect = Effect("home", (Assignment("address", "address", name="new"),), since="moved_on")
    decided = Decided({}, {}, date(2026, 4, 1))

    assert (effect.values(decided), effect.as_of(decided)) == ({"address": None}, decided.on)


def test_an_effect_draws_from_answers_readings_day_and_text():
    effect = Effect(
        "allowance",
        (
            Assignment("from", "answer", name="from_month"),
            Assignment("bank", "read", item="bank-account", name="bank"),
            Assignment("since", "day"),
            Assignment("kind", "text", name="child"),
        ),
    )
    decided = Decided(
        {"from_month": "2026-05"}, {"bank-account": {"bank": "あきつ銀行"}}, date(2026, 4, 1)
    )

    assert effect.values(decided) == {
        "from": "2026-05",
        "bank": "あきつ銀行",
        "since": "2026-04-01",
        "kind": "child",
    }
