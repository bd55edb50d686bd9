"""
A card's chip: two key pairs, each behind a PIN of its own, and what the chip decides by itself.

The authentication PIN (利用者証明用) has 4 digits and locks after 3 errors in a row.  The signature password (署名用)
has 6 to 16 upper-case letters and digits, at least one of each, and locks after 5.  A right PIN sets the count back;
a locked PIN stays locked, also for the right one, until it is reset at the counter or by the other PIN.

Refused: a PIN that is wrong, locked or misshapen.  A misshapen one is not tried, so it costs nothing.

Source: the public personal authentication service's rules (identity reference, section 3); RFC 8017 section 8.2.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from kiban.shared.problems import Problem
from kiban.world.cards.contract import CardLocked, KeyName, PINMisshapen, PINState, WrongPIN

_EXPONENT, _BITS = 65537, 2048
_SUBJECT = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "SIMULATED card")])


@dataclass(frozen=True, slots=True)
class PINRule:
    """What a PIN looks like, and how many errors in a row it survives."""

    key: KeyName
    form: re.Pattern[str]
    expected: str
    tries: int

    def check(self, pin: str) -> None:
        """Return silently if a PIN can look like this."""
        if not self.form.fullmatch(pin):
            raise PINMisshapen(
                "it was not tried",
                key=self.key,
                sent=f"{len(pin)} characters",
                expected=self.expected,
            )


RULES: dict[KeyName, PINRule] = {
    rule.key: rule
    for rule in (
        PINRule("authentication", re.compile(r"[0-9]{4}", re.ASCII), "4 digits", tries=3),
        PINRule(
            "signature",
            re.compile(r"(?=.*[A-Z])(?=.*[0-9])[A-Z0-9]{6,16}"),
            "6 to 16 upper-case letters and digits, at least one of each",
            tries=5,
        ),
    )
}


@dataclass(frozen=True, slots=True, repr=False)
class CardPIN:
    """One PIN as the chip keeps it, with the errors in a row that were made with it."""

    key: KeyName
    value: str
    errors: int

    def __repr__(self) -> str:
        return f"CardPIN({self.key}, errors={self.errors})"

    @property
    def state(self) -> PINState:
        left = max(0, RULES[self.key].tries - self.errors)
        return PINState(tries_left=left, locked=left == 0)

    def tried(self, given: str) -> "Attempt":
        """What comes of one attempt; the chip keeps `after` before it says anything."""
        RULES[self.key].check(given)
        if self.state.locked:
            return Attempt(self, _locked(self.key))
        if hmac.compare_digest(given.encode(), self.value.encode()):
            return Attempt(replace(self, errors=0), None)
        after = replace(self, errors=self.errors + 1)
        if after.state.locked:
            return Attempt(after, _locked(self.key))
        left = after.state.tries_left
        return Attempt(after, WrongPIN(f"{left} tries are left", key=self.key, tries_left=left))

    def changed(self, new: str) -> "CardPIN":
        """A new PIN, unlocked."""
        RULES[self.key].check(new)
        return CardPIN(self.key, new, errors=0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A PIN after an attempt, and the refusal if it was one."""

    after: CardPIN
    refusal: Problem | None


def _locked(key: KeyName) -> CardLocked:
    return CardLocked(
        f"the {key} PIN was wrong {RULES[key].tries} times in a row",
        key=key,
        expected="a reset at the municipality's counter, or by the card's other PIN",
    )


def new_key() -> bytes:
    """A key pair made on the card: DER, for the card's own store alone."""
    key = rsa.generate_private_key(_EXPONENT, _BITS)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def certification_request(key: bytes) -> bytes:
    """A PKCS#10 request: it proves that the card has the private key.  DER."""
    request = x509.CertificateSigningRequestBuilder().subject_name(_SUBJECT)
    return request.sign(_loaded(key), hashes.SHA256()).public_bytes(Encoding.DER)


def belongs(certificate: bytes, key: bytes) -> bool:
    """Whether this certificate is for this key."""
    certified = x509.load_der_x509_certificate(certificate).public_key()
    return certified == _loaded(key).public_key()


def sign_message(key: bytes, message: bytes) -> bytes:
    return sign_digest(key, hashlib.sha256(message).digest())


def sign_digest(key: bytes, digest: bytes) -> bytes:
    """RSASSA-PKCS1-v1_5 over a SHA-256 digest that was made outside, as the real chip signs."""
    return _loaded(key).sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))


def _loaded(key: bytes) -> rsa.RSAPrivateKey:
    # The card made the key itself, and what is wrapped cannot be altered: checking its primes again, at
    # each signature, would cost fifty times the signature.
    loaded = load_der_private_key(key, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise TypeError("a card holds RSA keys")
    return loaded
