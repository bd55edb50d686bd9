"""The gazetteer: all of Japan in memory, found by id, postal code and name."""

import random

import pytest

from kiban.registry.searching import Cursor, search
from kiban.shared.problems import Malformed
from tests.registry.places import ROWS, row, small_gazetteer

pytestmark = pytest.mark.xdist_group("japan")  # one worker holds all of it


def every_town(gazetteer):
    for shelf in gazetteer.shelves.values():
        for place in shelf.all():
            yield shelf.at(place)


def named(gazetteer, page):
    return [gazetteer.places[held.facts.id[:6]].facts.name + held.facts.name for held in page.found]


def found(gazetteer, name, limit=20, cursor=None):
    return search(gazetteer, gazetteer.order, name, limit=limit, cursor=cursor)


def test_every_town_is_found_by_its_id(japan):
    towns = random.Random(1).sample(list(every_town(japan)), 2_000)

    assert all(japan.town(held.facts.id) == held for held in towns)
    assert japan.town("142042-k00000000") is None
    assert japan.town("000000-k00000000") is None
    assert japan.towns == 119_184


def test_every_town_is_found_by_its_postal_codes(japan):
    for held in random.Random(2).sample(list(every_town(japan)), 500):
        for code in held.facts.postal:
            assert held in japan.with_postal_code(code.code)
    assert len(japan.with_postal_code("4520961")) == 66
    assert japan.with_postal_code("0000000") == []


def test_memory_stays_small(japan):
    characters = sum(len(shelf.text) for shelf in japan.shelves.values())

    assert characters < 9_000_000  # two bytes each


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("鎌倉市御成町", "鎌倉市御成町"),
        ("神奈川県鎌倉市御成町", "鎌倉市御成町"),
        ("おなりまち", "鎌倉市御成町"),
        ("ｵﾅﾘﾏﾁ", "鎌倉市御成町"),
        ("カマクラシオナリ", "鎌倉市御成町"),
        ("葉山町一色", "三浦郡葉山町一色"),
        ("札幌市中央区北１条西", "札幌市中央区北一条西"),
        ("霞ヶ関", "千代田区霞が関"),
        ("かすみがせき", "千代田区霞が関"),
    ],
)
def test_any_part_of_an_address_finds_the_town(japan, name, first):
    assert named(japan, found(japan, name))[0] == first


def test_exact_names_come_before_beginnings_and_these_before_parts():
    rows = [
        row(name, "カナ", code) for name, code in (("大町西", "1"), ("北大町", "2"), ("大町", "3"))
    ]
    small = small_gazetteer(each._replace(postal_code=each.postal_code * 7) for each in rows)

    assert named(small, found(small, "大町")) == ["鎌倉市大町", "鎌倉市大町西", "鎌倉市北大町"]


def test_pages_join_without_gap_or_repetition(japan):
    codes = japan.parts("162019")
    whole = search(japan, codes, "新", limit=1000, cursor=None)
    pages, cursor = [], None
    while not pages or cursor:
        page = search(japan, codes, "新", limit=7, cursor=cursor)
        pages += page.found
        cursor = page.next

    assert pages == list(whole.found)
    assert len(pages) > 60
    assert whole.next is None


def test_an_empty_name_lists_a_municipality_and_a_city_lists_its_wards():
    small = small_gazetteer()

    assert small.parts("141003") == ("141038", "141046")
    assert named(small, search(small, small.parts("141003"), "", limit=20, cursor=None)) == [
        "横浜市西区高島",
        "横浜市西区",
        "横浜市中区港町",
        "横浜市中区山下町",
    ]


def test_a_name_that_folds_to_nothing_finds_nothing():
    assert found(small_gazetteer(), "　\N{ZERO WIDTH SPACE}").found == []


@pytest.mark.parametrize("cursor", ["x", "1-2-3", "1-2-3-4-5", "1-2-3-x", "1-2-3-" + "9" * 20])
def test_a_cursor_that_no_search_gave_is_refused(cursor):
    with pytest.raises(Malformed):
        Cursor.read(cursor, 1)


def test_separators_in_a_note_do_not_break_a_shelf():
    small = small_gazetteer([*ROWS, row("乱橋", "ミダレバシ", "2489999", note='a\tb\n"2480012"')])

    assert [held.facts.name for held in small.with_postal_code("2480012")] == ["御成町"]
    assert small.with_postal_code("2489999")[0].facts.postal[0].note == 'a\tb\n"2480012"'
