"""Values: an office's statement in the citizen's words, with nothing left out."""

from datetime import date

from kiban.portal import values
from tests.portal.builders import country, statement


def test_a_statement_is_read_under_its_layouts_names():
    found = values.of(statement(), country())

    assert [(one.label["en"], one.kind) for one in found] == [
        ("Year", "number"),
        ("Total income (yen)", "yen"),
        ("Dependants", "number"),
    ]
    assert found[1].number == 4_200_000


def test_a_list_is_read_row_by_row():
    members = [{"name": "山田　花子", "relation": "本人", "birth_date": "1990-05-05"}]

    (found,) = values.of(statement("household", "kamakura", members=members), country())

    assert found.kind == "list"
    assert [one.text for one in found.rows[0][:2]] == ["山田　花子", "本人"]
    assert found.rows[0][2].day == date(1990, 5, 5)


def test_a_field_that_the_layout_does_not_know_is_shown_all_the_same():
    found = values.of(statement(year=2025, secret_flag=True, remark=None), country())

    assert {one.label["ja"]: one.text for one in found} == {
        "所得の年": "2025",
        "secret_flag": "yes",
        "remark": "",
    }


def test_an_item_without_a_layout_is_shown_by_its_own_names():
    (found,) = values.of(statement("shoes", "tax", size=25), country())

    assert (found.label["en"], found.text) == ("size", "25")


def test_an_agencys_own_record_is_told_in_the_countrys_words():
    noted = {"exchange": "e" * 32, "side": "asked", "counterpart": "tax", "kind": "inquiry"}
    note = {**noted, "about": "income", "at": "2026-04-01T00:00:00+00:00"}

    (found,) = values.of(statement("exchange-records", "kamakura", exchanges=[note]), country())

    told = {one.label["en"]: one for one in found.rows[0]}
    assert told["Counterpart"].name["ja"] == "税務署（模擬）"
    assert told["Item"].name["en"] == "Income"
    assert (told["Kind"].kind, told["Side"].kind) == ("word", "word")
    assert told["Time"].moment.year == 2026
