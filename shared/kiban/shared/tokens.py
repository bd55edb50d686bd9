"""
Tokens: a statement with its signer's name on it, in a form that any JOSE library reads.

A token is a JWS in compact form, ES256, over canonical JSON.  Its `typ` says what kind of statement it is, so
that a permit is never taken for an answer; its `kid` says whose key to use.

Refused: another algorithm, another kind, encodings that are not canonical, a signature that does not hold.

Source: RFC 7515 (JWS), RFC 8725 section 3.11 (explicit typing), RFC 8785.
"""

import json
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from kiban.shared import canonical, encoding
from kiban.shared.problems import Problem

ALGORITHM = "ES256"
_JWS = jwt.PyJWS(algorithms=[ALGORITHM])


class TokenRefused(Problem):
    slug, title, status = "token-refused", "The signed statement does not hold", 400


def sign(
    payload: Mapping[str, canonical.JSON], *, key: ec.EllipticCurvePrivateKey, kid: str, typ: str
) -> str:
    """The statement as a compact JWS."""
    return _JWS.encode(
        canonical.encode(payload),
        key,
        ALGORITHM,
        headers={"typ": typ, "kid": kid},
        sort_headers=True,
    )


def signer(token: str) -> str:
    """The name that the token gives for its signer; nothing is verified by this."""
    kid = _header(token).get("kid")
    if not isinstance(kid, str):
        raise TokenRefused("the header names no signer (kid)")
    return kid


def verify(token: str, *, key: ec.EllipticCurvePublicKey, typ: str) -> dict[str, canonical.JSON]:
    """The statement, if this key signed it as this kind."""
    header = _header(token)
    if (header.get("alg"), header.get("typ")) != (ALGORITHM, typ):
        raise TokenRefused(f"a token of kind {typ} signed with {ALGORITHM} was expected")
    try:
        payload = json.loads(_JWS.decode(token, key, algorithms=[ALGORITHM]))
    except (jwt.InvalidTokenError, ValueError):
        raise TokenRefused(f"the signature of this {typ} does not hold") from None
    if not isinstance(payload, dict):
        raise TokenRefused("the payload is no object")
    return payload


def _header(token: str) -> dict[str, canonical.JSON]:
    parts = token.split(".")
    try:
        header, _, _ = (encoding.decode(part) for part in parts)
        read = json.loads(header)
    except ValueError:
        raise TokenRefused("not a compact JWS of three canonical base64url parts") from None
    if not isinstance(read, dict):
        raise TokenRefused("the header is no object")
    return read
