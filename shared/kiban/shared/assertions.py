"""
Client assertions: a relying party proves who it is with a statement signed by its own key (private_key_jwt).

Refused: encodings that are not canonical base64url; an algorithm that is not the registered key's own (so `none` and
a public key taken for a shared secret lead nowhere); another issuer, subject or audience; a statement without an end,
that has ended, or that lasts too long.  That a `jti` is new is for the one who keeps them: the one who asks.

Source: RFC 7523 section 3, RFC 7515, RFC 8725 sections 3.1, 3.2, 3.8; RFC 7519 section 4.1.
"""

import hashlib
import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kiban.shared import encoding, jwks
from kiban.shared.jwks import Key
from kiban.shared.oauth import ASSERTION_TYPE, ClientRefused, OAuthProblem

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
LASTS = timedelta(minutes=1)
LONGEST = timedelta(hours=1)
LEEWAY = timedelta(seconds=10)
LONGEST_TEXT = 8_000
_ALGORITHMS = ("ES256", "RS256")
_JWS = jwt.PyJWS(algorithms=list(_ALGORITHMS))
_TYPES = (None, "JWT", "client-authentication+jwt")


class Client(Protocol):
    """Whoever is registered, with the keys that it registered."""

    @property
    def id(self) -> str: ...

    @property
    def keys(self) -> tuple[Key, ...]: ...


Known = TypeVar("Known", bound=Client)
Known_co = TypeVar("Known_co", bound=Client, covariant=True)


class Clients(Protocol[Known_co]):
    """Everybody who is registered; whoever is not is an `OAuthProblem`."""

    def find(self, client_id: str) -> Known_co: ...


@dataclass(frozen=True, slots=True)
class Assertion(Generic[Known]):
    """A client's verified statement; made by `verify` alone."""

    client: Known
    jti: str
    expires_at: datetime

    @property
    def digest(self) -> str:
        """What is remembered of it, so that it counts once."""
        said = json.dumps([self.client.id, self.jti]).encode()
        return hashlib.sha256(said).hexdigest()


def made(key: PrivateKey, *, client_id: str, audience: str, at: datetime) -> str:
    """Write an assertion: the client's side."""
    now = int(at.timestamp())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": now,
        "exp": now + LASTS.seconds,
        "jti": secrets.token_urlsafe(24),
    }
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    kid = jwks.thumbprint(key.public_key())
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


def verify(
    form: Mapping[str, str], clients: Clients[Known], *, audiences: tuple[str, ...], at: datetime
) -> Assertion[Known]:
    """The assertion that a token request carries, if it proves a registered client."""
    assertion = _carried(form)
    header, claims = _opened(assertion)
    client = _client(claims, form, clients)
    _check_signature(assertion, _key(client, header))
    _check_audience(claims, audiences)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255:  # noqa: PLR2004  as client_id
        raise _refused("the assertion lacks its jti", expected="jti: 1 to 255 characters")
    return Assertion(client, jti, _end(claims, at=at))


def _refused(detail: str, **members: str) -> ClientRefused:
    return ClientRefused("invalid_client", detail, **members)


def _carried(form: Mapping[str, str]) -> str:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise _refused(
            "client_assertion_type is missing or of another kind", expected=ASSERTION_TYPE
        )
    assertion = form.get("client_assertion", "")
    if not assertion:
        raise _refused("client_assertion is missing", expected="a JWT signed by the client's key")
    if len(assertion) > LONGEST_TEXT:
        raise _refused(
            "client_assertion is too long", expected=f"at most {LONGEST_TEXT} characters"
        )
    return assertion


def _opened(assertion: str) -> tuple[dict[str, object], dict[str, object]]:
    """Header and claims as they were sent; nothing is verified by this."""
    parts = assertion.split(".")
    try:
        header, claims, _ = (encoding.decode(part) for part in parts)
        read = (json.loads(header), json.loads(claims))
    except (ValueError, RecursionError):
        raise _refused(
            "client_assertion is no compact JWS",
            expected="three parts of canonical base64url without padding: header, claims, signature",
        ) from None
    if not all(isinstance(each, dict) for each in read):
        raise _refused("header and claims of an assertion are objects")
    return read


def _client(
    claims: Mapping[str, object], form: Mapping[str, str], clients: Clients[Known]
) -> Known:
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not isinstance(issuer, str) or issuer != subject:
        raise _refused("iss and sub of an assertion are both the client_id")
    if form.get("client_id", issuer) != issuer:
        raise _refused("client_id and the assertion's iss differ")
    try:
        return clients.find(issuer)
    except OAuthProblem:
        raise _refused("the assertion's iss is no registered client", sent=issuer[:255]) from None


def _key(client: Client, header: Mapping[str, object]) -> Key:
    kid, algorithm = header.get("kid"), header.get("alg")
    named = [key for key in client.keys if kid is None or key.kid == kid]
    if not named:
        raise _refused(
            "kid names no key that this client registered",
            expected=", ".join(key.kid for key in client.keys),
        )
    fitting = [key for key in named if key.algorithm == algorithm]
    if not fitting:
        raise _refused(
            "alg is not the algorithm of the registered key",
            sent=str(algorithm)[:20],
            expected=" or ".join(sorted({key.algorithm for key in named})),
        )
    if len(fitting) > 1:
        raise _refused("several keys are registered, so the header must name one with kid")
    if "crit" in header or header.get("typ") not in _TYPES:
        raise _refused("the header asks for more than is understood here (crit, typ)")
    return fitting[0]


def _check_signature(assertion: str, key: Key) -> None:
    try:
        _JWS.decode(assertion, key.public, algorithms=[key.algorithm])
    except jwt.InvalidTokenError:
        raise _refused(
            "the assertion's signature does not hold under the registered key",
            expected=f"{key.algorithm} by key {key.kid}",
        ) from None


def _check_audience(claims: Mapping[str, object], audiences: tuple[str, ...]) -> None:
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if audience not in audiences:
        raise _refused(
            "aud must be this provider alone",
            sent=str(audience)[:300],
            expected=" or ".join(audiences),
        )


def _end(claims: Mapping[str, object], *, at: datetime) -> datetime:
    now = at.timestamp()
    end = _seconds(claims, "exp")
    if end is None:
        raise _refused("the assertion has no end (exp)", expected="exp: seconds since 1970")
    if not now - LEEWAY.total_seconds() < end <= now + LONGEST.total_seconds():
        raise _refused(
            "the assertion has ended, or ends too late (exp)",
            sent=str(int(end)),
            expected=f"after {int(now)}, at most {LONGEST.seconds} seconds",
        )
    for name in ("nbf", "iat"):
        begin = _seconds(claims, name)
        if begin is not None and begin > now + LEEWAY.total_seconds():
            raise _refused(
                f"the assertion is not valid yet ({name})", expected=f"at most {int(now)}"
            )
    return datetime.fromtimestamp(end, UTC)


def _seconds(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise _refused(f"{name} is no time", expected="seconds since 1970")
    return float(value)


def _finite(value: float) -> bool:
    return abs(value) < 2**53 and math.isfinite(value)
