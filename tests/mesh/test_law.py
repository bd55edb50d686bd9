"""The law: what has no row in force is denied, and the denial says which row was missing."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from kiban.mesh.contract import DomainExcluded, NotPermitted
from kiban.mesh.law import Case, Every, LegalTable, Row


def row(**differs):
    facts = {
        "id": "r.1", "edition": 1, "kind": "inquiry", "inquirer": "town", "affair": "allowance",
        "provider": "tax", "item": "income", "basis": "law", "provision": {"ja": "", "en": ""},
        "starts": date(2024, 4, 1), "ends": date(2026, 4, 1),
    }  # fmt: skip
    return Row(**facts | differs)


def table(*rows):
    domains = {"town": "municipality", "tax": "tax", "police": "policing"}
    return LegalTable(rows or (row(),), domains, frozenset({"policing"}))


CASE = Case("inquiry", "town", "allowance", "tax", "income")
IN_FORCE = datetime(2025, 1, 1, tzinfo=UTC)


def test_a_row_in_force_permits_its_case():
    assert table().check(CASE, at=IN_FORCE).id == "r.1"


@pytest.mark.parametrize(
    "case",
    [
        Case("submission", "town", "allowance", "tax", "income"),
        Case("inquiry", "bank", "allowance", "tax", "income"),
        Case("inquiry", "town", "pension", "tax", "income"),
        Case("inquiry", "town", "allowance", "bank", "income"),
        Case("inquiry", "town", "allowance", "tax", "address"),
        Case("inquiry", "tax", "allowance", "town", "income"),
    ],
)
def test_a_case_that_differs_in_one_part_is_denied_with_the_missing_row(case):
    with pytest.raises(NotPermitted) as refusal:
        table().check(case, at=IN_FORCE)

    assert refusal.value.members["missing"] == str(case)


def test_a_row_about_a_spouse_permits_nothing_about_whose_affair_it_is_and_none_the_other_way():
    of_spouse = replace(CASE, of="spouse")

    assert table(row(of="spouse")).check(of_spouse, at=IN_FORCE).id == "r.1"
    for law, case in (
        (table(row(of="spouse")), CASE),
        (table(), of_spouse),
        (table(row(of="parent")), of_spouse),
    ):
        with pytest.raises(NotPermitted) as refusal:
            law.check(case, at=IN_FORCE)
        assert refusal.value.members["missing"] == str(case)
    assert "income of the spouse" in str(of_spouse)


def test_a_row_is_in_force_from_midnight_in_japan_until_midnight_in_japan():
    begins = datetime(2024, 3, 31, 15, 0, tzinfo=UTC)
    ends = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)
    second = datetime(2024, 3, 31, 14, 59, 59, tzinfo=UTC)

    assert table().check(CASE, at=begins)
    for moment in (second, ends):
        with pytest.raises(NotPermitted, match="in force"):
            table().check(CASE, at=moment)


def test_the_edition_in_force_is_taken_when_a_row_has_several():
    law = table(row(), row(edition=2, starts=date(2026, 4, 1), ends=None))

    assert law.check(CASE, at=IN_FORCE).edition == 1
    assert law.check(CASE, at=datetime(2027, 1, 1, tzinfo=UTC)).edition == 2


def test_an_excluded_domain_is_refused_even_where_a_row_permits_it():
    law = table(row(inquirer="police"), row(provider="police"))

    for inquirer, provider in (("police", "tax"), ("town", "police")):
        with pytest.raises(DomainExcluded):
            law.check(Case("inquiry", inquirer, "allowance", provider, "income"), at=IN_FORCE)


def test_a_member_asks_itself_nothing():
    law = table(row(provider="town"))

    with pytest.raises(NotPermitted, match="itself"):
        law.check(Case("inquiry", "town", "allowance", "town", "income"), at=IN_FORCE)


TOWNS = Every("municipality")
NATION = {
    "town": "municipality",
    "village": "municipality",
    "tax": "tax",
    "police": "policing",
    "stranger": "municipality-like",
}


def nation(*rows):
    return LegalTable(rows, NATION, frozenset({"policing"}))


def between(inquirer, provider):
    return Case("inquiry", inquirer, "allowance", provider, "income")


def test_a_row_may_speak_of_every_member_of_a_domain():
    law = nation(
        row(id="all", inquirer=TOWNS, provider=TOWNS), row(id="tax", provider="tax", inquirer=TOWNS)
    )

    for inquirer, provider, found in (
        ("town", "village", "all"),
        ("village", "town", "all"),
        ("village", "tax", "tax"),
    ):
        assert law.check(between(inquirer, provider), at=IN_FORCE).id == found


@pytest.mark.parametrize(
    ("inquirer", "provider"),
    [
        ("tax", "village"),
        ("village", "tax"),
        ("stranger", "town"),
        ("town", "stranger"),
        ("town", "nobody"),
        ("nobody", "town"),
        ("town", "town"),
        ("municipality", "town"),
    ],
)
def test_a_row_for_a_domain_permits_nobody_else_and_no_member_with_itself(inquirer, provider):
    law = nation(row(inquirer=TOWNS, provider=TOWNS))

    with pytest.raises(NotPermitted):
        law.check(between(inquirer, provider), at=IN_FORCE)


def test_an_excluded_member_takes_no_part_in_a_row_for_a_domain():
    law = nation(row(inquirer=Every("policing"), provider=TOWNS))

    with pytest.raises(DomainExcluded):
        law.check(between("police", "town"), at=IN_FORCE)


def test_a_row_that_names_the_member_counts_before_one_for_its_domain():
    law = nation(row(id="all", inquirer=TOWNS), row(id="own"))

    assert law.check(between("town", "tax"), at=IN_FORCE).id == "own"
    assert law.check(between("village", "tax"), at=IN_FORCE).id == "all"


def test_where_the_members_own_row_has_ended_the_one_for_its_domain_counts():
    law = nation(row(id="all", inquirer=TOWNS, ends=None), row(id="own"))

    assert law.check(between("town", "tax"), at=datetime(2027, 1, 1, tzinfo=UTC)).id == "all"
