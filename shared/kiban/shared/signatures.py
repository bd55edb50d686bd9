"""
Signatures: a request that proves who sent it, unchanged, to whom, and when.

Members sign method, target and the digest of the body, with a time and a nonce.  The signed request is also the
evidence that the core's log keeps, so what was signed can be checked again years later.

Refused: an unsigned or altered request, one for another address, one outside of the window of time, a nonce
that was seen before, an algorithm other than ecdsa-p256-sha256.

Source: RFC 9421 (HTTP message signatures), RFC 9530 (Digest Fields); DESIGN 5.8.
"""

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from kiban.shared import es256
from kiban.shared.problems import Problem

COVERED = ("@method", "@target-uri", "content-digest")
ALGORITHM = "ecdsa-p256-sha256"
TAG = "kiban"
WINDOW = timedelta(seconds=60)


class SignatureRefused(Problem):
    slug, title, status = "signature-refused", "The request's signature does not hold", 401


def content_digest(body: bytes) -> str:
    """The Content-Digest field of a body (RFC 9530, section 2)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign(
    method: str,
    target: str,
    body: bytes,
    *,
    key: ec.EllipticCurvePrivateKey,
    keyid: str,
    at: datetime,
    nonce: str | None = None,
) -> dict[str, str]:
    """The three header fields that sign a request."""
    digest = content_digest(body)
    names = " ".join(f'"{name}"' for name in COVERED)
    nonce = nonce or secrets.token_urlsafe(18)
    inside = (
        f'({names});created={int(at.timestamp())};nonce="{nonce}";keyid="{keyid}"'
        f';alg="{ALGORITHM}";tag="{TAG}"'
    )
    base = _base(COVERED, _values(method, target, digest), inside)
    signature = base64.b64encode(es256.sign(key, base)).decode()
    return {
        "content-digest": digest,
        "signature-input": f"kiban={inside}",
        "signature": f"kiban=:{signature}:",
    }


@dataclass(frozen=True, slots=True)
class Presented:
    """A signed request as it arrived: who claims to have sent it, and what there is to verify."""

    keyid: str
    created: datetime
    nonce: str
    base: bytes
    signature: bytes

    @property
    def evidence(self) -> str:
        """SHA-256 over signature base and signature: names this very request, 64 hexadecimal digits."""
        return hashlib.sha256(self.base + self.signature).hexdigest()

    def verify(self, key: ec.EllipticCurvePublicKey, *, at: datetime) -> None:
        """Return silently if this key signed the request within the window of time around `at`."""
        if abs(at - self.created) > WINDOW:
            raise SignatureRefused(
                "the request was signed at another time",
                sent=self.created.isoformat(),
                expected=f"within {WINDOW.seconds} seconds of {at.isoformat()}",
            )
        try:
            es256.verify(key, self.signature, self.base)
        except es256.SignatureWrong:
            raise SignatureRefused(f"the key of {self.keyid} did not sign this request") from None


def read(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Presented:
    """Take the signature of a request apart; its digest must be the body's."""
    digest = headers.get("content-digest", "")
    if digest != content_digest(body):
        raise SignatureRefused("content-digest is missing or is not the sha-256 of the body")
    found = _INPUT.fullmatch(headers.get("signature-input", ""))
    signed = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if not found or not signed or found["label"] != signed["label"]:
        raise SignatureRefused("signature-input and signature must hold one signature (RFC 9421)")
    components = tuple(re.findall(r'"([^"]*)"', found["components"]))
    parameters = {name: text or number for name, text, number in _PARAMETER.findall(found["rest"])}
    _check(components, parameters)
    values = _values(method, target, digest)
    inside = f"({found['components']}){found['rest']}"
    return Presented(
        keyid=parameters["keyid"],
        created=_instant(parameters["created"]),
        nonce=parameters["nonce"],
        base=_base(components, values, inside),
        signature=_raw(signed["value"]),
    )


def _instant(seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise SignatureRefused("created must be a time in seconds") from None


class Nonces:
    """The nonces seen within the window, so that a captured request is not taken twice."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], datetime] = {}

    def spend(self, presented: Presented, *, at: datetime) -> None:
        """Note the nonce, or refuse it as seen before."""
        if (presented.keyid, presented.nonce) in self._seen:
            raise SignatureRefused("this signed request was taken before (nonce)")
        self._seen[presented.keyid, presented.nonce] = presented.created
        self._forget(at - 2 * WINDOW)

    def _forget(self, before: datetime) -> None:
        while self._seen and self._seen[oldest := next(iter(self._seen))] < before:
            del self._seen[oldest]


_INPUT = re.compile(
    r"(?P<label>[a-z][a-z0-9_-]{0,31})=\((?P<components>[^()]*)\)(?P<rest>(?:;[^;]+)+)"
)
_SIGNATURE = re.compile(r"(?P<label>[a-z][a-z0-9_-]{0,31})=:(?P<value>[A-Za-z0-9+/=]+):")
_PARAMETER = re.compile(r';([a-z]+)=(?:"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"|([0-9]{1,12}))')
_REQUIRED = ("created", "nonce", "keyid", "alg", "tag")


def _check(components: tuple[str, ...], parameters: Mapping[str, str]) -> None:
    unknown = set(components) - set(COVERED)
    if unknown or set(components) != set(COVERED) or len(components) != len(COVERED):
        raise SignatureRefused(
            "the signature covers other components",
            sent=" ".join(components),
            expected=" ".join(COVERED),
        )
    if missing := [name for name in _REQUIRED if name not in parameters]:
        raise SignatureRefused(f"signature parameters are missing: {', '.join(missing)}")
    if (parameters["alg"], parameters["tag"]) != (ALGORITHM, TAG):
        raise SignatureRefused(f'alg="{ALGORITHM}" and tag="{TAG}" are expected')


def _values(method: str, target: str, digest: str) -> dict[str, str]:
    return {"@method": method.upper(), "@target-uri": target, "content-digest": digest}


def _base(components: tuple[str, ...], values: Mapping[str, str], inside: str) -> bytes:
    """The signature base (RFC 9421, section 2.5)."""
    lines = [f'"{name}": {values[name]}' for name in components]
    return "\n".join([*lines, f'"@signature-params": {inside}']).encode()


def _raw(text: str) -> bytes:
    try:
        signature = base64.b64decode(text, validate=True)
    except binascii.Error:
        signature = b""
    if len(signature) != es256.SIZE:
        raise SignatureRefused("an ecdsa-p256-sha256 signature has 64 bytes")
    return signature
