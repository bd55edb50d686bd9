"""Attributes: what a person's four facts may be, and how a certificate carries them."""

from datetime import UTC, datetime

import pytest

from kiban.identity.authority import attributes as rules
from kiban.identity.authority import profile
from kiban.shared.problems import Malformed
from tests.authority.builders import address, attributes

NOW = datetime(2026, 4, 1, tzinfo=UTC)


def texts(given):
    return {name.oid: name.text for name in rules.other_names(given)}


def test_a_certificate_carries_them_in_the_cards_order():
    names = rules.other_names(attributes())

    assert [name.oid.rpartition(".")[2] for name in names] == ["1", "4", "3", "5", "2", "6"]


def test_each_character_of_name_and_address_has_its_digit():
    found = texts(attributes())

    assert found[profile.NAME_SUBSTITUTES] == "00000"
    assert len(found[profile.ADDRESS_SUBSTITUTES]) == len(found[profile.ADDRESS])


@pytest.mark.parametrize(
    ("birth", "written"),
    [
        ("2019-05-01", "520190501"),
        ("2019-04-30", "420190430"),
        ("1989-01-08", "419890108"),
        ("1989-01-07", "319890107"),
        ("1980-02-17", "319800217"),
        ("1926-12-25", "319261225"),
        ("1926-12-24", "219261224"),
        ("1912-07-30", "219120730"),
        ("1912-07-29", "119120729"),
        ("1868-01-01", "018680101"),
    ],
)
def test_a_birth_date_is_written_with_its_era_and_the_gregorian_year(birth, written):
    assert texts(attributes(birth_date=birth))[profile.BIRTH_DATE] == written


@pytest.mark.parametrize("sex", ["male", "female", "not-applicable"])
def test_what_a_certificate_says_can_be_read_back(sex):
    given = attributes(sex=sex)

    read = rules.certified(rules.other_names(given))

    assert (read.name, read.birth_date, read.sex, read.address) == (
        given.name,
        given.birth_date,
        sex,
        given.address.text,
    )


@pytest.mark.parametrize(
    ("code", "name"), [("011002", "北海道"), ("142042", "神奈川県"), ("472018", "沖縄県")]
)
def test_the_prefecture_follows_from_the_municipality(code, name):
    assert rules.prefecture(attributes(address=address(municipality=code))) == name


@pytest.mark.parametrize(
    "given",
    [
        attributes(birth_date="2026-02-29"),
        attributes(birth_date="2026-04-02"),
        attributes(birth_date="0000-01-01"),
        attributes(name="花子\0"),
        attributes(name="花子\n"),
        attributes(name="花\U000e0fff子"),
        attributes(name_kana="ハナコ 123456789018"),
        attributes(address=address(text="神奈川県 00000000013")),
        attributes(address=address(rest="１２３４５６７８９０１８")),
        attributes(address=address(municipality="142043")),
        attributes(address=address(municipality="992011")),
        attributes(address=address(municipality="002011")),
    ],
)
def test_attributes_that_nobody_has_are_refused(given):
    with pytest.raises(Malformed):
        rules.check(given, NOW)


def test_a_refusal_does_not_repeat_what_was_sent():
    with pytest.raises(Malformed) as refused:
        rules.check(attributes(name_kana="ハナコ 123456789018"), NOW)

    assert "ハナコ" not in str(refused.value.document())


def test_names_of_all_kinds_are_taken():
    for name in (
        "鎌倉　花子",
        "SANTOS　MARIA",
        "Nguyễn　Thị",
        "𠮷田　一郎",
        "ウィルソン　アン・マリー",
    ):
        rules.check(attributes(name=name), NOW)
