"""
OCSP: one question about one certificate, and the answer that holds at this moment.

A question names the issuer by two hashes and the certificate by its serial number.  Both hashes must be ours: the
name alone cannot tell generations of a key apart, and the key alone was matched wrongly elsewhere (Dogtag #4537).
Answers are signed by a delegated responder, name no next update, because newer information is available all the
time, and repeat the question's nonce.

Refused, with the protocol's own words: what is no request, or asks about several certificates (malformedRequest); an
issuer that is not ours (unauthorized).

Sources: RFC 6960, sections 2.1 to 2.3, 4.1 and 4.2; RFC 9654 (nonces of 1 to 128 octets).
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from kiban.identity.authority import der
from kiban.identity.authority.keys import PrivateKey
from kiban.identity.authority.lifecycle import Reason

_ALGORITHMS = (hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512)
_LONGEST_NONCE = 128
_REASONS = {
    Reason.UNSPECIFIED: None,
    Reason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    Reason.CA_COMPROMISE: x509.ReasonFlags.ca_compromise,
    Reason.AFFILIATION_CHANGED: x509.ReasonFlags.affiliation_changed,
    Reason.SUPERSEDED: x509.ReasonFlags.superseded,
    Reason.CESSATION_OF_OPERATION: x509.ReasonFlags.cessation_of_operation,
    Reason.CERTIFICATE_HOLD: x509.ReasonFlags.certificate_hold,
}
MALFORMED = ocsp.OCSPResponseBuilder.build_unsuccessful(
    ocsp.OCSPResponseStatus.MALFORMED_REQUEST
).public_bytes(Encoding.DER)
UNAUTHORIZED = ocsp.OCSPResponseBuilder.build_unsuccessful(
    ocsp.OCSPResponseStatus.UNAUTHORIZED
).public_bytes(Encoding.DER)


class Unasked(ValueError):  # noqa: N818  named by what is wrong
    """This is no question that can be answered."""


@dataclass(frozen=True, slots=True)
class Question:
    name_hash: bytes
    key_hash: bytes
    algorithm: hashes.HashAlgorithm
    serial: int
    nonce: bytes | None


@dataclass(frozen=True, slots=True)
class Status:
    """What is recorded of a certificate: issued or not, and whether it has ended."""

    known: bool
    revoked_at: datetime | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Responder:
    """Who signs answers for one issuer."""

    certificate: x509.Certificate
    key: PrivateKey

    def covers(self, at: datetime) -> bool:
        start, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        return start <= at < end


def read(request: bytes) -> Question:
    """The question in a request, DER."""
    try:
        asked = ocsp.load_der_ocsp_request(request)
        algorithm = asked.hash_algorithm
        nonce = _nonce(asked)
        question = Question(
            asked.issuer_name_hash, asked.issuer_key_hash, algorithm, asked.serial_number, nonce
        )
    except (
        ValueError,
        NotImplementedError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
    ) as error:
        raise Unasked("no request about one certificate") from error
    if not isinstance(algorithm, _ALGORITHMS) or question.serial <= 0:
        raise Unasked("another hash algorithm, or no serial number")
    return question


def _nonce(asked: ocsp.OCSPRequest) -> bytes | None:
    try:
        nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None
    if not 1 <= len(nonce) <= _LONGEST_NONCE:
        raise ValueError("a nonce has 1 to 128 octets")
    return nonce


def names(question: Question, issuer: x509.Certificate) -> bool:
    """Whether the question means this issuer: by name and by key."""
    digest = _digest(question.algorithm, issuer.subject.public_bytes())
    return (question.name_hash, question.key_hash) == (
        digest,
        _digest(question.algorithm, _key_bits(issuer)),
    )


def _key_bits(issuer: x509.Certificate) -> bytes:
    """The key itself, without algorithm, tag, length and unused bits (RFC 6960, section 4.1.1)."""
    body = der.read(issuer.tbs_certificate_bytes).children()
    return body[6].children()[1].content[1:]


def _digest(algorithm: hashes.HashAlgorithm, data: bytes) -> bytes:
    running = hashes.Hash(algorithm)
    running.update(data)
    return running.finalize()


def answer(question: Question, status: Status, responder: Responder, at: datetime) -> bytes:
    """A signed answer, DER."""
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            question.name_hash,
            question.key_hash,
            question.serial,
            question.algorithm,
            _said(status),
            at,
            None,
            status.revoked_at,
            _REASONS[status.reason] if status.reason is not None else None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
    )
    if question.nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(question.nonce), critical=False)
    return builder.sign(responder.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _said(status: Status) -> ocsp.OCSPCertStatus:
    if status.revoked_at is not None:
        return ocsp.OCSPCertStatus.REVOKED
    return ocsp.OCSPCertStatus.GOOD if status.known else ocsp.OCSPCertStatus.UNKNOWN
