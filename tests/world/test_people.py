"""The country's people: who they are, what is held about them, and which mistakes are named."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from kiban.shared.country import Mistakes
from kiban.world import cast
from kiban.world.people import person_number

PRESENT = date(2026, 4, 1)


@pytest.fixture(scope="module")
def people():
    return cast.load_checked(cast.shipped_country()).people


@pytest.fixture
def changed(tmp_path: Path):
    """A copy of the country with one replacement in one file: the mistakes named at that very line."""

    def change(old: str, new: str) -> list[str]:
        shutil.copytree(cast.shipped_country(), tmp_path / "country")
        file = tmp_path / "country" / "people" / "mihon.toml"
        text = file.read_text(encoding="utf-8")
        line = text[: text.index(old)].count("\n") + 1
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        mistakes = Mistakes()
        cast.load(tmp_path / "country", mistakes)
        here = f"{file}:{line}: "
        return [each.removeprefix(here) for each in mistakes.lines() if each.startswith(here)]

    return change


def test_the_seven_who_are_called_by_name_live_in_kamakura(people):
    assert {each.id for each in people} == {
        "hanako",
        "taro",
        "mei",
        "sota",
        "maria",
        "kenji",
        "yoshi",
    }
    assert {each.address.municipality for each in people} == {"142042"}


def test_the_children_are_eight_and_three(people):
    assert (people["mei"].age(PRESENT), people["sota"].age(PRESENT)) == (8, 3)


def test_a_person_ages_on_the_birthday(people):
    assert people["mei"].age(date(2027, 2, 2)) == 8
    assert people["mei"].age(date(2027, 2, 3)) == 9


def test_every_member_of_a_household_has_the_same_household_record(people):
    records = [
        next(record for record in people[name].records if record.item == "household")
        for name in ("hanako", "taro", "mei", "sota")
    ]

    assert all(record == records[0] for record in records)
    assert [member["name"] for member in records[0].values["members"]] == [
        "見本　太郎",
        "見本　花子",
        "見本　芽衣",
        "見本　蒼太",
    ]
    assert records[0].as_of == date(2023, 3, 20)


def test_a_record_about_a_child_is_not_older_than_the_child(people):
    for persona in people:
        assert all(record.as_of >= persona.birth_date for record in persona.records)


def test_nothing_is_held_as_of_a_day_to_come(people):
    assert all(record.as_of < PRESENT for persona in people for record in persona.records)


def test_the_resident_network_holds_everybodys_four_attributes(people):
    assert len(people.served_by("resident-network")) == len(people)


def test_an_office_that_serves_somebody_knows_the_registered_address(people):
    held = {
        (persona.id, record.agency): (record.values["address"], record.values["since"])
        for persona in people
        for record in persona.records
        if record.item == "registered-address"
    }

    served = {
        (persona.id, agency)
        for agency in ("tax", "accounts", "pension", "health-insurer", "vehicles")
        for persona in people.served_by(agency)
    }
    assert held.keys() == served
    assert held["hanako", "tax"] == ("神奈川県鎌倉市御成町99番99号", "2019-04-01")
    assert not any(name in {"mei", "sota"} for name, _ in held)


def test_the_grandmother_and_the_smallest_child_have_no_card(people):
    assert {each.id for each in people if each.card is None} == {"yoshi", "sota"}


def test_a_child_signs_nothing(people):
    assert people["mei"].card.signature_pin is None


def test_pins_do_not_show_themselves(people):
    assert people["hanako"].card.signature_pin.reveal() not in repr(people)


def test_two_agencies_call_the_same_person_by_different_numbers():
    assert person_number("tax", "hanako") != person_number("kamakura", "hanako")
    assert person_number("tax", "hanako") == person_number("tax", "hanako")


def test_who_is_not_there_is_named(people):
    with pytest.raises(KeyError, match="nobody is called hanae"):
        people["hanae"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "hanako"', 'id = "taro"', "id: another person has this id"),
        ("見本　花子", "見本花子", "name: expected family name, full-width space, given name"),
        ('"142042"', '"142043"', "municipality: 142043: the check digit should be 2"),
        ('"1234"', '"12345"', "authentication_pin: expected four digits"),
        (
            '"HANAKO512"',
            '"HANAKO"',
            "signature_pin: expected 6 to 16 capital letters and digits, both",
        ),
        ('agency = "tax"', 'agency = "taxes"', "agency: there is no agency taxes"),
        ('item = "income"', 'item = "incoem"', "item: tax does not hold incoem"),
        ("year = 2024", 'year = "2024"', "values: year: expected integer"),
        ("dependants = 2", "dependents = 2", "values: dependants missing"),
        ("postal_code", "postcode", "unknown key 'postcode'; did you mean postal_code?"),
        ('sex = "male"', 'sex = "man"', "sex: expected one of male, female, not-applicable"),
    ],
)
def test_each_mistake_is_named_with_its_line(changed, old, new, said):
    assert said in changed(old, new)


def test_a_mistake_never_repeats_a_pin(changed):
    assert not any("HANAKO" in line for line in changed('"HANAKO512"', '"HANAKO"'))
