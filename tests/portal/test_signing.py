"""Signing: only a signature over this very text is sent on."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding

from kiban.portal import signing
from kiban.portal.applications import Frozen
from kiban.portal.contract import SignatureMismatch
from kiban.shared import encoding
from tests.portal.builders import NOON

FROZEN = Frozen('{"kiban":"application/1"}')


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 2048)


def certificate(key) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "SIMULATED")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(NOON)
        .not_valid_after(NOON + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return encoding.encode(made.public_bytes(Encoding.DER))


def signature(key, frozen=FROZEN) -> str:
    """As a card signs: it is given the digest alone."""
    digest = bytes.fromhex(frozen.digest)
    return encoding.encode(key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256())))


def test_a_signature_over_the_text_is_taken(key):
    found = signing.verified(
        FROZEN, certificate=certificate(key), signature=signature(key), consents=["c" * 32]
    )

    assert found.application == FROZEN.text
    assert found.consents == ["c" * 32]


def test_a_signature_over_another_text_is_refused(key):
    with pytest.raises(SignatureMismatch):
        signing.verified(
            FROZEN,
            certificate=certificate(key),
            signature=signature(key, Frozen("{}")),
            consents=[],
        )


@pytest.mark.parametrize("bad", ["", "!", "AAAA"])
def test_what_cannot_be_read_is_refused(key, bad):
    with pytest.raises(SignatureMismatch):
        signing.verified(FROZEN, certificate=bad, signature=signature(key), consents=[])
    with pytest.raises(SignatureMismatch):
        signing.verified(FROZEN, certificate=certificate(key), signature=bad, consents=[])


def test_a_certificate_of_another_kind_of_key_is_refused(key):
    other = ec.generate_private_key(ec.SECP256R1())

    with pytest.raises(SignatureMismatch):
        signing.verified(
            FROZEN, certificate=certificate(other), signature=signature(key), consents=[]
        )
