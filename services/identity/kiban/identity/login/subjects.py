"""
Subjects: what a person is called towards a relying party (pairwise identifier, PPID).

Two relying parties of different sectors get names that cannot be joined, and neither can be turned back into the
handle by which the authority calls the holder towards login.

Refused: a card of somebody else than the person whom a relying party named.

Source: OpenID Connect Core 1.0, section 8.1; plan row IDN-03.
"""

import hashlib
import hmac

from kiban.identity.login.contract import OtherPersonsCard
from kiban.shared import encoding


class Subjects:
    """Names holders for each sector, under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "Subjects(…)"

    def of(self, holder: str, *, sector: str) -> str:
        """The name of this holder in this sector: 43 characters."""
        said = f"kiban subject\n{len(sector)}\n{sector}\n{holder}".encode()
        return encoding.encode(hmac.digest(self._key, said, hashlib.sha256))

    def check(self, holder: str, subject: str, *, sector: str) -> None:
        """Return silently if this sector calls the holder so."""
        if not hmac.compare_digest(self.of(holder, sector=sector).encode(), subject.encode()):
            raise OtherPersonsCard(
                "this must be answered with the card of the person who logged in"
            )
