"""Answers: what only the citizen knows is read strictly and kindly, and nothing else is read at all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiban.portal import answers
from kiban.portal.answers import Setting
from kiban.portal.contract import OnceOnlyViolated
from kiban.portal.procedures import Asked, Following, Window
from kiban.shared.identifiers import check_corporate_number
from kiban.shared.problems import Malformed
from tests.portal.builders import COMPANY, NOON, TOWN, Shelf, procedure

WELL = {"from_month": "2026-05", "confirm": "yes"}


async def checked(registers=None, **form):
    typed = answers.typed(procedure(), {**WELL, **form})
    return await answers.check(procedure(), typed, Setting(registers or Shelf(), NOON.date()))


async def test_what_holds_becomes_the_values_that_are_signed():
    found = await checked(
        employer=COMPANY,
        child_lives_elsewhere=TOWN,
        **{"child_lives_elsewhere-rest": "1丁目2番3号"},
    )

    assert check_corporate_number(COMPANY)
    assert not found.mistakes
    assert found.values == {
        "from_month": "2026-05",
        "employer": {"corporate_number": COMPANY, "sequence": 7},
        "child_lives_elsewhere": {"town": TOWN, "rest": "1丁目2番3号", "sequence": 9},
        "confirm": True,
    }


async def test_what_is_optional_can_be_left_out():
    found = await checked()

    assert not found.mistakes
    assert set(found.values) == {"from_month", "confirm"}


@pytest.mark.parametrize("text", ["2026-05", "2026/5", "2026年5月", "２０２６－０５", " 2026-5 "])
async def test_a_month_is_read_as_people_write_it(text):
    assert (await checked(from_month=text)).values["from_month"] == "2026-05"


@pytest.mark.parametrize("text", ["2026-13", "May 2026", "2026", "26-05", "2026-05-01", "0001-05"])
async def test_what_is_no_month_is_a_mistake_beside_its_field(text):
    assert (await checked(from_month=text)).mistakes == {"from_month": "month"}


async def test_what_is_required_is_asked_for():
    assert (await checked(from_month="", confirm="")).mistakes == {
        "from_month": "required",
        "confirm": "yes",
    }


@pytest.mark.parametrize("number", ["1234567890123", "9999999999999", "海辺商店", "2700110000017"])
async def test_a_company_is_one_of_the_registry_or_none(number):
    assert (await checked(employer=number)).mistakes == {"employer": "choose-company"}


async def test_a_search_that_was_begun_wants_a_choice():
    assert (await checked(**{"employer-query": "海辺"})).mistakes == {"employer": "choose-company"}


async def test_an_address_needs_what_follows_the_town():
    assert (await checked(child_lives_elsewhere=TOWN)).mistakes == {"child_lives_elsewhere": "rest"}


async def test_a_register_that_is_away_is_said_so():
    found = await checked(Shelf(away=True), employer=COMPANY)

    assert found.mistakes == {"employer": "register-away"}


@pytest.mark.parametrize(
    "name",
    ["income", "household", "account", "income-query", "income.total_income_yen", "income[0]"],
)
def test_a_value_for_what_an_office_holds_is_refused(name):
    with pytest.raises(OnceOnlyViolated) as refused:
        answers.typed(procedure(), {**WELL, name: "1"})

    assert refused.value.members["sent"] == name.split("-")[0].split(".")[0].split("[")[0]


def test_a_field_that_the_procedure_does_not_have_is_refused():
    with pytest.raises(Malformed):
        answers.typed(procedure(), {**WELL, "shoe_size": "42"})


def test_what_is_typed_is_one_line_of_one_form():
    typed = answers.typed(procedure(), {"employer-query": "  \u30ab\u3099\n\x00ラス\u202e店 "})

    assert typed["employer-query"] == "ガラス店"


async def test_a_search_offers_choices_and_an_empty_one_asks_nobody():
    shelf, employer = Shelf(), procedure().asked_field("employer")

    found = await answers.search(employer, {"employer-query": "海辺"}, shelf)
    nothing = await answers.search(employer, {"employer-query": ""}, shelf)

    assert [choice.id for choice in found.found] == [COMPANY]
    assert nothing is None


@given(
    st.dictionaries(
        st.sampled_from(
            ["from_month", "employer", "employer-query", "child_lives_elsewhere", "confirm"]
        ),
        st.text(max_size=300),
    )
)
async def test_whatever_is_typed_is_an_answer_or_a_mistake(form):
    typed = answers.typed(procedure(), form)

    found = await answers.check(procedure(), typed, Setting(Shelf(), NOON.date()))

    fields = {field.name for field in procedure().asked if field.required}
    assert fields <= found.said.keys() | found.mistakes.keys()


MOVING = replace(
    procedure(),
    asked=(
        Asked("day", "date", {}, True, None, 200, window=Window(first=-10, last=30)),
        Asked("who", "members", {}, True, None, 200, of="household"),
        Asked("then", "date", {}, False, None, 200, follows=Following("day", 14)),
    ),
)
FAMILY = {"who": ("見本 太郎", "見本 花子", "見本 芽衣")}


async def moving(lists=FAMILY, **form):
    typed = answers.typed(MOVING, form)
    return await answers.check(MOVING, typed, Setting(Shelf(), NOON.date(), lists))


@pytest.mark.parametrize("day", ["2026-03-22", "2026-04-01", "2026-05-01"])
async def test_a_day_in_its_window_is_taken(day):
    assert (await moving(day=day, **{"who-1": "yes"})).values["day"] == day


@pytest.mark.parametrize("day", ["2026-03-21", "2026-05-02", "2025-04-01"])
async def test_a_day_outside_its_window_is_a_mistake(day):
    assert (await moving(day=day, **{"who-1": "yes"})).mistakes == {"day": "window"}


@pytest.mark.parametrize("then", ["2026-04-03", "2026-04-17"])
async def test_a_day_that_follows_another_soon_enough_is_taken(then):
    found = await moving(day="2026-04-03", then=then, **{"who-1": "yes"})

    assert not found.mistakes
    assert found.values["then"] == then


@pytest.mark.parametrize("then", ["2026-04-02", "2026-04-18", "2027-04-03"])
async def test_a_day_before_the_other_or_too_long_after_it_is_a_mistake(then):
    found = await moving(day="2026-04-03", then=then, **{"who-1": "yes"})

    assert found.mistakes == {"then": "follows"}
    assert "then" not in found.values


async def test_of_two_days_the_first_is_mended_first():
    found = await moving(day="2027-04-03", then="2027-05-30", **{"who-1": "yes"})

    assert found.mistakes == {"day": "window"}


async def test_some_of_a_held_list_are_chosen_by_their_places():
    found = await moving(day="2026-04-01", **{"who-1": "yes", "who-3": "yes"})

    assert found.values["who"] == [0, 2]
    assert found.said["who"].shown == "見本 太郎、見本 芽衣"


@pytest.mark.parametrize(
    ("form", "lists", "mistake"),
    [
        ({}, FAMILY, "members"),
        ({"who-2": "no"}, FAMILY, "members"),
        ({"who-4": "yes"}, FAMILY, "members-unread"),
        ({"who-1": "yes"}, {}, "members-unread"),
    ],
    ids=["nobody", "another word", "who is not in the list", "not read in this session"],
)
async def test_a_choice_that_does_not_hold_is_a_mistake(form, lists, mistake):
    assert (await moving(lists, day="2026-04-01", **form)).mistakes == {"who": mistake}


@pytest.mark.parametrize("name", ["who", "who-0", "who-31", "who-x"])
async def test_a_name_that_no_list_has_is_refused(name):
    with pytest.raises(Malformed):
        await moving(**{name: "yes"})
