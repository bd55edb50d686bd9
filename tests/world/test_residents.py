"""Residents: four attributes mean exactly one person, or nobody."""

import pytest

from kiban.shared.identifiers import ResidentRecordCode
from kiban.world import cast
from kiban.world.people import person_number
from kiban.world.vault import residents
from kiban.world.vault.contract import NobodyMatches, SeveralMatch
from kiban.world.vault.residents import Resident, fingerprint


@pytest.fixture(scope="module")
def people():
    return cast.load_checked(cast.shipped_country()).people


def resident(persona) -> Resident:
    code = ResidentRecordCode("99900000000")
    number = person_number("resident-network", persona.id)
    return Resident(number, persona.attributes(), persona.address, code, card_lost=False)


def test_everybody_is_another_person(people):
    assert len({fingerprint(each.attributes()) for each in people}) == len(people)


@pytest.mark.parametrize(
    "same",
    [
        {"name": "見本 花子"},
        {"name": "見本花子"},
        {"address": "神奈川県鎌倉市御成町９９番９９号"},
        {"address": "神奈川県 鎌倉市 御成町99番99号 "},
        {"name_kana": ""},
    ],
)
def test_width_spacing_and_kana_make_no_other_person(people, same):
    hanako = people["hanako"].attributes()

    assert fingerprint(hanako.model_copy(update=same)) == fingerprint(hanako)


@pytest.mark.parametrize(
    "other",
    [
        {"name": "見本　花"},
        {"birth_date": "1990-05-13"},
        {"sex": "male"},
        {"address": "神奈川県鎌倉市御成町99番98号"},
    ],
)
def test_each_of_the_four_attributes_counts(people, other):
    hanako = people["hanako"].attributes()

    assert fingerprint(hanako.model_copy(update=other)) != fingerprint(hanako)


def test_nobody_and_several_are_named_apart(people):
    hanako = resident(people["hanako"])

    assert residents.the_one([hanako]) is hanako
    with pytest.raises(NobodyMatches):
        residents.the_one([])
    with pytest.raises(SeveralMatch):
        residents.the_one([hanako, hanako])


def test_the_moved_edge_between_two_attributes_is_no_match(people):
    hanako = people["hanako"].attributes()
    moved = hanako.model_copy(update={"name": hanako.name + "1990", "birth_date": "1990-05-12"})

    assert fingerprint(moved) != fingerprint(hanako)


def test_a_resident_shows_neither_code_nor_name(people):
    assert "99900000000" not in repr(resident(people["hanako"]))
    assert "花子" not in repr(resident(people["hanako"]))
