"""
Documents: what the OpenAPI document says of the two operations whose forms are read by hand, in OAuth's own words.

Source: RFC 7523 (assertion), RFC 7636 (PKCE), RFC 9126 (pushed requests), RFC 9396 (details), RFC 9449 (DPoP).
"""

from typing import Any

from kiban.shared.forms import MEDIA_TYPE
from kiban.shared.oauth import ASSERTION_TYPE, REFUSALS

DIGEST = "^[A-Za-z0-9_-]{43}$"


def _text(**facts: Any) -> dict[str, Any]:
    return {"type": "string", **facts}


def _form(**fields: dict[str, Any]) -> dict[str, Any]:
    """A form of which every field is required, beside the front's assertion; what may be left out says `optional`."""
    fields |= {
        "client_assertion_type": _text(enum=[ASSERTION_TYPE]),
        "client_assertion": _text(
            description="JWT: iss and sub the client_id, aud the issuer, exp, jti"
        ),
    }
    required = [name for name, schema in fields.items() if not schema.pop("optional", False)]
    schema = {"type": "object", "required": required, "properties": fields}
    return {"required": True, "content": {MEDIA_TYPE: {"schema": schema}}}


PUSH: dict[str, Any] = {
    "requestBody": _form(
        response_type=_text(enum=["code"]),
        redirect_uri=_text(description="exactly one of the registered ones"),
        code_challenge=_text(pattern=DIGEST, description="SHA-256 of code_verifier, base64url"),
        code_challenge_method=_text(enum=["S256"]),
        dpop_jkt=_text(pattern=DIGEST, description="RFC 7638 thumbprint of the key to be bound"),
        authorization_details=_text(
            description="a JSON list: what is asked for, of which procedure and items"
        ),
        state=_text(optional=True, maxLength=255),
        ui_locales=_text(optional=True, description="languages by preference", examples=["en ja"]),
    ),
    **REFUSALS,
}
TOKENS: dict[str, Any] = {
    "parameters": [
        {
            "name": "DPoP",
            "in": "header",
            "required": True,
            "description": "proof of the key that the token will be bound to (RFC 9449)",
            "schema": _text(),
        }
    ],
    "requestBody": _form(
        grant_type=_text(enum=["authorization_code"]),
        code=_text(),
        redirect_uri=_text(description="as before"),
        code_verifier=_text(pattern="^[A-Za-z0-9._~-]{43,128}$"),
    ),
    **REFUSALS,
}
