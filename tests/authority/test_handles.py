"""Handles: one person, and a different name for each who asks."""

from kiban.identity.authority.handles import PersonKeys, new_key, new_record
from kiban.shared import points
from kiban.shared.identifiers import ResidentRecordCode

KEYS = PersonKeys(new_key(), new_key(), new_key())


def test_a_person_has_one_point_and_it_is_on_the_curve():
    record = new_record()

    assert KEYS.point(record) == KEYS.point(record)
    points.decode(KEYS.point(record))


def test_two_people_have_two_points():
    assert KEYS.point(new_record()) != KEYS.point(new_record())


def test_each_verifier_has_its_own_handle():
    record = new_record()

    handles = {KEYS.handle(record, verifier) for verifier in ("login", "tax", "kamakura")}

    assert len(handles) == 3
    assert KEYS.handle(record, "tax") in handles


def test_another_authority_gives_other_handles_and_points():
    record, others = new_record(), PersonKeys(new_key(), new_key(), new_key())

    assert KEYS.handle(record, "tax") != others.handle(record, "tax")
    assert KEYS.point(record) != others.point(record)


def test_the_index_of_a_code_does_not_show_it():
    index = KEYS.code_index(ResidentRecordCode("00000000013"))

    assert "13" * 5 not in index
    assert len(index) == 64
    assert index == KEYS.code_index(ResidentRecordCode("00000000013"))


def test_the_keys_do_not_show_themselves():
    assert KEYS.points.hex() not in repr(KEYS)
    assert str(KEYS.points) not in repr(KEYS)
