"""A country's files: every mistake is named with its file, line and reason, all at once."""

from datetime import date
from pathlib import Path

import pytest

from kiban.shared.country import (
    CountryWrong,
    Mistakes,
    Table,
    read_toml,
    reading,
    toml_files,
)
from kiban.shared.identifiers import check_municipality_code

OFFICE = """\
# an office
id = "kamakura"
name = { ja = "鎌倉市", en = "Kamakura" }
municipality = "142042"
since = 1939-11-03
vault = true

[[holds]]
item = "household"
edition = 2

[[holds]]
item = "income"
tags = ["a", "b"]
"""


@pytest.fixture
def mistakes() -> Mistakes:
    return Mistakes()


@pytest.fixture
def table(tmp_path: Path, mistakes: Mistakes):
    def make(text: str) -> Table:
        (tmp_path / "file.toml").write_text(text, encoding="utf-8")
        return read_toml(tmp_path / "file.toml", mistakes)

    return make


def said(mistakes: Mistakes) -> list[tuple[int, str]]:
    return [(each.line, each.reason) for each in mistakes.found]


def test_a_right_file_gives_its_values_and_no_mistake(table, mistakes):
    office = table(OFFICE)

    assert office.text("id") == "kamakura"
    assert office.localized("name") == {"ja": "鎌倉市", "en": "Kamakura"}
    assert office.text("municipality", check=check_municipality_code) == "142042"
    assert office.date("since") == date(1939, 11, 3)
    assert office.date_or_none("until") is None
    assert office.localized_or_none("motto") is None
    assert office.truth("vault")
    first, second = office.tables("holds")
    assert (first.text("item"), first.integer("edition")) == ("household", 2)
    assert (second.choice("item", ("household", "income")), second.integer("edition", 1)) == (
        "income",
        1,
    )
    assert (first.texts("tags", []), second.texts("tags")) == ([], ["a", "b"])
    office.end()
    mistakes.check()


def test_all_mistakes_are_named_at_once_with_their_lines(table, mistakes):
    office = table(OFFICE.replace("142042", "142043").replace("edition = 2", "edition = true"))

    office.text("municipality", check=check_municipality_code)
    office.date("id")
    office.text("motto")
    first, second = office.tables("holds")
    first.integer("edition")
    second.choice("item", ("household", "resident-record"))
    second.localized("name")

    assert said(mistakes) == [
        (4, "municipality: 142043: the check digit should be 2"),
        (2, "id: expected a date such as 2026-04-01"),
        (1, "motto is missing: expected text"),
        (10, "edition: expected a whole number"),
        (13, "item: expected one of household, resident-record"),
        (12, "name is missing: expected a table"),
    ]
    with pytest.raises(CountryWrong) as wrong:
        mistakes.check()
    assert [line.split(":")[1] for line in wrong.value.detail.split("\n")] == [
        "1",
        "2",
        "4",
        "10",
        "12",
        "13",
    ]


def test_keys_that_nobody_asked_for_are_mistakes_also_further_down(table, mistakes):
    office = table('nmae = "x"\n[sub]\nb = 1\n[[row]]\nid = "a"\nextra = 2\n')

    office.text("name", "")
    office.table("sub")
    office.tables("row")[0].text("id")
    office.end()

    assert said(mistakes) == [
        (1, "unknown key 'nmae'; did you mean name?"),
        (3, "unknown key 'b'"),
        (6, "unknown key 'extra'"),
    ]


def test_a_free_value_is_the_owners_to_judge(table, mistakes):
    people = table("[record]\nincome = { year = 2025, list = [1, { a = 2 }] }\n")

    found = people.table("record").value("income")
    people.end()

    assert found == {"year": 2025, "list": [1, {"a": 2}]}
    assert said(mistakes) == []


def test_an_owners_own_rule_is_noted_at_its_key(table, mistakes):
    row = table('[[row]]\nid = "a"\nprovider = "nobody"\n').tables("row")[0]

    row.mistake("provider", "no such agency")
    row.mistake("", "a row needs more")

    assert said(mistakes) == [(3, "provider: no such agency"), (1, "a row needs more")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('a = ""', "a: the text is empty"),
        ("a = 1", "a: expected text"),
        ("a = 2026-04-01T00:00:00Z", "a: expected text"),
    ],
)
def test_text_is_text_and_says_something(table, mistakes, text, reason):
    table(text).text("a")

    assert said(mistakes) == [(1, reason)]


def test_a_list_of_tables_holds_tables_and_enough_of_them(table, mistakes):
    root = table('row = ["text"]\nother = 3\n')

    (row,) = root.tables("row")
    row.text("id")
    root.tables("other", at_least=1)
    root.tables("none", at_least=1)
    root.texts("other")

    assert said(mistakes) == [
        (1, "row: expected a list of tables, [[row]]"),
        (2, "other: expected a list of tables, [[other]]"),
        (1, "none: expected at least 1 of [[none]]"),
        (2, "other: expected a list of texts"),
    ]


def test_a_time_of_day_is_no_date(table, mistakes):
    table("from = 2026-04-01T00:00:00Z").date("from")

    assert said(mistakes) == [(1, "from: expected a date such as 2026-04-01")]


@pytest.mark.parametrize(
    ("raw", "line", "reason"),
    [
        (b"a = 1\nb = = 2\n", 2, "no TOML"),
        (b"a = 1\na = 2\n", 2, "no TOML"),
        (b'a = 1\nb = "\xff"\n', 2, "not UTF-8"),
        (b'a = 1\nb = """x', 2, "no TOML"),
        (b"a = " + b"[" * 100_000, 1, "no TOML: nested too deep"),
        (b"a = " + b"9" * 5_000, 1, "no TOML"),
        (b"#" * (5 << 20), 1, "no TOML: larger than"),
    ],
)
def test_a_file_that_is_no_toml_is_one_mistake_and_no_more(tmp_path, mistakes, raw, line, reason):
    file = tmp_path / "broken.toml"
    file.write_bytes(raw)

    with reading(file, mistakes) as broken:
        broken.text("id")
        broken.table("name").text("ja")
        broken.tables("row", at_least=1)

    ((at, why),) = said(mistakes)
    assert at == line
    assert why.startswith(reason)


def test_a_file_that_is_absent_is_a_mistake_and_an_absent_folder_is_empty(tmp_path, mistakes):
    read_toml(tmp_path / "none.toml", mistakes)

    assert said(mistakes) == [(1, "cannot be read: No such file or directory")]
    assert toml_files(tmp_path / "none") == []


def test_what_stood_there_is_never_repeated(table, mistakes):
    person = table('my_number = "123456789018"\npin = "1234"\n')

    person.integer("my_number")
    person.choice("pin", ("a", "b"))

    assert "1234" not in "".join(mistakes.lines())
    assert "1234" not in repr(person)
