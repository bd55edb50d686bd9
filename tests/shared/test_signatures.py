"""Signatures: a request proves its sender; another library reads and writes the same ones."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

from kiban.shared import signatures
from kiban.shared.signatures import SignatureRefused

KEY = ec.generate_private_key(ec.SECP256R1())
AT = datetime(2026, 4, 1, tzinfo=UTC)
URL = "http://127.0.0.1:7000/permits?a=1"


def signed(body=b"{}", **differs):
    given = {"key": KEY, "keyid": "tax", "at": AT, "nonce": "n1"} | differs
    return signatures.sign("POST", URL, body, **given)


def test_a_signed_request_names_its_sender():
    presented = signatures.read("POST", URL, signed(), b"{}")
    presented.verify(KEY.public_key(), at=AT)

    assert presented.keyid == "tax"
    assert len(presented.evidence) == 64


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [("PUT", URL, b"{}"), ("POST", URL + "2", b"{}"), ("POST", "http://127.0.0.1:7001/permits?a=1", b"{}"),
     ("POST", URL, b"{ }")],
    ids=["method", "query", "another receiver", "body"],
)  # fmt: skip
def test_a_request_that_was_altered_is_refused(method, url, body):
    with pytest.raises(SignatureRefused):
        signatures.read(method, url, signed(), body).verify(KEY.public_key(), at=AT)


@pytest.mark.parametrize("off", [timedelta(seconds=61), timedelta(seconds=-61)])
def test_a_request_of_another_time_is_refused(off):
    with pytest.raises(SignatureRefused, match="another time"):
        signatures.read("POST", URL, signed(), b"{}").verify(KEY.public_key(), at=AT + off)


def test_another_key_is_refused():
    other = ec.generate_private_key(ec.SECP256R1()).public_key()

    with pytest.raises(SignatureRefused):
        signatures.read("POST", URL, signed(), b"{}").verify(other, at=AT)


def test_a_nonce_is_taken_once_within_the_window():
    nonces = signatures.Nonces()
    presented = signatures.read("POST", URL, signed(), b"{}")
    nonces.spend(presented, at=AT)

    with pytest.raises(SignatureRefused, match="before"):
        nonces.spend(presented, at=AT)


@pytest.mark.parametrize(
    "change",
    [
        (
            "signature-input",
            'kiban=("@method");created=1;nonce="x";keyid="tax";alg="ecdsa-p256-sha256";tag="kiban"',
        ),
        ("signature-input", "kiban=()"),
        ("signature-input", "x" * 10_000),
        ("signature", "kiban=:AAAA:"),
        ("signature", "other=:" + "A" * 88 + ":"),
        ("content-digest", "sha-256=:AAAA:"),
        (
            "signature-input",
            signed()["signature-input"].replace("ecdsa-p256-sha256", "hmac-sha256"),
        ),
        ("signature-input", signed()["signature-input"].replace("created=", "created=99999999999")),
    ],
)
def test_a_malformed_signature_is_refused(change):
    name, value = change

    with pytest.raises(SignatureRefused):
        signatures.read("POST", URL, signed() | {name: value}, b"{}").verify(
            KEY.public_key(), at=AT
        )


class _Keys(HTTPSignatureKeyResolver):
    def resolve_private_key(self, key_id):
        return KEY

    def resolve_public_key(self, key_id):
        return KEY.public_key()


class _Request:
    method, url = "POST", URL

    def __init__(self, headers):
        self.headers = headers


def test_another_library_accepts_our_signature():
    """The second opinion on RFC 9421: http-message-signatures."""
    headers = signed(at=datetime.now(UTC))
    verifier = HTTPMessageVerifier(
        signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=_Keys()
    )

    found = verifier.verify(_Request(_cased(headers)), expect_tag="kiban")

    assert found[0].parameters["keyid"] == "tax"


def test_we_accept_another_librarys_signature():
    request = _Request({"Content-Digest": signatures.content_digest(b"{}")})
    signer = HTTPMessageSigner(
        signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=_Keys()
    )
    signer.sign(
        request,
        key_id="tax",
        created=AT,
        nonce="n2",
        label="other",
        tag="kiban",
        covered_component_ids=("@target-uri", "content-digest", "@method"),
        use_existing_digest=True,
    )
    headers = {name.lower(): value for name, value in request.headers.items()}

    signatures.read("POST", URL, headers, b"{}").verify(KEY.public_key(), at=AT)


def _cased(headers):
    return {
        "-".join(part.title() for part in name.split("-")): value for name, value in headers.items()
    }
