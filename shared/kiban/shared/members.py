"""
Members (参加者): who takes part in the mesh, as its organisation certificate says.

One certificate binds a member's name to the key that signs its requests and to the key under which things are
sealed for it.  Whoever serves the directory can so swap neither.

Refused: a certificate of another authority, outside of its validity, of another policy, or without a sealing
key; a name that is not its own.

Source: DESIGN 5.8; the protocol's page, attack H3; RFC 5280.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kiban.shared import encoding
from kiban.shared.problems import Problem
from kiban.shared.sealing import Sealer

ARC = "2.999.392"
"""Kiban's arc of object identifiers, below the arc that X.660 keeps for examples."""
ORGANISATION_POLICY = x509.ObjectIdentifier(f"{ARC}.1.4")
SEALING_KEY = x509.ObjectIdentifier(f"{ARC}.2.1")
_OCTET_STRING_32 = b"\x04\x20"


class NotAMember(Problem):
    slug, title, status = "not-a-member", "The certificate makes nobody a member", 403


@dataclass(frozen=True, slots=True)
class Member:
    """A member whose certificate was verified; made by `read` alone."""

    id: str
    signing_key: ec.EllipticCurvePublicKey
    sealing_key: bytes
    certificate: bytes
    not_after: datetime

    @property
    def thumbprint(self) -> str:
        """SHA-256 of the certificate, base64url (RFC 8705, section 3.1)."""
        return encoding.encode(hashlib.sha256(self.certificate).digest())


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Our own side of a membership: what signs and seals in our name."""

    member: Member
    signing_key: ec.EllipticCurvePrivateKey
    sealer: Sealer

    def __repr__(self) -> str:
        return f"Identity({self.member.id})"

    @property
    def id(self) -> str:
        return self.member.id

    def seal(self, data: bytes, *, to: Member, label: str, context: bytes) -> str:
        return self.sealer.seal(data, to=to.id, key=to.sealing_key, label=label, context=context)

    def open(self, sealed: str, *, sender: Member, label: str, context: bytes) -> bytes:
        return self.sealer.open(
            sealed, sender=sender.id, key=sender.sealing_key, label=label, context=context
        )


def sealing_extension(key: bytes) -> x509.UnrecognizedExtension:
    """The certificate's extension that carries an X25519 public key, as an OCTET STRING."""
    return x509.UnrecognizedExtension(SEALING_KEY, _OCTET_STRING_32 + key)


def read(der: bytes, *, anchors: Sequence[x509.Certificate], at: datetime) -> Member:
    """The member that this certificate names, if one of the organisation authorities issued it."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
    except ValueError:
        raise NotAMember("not an X.509 certificate") from None
    if not any(issued_by(certificate, anchor) for anchor in anchors):
        raise NotAMember("issued by no organisation authority that is trusted here")
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise NotAMember(
            "the organisation certificate is not valid at this time",
            sent=f"until {certificate.not_valid_after_utc:%Y-%m-%d}",
            expected=f"{at:%Y-%m-%d}",
        )
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise NotAMember("a member signs with a key on P-256")
    return Member(
        id=_name(certificate.subject),
        signing_key=key,
        sealing_key=_sealing_key(extensions),
        certificate=der,
        not_after=certificate.not_valid_after_utc,
    )


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether this issuer's key signed the certificate, under the issuer's name."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _name(subject: x509.Name) -> str:
    names = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if len(names) != 1:
        raise NotAMember("the subject has no single common name")
    return str(names[0].value)


def _sealing_key(extensions: x509.Extensions) -> bytes:
    try:
        policies = extensions.get_extension_for_class(x509.CertificatePolicies).value
        value = extensions.get_extension_for_oid(SEALING_KEY).value
    except x509.ExtensionNotFound:
        raise NotAMember("a member's certificate carries a policy and a sealing key") from None
    if all(policy.policy_identifier != ORGANISATION_POLICY for policy in policies):
        raise NotAMember("the certificate is of another policy")
    raw = value.value if isinstance(value, x509.UnrecognizedExtension) else b""
    if len(raw) != 34 or not raw.startswith(_OCTET_STRING_32):  # noqa: PLR2004 -- tag, length, key
        raise NotAMember("the sealing key is not an OCTET STRING of 32 bytes")
    return raw[2:]


def load(certificate: str) -> bytes:
    """The DER bytes of a certificate sent as base64url text."""
    try:
        return encoding.decode(certificate)
    except ValueError:
        raise NotAMember("the certificate is not base64url") from None


def anchor_pem(anchor: x509.Certificate) -> str:
    return anchor.public_bytes(Encoding.PEM).decode()
