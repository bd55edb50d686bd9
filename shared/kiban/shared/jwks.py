"""
Public keys as JOSE writes them: JWK, key sets, and the name that a key gives itself.

A relying party registers its public keys with login, and login publishes its own.  Keys are on P-256 (ES256) or RSA
of at least 2048 bits (RS256, which relying parties in the field use).

Refused: a private key in a public document, encodings that are not canonical, points off the curve, RSA keys that
are too short, keys of another kind.

Source: RFC 7517 (JWK), RFC 7518 section 6, RFC 7638 (thumbprint).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kiban.shared import canonical, encoding

SHORTEST_RSA = 2048
LONGEST_RSA = 8192
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
_COORDINATE = 32
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with its name and the one algorithm that it is used with."""

    kid: str
    algorithm: str
    public: PublicKey


def written(public: PublicKey) -> dict[str, str]:
    """The key as a JWK for signatures, named by its thumbprint."""
    members = _members(public)
    return {**members, "kid": thumbprint(public), "alg": _algorithm(public), "use": "sig"}


def thumbprint(public: PublicKey) -> str:
    """The key's name (RFC 7638)."""
    return encoding.encode(hashlib.sha256(canonical.encode(_members(public))).digest())


def read(jwk: Mapping[str, object]) -> Key:
    """The key that a JWK holds; ValueError says what is wrong with it."""
    if private := sorted(_PRIVATE & jwk.keys()):
        raise ValueError(f"a private key was sent: remove {', '.join(private)}")
    match jwk.get("kty"):
        case "EC":
            public: PublicKey = _curve_key(jwk)
        case "RSA":
            public = _rsa_key(jwk)
        case _:
            raise ValueError("kty is neither EC nor RSA")
    algorithm = _algorithm(public)
    if jwk.get("alg", algorithm) != algorithm or jwk.get("use", "sig") != "sig":
        raise ValueError(f"this key is for {algorithm} signatures alone")
    kid = jwk.get("kid", thumbprint(public))
    if not isinstance(kid, str) or not kid:
        raise ValueError("kid is text")
    return Key(kid, algorithm, public)


def _curve_key(jwk: Mapping[str, object]) -> ec.EllipticCurvePublicKey:
    if jwk.get("crv") != "P-256":
        raise ValueError("an EC key is on P-256")
    x, y = _bytes(jwk, "x"), _bytes(jwk, "y")
    if len(x) != _COORDINATE or len(y) != _COORDINATE:
        raise ValueError(f"x and y have {_COORDINATE} bytes each")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
    except ValueError:
        raise ValueError("x and y are no point of P-256") from None


def _rsa_key(jwk: Mapping[str, object]) -> rsa.RSAPublicKey:
    modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
    if not SHORTEST_RSA <= modulus.bit_length() <= LONGEST_RSA:
        raise ValueError(f"an RSA key has {SHORTEST_RSA} to {LONGEST_RSA} bits")
    try:
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        raise ValueError("n and e are no RSA key") from None


def _number(jwk: Mapping[str, object], name: str) -> int:
    raw = _bytes(jwk, name)
    if raw[:1] == b"\0":
        raise ValueError(f"{name} begins with a zero byte")
    return int.from_bytes(raw)


def _bytes(jwk: Mapping[str, object], name: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str):
        raise ValueError(f"{name} is missing")  # noqa: TRY004  the caller is told one kind of mistake
    try:
        return encoding.decode(text)
    except ValueError:
        raise ValueError(f"{name} is not canonical base64url") from None


def _algorithm(public: PublicKey) -> str:
    return "RS256" if isinstance(public, rsa.RSAPublicKey) else "ES256"


def _members(public: PublicKey) -> dict[str, str]:
    """The required members alone, as the thumbprint takes them."""
    if isinstance(public, rsa.RSAPublicKey):
        rsa_numbers = public.public_numbers()
        return {"e": _integer(rsa_numbers.e), "kty": "RSA", "n": _integer(rsa_numbers.n)}
    numbers = public.public_numbers()
    x, y = (encoding.encode(each.to_bytes(_COORDINATE)) for each in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _integer(value: int) -> str:
    return encoding.encode(value.to_bytes((value.bit_length() + 7) // 8))
