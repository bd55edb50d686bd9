"""The linter: a draft that was changed by a single bit is never signed, and neither is a wrong order."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiban.identity.authority import certificates, der, lint, profile
from kiban.identity.authority.certificates import Throwaway
from kiban.identity.authority.lint import LintFinding
from kiban.identity.authority.orders import Attribute
from tests.authority import orders

KINDS = ("signature", "authentication", "organisation", "responder")


def checked(draft, order, by):
    return lint.check(draft, order, by.issuing, by.kind)


@cache  # a signature on a curve is another one each time, and so is its length
def made(kind):
    order, authority = orders.cases()[kind]
    by = orders.issuer(authority)
    return orders.draft(order, by), order, by


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_built_as_ordered_passes(kind):
    draft, order, by = made(kind)

    judged = checked(draft, order, by)

    assert judged.body in draft


@pytest.mark.parametrize("authority", ["signature", "authentication", "organisation"])
def test_an_authoritys_own_certificate_passes(authority):
    by = orders.issuer(authority)

    assert by.certificate.subject == by.certificate.issuer


def test_no_bit_of_the_body_can_be_changed():
    draft, order, by = made("signature")
    body = checked(draft, order, by).body
    start = draft.index(body)

    for place in range(start, start + len(body)):
        changed = bytearray(draft)
        changed[place] ^= 1 << place % 8
        with pytest.raises(LintFinding):
            checked(bytes(changed), order, by)


@st.composite
def mutations(draw, size):
    """A function that changes bytes somewhere: flip, drop, put in, repeat, swap."""
    at = draw(st.integers(0, size - 1))
    length = draw(st.integers(1, 40))
    filling = draw(st.binary(min_size=1, max_size=8))
    match draw(st.sampled_from(["flip", "drop", "put", "repeat", "overwrite", "cut"])):
        case "flip":
            bit = 1 << draw(st.integers(0, 7))
            return lambda data: data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
        case "drop":
            return lambda data: data[:at] + data[at + length :]
        case "put":
            return lambda data: data[:at] + filling + data[at:]
        case "repeat":
            return lambda data: data[: at + length] + data[at:]
        case "overwrite":
            return lambda data: data[:at] + filling + data[at + len(filling) :]
        case _:
            return lambda data: data[:at]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=250)
@given(st.data())
def test_whatever_is_changed_only_the_ordered_body_can_be_signed(kind, data):
    draft, order, by = made(kind)
    body = checked(draft, order, by).body

    changed = data.draw(mutations(len(draft)))(draft)

    try:
        judged = checked(changed, order, by)
    except LintFinding:
        return
    assert judged.body == body


def extensions_changed(draft, change):
    """The draft with its list of extensions changed, all lengths right."""
    body, *rest = der.read(draft).children()
    *fields, last = body.children()
    listed = der.read(last.content).children()
    again = der.tagged(3, der.sequence(*change([each.whole for each in listed])))
    whole = der.sequence(*(each.whole for each in fields), again)
    return der.sequence(whole, *(each.whole for each in rest))


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found[:-1],
        lambda found: [*found, found[-1]],
        lambda found: found[::-1],
        lambda found: [found[1], found[0], *found[2:]],
        lambda found: [],
    ],
)
def test_extensions_are_exactly_the_profiles_and_in_its_order(change):
    draft, order, by = made("authentication")

    with pytest.raises(LintFinding):
        checked(extensions_changed(draft, change), order, by)


def test_an_extension_that_should_be_critical_is():
    _, order, by = made("authentication")
    weaker = replace(
        profile.AUTHENTICATION,
        extensions=tuple(replace(each, critical=False) for each in order.profile.extensions),
    )
    built = orders.draft(replace(order, profile=weaker), by)

    with pytest.raises(LintFinding, match="critical"):
        checked(built, order, by)


@pytest.mark.parametrize(
    "change",
    [
        {"serial": 1},
        {"serial": 1 << 160},
        {"serial": -5},
        {"not_after": orders.NOW},
        {"not_after": orders.END + timedelta(days=366)},
        {"not_after": orders.END - timedelta(seconds=1)},
        {"subject": (Attribute(profile.COUNTRY, "JP"),)},
        {"other_names": ()},
        {"other_names": orders.signature_order().other_names[::-1]},
        {"public_key": orders.public("tax", "p-256")},
        {"addresses": None},
    ],
)
def test_an_order_that_the_profile_does_not_allow_is_refused(change):
    order = orders.signature_order(**change)
    draft, _, by = made("signature")

    with pytest.raises(LintFinding):
        checked(draft, order, by)


def test_nothing_outlives_its_issuer():
    draft, order, by = made("signature")
    short = replace(by.issuing, not_after=order.not_after - timedelta(seconds=1))

    with pytest.raises(LintFinding, match="outlives"):
        lint.check(draft, order, short, by.kind)


def test_a_draft_for_another_issuer_is_refused():
    draft, order, by = made("signature")
    another = orders.issuer("signature", 2)

    with pytest.raises(LintFinding):
        checked(draft, order, another)
    assert another.issuing.name == by.issuing.name


def test_a_draft_for_an_issuer_of_another_kind_of_key_is_refused():
    draft, order, by = made("signature")

    with pytest.raises(LintFinding, match="algorithm"):
        lint.check(draft, order, by.issuing, "p-256")


def test_the_throwaway_signature_is_not_the_real_one():
    draft, order, by = made("signature")

    der_bytes = certificates.finish(checked(draft, order, by), by.key)

    assert der_bytes != draft
    assert len(der_bytes) == len(draft)
    assert Throwaway.of_this_process().rsa is not by.key
