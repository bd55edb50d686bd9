"""Relying parties and their keys: what can be registered, and what cannot."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kiban.identity.login.client import public_jwks
from kiban.identity.login.clients import RegistrationsWrong, read
from kiban.shared import encoding, jwks
from tests.login.parties import BANK, KIOSK, document, key_of, registration


def wrong(**different) -> str:
    with pytest.raises(RegistrationsWrong) as found:
        read(json.dumps([registration(**different)]))
    return str(found.value)


def test_the_document_of_these_tests_is_read() -> None:
    assert len(read(document()).by_id) == 3


def test_every_mistake_is_named_at_once() -> None:
    said = wrong(
        redirect_uris=["http://bank.example/x", "https://bank.example/#f"],
        jwks={"keys": []},
        scopes=["pseudonym"],
    )

    assert "http://bank.example/x: https is expected" in said
    assert "fragment" in said
    assert "no keys" in said
    assert "member" in said


@pytest.mark.parametrize(
    "uri",
    [
        "https://",
        "https://a b",
        "https://u@h/x",
        "ftp://h/x",
        "//h/x",
        "https://[::1",
        "https://例え.jp/",
    ],
)
def test_an_address_must_be_one(uri: str) -> None:
    assert uri in wrong(redirect_uris=[uri])


@pytest.mark.parametrize(
    "different",
    [
        {"client_id": "RP-1"},
        {"client_id": ""},
        {"name": {"ja": "銀行"}},
        {"scopes": ["everything"]},
        {"redirect_uris": []},
        {"more": 1},
    ],
)
def test_a_registration_has_its_shape(different) -> None:
    assert wrong(**different)


def test_no_client_is_registered_twice() -> None:
    with pytest.raises(RegistrationsWrong, match="twice"):
        read(json.dumps([registration(), registration()]))


@pytest.mark.parametrize("text", ["", "{}", "[1]", "nope", '["\\ud800"]'])
def test_what_is_no_document_is_said_to_be_none(text: str) -> None:
    with pytest.raises(RegistrationsWrong):
        read(text)


def test_a_private_key_is_refused_with_the_advice_to_remove_it() -> None:
    leaked = {**public_jwks(key_of(BANK))["keys"][0], "d": "AAAA"}

    assert "remove d" in wrong(jwks={"keys": [leaked]})


def changed(client: str, **different) -> dict:
    return {**public_jwks(key_of(client))["keys"][0], **different}


@pytest.mark.parametrize(
    "jwk",
    [
        changed(BANK, x=encoding.encode(b"\x01" * 32)),
        changed(BANK, x="AA"),
        changed(BANK, x=changed(BANK)["x"] + "="),
        changed(BANK, y=7),
        changed(BANK, crv="P-384"),
        changed(BANK, kty="oct"),
        changed(BANK, alg="HS256"),
        changed(BANK, use="enc"),
        changed(BANK, kid=""),
        changed(BANK, kid=3),
        changed(KIOSK, n=encoding.encode(b"\xff" * 128)),
        changed(KIOSK, n="AA" + changed(KIOSK)["n"]),
        changed(KIOSK, e=encoding.encode(b"\x02")),
        {},
    ],
)
def test_a_key_that_is_none_is_refused(jwk: dict) -> None:
    with pytest.raises(ValueError, match=r"."):
        jwks.read(jwk)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: rsa.generate_private_key(65537, 2048),
    ],
)
def test_a_key_that_is_written_is_read_again(make) -> None:
    public = make().public_key()

    read_again = jwks.read(jwks.written(public))

    assert read_again.public == public
    assert read_again.kid == jwks.thumbprint(public)


def test_the_thumbprint_is_rfc_7638s() -> None:
    # RFC 7638, section 3.1
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn"
        "1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )

    key = jwks.read({"kty": "RSA", "n": modulus, "e": "AQAB"})

    assert key.kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
