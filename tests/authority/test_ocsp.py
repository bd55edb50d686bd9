"""OCSP: questions as verifiers ask them, answers as verifiers read them."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library
from hypothesis import given
from hypothesis import strategies as st

from kiban.identity.authority import ocsp
from kiban.identity.authority.lifecycle import Reason
from kiban.identity.authority.ocsp import Responder, Status, Unasked
from tests.authority import orders

GOOD = Status(known=True)
SHA1 = hashes.SHA1()  # noqa: S303  as most verifiers still name an issuer


def request(algorithm=None, nonce=None, issuer=None) -> bytes:
    by = issuer or orders.issuer()
    asked = library.OCSPRequestBuilder().add_certificate(
        orders.certificate(orders.signature_order(), by),
        by.certificate,
        algorithm or hashes.SHA256(),
    )
    if nonce is not None:
        asked = asked.add_extension(x509.OCSPNonce(nonce), critical=False)
    return asked.build().public_bytes(Encoding.DER)


def responder() -> Responder:
    made = orders.certificate(orders.responder_order(), orders.issuer())
    return Responder(made, orders.key("responder", "p-256"))


def answered(asked: bytes, status: Status) -> library.OCSPResponse:
    question = ocsp.read(asked)
    return library.load_der_ocsp_response(ocsp.answer(question, status, responder(), orders.NOW))


@pytest.mark.parametrize("algorithm", [SHA1, hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_a_question_names_its_issuer_in_the_hash_of_its_choice(algorithm):
    question = ocsp.read(request(algorithm))

    assert ocsp.names(question, orders.issuer("signature", 1).certificate)
    assert question.serial == orders.SERIAL


def test_a_generation_with_the_same_name_is_not_meant():
    question = ocsp.read(request(issuer=orders.issuer("signature", 1)))

    assert not ocsp.names(question, orders.issuer("signature", 2).certificate)


def test_an_answer_repeats_the_question_and_is_signed_by_the_responder():
    asked = request(SHA1, nonce=b"n" * 16)

    answer = answered(asked, GOOD)

    question = library.load_der_ocsp_request(asked)
    assert answer.certificate_status is library.OCSPCertStatus.GOOD
    assert answer.serial_number == question.serial_number
    assert answer.issuer_key_hash == question.issuer_key_hash
    assert isinstance(answer.hash_algorithm, hashes.SHA1)
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16
    signer = answer.certificates[0]
    signer.verify_directly_issued_by(orders.issuer().certificate)
    signer.public_key().verify(
        answer.signature, answer.tbs_response_bytes, ec.ECDSA(hashes.SHA256())
    )


def test_an_answer_says_when_and_why_a_certificate_has_ended():
    at = orders.NOW - timedelta(days=2)

    answer = answered(request(), Status(True, at, Reason.CERTIFICATE_HOLD))

    single = next(iter(answer.responses))
    assert single.certificate_status is library.OCSPCertStatus.REVOKED
    assert single.revocation_time_utc == at
    assert single.revocation_reason is x509.ReasonFlags.certificate_hold


def test_an_answer_claims_no_next_update():
    assert answered(request(), GOOD).next_update_utc is None


def test_nothing_is_good_that_was_not_issued():
    answer = answered(request(), Status(known=False))

    assert answer.certificate_status is library.OCSPCertStatus.UNKNOWN


def test_an_intent_that_was_revoked_is_revoked():
    answer = answered(request(), Status(False, orders.NOW, Reason.KEY_COMPROMISE))

    assert answer.certificate_status is library.OCSPCertStatus.REVOKED


@pytest.mark.parametrize("nonce", [b"", b"n" * 129])
def test_a_nonce_of_the_wrong_length_is_refused(nonce):
    with pytest.raises(Unasked):
        ocsp.read(request(nonce=nonce))


def test_hash_algorithms_that_nobody_uses_are_refused():
    with pytest.raises(Unasked):
        ocsp.read(request(hashes.SHA224()))


@given(st.binary(max_size=200))
def test_what_is_no_request_is_refused(data):
    with pytest.raises(Unasked):
        ocsp.read(data)


@given(st.integers(0), st.integers(1, 255))
def test_a_request_with_a_changed_byte_is_read_or_refused(place, change):
    asked = bytearray(request_of_hanako())
    asked[place % len(asked)] ^= change

    try:
        question = ocsp.read(bytes(asked))
    except Unasked:
        return
    assert question.serial > 0


_kept: list[bytes] = []


def request_of_hanako() -> bytes:
    if not _kept:
        _kept.append(request(nonce=b"n" * 16))
    return _kept[0]
