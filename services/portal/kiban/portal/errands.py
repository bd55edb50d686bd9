"""
Errands: a browser is sent to login and comes back; what it was sent for travels with it, sealed.

The `state` of the code flow is itself the note: purpose, what it is about, which browser, until when, sealed under
the portal's own key.  So no row is written for a visitor who has not logged in, two windows can be on the way at
once, and a code that is brought by another browser is refused.  Nonce and code verifier are derived from the state
and are never stored.

Refused: a state that we did not seal, one that is too old, one of another browser (`ErrandRefused`).
Sources: RFC 7636; RFC 9700, section 4.7; OpenID Connect Core 1.0, section 3.1.2.
"""

import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiban.portal.contract import ErrandRefused
from kiban.shared import canonical, encoding

LASTS = timedelta(minutes=15)
Purpose = Literal["login", "approve", "sign"]
LONGEST_STATE = 255
"""Characters that login takes as a state."""
LONGEST_ABOUT = 80
_BROWSER = 32
"""Hexadecimal digits of the cookie's digest that the note carries: 128 bits."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Why a browser was sent to login."""

    purpose: Purpose
    browser: str
    """The beginning of the digest of the cookie that the browser must bring back."""
    about: str
    """For login, the page to go on with; else the approval or the application."""
    transaction: str
    """Login's id of what is to be approved or signed."""
    until: int
    salt: str

    def check(self, browser: str | None, *, at: datetime) -> None:
        """Return silently if this browser went on this errand and is back in time."""
        if browser is None or not hmac.compare_digest(self.browser, browser[:_BROWSER]):
            raise ErrandRefused("it was begun in another browser, or its cookie is gone")
        if at.timestamp() >= self.until:
            raise ErrandRefused("it was begun too long ago")


class Errands:
    """Seals and opens the notes."""

    def __init__(self, secret: bytes) -> None:
        self._seal = AESSIV(_derived(secret, b"kiban portal errand", 64))
        self._key = _derived(secret, b"kiban portal code flow", 32)

    def __repr__(self) -> str:
        return "Errands(…)"

    def send(
        self,
        purpose: Purpose,
        *,
        browser: str,
        about: str,
        transaction: str = "",
        at: datetime,
        salt: str,
    ) -> str:
        """Write the note: the code flow's state."""
        if len(about) > LONGEST_ABOUT:
            raise ValueError("what an errand is about does not fit in a state")
        until = int((at + LASTS).timestamp())
        note: list[canonical.JSON] = [purpose, browser[:_BROWSER], about, transaction, until, salt]
        return encoding.encode(self._seal.encrypt(canonical.encode(note), None))

    def back(self, state: str) -> Errand:
        """Open a note that came back."""
        try:
            if len(state) > LONGEST_STATE:
                raise ErrandRefused("the state is longer than any of ours")
            opened = self._seal.decrypt(encoding.decode(state), None)
        except (InvalidTag, ValueError):
            raise ErrandRefused("the state is none of ours") from None
        return Errand(*json.loads(opened))

    def nonce(self, state: str) -> str:
        return self._told("nonce", state)

    def verifier(self, state: str) -> str:
        """The code verifier (RFC 7636, section 4.1): 43 characters."""
        return self._told("verifier", state)

    def _told(self, what: str, state: str) -> str:
        return encoding.encode(hmac.digest(self._key, f"{what} {state}".encode(), "sha256"))


def _derived(secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=None, info=info).derive(secret)
