"""
Codes: random words that open one thing once, or for a while: who gives them keeps their digests alone.

Authorization codes, access tokens, the card's one-time code and the cookie of a browser are all of this kind.

Refused: a code of another client, for another address, with a verifier that does not fit its challenge, or late.

Source: RFC 6749 sections 4.1.2, 4.1.3 and 10.5; RFC 7636 section 4.6; RFC 9700 section 4.5.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from kiban.shared import encoding
from kiban.shared.oauth import OAuthProblem

_SIZE = 32
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def new() -> str:
    """A word that nobody guesses: 256 bits."""
    return encoding.encode(secrets.token_bytes(_SIZE))


def digest(word: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(word.encode(errors="replace")).hexdigest()


def has_form(word: str) -> bool:
    """Whether this looks like one of ours."""
    return _FORM.fullmatch(word) is not None


def fits(word: str, kept: str | None) -> bool:
    """Whether this is the word of which the digest was kept."""
    return kept is not None and hmac.compare_digest(digest(word), kept)


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code as it was given, without the word itself."""

    client: str
    redirect_uri: str
    code_challenge: str
    expires_at: datetime

    def check(self, *, client: str, redirect_uri: str, verifier: str, at: datetime) -> None:
        """Return silently if this client may redeem the code in this way."""
        if client != self.client:
            raise _refused("the code was given to another client")
        if at >= self.expires_at:
            raise _refused(
                "the code has expired", expected=f"before {self.expires_at:%H:%M:%S} UTC"
            )
        if redirect_uri != self.redirect_uri:
            raise _refused("redirect_uri is not the one of the authorization request")
        if not _VERIFIER.fullmatch(verifier):
            raise _refused(
                "code_verifier is missing or has not the required form",
                sent=f"{len(verifier)} characters",
                expected="43 to 128 of A-Z a-z 0-9 - . _ ~",
            )
        challenge = encoding.encode(hashlib.sha256(verifier.encode()).digest())
        if not hmac.compare_digest(challenge, self.code_challenge):
            raise _refused("code_verifier does not fit the code_challenge", expected="S256")


def _refused(detail: str, **members: str) -> OAuthProblem:
    return OAuthProblem("invalid_grant", detail, **members)
