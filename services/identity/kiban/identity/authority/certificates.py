"""
Certificates: an order becomes a draft, and a draft that passed the linter becomes a certificate.

A draft is the whole certificate, signed with a throwaway key.  The linter judges the draft; `finish` then takes the
judged bytes (TBSCertificate) as they are and adds the real signature, which is checked under the issuer's own
certificate before it is let out.

Sources: RFC 5280; boulder's linter, whose order of steps this is (identity's reference, section 11).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from kiban.identity.authority import der, keys, orders, profile
from kiban.identity.authority.keys import PrivateKey
from kiban.identity.authority.lint import Judged
from kiban.identity.authority.orders import Issuing, Name, Order
from kiban.identity.authority.profile import KeyKind
from kiban.shared.members import sealing_extension


@dataclass(frozen=True, slots=True, repr=False)
class Throwaway:
    """Keys that sign drafts and nothing else; made anew with each process."""

    rsa: PrivateKey
    p256: PrivateKey

    @classmethod
    @cache
    def of_this_process(cls) -> "Throwaway":
        return cls(keys.make("rsa-2048"), keys.make("p-256"))

    def like(self, kind: KeyKind) -> PrivateKey:
        return self.rsa if kind == "rsa-2048" else self.p256


def draft(order: Order, issuing: Issuing, key: PrivateKey) -> bytes:
    """The certificate of this order, DER, signed with a key that is not the issuer's."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509_name(order.subject))
        .issuer_name(x509_name(issuing.name))
        .public_key(keys.load_public(order.public_key))
        .serial_number(order.serial)
        .not_valid_before(order.not_before)
        .not_valid_after(order.not_after)
    )
    for extension in order.profile.extensions:
        value = _EXTENSIONS[extension.oid](order, issuing)
        builder = builder.add_extension(value, critical=extension.critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def finish(judged: Judged, key: PrivateKey) -> bytes:
    """The judged bytes with the signature of this key: a certificate or a list of revocations, DER."""
    return der.sequence(judged.body, judged.algorithm, der.bits(keys.sign(judged.body, key)))


def x509_name(name: Name) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(x509.ObjectIdentifier(each.oid), each.text) for each in name]
    )


_BITS = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}
_UNUSED_BITS = (
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "encipher_only",
    "decipher_only",
)


def _key_usage(order: Order, _: Issuing) -> x509.ExtensionType:
    said = {name: usage in order.profile.usages for usage, name in _BITS.items()}
    return x509.KeyUsage(**said, **dict.fromkeys(_UNUSED_BITS, False))


def _policies(order: Order, _: Issuing) -> x509.ExtensionType:
    policy = x509.ObjectIdentifier(order.profile.policy or "")
    return x509.CertificatePolicies([x509.PolicyInformation(policy, [_addresses(order).practice])])


def _alternative_name(order: Order, _: Issuing) -> x509.ExtensionType:
    if not order.other_names:
        return x509.SubjectAlternativeName(
            [x509.DirectoryName(x509_name(orders.alternative_name()))]
        )
    return x509.SubjectAlternativeName(
        [
            x509.OtherName(x509.ObjectIdentifier(each.oid), der.utf8(each.text))
            for each in order.other_names
        ]
    )


def _crl_address(order: Order, _: Issuing) -> x509.ExtensionType:
    where: x509.GeneralName = (
        x509.UniformResourceIdentifier(order.addresses.revocations)
        if order.addresses
        else x509.DirectoryName(x509_name(order.subject))
    )
    return x509.CRLDistributionPoints([x509.DistributionPoint([where], None, None, None)])


def _access(order: Order, _: Issuing) -> x509.ExtensionType:
    found = _addresses(order)
    methods = (
        (AuthorityInformationAccessOID.OCSP, found.status),
        (AuthorityInformationAccessOID.CA_ISSUERS, found.issuer),
    )
    return x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(method, x509.UniformResourceIdentifier(address))
            for method, address in methods
        ]
    )


def _addresses(order: Order) -> orders.Addresses:
    if order.addresses is None:
        raise TypeError(f"an order of profile {order.profile.name} needs addresses")
    return order.addresses


def _sealing_key(order: Order, _: Issuing) -> x509.ExtensionType:
    if order.sealing_key is None:
        raise TypeError("a member's order needs a sealing key")
    return sealing_extension(order.sealing_key)


_EXTENSIONS: dict[str, Callable[[Order, Issuing], x509.ExtensionType]] = {
    profile.BASIC_CONSTRAINTS: lambda _, __: x509.BasicConstraints(ca=True, path_length=None),
    profile.KEY_USAGE: _key_usage,
    profile.EXTENDED_USAGE: lambda _, __: x509.ExtendedKeyUsage(
        [x509.ObjectIdentifier(profile.OCSP_SIGNING)]
    ),
    profile.OCSP_NOCHECK: lambda _, __: x509.OCSPNoCheck(),
    profile.POLICIES: _policies,
    profile.ALTERNATIVE_NAME: _alternative_name,
    profile.CRL_ADDRESS: _crl_address,
    profile.ACCESS: _access,
    profile.ISSUER_KEY_ID: lambda _, issuing: x509.AuthorityKeyIdentifier(
        issuing.key_id, None, None
    ),
    profile.SUBJECT_KEY_ID: lambda order, _: x509.SubjectKeyIdentifier.from_public_key(
        keys.load_public(order.public_key)
    ),
    profile.SEALING: _sealing_key,
}
