"""Points: the arithmetic of pseudonyms, and what is no point."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiban.shared import points
from kiban.shared.points import NotAPoint

BASE_X = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
TWICE_BASE_X = bytes.fromhex("7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978")
scalars = st.integers(1, points.ORDER - 1)


def test_multiplication_is_that_of_the_curve():
    """The base point is of SEC 2, section 2.4.2; twice the base point is a public test value."""
    assert points.times(1, BASE_X) == BASE_X
    assert points.times(2, BASE_X) == TWICE_BASE_X


@given(scalars, scalars)
def test_the_order_of_factors_does_not_matter(a, b):
    assert points.times(a, points.times(b, BASE_X)) == points.times(b, points.times(a, BASE_X))


@given(scalars)
def test_an_inverse_takes_a_factor_back(a):
    assert points.times(points.inverse(a), points.times(a, BASE_X)) == BASE_X


@pytest.mark.parametrize(
    "wrong",
    [
        bytes(31) + b"\1",
        b"\xff" * 32,
        BASE_X + b"\0",
        BASE_X[:-1],
        b"",
        (0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF).to_bytes(32, "big"),
    ],
    ids=["the twist", "x >= p", "33 bytes", "31 bytes", "nothing", "x = p"],
)
def test_what_is_no_point_is_refused(wrong):
    with pytest.raises(NotAPoint):
        points.decode(wrong)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_seed_used_twice_gives_fresh_unblinders(one, other):
    if one != other:
        assert points.unblinder(b"s" * 32, one) != points.unblinder(b"s" * 32, other)


@given(st.binary(min_size=1, max_size=64))
def test_every_record_hashes_to_a_point(record):
    assert points.decode(points.person_point(record))


def test_a_run_of_points_is_a_whole_number_of_them():
    assert points.split(BASE_X + TWICE_BASE_X) == [BASE_X, TWICE_BASE_X]
    for wrong in (b"", BASE_X[:-1], BASE_X + b"\0"):
        with pytest.raises(NotAPoint):
            points.split(wrong)
