"""
ES256: signatures on P-256 with SHA-256, as the 64 bytes that JOSE and HTTP message signatures carry.

Refused: what is not 64 bytes, and what the key did not sign (`SignatureWrong`, which a protocol says in its words).

Source: RFC 7518, section 3.4; RFC 9421, section 3.3.4; FIPS 186-5.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

SIZE = 64
_HALF = SIZE // 2
_ECDSA = ec.ECDSA(hashes.SHA256())


class SignatureWrong(Exception):  # noqa: N818  named by what is wrong
    """The key did not sign this."""


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(data, _ECDSA))
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


def verify(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> None:
    """Return silently if this key signed these bytes."""
    if len(signature) != SIZE:
        raise SignatureWrong
    r, s = int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big")
    try:
        key.verify(encode_dss_signature(r, s), data, _ECDSA)
    except InvalidSignature:
        raise SignatureWrong from None
