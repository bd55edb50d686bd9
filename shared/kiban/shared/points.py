"""
Points: the arithmetic of pseudonyms (機関別符号).

A person is a point on P-256, an agency's pseudonym that point times the agency's key; only x-coordinates are
kept and sent, 32 bytes each.  `x(k * P)` is exactly what ECDH returns, so the library does the multiplication.
The order of the curve is prime: there are no small subgroups, and a decoded point needs no further check.

Refused: anything that is not 32 bytes, not below the field's prime, or on the twist.  Limits: the inverse of a
scalar is computed by Python's big integers, which are not constant time.

Source: DESIGN 5.1; the protocol's page, section 5.1; FIPS 186-5 for the curve.
"""

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives.asymmetric import ec

from kiban.shared.problems import Problem

CURVE = ec.SECP256R1()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIZE = 32
MOST_PEOPLE = 65_535
_ECDH = ec.ECDH()


class NotAPoint(Problem):
    slug, title, status = "not-a-point", "The value is not a point of the curve", 400


def decode(x: bytes) -> ec.EllipticCurvePublicKey:
    """The point with this x-coordinate and an even y."""
    if len(x) != SIZE:
        raise NotAPoint(f"{len(x)} bytes were sent, a point has {SIZE}")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, b"\2" + x)
    except ValueError:
        raise NotAPoint("the x-coordinate is not on the curve") from None


def split(points: bytes) -> list[bytes]:
    """The single points of a run of them; a remainder makes it no run of points."""
    if not points or len(points) % SIZE:
        raise NotAPoint(f"{len(points)} bytes are not a whole number of points")
    return [points[at : at + SIZE] for at in range(0, len(points), SIZE)]


def key(scalar: int) -> ec.EllipticCurvePrivateKey:
    """A scalar, made ready to multiply with."""
    return ec.derive_private_key(scalar, CURVE)


def times(scalar: int | ec.EllipticCurvePrivateKey, x: bytes) -> bytes:
    """x(scalar * P): 32 bytes."""
    factor = key(scalar) if isinstance(scalar, int) else scalar
    return factor.exchange(_ECDH, decode(x))


def inverse(scalar: int) -> int:
    return pow(scalar, -1, ORDER)


def draw() -> int:
    """A random scalar, never 0."""
    return 1 + secrets.randbelow(ORDER - 1)


def commitment(seed: bytes, context: bytes) -> str:
    """What binds an exchange to its seed without showing it: 64 hexadecimal digits."""
    return hashlib.sha256(b"seed" + context + seed).hexdigest()


def unblinder(seed: bytes, context: bytes, person: int = 0) -> int:
    """
    The scalar that blinds and unblinds the person at this place of an exchange.

    It depends on the exchange's claims through `context`, so a seed that is used again still gives a fresh point.
    """
    place = person.to_bytes(2, "big")
    drawn = hmac.digest(seed, b"unblind" + context + place, "sha512")
    return 1 + int.from_bytes(drawn, "big") % (ORDER - 1)


def person_point(record: bytes) -> bytes:
    """
    Hash a person's record key to the curve, by try-and-increment on the x-coordinate.

    Not constant time: the authority alone computes it, about people whom it already knows.
    """
    for attempt in range(256):
        x = hmac.digest(record, b"kiban person point" + bytes([attempt]), "sha256")
        try:
            decode(x)
        except NotAPoint:
            continue
        return x
    raise AssertionError("256 attempts failed, which has a probability of 2**-256")
