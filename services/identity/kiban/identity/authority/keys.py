"""
Keys: which public keys may be certified, and the proof that whoever asks has the private half.

Refused: a request whose own signature does not hold; an algorithm or size that is not the profile's; an RSA key with
a small factor, with two primes that lie close together, or of the faulty generator known as ROCA; an X25519 key of
small order.  That a key is certified for one holder only is the register's to see, by `digest`.

Sources: RFC 2986 (PKCS#10); NIST SP 800-56B, section 6.4; Nemec et al., "The Return of Coppersmith's Attack" (2017);
RFC 7748, section 6.1.
"""

import hashlib
import math
from functools import cache, lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from kiban.identity.authority.contract import KeyRefused
from kiban.identity.authority.profile import KeyKind
from kiban.shared import encoding

RSA_BITS = 2048
RSA_EXPONENT = 65537
_FERMAT_ROUNDS = 100
_SIEVED = 3_000  # the primes below it are tried as factors
_ROCA_PRIMES = 38  # the odd primes up to 167; a good key passes all of them once in 2**27

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def make(kind: KeyKind) -> PrivateKey:
    match kind:
        case "rsa-2048":
            return rsa.generate_private_key(RSA_EXPONENT, RSA_BITS)
        case "p-256":
            return ec.generate_private_key(ec.SECP256R1())


def kind_of(key: PrivateKey) -> KeyKind:
    return "rsa-2048" if isinstance(key, rsa.RSAPrivateKey) else "p-256"


def sign(message: bytes, key: PrivateKey) -> bytes:
    """With SHA-256, in the way of the key's kind."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def dump(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def load(pkcs8: bytes) -> PrivateKey:
    """A key of our own, as the keyring gave it back: what was altered would not have opened."""
    key = load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, PrivateKey):
        raise TypeError("a key of ours is RSA or on a curve")
    return key


def public_bytes(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo, DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def load_public(spki: bytes) -> PublicKey:
    key = load_der_public_key(spki)
    if not isinstance(key, PublicKey):
        raise TypeError("a certified key is RSA or on a curve")
    return key


def key_id(spki: bytes) -> bytes:
    """What names a key inside certificates (RFC 5280, section 4.2.1.2, method 1)."""
    return x509.SubjectKeyIdentifier.from_public_key(load_public(spki)).digest


def check_request(pkcs10: str, kind: KeyKind) -> bytes:
    """The public key that a PKCS#10 request proves the possession of: SubjectPublicKeyInfo, DER."""
    try:
        request = x509.load_der_x509_csr(encoding.decode(pkcs10))
        holds = request.is_signature_valid
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("not a PKCS#10 request in base64url") from None
    if not holds:
        raise KeyRefused("the request is not signed with the key that it names")
    check_key(key, kind)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def check_key(key: object, kind: KeyKind) -> None:
    """Return silently if this key may be certified under a profile of this kind."""
    match kind, key:
        case "p-256", ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            pass  # the library decodes no point off the curve
        case "rsa-2048", rsa.RSAPublicKey():
            _check_rsa(key.public_numbers())
        case _:
            raise KeyRefused("a key of another kind", expected=kind)


def check_sealing_key(text: str) -> bytes:
    """An X25519 public key that gives every pair a secret of its own: 32 bytes."""
    key = bytes.fromhex(text)
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(key))
    except ValueError:
        raise KeyRefused("the sealing key is a point of small order") from None
    return key


def digest(spki: bytes) -> str:
    """What names a key in the register: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(spki).hexdigest()


def _check_rsa(numbers: rsa.RSAPublicNumbers) -> None:
    if numbers.n.bit_length() != RSA_BITS or numbers.e != RSA_EXPONENT:
        raise KeyRefused(
            "an RSA key of another size or exponent",
            sent=f"{numbers.n.bit_length()} bits",
            expected=f"{RSA_BITS} bits, exponent {RSA_EXPONENT}",
        )
    if weakness := _weakness(numbers.n):
        raise KeyRefused(weakness)


@lru_cache(maxsize=1_000)  # asked when a key is presented, and again by the linter
def _weakness(modulus: int) -> str:
    if math.gcd(modulus, _small_primes_product()) != 1:
        return "the modulus has a small factor"
    if _has_the_mark_of_roca(modulus):
        return "the key was made by a generator that is known to be broken (ROCA)"
    if _primes_are_close(modulus):
        return "the primes of the modulus are too close together"
    return ""


def _primes_are_close(modulus: int) -> bool:
    """Fermat's factorisation, a few steps of it."""
    middle = math.isqrt(modulus - 1) + 1
    return any(
        math.isqrt(rest) ** 2 == rest
        for rest in ((middle + step) * (middle + step) - modulus for step in range(_FERMAT_ROUNDS))
    )


def _has_the_mark_of_roca(modulus: int) -> bool:
    """Primes of that generator are powers of 65537 modulo all small primes, and so is their product."""
    return all(modulus % prime in powers for prime, powers in _roca_marks())


@cache
def _roca_marks() -> list[tuple[int, frozenset[int]]]:
    return [(prime, _powers(prime)) for prime in _primes()[1 : _ROCA_PRIMES + 1]]


def _powers(prime: int) -> frozenset[int]:
    found, value = set(), 1
    while value not in found:
        found.add(value)
        value = value * RSA_EXPONENT % prime
    return frozenset(found)


@cache
def _small_primes_product() -> int:
    return math.prod(_primes())


@cache
def _primes() -> list[int]:
    return [
        number
        for number in range(2, _SIEVED)
        if all(number % divisor for divisor in range(2, math.isqrt(number) + 1))
    ]
