"""DER: written as the library writes it, read strictly."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from kiban.identity.authority import der
from kiban.identity.authority.der import NotDER

USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@given(st.binary(max_size=400), st.integers(0, 1))
def test_what_was_written_is_read_back(content, constructed):
    tag = der.SEQUENCE if constructed else der.OCTET_STRING

    read = der.read(der.write(tag, content))

    assert (read.tag, read.content) == (tag, content)


@given(st.binary(max_size=60))
def test_reading_never_breaks_and_gives_back_the_same_bytes(data):
    try:
        found = list(der.elements(data))
    except NotDER:
        return
    assert b"".join(element.whole for element in found) == data


@pytest.mark.parametrize(
    "data",
    [
        "",
        "30",
        "3080",  # indefinite
        "308100",  # longer than needed
        "30820001ff",
        "3003020101ff",  # one byte behind
        "300402",  # ends too early
        "1f8101",  # a tag of several octets
        "30850000000000",
    ],
)
def test_what_is_not_der_is_refused(data):
    with pytest.raises(NotDER):
        der.read(bytes.fromhex(data))


@pytest.mark.parametrize("dotted", ["2.5.29.15", "1.2.840.113549.1.1.11", "2.999.392.5.1", "0.9.2"])
def test_identifiers_are_written_as_the_library_writes_them(dotted):
    written = x509.ExtendedKeyUsage([x509.ObjectIdentifier(dotted)]).public_bytes()

    assert der.sequence(der.oid(dotted)) == written


@given(st.integers(0, 2**160))
def test_numbers_are_the_shortest_that_are_not_negative(number):
    content = der.read(der.integer(number)).content

    assert int.from_bytes(content, "big", signed=True) == number
    assert len(content) == number.bit_length() // 8 + 1


@given(st.sets(st.integers(0, 8), min_size=1))
def test_named_bits_are_written_as_the_library_writes_them(places):
    said = {name: place in places for place, name in enumerate(USAGES)}
    if said["encipher_only"] or said["decipher_only"]:
        said["key_agreement"] = True
        places = places | {4}

    assert der.named_bits(set(places)) == x509.KeyUsage(**said).public_bytes()


def test_a_year_has_two_digits_until_2049_and_four_afterwards():
    assert der.instant(datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)).endswith(b"491231235959Z")
    assert der.instant(datetime(2050, 1, 1, tzinfo=UTC)) == b"\x18\x0f20500101000000Z"
