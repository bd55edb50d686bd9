"""
Tokens: a statement with its signer's name on it, in a form that any JOSE library reads.

A token is a JWS in compact form, ES256, over canonical JSON.  Its `typ` says what kind of statement it is, so
that a permit is never taken for an answer; its `kid` says whose key to use.

Refused: another algorithm, another kind, a header that says more, encodings that are not canonical, a signature that
does not hold, a payload of another shape.

An exchange has half a dozen of them, so they are written on the curve directly; a JOSE library is the tests' second
opinion.

Source: RFC 7515 (JWS), RFC 8725 section 3.11 (explicit typing), RFC 8785.
"""

import json
from collections.abc import Mapping
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ValidationError

from kiban.shared import canonical, encoding, es256
from kiban.shared.problems import Problem

ALGORITHM = "ES256"
Statement = TypeVar("Statement", bound=BaseModel)
_HEADER = {"alg", "kid", "typ"}
_FORM = "not a compact JWS of three canonical base64url parts"


class TokenRefused(Problem):
    slug, title, status = "token-refused", "The signed statement does not hold", 400


def sign(
    payload: Mapping[str, canonical.JSON], *, key: ec.EllipticCurvePrivateKey, kid: str, typ: str
) -> str:
    """The statement as a compact JWS."""
    header = canonical.encode({"alg": ALGORITHM, "kid": kid, "typ": typ})
    signed = f"{encoding.encode(header)}.{encoding.encode(canonical.encode(payload))}"
    return f"{signed}.{encoding.encode(es256.sign(key, signed.encode()))}"


def signer(token: str) -> str:
    """The name that the token gives for its signer; nothing is verified by this."""
    kid = _header(token.partition(".")[0]).get("kid")
    if not isinstance(kid, str):
        raise TokenRefused("the header names no signer (kid)")
    return kid


def verify(token: str, *, key: ec.EllipticCurvePublicKey, typ: str) -> dict[str, canonical.JSON]:
    """The statement, if this key signed it as this kind."""
    header = _header(token.partition(".")[0])
    if (header.get("alg"), header.get("typ")) != (ALGORITHM, typ) or header.keys() != _HEADER:
        raise TokenRefused(f"a token of kind {typ} signed with {ALGORITHM} was expected")
    try:
        _, payload, signature = map(encoding.decode, token.split("."))
    except ValueError:
        raise TokenRefused(_FORM) from None
    try:
        es256.verify(key, signature, token.rpartition(".")[0].encode())
        read = json.loads(payload)
    except (es256.SignatureWrong, ValueError, RecursionError):
        raise TokenRefused(f"the signature of this {typ} does not hold") from None
    if not isinstance(read, dict):
        raise TokenRefused("the payload is no object")
    return read


def read(
    token: str, shape: type[Statement], *, key: ec.EllipticCurvePublicKey, typ: str
) -> Statement:
    """The statement as its contract has it, if this key signed it as this kind."""
    try:
        return shape.model_validate(verify(token, key=key, typ=typ))
    except ValidationError as error:
        raise TokenRefused(f"what was signed is no {shape.__name__}") from error


def _header(text: str) -> dict[str, canonical.JSON]:
    try:
        header = json.loads(encoding.decode(text))
    except (ValueError, RecursionError):
        raise TokenRefused(_FORM) from None
    if not isinstance(header, dict):
        raise TokenRefused("the header is no object")
    return header
