"""
ID tokens: login's signed word to a relying party about who was at the card, when, and in answer to what.

Keys are rotated by putting a new one in front: it signs from then on, and those before it stay published until
nothing that they signed is in use any more.

Source: OpenID Connect Core 1.0, sections 2 and 3.1.3.6 (at_hash); RFC 7518 (ES256); RFC 8176 (amr).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from kiban.identity.login.contract import KeySet
from kiban.shared import encoding, jwks, tokens

TYPE = "JWT"
LASTS = timedelta(minutes=10)
KEPT = 3
"""How many keys are published: the one that signs, and those before it."""
ACR = "aal3"
"""The highest level of authentication: hardware and PIN (NIST SP 800-63B, AAL3)."""
AMR = ["sc", "pin", "mfa"]


@dataclass(frozen=True, slots=True, repr=False)
class SigningKeys:
    """Login's keys, the one that signs first."""

    keys: tuple[ec.EllipticCurvePrivateKey, ...]

    def __repr__(self) -> str:
        return f"SigningKeys({len(self.keys)})"

    @classmethod
    def made(cls) -> Self:
        return cls((ec.generate_private_key(ec.SECP256R1()),))

    def rotated(self) -> Self:
        """A new key in front; the oldest goes."""
        return type(self)((ec.generate_private_key(ec.SECP256R1()), *self.keys)[:KEPT])

    def public(self) -> KeySet:
        return KeySet(keys=[jwks.written(key.public_key()) for key in self.keys])

    def sign(self, claims: "Claims") -> str:
        key = self.keys[0]
        kid = jwks.thumbprint(key.public_key())
        return tokens.sign(claims.payload(), key=key, kid=kid, typ=TYPE)

    def dumped(self) -> bytes:
        """For the keyring alone."""
        form = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return json.dumps([encoding.encode(key.private_bytes(*form)) for key in self.keys]).encode()

    @classmethod
    def loaded(cls, dumped: bytes) -> Self:
        keys = [load_der_private_key(encoding.decode(each), None) for each in json.loads(dumped)]
        return cls(tuple(key for key in keys if isinstance(key, ec.EllipticCurvePrivateKey)))


@dataclass(frozen=True, slots=True)
class Claims:
    """What one ID token says."""

    issuer: str
    client: str
    subject: str
    nonce: str
    authenticated_at: datetime
    access_token_hash: str
    issued_at: datetime

    def payload(self) -> dict[str, str | int | list[str]]:
        issued = int(self.issued_at.timestamp())
        return {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.client,
            "iat": issued,
            "exp": issued + int(LASTS.total_seconds()),
            "auth_time": int(self.authenticated_at.timestamp()),
            "nonce": self.nonce,
            "acr": ACR,
            "amr": AMR,
            "at_hash": self.access_token_hash,
        }


def access_token_hash(access_token: str) -> str:
    """The left half of the token's SHA-256 (at_hash)."""
    return encoding.encode(hashlib.sha256(access_token.encode()).digest()[:16])
