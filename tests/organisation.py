"""
A test's own organisation authority: makes members without a running authority.

The certificates are of the same shape as the real ones, so rules can be tried alone; whole services are tried
with the real authority.
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from kiban.shared import members
from kiban.shared.members import Identity
from kiban.shared.sealing import Sealer

NOW = datetime(2026, 4, 1, 0, 0, tzinfo=UTC)


class Organisation:
    def __init__(self, name="organisation authority"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.anchor = self.certify(self.name, self.key.public_key())

    def certify(self, subject, key, *extensions, until=NOW + timedelta(days=365)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(until)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def member(
        self,
        name,
        *,
        policy=members.ORGANISATION_POLICY,
        until=NOW + timedelta(days=365),
        sealing=None,
    ):
        signing = ec.generate_private_key(ec.SECP256R1())
        sealing = sealing or X25519PrivateKey.generate()
        der = self.certify(
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
            signing.public_key(),
            x509.CertificatePolicies([x509.PolicyInformation(policy, None)]),
            members.sealing_extension(sealing.public_key().public_bytes_raw()),
            until=until,
        ).public_bytes(Encoding.DER)
        member = members.read(der, anchors=[self.anchor], at=NOW)
        return Identity(member, signing, Sealer(name, sealing))
