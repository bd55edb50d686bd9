"""Identifiers: check digits as their laws define them, and types that show nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiban.shared import identifiers
from kiban.shared.identifiers import MyNumber, Pseudonym, ResidentRecordCode


def test_the_corporate_number_of_the_tax_agencys_own_example_holds():
    """The worked example of the National Tax Agency: base 700110005901, check digit 8."""
    assert identifiers.check_corporate_number("8700110005901") == "8700110005901"


@pytest.mark.parametrize("code", ["011002", "131016", "142042", "302015", "473014"])
def test_real_municipality_codes_hold(code):
    assert identifiers.check_municipality_code(code) == code


@given(st.text("0123456789", min_size=12, max_size=12), st.integers(0, 11), st.integers(1, 8))
def test_a_wrong_digit_in_a_corporate_number_is_seen(base, place, more):
    """Except 0 for 9 and 9 for 0, which a check modulo 9 cannot tell apart."""
    number = f"{identifiers.corporate_check_digit(base)}{base}"
    digit = int(number[place + 1])
    wrong = (digit + more) % 10
    if {digit, wrong} == {0, 9} or digit == wrong:
        return

    with pytest.raises(ValueError):
        identifiers.check_corporate_number(number[: place + 1] + str(wrong) + number[place + 2 :])


@pytest.mark.parametrize("wrong", ["", "14204", "142043", "1420421", "１４２０４２", "abcdef"])
def test_what_is_no_municipality_code_is_refused(wrong):
    with pytest.raises(ValueError):
        identifiers.check_municipality_code(wrong)


def test_secret_identifiers_do_not_show_themselves():
    shown = [repr(MyNumber("123456789018")), str(ResidentRecordCode("12345678901"))]
    shown += [repr(Pseudonym(b"\x01" * 32)), f"{MyNumber('123456789018')}"]

    assert not any("1234" in text or "0101" in text or "\\x01" in text for text in shown)
