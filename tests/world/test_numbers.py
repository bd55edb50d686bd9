"""Numbers of the vault: the right form, the right check digit, a range of their own."""

import pytest

from kiban.shared.identifiers import MyNumber
from kiban.world.vault import numbers


@pytest.mark.parametrize(
    ("base", "digit"),
    [
        ("98320567321", 4),  # a widely published specimen
        ("12345678901", 8),
        ("00000000000", 0),
        ("00000000006", 0),  # the remainder is 1
    ],
)
def test_the_check_digit_of_a_my_number_follows_the_ordinance(base, digit):
    assert numbers.check_digit(base) == digit


def test_every_resident_has_numbers_of_their_own_from_our_ranges():
    taken = [numbers.my_number(place).reveal() for place in range(2000)]
    codes = [numbers.resident_record_code(place).reveal() for place in range(2000)]

    assert len(set(taken)) == len(set(codes)) == 2000
    assert all(len(each) == 12 and each.startswith("9999") for each in taken)
    assert all(len(each) == 11 and each.startswith("999") for each in codes)
    assert all(numbers.check_digit(each[:-1]) == int(each[-1]) for each in taken)


def test_one_wrong_digit_is_noticed():
    number = numbers.my_number(7).reveal()
    for place in range(11):
        other = str((int(number[place]) + 1) % 10)
        changed = number[:place] + other + number[place + 1 : -1]
        # The ordinance gives 0 for two remainders, so 0 hides some mistakes.
        if number[-1] != "0":
            assert numbers.check_digit(changed) != int(number[-1])


def test_there_is_room_for_ten_million():
    with pytest.raises(ValueError, match="room"):
        numbers.my_number(10**7)


def test_a_my_number_does_not_show_itself():
    assert repr(numbers.my_number(1)) == str(numbers.my_number(1)) == "MyNumber(…)"
    assert isinstance(numbers.my_number(1), MyNumber)
