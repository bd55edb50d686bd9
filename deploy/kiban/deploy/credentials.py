"""
Credentials: the keys and certificates with which the roles of one deployment meet on the wire.

They come from an authority of the deployment's own, whose key stays on the host: no container is given it.  It has
nothing to do with the organisation authority, which certifies members; it vouches for containers alone.

Made by the first who asks, as every secret of the premises is; in a container nothing is made.
Sources: RFC 5280; decision 0015.
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kiban.deploy import keys, transport
from kiban.deploy.premises import Premises, file_name
from kiban.shared.settings import Secret

ROOT_KEY = "transport-root-key"
"""The authority's own key: read by nobody but `kiban prepare`."""
LIFETIME = timedelta(days=3650)
"""As long as a simulated deployment lives; who wants new ones removes the files and prepares again."""
BACKDATED = timedelta(hours=1)
"""So that a clock that is a little behind accepts it."""


def certify(premises: Premises, role: str) -> None:
    """See to it that a role has its key and certificate, and the authority's certificate to judge others by."""
    name = file_name(role)
    premises.secret(transport.ROOT, lambda: _root(_root_key(premises)))
    premises.secret(transport.own(name), lambda: _issued(premises, name))


def _root_key(premises: Premises) -> ec.EllipticCurvePrivateKey:
    return keys.load(premises.secret(ROOT_KEY, keys.made))


def _root(key: ec.EllipticCurvePrivateKey) -> str:
    subject = _name("Transport authority")
    unsigned = (
        _drawn_up(subject, subject, key.public_key(), key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certifies=True), critical=True)
    )
    return _signed(unsigned, key)


def _issued(premises: Premises, name: str) -> str:
    """Write a new key, and after it the certificate that says which role's it is."""
    root, own = _root_key(premises), keys.made()
    public = keys.load(Secret(own)).public_key()
    unsigned = (
        _drawn_up(_name(name), _name("Transport authority"), public, root)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certifies=False), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(each) for each in transport.hosts(name)]),
            critical=False,
        )
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
    )
    return own + _signed(unsigned, root)


def _drawn_up(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    root: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False
        )
    )


def _usage(*, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certifies,
        key_cert_sign=certifies,
        crl_sign=certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Kiban, SIMULATED"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _signed(unsigned: x509.CertificateBuilder, root: ec.EllipticCurvePrivateKey) -> str:
    return unsigned.sign(root, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
