"""
What a mandate is called outside: never by its number, and by no two members alike.

A *handle* is the number sealed for one member: always the same, so that the member recognises the mandate, and no
table is needed to find it again.  A *reference* is the number sealed anew each time, for one use by whoever is shown
it: two offices that are shown the same mandate hold nothing that they could compare.

Refused: what this authority did not seal, and a handle that another member was given.

Source: decision 0020; RFC 5297 (SIV), section 1.3.2 (deterministic) and 3 (nonce as a component).
"""

import hmac
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from kiban.identity.authority.handles import PersonKeys
from kiban.shared.mandates import MandateUnknown

_NONCE = 16


@dataclass(frozen=True, slots=True, repr=False)
class MandateNames:
    """The key under which mandates are named."""

    key: bytes

    @classmethod
    def of(cls, persons: PersonKeys) -> "MandateNames":
        return cls(hmac.digest(persons.handles, b"kiban mandates", "sha512"))

    def handle(self, number: str, member: str) -> str:
        """What this member calls the mandate: 64 hexadecimal digits."""
        return self._sealed(number, b"handle", member.encode())

    def of_handle(self, handle: str, member: str) -> str:
        """The mandate's number."""
        return self._opened(bytes.fromhex(handle), b"handle", member.encode())

    def reference(self, number: str) -> str:
        """A name for one use: 96 hexadecimal digits."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce.hex() + self._sealed(number, b"reference", nonce)

    def of_reference(self, reference: str) -> str:
        """The mandate's number."""
        raw = bytes.fromhex(reference)
        return self._opened(raw[_NONCE:], b"reference", raw[:_NONCE])

    def _sealed(self, number: str, *bound: bytes) -> str:
        return AESSIV(self.key).encrypt(bytes.fromhex(number), list(bound)).hex()

    def _opened(self, sealed: bytes, *bound: bytes) -> str:
        try:
            return AESSIV(self.key).decrypt(sealed, list(bound)).hex()
        except InvalidTag:
            raise MandateUnknown("no mandate was ever called so to this member") from None
