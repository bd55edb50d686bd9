"""How a relying party proves who it is, and what does not prove it."""

import base64
import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from kiban.shared import assertions
from kiban.shared.clock import FrozenClock
from kiban.shared.oauth import ClientRefused
from tests.login.parties import (
    BANK,
    ISSUER,
    KIOSK,
    PORTAL,
    TOKEN_ENDPOINT,
    assertion,
    claims,
    form,
    key_of,
    registered,
)

CLOCK = FrozenClock()


def verify(text: str, **more: str):
    audiences = (ISSUER, TOKEN_ENDPOINT)
    return assertions.verify(form(text, **more), registered(), audiences=audiences, at=CLOCK())


def refused(text: str, **more: str) -> ClientRefused:
    with pytest.raises(ClientRefused) as found:
        verify(text, **more)
    assert found.value.error == "invalid_client"
    assert found.value.status == 401
    return found.value


@pytest.mark.parametrize("client", [BANK, KIOSK, PORTAL])
@pytest.mark.parametrize("audience", [ISSUER, TOKEN_ENDPOINT, [ISSUER]])
def test_a_registered_key_proves_its_client(client: str, audience) -> None:
    assert verify(assertion(CLOCK, client, aud=audience)).client.id == client


def test_another_clients_key_proves_nothing() -> None:
    refused(assertion(CLOCK, BANK, key=key_of(PORTAL)))


def test_a_key_of_nobody_proves_nothing() -> None:
    refused(assertion(CLOCK, BANK, key=ec.generate_private_key(ec.SECP256R1())))


def test_no_signature_is_no_proof() -> None:
    problem = refused(assertion(CLOCK, key="", algorithm="none"))

    assert problem.members["sent"] == "none"


def raw(header: dict, sent: dict, secret: bytes) -> str:
    parts = [b64(json.dumps(each).encode()) for each in (header, sent)]
    signed = ".".join(parts)
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("client", [BANK, KIOSK])
@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER])
def test_a_public_key_is_no_shared_secret(client: str, form) -> None:
    public = key_of(client).public_key().public_bytes(form, PublicFormat.SubjectPublicKeyInfo)

    refused(raw({"alg": "HS256", "typ": "JWT"}, claims(CLOCK, client), public))


@pytest.mark.parametrize(
    "different",
    [
        {"aud": "http://login.localhost:8701"},
        {"aud": ISSUER + "/"},
        {"aud": [ISSUER, "https://elsewhere.example"]},
        {"aud": None},
        {"aud": {"x": ISSUER}},
        {"iss": PORTAL},
        {"sub": PORTAL},
        {"sub": None},
        {"iss": 7, "sub": 7},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 256},
        {"jti": 5},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1e400},
        {"exp": 2**70},
        {"exp": 0},
    ],
)
def test_every_claim_is_checked(different) -> None:
    sent = json.dumps(claims(CLOCK, **different)).encode()

    refused(jwt.PyJWS().encode(sent, key_of(BANK), "ES256"))


def test_an_assertion_ends_soon() -> None:
    now = int(CLOCK().timestamp())

    verify(assertion(CLOCK, exp=now + 3600))
    refused(assertion(CLOCK, exp=now + 3601))
    refused(assertion(CLOCK, exp=now - 11))
    refused(assertion(CLOCK, nbf=now + 60))
    refused(assertion(CLOCK, iat=now + 60))


def noncanonical(part: str) -> str:
    """Another text for the same bytes: the bits that padding leaves over are not zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + alphabet[alphabet.index(part[-1]) + 1]


def test_another_text_for_the_same_signature_is_refused() -> None:
    header, payload, signature = assertion(CLOCK).split(".")

    problem = refused(f"{header}.{payload}.{noncanonical(signature)}")

    assert "canonical" in problem.members["expected"]


@pytest.mark.parametrize(
    "change",
    [lambda t: t + "=", lambda t: t.replace(".", ".\n", 1), lambda t: t + ".", lambda t: " " + t],
)
def test_encodings_with_anything_extra_are_refused(change) -> None:
    refused(change(assertion(CLOCK)))


def test_a_header_that_asks_for_more_is_refused() -> None:
    refused(assertion(CLOCK, headers={"crit": ["b64"], "b64": False}))
    refused(assertion(CLOCK, headers={"typ": "kiban-token"}))
    refused(assertion(CLOCK, headers={"kid": "another"}))


def test_the_client_id_beside_it_must_be_the_same() -> None:
    refused(assertion(CLOCK), client_id=PORTAL)


def test_another_kind_of_proof_is_named_as_such() -> None:
    with pytest.raises(ClientRefused):
        assertions.verify({"client_secret": "x"}, registered(), audiences=(ISSUER,), at=CLOCK())
    with pytest.raises(ClientRefused):
        assertions.verify(form(""), registered(), audiences=(ISSUER,), at=CLOCK())


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "e30.e30.",
        "bnVsbA.bnVsbA.",
        "W10.W10.",
        "x" * 9000,
        b64(b"[" * 3000) + ".e30.",
    ],
)
def test_rubbish_is_refused(text: str) -> None:
    refused(text)


@given(
    st.text(max_size=200)
    | st.tuples(st.binary(), st.binary(), st.binary()).map(lambda p: ".".join(map(b64, p)))
)
def test_nothing_breaks_the_reader(text: str) -> None:
    refused(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda v: st.lists(v, max_size=2) | st.dictionaries(st.text(), v, max_size=2),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit"]), json_values),
    st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "jti", "nbf"]), json_values),
)
def test_no_header_and_no_claims_break_the_reader(header: dict, sent: dict) -> None:
    header, sent = {"alg": "ES256", **header}, {**claims(CLOCK), **sent}
    parts = [b64(json.dumps(each).encode()) for each in (header, sent)]

    refused(".".join([*parts, b64(b"s" * 64)]))
