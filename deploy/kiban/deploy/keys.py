"""Keys on P-256, as deploy makes them for somebody and keeps them among the secrets: PEM."""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from kiban.shared.settings import Secret


def made() -> str:
    """Make a key, written down."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def load(pem: Secret) -> ec.EllipticCurvePrivateKey:
    """Read what `made` wrote, with whatever else follows it."""
    key = load_pem_private_key(pem.reveal().encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("a key of a deployment is on P-256")
    return key
