"""
Validation: what has to hold before a certificate of this authority, and a signature under it, is believed.

A library's path validation refuses critical policies, checks no revocation and builds no policy tree, so everything
is checked here one by one: who issued it, for which policy, for which use, at which time, whether it has ended, and
that the signature is its key's.  Only `check` makes a `Verified`.

Refused: see each check; every refusal says which rule it was.

Sources: RFC 5280, section 6.1; RFC 8017, section 8.2 (RSASSA-PKCS1-v1_5); identity's reference, section 13.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from kiban.identity.authority import der, profile
from kiban.identity.authority.attributes import OtherName
from kiban.identity.authority.contract import (
    CertificateExpired,
    CertificateRefused,
    CertificateRevoked,
    ProofRefused,
)
from kiban.identity.authority.ocsp import Status
from kiban.identity.authority.profile import Profile
from kiban.shared import encoding
from kiban.shared.members import issued_by

_SHA256 = hashes.SHA256()
_PREHASHED = utils.Prehashed(_SHA256)


@dataclass(frozen=True, slots=True)
class Verified:
    """A certificate that is in force and of the kind that was asked for; made by `check` alone."""

    serial: str
    key: rsa.RSAPublicKey
    certificate: x509.Certificate

    def check_message(self, message: bytes, signature: str) -> None:
        """Return silently if the certificate's key signed this message."""
        self._check(message, signature, _SHA256)

    def check_digest(self, digest: bytes, signature: str) -> None:
        """Return silently if the certificate's key signed what has this SHA-256 digest."""
        self._check(digest, signature, _PREHASHED)

    def _check(
        self, signed: bytes, signature: str, algorithm: hashes.HashAlgorithm | utils.Prehashed
    ) -> None:
        try:
            self.key.verify(encoding.decode(signature), signed, padding.PKCS1v15(), algorithm)
        except (InvalidSignature, ValueError):
            raise ProofRefused("the certificate's key did not sign this") from None

    def other_names(self) -> tuple[OtherName, ...]:
        """What the certificate says about its holder."""
        names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return tuple(
            OtherName(each.type_id.dotted_string, der.read(each.value).content.decode())
            for each in names.value
            if isinstance(each, x509.OtherName)
        )


def check(
    certificate: x509.Certificate,
    kind: Profile,
    issuers: Sequence[x509.Certificate],
    status: Status,
    at: datetime,
) -> Verified:
    """A verified certificate, or the first reason why it is none."""
    check_issuer(certificate, issuers, at)
    check_profile(certificate, kind)
    check_period(certificate, at)
    check_status(status)
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise CertificateRefused("the key is of another kind than the profile's")
    return Verified(f"{certificate.serial_number:x}", key, certificate)


def check_issuer(
    certificate: x509.Certificate, issuers: Sequence[x509.Certificate], at: datetime
) -> None:
    """Return silently if one of these authorities issued it and is itself in force."""
    issuer = next((each for each in issuers if issued_by(certificate, each)), None)
    if issuer is None:
        raise CertificateRefused("issued by another authority")
    if not issuer.not_valid_before_utc <= at <= issuer.not_valid_after_utc:
        raise CertificateExpired("the authority's own certificate is not valid at this time")


def check_profile(certificate: x509.Certificate, kind: Profile) -> None:
    """Return silently if the certificate is for this policy and use, and has no critical part that nobody knows."""
    extensions = {each.oid.dotted_string: each for each in certificate.extensions}
    known = {each.oid for each in kind.extensions}
    if strange := {oid for oid, each in extensions.items() if each.critical} - known:
        raise CertificateRefused(f"a critical extension that nobody knows: {min(strange)}")
    policies = extensions.get(profile.POLICIES)
    if policies is None or not policies.critical or _policy(policies.value) != kind.policy:
        raise CertificateRefused(
            "issued under another policy",
            sent=_policy(policies.value) if policies else None,
            expected=kind.policy,
        )
    usage = extensions.get(profile.KEY_USAGE)
    if usage is None or not usage.critical or _usages(usage.value) != kind.usages:
        raise CertificateRefused("the key is for another use")


def _policy(value: x509.ExtensionType) -> str | None:
    if not isinstance(value, x509.CertificatePolicies) or len(value) != 1:
        return None
    return str(value[0].policy_identifier.dotted_string)


_NAMED_USAGES = {
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}


def _usages(value: x509.ExtensionType) -> frozenset[str]:
    return frozenset(said for name, said in _NAMED_USAGES.items() if getattr(value, name, False))


def check_period(certificate: x509.Certificate, at: datetime) -> None:
    """Return silently if the certificate is valid at this time."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= at <= end:
        raise CertificateExpired(
            "the certificate is not valid at this time",
            sent=f"{start:%Y-%m-%d} to {end:%Y-%m-%d}",
            expected=f"{at:%Y-%m-%d}",
        )


def check_status(status: Status) -> None:
    """Return silently if the certificate was issued and has not ended."""
    if status.revoked_at is not None:
        reason = status.reason.name.lower() if status.reason is not None else None
        raise CertificateRevoked(f"on {status.revoked_at:%Y-%m-%d}", reason=reason)
    if not status.known:
        raise CertificateRefused("no such certificate was issued")
