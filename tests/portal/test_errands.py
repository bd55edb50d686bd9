"""Errands: a browser comes back with what it went for, or with nothing."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiban.portal.contract import ErrandRefused
from kiban.portal.errands import LASTS, LONGEST_ABOUT, LONGEST_STATE, Errands
from tests.portal.builders import NOON

HERE, ELSEWHERE = "b" * 64, "c" * 64


@pytest.fixture
def errands() -> Errands:
    return Errands(b"a secret of thirty-two characters")


def sent(errands, purpose="approve", salt="salt"):
    return errands.send(
        purpose, browser=HERE, about="a" * 32, transaction="e" * 32, at=NOON, salt=salt
    )


def test_what_a_browser_went_for_comes_back(errands):
    errand = errands.back(sent(errands))
    errand.check(HERE, at=NOON)

    assert (errand.purpose, errand.about, errand.transaction) == ("approve", "a" * 32, "e" * 32)


def test_the_note_fits_into_a_state(errands):
    longest = errands.send(
        "login", browser=HERE, about="/" * LONGEST_ABOUT, at=NOON, salt="12345678"
    )

    assert len(sent(errands, salt="12345678")) <= LONGEST_STATE
    assert len(longest) <= LONGEST_STATE


@pytest.mark.parametrize("browser", [ELSEWHERE, None, ""])
def test_another_browser_brings_nothing(errands, browser):
    with pytest.raises(ErrandRefused):
        errands.back(sent(errands)).check(browser, at=NOON)


def test_an_errand_ends(errands):
    with pytest.raises(ErrandRefused):
        errands.back(sent(errands)).check(HERE, at=NOON + LASTS + timedelta(seconds=1))


def test_another_portal_reads_no_note_of_ours(errands):
    with pytest.raises(ErrandRefused):
        Errands(b"another secret of the same length").back(sent(errands))


def test_nonce_and_verifier_are_the_states_own(errands):
    one, other = sent(errands), sent(errands, salt="other")

    assert errands.nonce(one) == errands.nonce(one) != errands.nonce(other)
    assert errands.verifier(one) != errands.verifier(other)
    assert len(errands.verifier(one)) == 43


@given(st.text(max_size=1_200))
def test_no_other_text_is_a_state(text):
    with pytest.raises(ErrandRefused):
        Errands(b"a secret of thirty-two characters").back(text)
