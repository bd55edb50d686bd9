"""Decisions: granted, refused, left to a clerk; and what changed since the citizen saw it is said."""

from dataclasses import replace
from datetime import date

import pytest

from kiban.gateway.contract import Statement
from kiban.world import cast
from kiban.world.office import application, decisions
from kiban.world.office.application import Application, HeldReference

ON = date(2026, 4, 1)


@pytest.fixture(scope="module")
def country():
    return cast.load_checked(cast.shipped_country())


@pytest.fixture
def acceptance(country):
    return country.agencies["kamakura"].acceptance("child-allowance")


@pytest.fixture
def names(country):
    return {item: layout.name for item, layout in country.layouts.items()}


def statement(item: str, provider: str, values, salt: str = "00" * 16) -> Statement:
    return Statement(
        item=item, provider=provider, layout=1, as_of="2025-06-10", values=values, salt=salt
    )


def read_by_the_office(income: int = 3_460_000, birth: str = "2018-02-03") -> list[Statement]:
    return [
        statement("household", "kamakura", {"members": [{"birth_date": birth}]}),
        statement("income", "tax", {"total_income_yen": income}),
        statement("bank-account", "accounts", {"bank": "あきつ銀行（模擬）"}),
    ]


def seen(*statements: Statement) -> Application:
    references = [
        HeldReference(
            field=each.item,
            item=each.item,
            provider=each.provider,
            layout=each.layout,
            digest=each.digest,
            exchange="00" * 16,
            leaf="00" * 32,
        )
        for each in statements
    ]
    return Application(
        kiban=application.FORM,
        procedure="child-allowance",
        edition=1,
        office="kamakura",
        answers={},
        held=references,
        consents=[],
        made_at=0,
    )


def decide(acceptance, names, statements, differing=()):
    return decisions.decide(
        acceptance, statements, of_others={}, answers={}, differing=differing, names=names, on=ON
    )


def test_a_family_with_a_child_and_a_moderate_income_is_granted(acceptance, names):
    decision = decide(acceptance, names, read_by_the_office())

    assert (decision.event, decision.message) == ("granted", acceptance.granted)


@pytest.mark.parametrize("unmet", [{"income": 9_600_001}, {"birth": "2008-04-01"}])
def test_each_condition_can_refuse(acceptance, names, unmet):
    decision = decide(acceptance, names, read_by_the_office(**unmet))

    assert (decision.event, decision.message) == ("refused", acceptance.refused)


def test_what_waits_for_a_clerk_is_not_decided(acceptance, names):
    decision = decide(
        replace(acceptance, waits_for_clerk=True), names, read_by_the_office(income=10**8)
    )

    assert decision.event == "waiting"


def test_nothing_differs_where_the_citizen_saw_the_same():
    now = read_by_the_office()

    assert decisions.changed(seen(*now), now) == []


def test_a_value_that_changed_is_named_in_the_decision_and_counts(acceptance, names):
    shown = seen(*read_by_the_office(income=3_000_000))
    now = read_by_the_office(income=9_700_000)

    differing = decisions.changed(shown, now)
    decision = decide(acceptance, names, now, differing)

    assert differing == ["income"]
    assert decision.event == "refused"
    assert "Changed since you saw it: Income." in decision.message["en"]
    assert "所得情報" in decision.message["ja"]


def test_another_version_of_the_same_values_differs(acceptance):
    now = read_by_the_office()
    later = [*now[:1], now[1].model_copy(update={"salt": "01" * 16}), *now[2:]]

    assert decisions.changed(seen(*now), later) == ["income"]


def test_what_the_citizen_was_never_shown_cannot_differ():
    assert decisions.changed(seen(), read_by_the_office()) == []


def test_a_reason_names_what_it_is_about_in_each_language(names):
    returned = decisions.Returned(decisions.NOT_HELD, decisions.named(["income"], names))

    assert "所得情報" in returned.message["ja"]
    assert "Income" in returned.message["en"]
