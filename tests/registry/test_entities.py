"""Legal entities are made up, look it, and are checked line by line."""

from pathlib import Path

import pytest

from kiban.registry import entities, japan_post
from kiban.registry.facts import MunicipalityFacts, TownFacts
from kiban.shared.country import Mistakes
from tests.registry.places import ROWS, WORKS, country, entity

SHIPPED = Path(__file__).resolve().parents[2] / "world/kiban/world/country"


def lookup():
    seats = {}
    for group in japan_post.groups(sorted(ROWS)):
        if isinstance(group[0], MunicipalityFacts):
            towns = [facts for facts in group if isinstance(facts, TownFacts)]
            seats[group[0].id] = entities.Found(group[0], towns)
    return seats.get


@pytest.fixture
def read(tmp_path: Path):
    def read(*texts: str):
        mistakes = Mistakes()
        found = entities.read(country(tmp_path, *texts), mistakes, lookup())
        return found, [(each.line, each.reason) for each in mistakes.found]

    return read


def test_an_entity_is_read_with_the_ids_of_its_seat(read):
    (works,), mistakes = read(entity())

    assert mistakes == []
    assert (works.id, works.town) == (WORKS, "142042-k2nx7g4cs")
    assert works.address == "神奈川県鎌倉市御成町99番1号"
    assert works.postal_code == "2480012"


@pytest.mark.parametrize(
    ("key", "said", "line", "reason"),
    [
        ("number", '"5900001000004"', 2, "5900001000004: the check digit should be 4"),
        ("number", '"8700110005901"', 2, "not of the simulated range: the second digit is 9"),
        ("number", '"x"', 2, "'x' is no corporate number: thirteen digits"),
        ("kind", '"999"', 3, "expected one of 101, 201, 301, 302, 303, 304, 305, 399, 401, 499"),
        ("municipality", '"142043"', 7, "142043: the check digit should be 2"),
        ("town", '"どこか"', 8, "鎌倉市 has no such town"),
        ("postal_code", '"2480099"', 11, "it is none of the town's"),
        ("since", "2015", 10, "expected a date such as 2026-04-01"),
    ],
)
def test_a_mistake_is_named_with_its_line(read, key, said, line, reason):
    _, mistakes = read(entity(**{key: said}))

    assert mistakes[0] == (line, f"{key}: {reason}")


def test_a_key_that_the_file_does_not_know_is_a_mistake(read):
    assert read(entity(capital="1"))[1] == [(11, "unknown key 'capital'")]


def test_a_number_is_given_once(read):
    _, mistakes = read(entity(), entity(name='"もう一社（模擬）"'))

    assert mistakes == [(13, "number: two entities have this number")]


def test_a_town_that_is_written_like_another_needs_its_reading(read):
    sakata = entity(municipality='"062049"', town='"本町"')
    (works,), mistakes = read(
        entity(municipality='"062049"', town='"本町"', town_kana='"ホンマチ"')
    )

    assert (mistakes, works.postal_code) == ([], "9996835")
    assert "several towns are written so" in read(sakata)[1][0][1]


def test_a_country_may_have_no_entities(tmp_path):
    mistakes = Mistakes()

    entities.check(tmp_path, mistakes)

    assert (entities.read(tmp_path, mistakes, lookup()), mistakes.found) == ([], [])
    assert entities.edition(tmp_path) == "no legal-entities.toml"


def test_the_shipped_country_has_no_mistake():
    mistakes = Mistakes()

    entities.check(SHIPPED, mistakes)

    assert mistakes.lines() == []


def test_every_shipped_entity_says_that_it_is_simulated():
    text = (SHIPPED / "legal-entities.toml").read_text(encoding="utf-8")
    blocks = text.split("[[entity]]")[1:]

    assert len(blocks) == 12
    assert all("模擬" in block and "SIMULATED" in block for block in blocks)
