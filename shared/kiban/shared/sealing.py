"""
Sealing: what is meant for one member only travels under a key that it shares with the sender.

Any two members derive the same key from their certified X25519 keys.  The cipher is AES-SIV, which needs no
nonce, so any number of copies of a member may seal without counting; sender, label and the exchange's context
are bound as associated data, so that a seal moved to another place does not open.

Refused: a seal of another sender, label, exchange or key (`SealBroken`).

Source: DESIGN 5.1; RFC 7748 (X25519), RFC 5869 (HKDF), RFC 5297 (AES-SIV).
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiban.shared import canonical, encoding
from kiban.shared.problems import Problem


class SealBroken(Problem):
    slug, title, status = "seal-broken", "A sealed part does not open", 400


class Sealer:
    """One member's side of every pair key; keys of pairs are derived once and kept."""

    def __init__(self, member: str, private: X25519PrivateKey) -> None:
        self.member = member
        self._private = private
        self._pairs: dict[tuple[str, bytes], AESSIV] = {}

    def __repr__(self) -> str:
        return f"Sealer({self.member})"

    def seal(self, data: bytes, *, to: str, key: bytes, label: str, context: bytes) -> str:
        """Seal for the member whose certified X25519 key this is; base64url text."""
        bound = [self.member.encode(), label.encode(), context]
        return encoding.encode(self._pair(to, key).encrypt(data, bound))

    def open(self, sealed: str, *, sender: str, key: bytes, label: str, context: bytes) -> bytes:
        """Open what this sender sealed for us under this label and context."""
        try:
            data = encoding.decode(sealed)
            return self._pair(sender, key).decrypt(data, [sender.encode(), label.encode(), context])
        except (InvalidTag, ValueError):
            raise SealBroken(
                f"the part “{label}” was not sealed by {sender} for {self.member} and this exchange"
            ) from None

    def _pair(self, other: str, key: bytes) -> AESSIV:
        known = self._pairs.get((other, key))
        if known is None:
            known = self._pairs[other, key] = self._derive(other, key)
        return known

    def _derive(self, other: str, key: bytes) -> AESSIV:
        shared = self._private.exchange(X25519PublicKey.from_public_bytes(key))
        pair = canonical.encode(sorted([self.member, other]))
        info = b"kiban pair key" + pair
        return AESSIV(HKDF(hashes.SHA256(), 64, salt=None, info=info).derive(shared))
