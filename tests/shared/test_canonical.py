"""Canonical JSON: one text for each value."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiban.shared import canonical

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_keys_are_ordered_by_utf16_code_units():
    """RFC 8785, section 3.2.3: the example's order, which code points would not give."""
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}

    assert list(json.loads(canonical.encode(value))) == [
        "\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip


def test_strings_are_escaped_as_little_as_json_allows():
    """RFC 8785, section 3.2.2.2."""
    text = canonical.encode('\u20ac$\u000f\nA\'B"\\\\"/')

    assert text == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


def test_white_space_and_order_do_not_change_the_digest():
    assert canonical.digest({"b": [1, 2], "a": None}) == canonical.digest({"a": None, "b": [1, 2]})


@pytest.mark.parametrize("wrong", [1.5, math.nan, 2**53, -(2**53), {1: 2}, {"a": {2}}, b"bytes"])
def test_what_languages_write_differently_is_refused(wrong):
    with pytest.raises((TypeError, ValueError)):
        canonical.encode(wrong)


@given(values)
def test_the_text_is_json_of_the_same_value_and_stable(value):
    try:
        text = canonical.encode(value)
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8
        return

    assert json.loads(text) == value
    assert canonical.encode(json.loads(text)) == text
