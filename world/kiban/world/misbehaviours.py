"""
Misbehaviours: what stands around a gateway and can make it behave badly, while its own code stays as it is.

`Door` stands before its routes, `Line` behind its calls to others, and `ForgingIdentity` takes the place of the
identity that seals its answers.  Each asks the same switches, and lets everything pass while its switch is off.
SIMULATED: no agency is like this.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec
from starlette.types import ASGIApp, Receive, Scope, Send

from kiban.gateway.contract import ANSWER, ANSWER_LABEL
from kiban.shared import canonical, encoding, signatures, tokens
from kiban.shared.app import problem_response
from kiban.shared.clock import Clock
from kiban.shared.http import Http, Reply
from kiban.shared.members import Identity, Member
from kiban.shared.problems import Unavailable

ANSWERS = "/answers"
"""Where permits are presented."""
_ALWAYS_OPEN = ("/faults", "/health", "/clock", "/population")
Forgery = Literal["altered", "wrong-key"]


@dataclass(slots=True)
class Switches:
    """What is switched on at one role."""

    away: bool = False
    late: float = 0.0
    """Seconds that every answer is held back."""
    replaying: bool = False
    permits: dict[str, str] = field(default_factory=dict, repr=False)
    """By address: the permit that was presented there first."""


class Door:
    """Pure ASGI, before everything else: answers late, or not at all."""

    def __init__(self, app: ASGIApp, switches: Switches) -> None:
        self.app = app
        self.switches = switches

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and not path.startswith(_ALWAYS_OPEN):
            if self.switches.away:
                away = problem_response(Unavailable("this office does not answer (fault)"))
                await away(scope, receive, send)
                return
            if self.switches.late and path == ANSWERS:
                await asyncio.sleep(self.switches.late)
        await self.app(scope, receive, send)


class Line:
    """Around a gateway's HTTP: presents a permit again where another one was issued."""

    def __init__(self, http: Http, switches: Switches, clock: Clock) -> None:
        self._http = http
        self._switches = switches
        self._clock = clock
        self.identity: Identity | None = None
        """Whose signature a presentation carries; known once the gateway has started."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  the deadline is the caller's to know
    ) -> Reply:
        if self._switches.replaying and method == "POST" and url.endswith(ANSWERS):
            content, headers = self._replayed(url, content, dict(headers or {}))
        return await self._http.send(method, url, content=content, headers=headers, timeout=timeout)

    def _replayed(
        self, url: str, content: bytes, headers: dict[str, str]
    ) -> tuple[bytes, dict[str, str]]:
        batch = json.loads(content)
        presentations = [part["asked"] for part in batch["parts"]]
        first = self._switches.permits.setdefault(url, presentations[0]["permit"])
        if self.identity is None or all(one["permit"] == first for one in presentations):
            return content, headers
        for one in presentations:
            one["permit"] = first
        content = canonical.encode(batch)
        signed = signatures.sign(
            "POST",
            url,
            content,
            key=self.identity.signing_key,
            keyid=self.identity.id,
            at=self._clock(),
        )
        return content, {**headers, **signed}

    async def close(self) -> None:
        await self._http.close()


@dataclass(frozen=True, slots=True, repr=False)
class ForgingIdentity(Identity):
    """Seals other answers than it signed."""

    how: Forgery = "altered"

    def seal(self, data: bytes, *, to: Member, label: str, context: bytes) -> str:
        if label == ANSWER_LABEL:
            data = forged(data.decode(), self.how, self.id).encode()
        return Identity.seal(self, data, to=to, label=label, context=context)


def forging(identity: Identity, how: Forgery) -> ForgingIdentity:
    return ForgingIdentity(identity.member, identity.signing_key, identity.sealer, how)


def forged(token: str, how: Forgery, member: str) -> str:
    """Another answer under the old signature, or under a signature that is not the member's."""
    header, payload, signature = token.split(".")
    answer = json.loads(encoding.decode(payload))
    for statement in answer["statements"]:
        if statement is not None:
            statement["values"] = {name: _other(v) for name, v in statement["values"].items()}
    if how == "wrong-key":
        key = ec.generate_private_key(ec.SECP256R1())
        return tokens.sign(answer, key=key, kid=member, typ=ANSWER)
    return f"{header}.{encoding.encode(canonical.encode(answer))}.{signature}"


def _other(value: object) -> object:
    """Something else of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1_000_000
        case str():
            return f"{value}?"
        case _:
            return value
