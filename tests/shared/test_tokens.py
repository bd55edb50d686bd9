"""Tokens are JWS that any JOSE library reads; PyJWT is the second opinion."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from kiban.shared import encoding, tokens
from kiban.shared.exchanges import Shape
from kiban.shared.tokens import TokenRefused

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
STATEMENT = {"exchange": "0" * 32, "people": 3, "says": "模擬", "more": [None, True, {"a": 1}]}
HEADER = {"alg": "ES256", "kid": "core", "typ": "kiban-permit"}


class Told(Shape):
    people: int


def signed(statement=STATEMENT, typ="kiban-permit"):
    return tokens.sign(statement, key=KEY, kid="core", typ=typ)


def verified(token, key=KEY):
    return tokens.verify(token, key=key.public_key(), typ="kiban-permit")


def by_the_library(payload=b"{}", header=HEADER, key=KEY):
    given = {name: value for name, value in header.items() if name != "alg"}
    return jwt.PyJWS().encode(payload, key, header.get("alg", "ES256"), headers=given)


def test_what_was_signed_is_read_again():
    assert verified(signed()) == STATEMENT
    assert tokens.signer(signed()) == "core"


def test_a_statement_is_read_in_the_shape_of_its_contract():
    token = signed({"people": 3})

    assert tokens.read(token, Told, key=KEY.public_key(), typ="kiban-permit") == Told(people=3)


@pytest.mark.parametrize("statement", [{}, {"people": "some"}, {"people": None}, STATEMENT])
def test_a_statement_of_another_shape_is_refused(statement):
    with pytest.raises(TokenRefused, match="no Told"):
        tokens.read(signed(statement), Told, key=KEY.public_key(), typ="kiban-permit")


def test_a_jose_library_reads_our_tokens():
    read = jwt.PyJWS().decode_complete(signed(), KEY.public_key(), algorithms=["ES256"])

    assert json.loads(read["payload"]) == STATEMENT
    assert read["header"] == HEADER


def test_we_read_a_jose_librarys_tokens():
    assert verified(by_the_library(json.dumps(STATEMENT).encode())) == STATEMENT


@given(place=st.integers(min_value=0), other=st.sampled_from("AZaz09-_.=+ é"))
def test_a_token_that_was_altered_anywhere_is_refused(place, other):
    token = signed()
    at = place % len(token)
    altered = token[:at] + other + token[at + 1 :]
    if altered == token:
        return

    with pytest.raises(TokenRefused):
        verified(altered)


def test_another_key_another_kind_and_another_algorithm_are_refused():
    with pytest.raises(TokenRefused, match="does not hold"):
        verified(signed(), key=OTHER)
    with pytest.raises(TokenRefused, match="of kind"):
        verified(signed(typ="kiban-answer"))
    with pytest.raises(TokenRefused, match="of kind"):
        verified(jwt.PyJWS().encode(b"{}", "k" * 32, "HS256", headers={"typ": "kiban-permit"}))


@pytest.mark.parametrize("more", [{"crit": ["exp"]}, {"b64": True}, {"jwk": {}}])
def test_a_header_that_says_more_is_refused(more):
    header = encoding.encode(json.dumps(HEADER | more).encode())

    with pytest.raises(TokenRefused, match="of kind"):
        verified(".".join([header, *signed().split(".")[1:]]))


@pytest.mark.parametrize("payload", [b"[]", b"1", b"{", b"\xff", b"[" * 100_000])
def test_a_payload_that_is_no_statement_is_refused(payload):
    with pytest.raises(TokenRefused):
        verified(by_the_library(payload))


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "e30.e30", "e30.e30.e30.e30", "é.e30.e30", "W10.e30.e30"]
)
def test_what_is_no_token_is_refused(text):
    with pytest.raises(TokenRefused):
        verified(text)
    with pytest.raises(TokenRefused):
        tokens.signer(text)


def test_a_header_of_many_brackets_is_refused():
    deep = encoding.encode(b"[" * 100_000)

    with pytest.raises(TokenRefused):
        tokens.signer(f"{deep}.e30.e30")
