"""
Proofs of possession: a front shows with each call that it has the key that its token is bound to (DPoP).

A proof is a JWS over this very call: its method, its address, the time and, where a token is used, the token's
digest.  Whoever has stolen a token or a code has not the key, and a proof that was seen on its way is of no use a
second time.

Refused (invalid_dpop_proof): another algorithm or kind, a private key in the header, another call, another token,
a proof made long ago or in the future, a signature that does not hold.  That a `jti` is new is for the one who
keeps them.

Pure rules.  Source: RFC 9449 sections 4.2, 4.3, 6.1 and 7.1.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from kiban.portal.contract import PossessionUnproven
from kiban.shared import encoding, es256, jwks

TYPE = "dpop+jwt"
LASTS = timedelta(seconds=60)
LONGEST = 4_000
_LONGEST_ID = 255


@dataclass(frozen=True, slots=True)
class Proof:
    """A verified proof; made by `verify` alone."""

    key: str
    """The key's thumbprint (RFC 7638)."""
    jti: str
    until: datetime

    @property
    def digest(self) -> str:
        """What is remembered of it, so that it counts once."""
        return hashlib.sha256(json.dumps(["dpop", self.key, self.jti]).encode()).hexdigest()


def made(
    key: ec.EllipticCurvePrivateKey,
    *,
    method: str,
    url: str,
    jti: str,
    at: datetime,
    token: str | None = None,
) -> str:
    """Write a proof for one call: the front's side."""
    jwk = {name: jwks.written(key.public_key())[name] for name in ("kty", "crv", "x", "y")}
    header = {"typ": TYPE, "alg": "ES256", "jwk": jwk}
    claims = {"jti": jti, "htm": method, "htu": url, "iat": int(at.timestamp())}
    if token is not None:
        claims["ath"] = token_hash(token)
    signed = ".".join(encoding.encode(json.dumps(each).encode()) for each in (header, claims))
    return f"{signed}.{encoding.encode(es256.sign(key, signed.encode()))}"


def token_hash(token: str) -> str:
    """What a proof says of the token that it goes with (ath)."""
    return encoding.encode(hashlib.sha256(token.encode(errors="replace")).digest())


def verify(proof: str, *, method: str, url: str, at: datetime, token: str | None = None) -> Proof:
    """The proof, if its key signed this call at this time."""
    header, claims = _opened(proof)
    if (header.get("typ"), header.get("alg")) != (TYPE, "ES256") or "crit" in header:
        raise _refused("typ or alg of the header", expected=f"typ {TYPE}, alg ES256")
    key = _key(header)
    try:
        es256.verify(
            key, encoding.decode(proof.rpartition(".")[2]), proof.rpartition(".")[0].encode()
        )
    except (es256.SignatureWrong, ValueError):
        raise _refused("the signature does not hold under the key of the header") from None
    expected: dict[str, str | None] = {"htm": method, "htu": url}
    expected["ath"] = None if token is None else token_hash(token)
    for name, value in expected.items():
        if claims.get(name) != value:
            raise _refused(f"{name} is not this call's", expected=(value or "nothing")[:300])
    jti, issued = claims.get("jti"), claims.get("iat")
    if not isinstance(jti, str) or not 1 <= len(jti) <= _LONGEST_ID:
        raise _refused("jti is missing", expected=f"1 to {_LONGEST_ID} characters")
    if isinstance(issued, bool) or not isinstance(issued, int):
        raise _refused("iat is no time", expected="whole seconds since 1970")
    if abs(issued - at.timestamp()) > LASTS.total_seconds():
        raise _refused("the proof was not made just now (iat)", expected=str(int(at.timestamp())))
    return Proof(jwks.thumbprint(key), jti, at + 2 * LASTS)


def _opened(proof: str) -> tuple[Mapping[str, object], Mapping[str, object]]:
    try:
        header, claims, _ = (encoding.decode(part) for part in proof[:LONGEST].split("."))
        read = (json.loads(header), json.loads(claims))
    except (ValueError, RecursionError):
        raise _refused("one compact JWS in the header DPoP was expected") from None
    if not all(isinstance(each, dict) for each in read):
        raise _refused("header and claims of a proof are objects")
    return read


def _key(header: Mapping[str, object]) -> ec.EllipticCurvePublicKey:
    jwk = header.get("jwk")
    try:
        key = jwks.read(jwk if isinstance(jwk, dict) else {}).public
    except ValueError as error:
        raise _refused(f"jwk: {error}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _refused("jwk: a proof is signed with a key on P-256")
    return key


def _refused(detail: str, **members: str) -> PossessionUnproven:
    return PossessionUnproven("invalid_dpop_proof", detail, **members)
