"""
Documents: what the OpenAPI document says of OAuth's two endpoints, whose parameters are read by hand.

They are read by hand because OAuth has its own words for every mistake in them; integrators see them here all the same.
"""

from typing import Any

from kiban.identity.login.contract import CLIENT_ID
from kiban.shared.forms import MEDIA_TYPE
from kiban.shared.oauth import ASSERTION_TYPE, REFUSALS

PRINTABLE = r"^[\x20-\x7E]{1,255}$"


def _text(**facts: Any) -> dict[str, Any]:
    return {"type": "string", **facts}


_AUTHORIZE = {
    "response_type": ("only the code flow is offered", _text(enum=["code"])),
    "client_id": ("as registered", _text(pattern=CLIENT_ID)),
    "redirect_uri": ("exactly one of the registered ones", _text(maxLength=255)),
    "scope": ("openid, and what the client is registered for", _text(examples=["openid name"])),
    "state": ("bound to the browser by the relying party", _text(pattern=PRINTABLE)),
    "nonce": ("comes back in the ID token", _text(pattern=PRINTABLE)),
    "code_challenge": ("SHA-256 of code_verifier, base64url", _text(pattern="^[A-Za-z0-9_-]{43}$")),
    "code_challenge_method": ("plain is refused", _text(enum=["S256"])),
}
_AUTHORIZE_OPTIONAL = {
    "sign_transaction_id": ("with scope sign: what is to be signed", _text(format="uuid")),
    "approval_transaction_id": ("with scope approve: what is to be approved", _text()),
    "acr_values": ("every login here is aal3", _text()),
    "prompt": ("none is answered with login_required", _text(enum=["none", "login", "consent"])),
    "ui_locales": ("languages by preference", _text(examples=["en ja"])),
}
AUTHORIZE: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "required": required, "description": said, "schema": schema}
        for required, parameters in ((True, _AUTHORIZE), (False, _AUTHORIZE_OPTIONAL))
        for name, (said, schema) in parameters.items()
    ]
}
TOKEN: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type", "client_assertion_type", "client_assertion"],
                    "properties": {
                        "grant_type": _text(
                            enum=["authorization_code", "refresh_token", "client_credentials"]
                        ),
                        "client_assertion_type": _text(enum=[ASSERTION_TYPE]),
                        "client_assertion": _text(
                            description="JWT of RFC 7523: iss and sub the client_id, aud the issuer, exp, jti"
                        ),
                        "client_id": _text(
                            description="may be left out; else that of the assertion"
                        ),
                        "code": _text(description="for grant authorization_code"),
                        "redirect_uri": _text(
                            description="for grant authorization_code: as before"
                        ),
                        "code_verifier": _text(pattern="^[A-Za-z0-9._~-]{43,128}$"),
                        "refresh_token": _text(description="for grant refresh_token"),
                        "scope": _text(
                            description="for grant client_credentials: sign or approve; for refresh_token: less"
                        ),
                    },
                }
            }
        },
    },
    **REFUSALS,
}
