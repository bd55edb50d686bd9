"""Codes, forms, subjects and ID tokens: the rules alone."""

import dataclasses
from contextlib import suppress
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from kiban.identity.login import idtokens
from kiban.identity.login.contract import OtherPersonsCard
from kiban.identity.login.idtokens import Claims, SigningKeys
from kiban.identity.login.subjects import Subjects
from kiban.shared import codes, forms, tokens
from kiban.shared.clock import FrozenClock
from kiban.shared.codes import Code
from kiban.shared.oauth import OAuthProblem

AT = FrozenClock()()
# RFC 7636, appendix B
RFC_VERIFIER, RFC_CHALLENGE = (
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
)
CODE = Code("RP1", "https://rp.example/back", RFC_CHALLENGE, AT + timedelta(seconds=60))
RIGHT = {
    "client": "RP1",
    "redirect_uri": "https://rp.example/back",
    "verifier": RFC_VERIFIER,
    "at": AT,
}
FORM = "application/x-www-form-urlencoded"


def test_a_code_is_redeemed_with_the_verifier_of_rfc_7636() -> None:
    CODE.check(**RIGHT)


@pytest.mark.parametrize(
    "different",
    [
        {"client": "RP2"},
        {"redirect_uri": "https://rp.example/back/"},
        {"redirect_uri": ""},
        {"verifier": ""},
        {"verifier": RFC_VERIFIER[:-1]},
        {"verifier": RFC_VERIFIER[:-1] + "x"},
        {"verifier": RFC_CHALLENGE},
        {"verifier": "é" * 43},
        {"verifier": "x" * 129},
        {"at": AT + timedelta(seconds=60)},
    ],
)
def test_a_code_is_redeemed_in_no_other_way(different) -> None:
    with pytest.raises(OAuthProblem) as refused:
        CODE.check(**{**RIGHT, **different})

    assert refused.value.error == "invalid_grant"


def test_a_word_and_its_digest_fit_each_other_alone() -> None:
    word = codes.new()

    assert codes.has_form(word)
    assert codes.fits(word, codes.digest(word))
    assert not codes.fits(word, codes.digest(codes.new()))
    assert not codes.fits(word, None)


@given(st.text())
def test_any_text_has_a_digest(text: str) -> None:
    assert len(codes.digest(text)) == 64


@pytest.mark.parametrize(
    ("body", "media_type", "query"),
    [
        (b"grant_type=x", "application/json", ""),
        (b"grant_type=x", "", ""),
        (b"grant_type=x", FORM, "grant_type=x"),
        (b"a=1&a=2", FORM, ""),
        (b"a=%ff", FORM, ""),
        (b"\xff=1", FORM, ""),
        (b"&".join(b"x%d=1" % n for n in range(31)), FORM, ""),
    ],
)
def test_a_form_that_is_none_is_refused(body: bytes, media_type: str, query: str) -> None:
    with pytest.raises(OAuthProblem) as refused:
        forms.read(body, media_type=media_type, query=query)

    assert refused.value.error == "invalid_request"


def test_a_form_is_read_and_empty_values_are_left_out() -> None:
    assert forms.read(b"a=1&b=&c=x+y", media_type=f"{FORM}; charset=utf-8", query="") == {
        "a": "1",
        "c": "x y",
    }


@given(st.binary(max_size=100))
def test_no_body_breaks_the_form_reader(body: bytes) -> None:
    with suppress(OAuthProblem):
        assert all(forms.read(body, media_type=FORM, query="").values())


def test_subjects_of_two_sectors_do_not_join() -> None:
    subjects = Subjects(b"k" * 32)

    names = {subjects.of("a" * 64, sector=sector) for sector in ("x", "y", "x\ny")}

    assert len(names) == 3
    assert subjects.of("a" * 64, sector="x") != Subjects(b"l" * 32).of("a" * 64, sector="x")


def test_a_subject_is_one_holders_alone() -> None:
    subjects = Subjects(b"k" * 32)
    hanako = subjects.of("a" * 64, sector="x")

    subjects.check("a" * 64, hanako, sector="x")
    for holder, subject, sector in [
        ("b" * 64, hanako, "x"),
        ("a" * 64, hanako, "y"),
        ("a" * 64, "é", "x"),
    ]:
        with pytest.raises(OtherPersonsCard):
            subjects.check(holder, subject, sector=sector)


CLAIMS = Claims(
    "https://login",
    "RP1",
    "sub",
    "nonce",
    AT,
    idtokens.access_token_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
    AT,
)


def test_the_hash_of_the_access_token_is_openid_connects() -> None:
    # OpenID Connect Core 1.0, appendix A.3
    assert CLAIMS.access_token_hash == "77QmUPtjPfzWtF2AnpK9RQ"


def test_an_id_token_holds_under_the_published_key() -> None:
    keys = SigningKeys.loaded(SigningKeys.made().dumped())

    token = keys.sign(CLAIMS)

    assert tokens.signer(token) == keys.public().keys[0]["kid"]
    payload = tokens.verify(token, key=keys.keys[0].public_key(), typ="JWT")
    assert (payload["sub"], payload["nonce"], payload["acr"]) == ("sub", "nonce", "aal3")
    with pytest.raises(tokens.TokenRefused):
        tokens.verify(token, key=ec.generate_private_key(ec.SECP256R1()).public_key(), typ="JWT")


def test_a_rotated_key_stays_published_for_a_while() -> None:
    keys = SigningKeys.made()
    first = keys.public().keys[0]

    rotated = keys.rotated()

    assert rotated.public().keys[0] != first
    assert first in rotated.public().keys
    assert first not in rotated.rotated().rotated().public().keys
    assert "private" not in repr(rotated)


def test_claims_say_nothing_of_the_card() -> None:
    assert set(dataclasses.asdict(CLAIMS)) & {"serial", "certificate", "holder"} == set()
