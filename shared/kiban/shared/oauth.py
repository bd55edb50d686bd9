"""
OAuth's refusals: what an authorization server, or who takes its tokens, says in the words of RFC 6749 and is a problem
document all the same.

Login and the portal are both authorization servers, for different things; their clients meet one kind of refusal, and
say in one way in which language somebody reads.

Source: RFC 6749 sections 4.1.2.1 and 5.2; RFC 6750 section 3; RFC 7523 section 2.2; RFC 9449 section 7.1; RFC 9457;
OpenID Connect Core 1.0 section 3.1.2.1.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from kiban.shared.problems import Problem, Scalar

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
REFUSALS: dict[str, Any] = {
    "responses": {
        "default": {
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
            }
        }
    }
}
"""What a document says of an operation that answers `OAuthProblem`."""


class OAuthProblem(Problem):
    """
    A refusal in the words of RFC 6749: `error` and `error_description` beside the problem's own members.

    Its media type is application/json, as section 5.2 says, and the document is a problem all the same.
    """

    slug, title, status = (
        "oauth-refused",
        "The authorization request or token request is refused",
        400,
    )

    def __init__(self, error: str, detail: str, **members: Scalar) -> None:
        super().__init__(detail, error=error, **members)

    @property
    def error(self) -> str:
        return str(self.members.get("error", "server_error"))

    @property
    def description(self) -> str:
        """The detail in the characters that RFC 6749 admits (section 4.1.2.1)."""
        return re.sub(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]", "'", self.detail)

    def document(self) -> dict[str, Scalar]:
        return super().document() | {"error_description": self.description}


class TokenRefused(OAuthProblem):
    """What a protected resource refuses; a subclass says the scheme of its tokens, and what belongs to that."""

    scheme: ClassVar[str]
    parameters: ClassVar[str] = ""

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'{self.scheme} error="{self.error}"{self.parameters}'}


class ClientRefused(OAuthProblem):
    slug, title, status = "client-refused", "The relying party did not prove who it is", 401


def wished_language(ui_locales: str, offered: Sequence[str]) -> str | None:
    """The first of the wished languages (`ui_locales`) that is offered; none is an answer, and no mistake."""
    wished = (tag.partition("-")[0].lower() for tag in ui_locales.split())
    return next((tag for tag in wished if tag in offered), None)
