"""
CSRF: a form counts only if it came from a page of ours, opened in this very session.

A signed double-submit token: bound by HMAC to the session, so that neither a planted cookie nor another person's
token helps; and the browser's own word about where the request came from.

Sources: OWASP CSRF prevention (signed double submit); Fetch Metadata, section 2.3.
"""

import hashlib
import hmac
import secrets

from starlette.requests import Request

from kiban.shared.problems import Problem

FIELD = "csrf"
_OURS = frozenset({"same-origin", "none"})


class NotFromOurPage(Problem):
    slug, title, status = "not-from-our-page", "The form was not sent from our page", 403


class CSRF:
    def __init__(self, key: bytes) -> None:
        if len(key) < 16:  # noqa: PLR2004  128 bits
            raise ValueError("a key of at least 16 bytes is needed")
        self._key = key

    def token(self, session_id: str) -> str:
        """Give a fresh token for a form in this session."""
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{self._sign(session_id, nonce)}"

    def check(self, request: Request, session_id: str, token: str) -> None:
        """Return silently, or refuse a form that is not ours."""
        if request.headers.get("sec-fetch-site", "same-origin") not in _OURS:
            raise NotFromOurPage("the browser says that it came from another site")
        nonce, _, signature = token.partition(".")
        expected = self._sign(session_id, nonce)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise NotFromOurPage("the form's token is not this session's; open the page again")

    def _sign(self, session_id: str, nonce: str) -> str:
        said = f"{len(session_id)}.{session_id}.{nonce}".encode()
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()
