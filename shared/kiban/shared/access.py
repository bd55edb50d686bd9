"""
Access: every route says who may call it, and what says it also enforces it.

An `Access` is a FastAPI dependency: it returns the caller or raises a Problem.  `declared_access` reads it back
from the route, so that a test, the OpenAPI document and the start of a service can refuse a route that says
nothing, or two things.

Source: OpenAPI 3.1, Security Scheme Object.
"""

import hmac
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext
from starlette.requests import Request

from kiban.shared.problems import Unauthenticated
from kiban.shared.settings import Secret

Caller_co = TypeVar("Caller_co", covariant=True)

Scheme = Mapping[str, Any]
"""A security scheme of an OpenAPI document."""

BEARER: Scheme = {"type": "http", "scheme": "bearer"}
SIGNED: Scheme = {
    "type": "apiKey",
    "in": "header",
    "name": "Signature",
    "description": "HTTP Message Signatures (RFC 9421) with the key of a member's certificate; "
    "Signature-Input and Content-Digest beside it",
}
ASSERTED: Scheme = {
    "type": "oauth2",
    "flows": {},
    "description": "private_key_jwt: client_assertion and its type in the form (RFC 7523)",
}
HELD_KEY: Scheme = {
    "type": "http",
    "scheme": "dpop",
    "description": "an access token and a proof of its key (RFC 9449)",
}


class Access(ABC, Generic[Caller_co]):
    """Who may call: `Depends(access)` gives the caller, or refuses."""

    name: str
    scheme: ClassVar[Scheme | None] = None
    """How a caller proves it; None where no program calls, or nobody has to."""

    @abstractmethod
    async def __call__(self, request: Request) -> Caller_co: ...


class Anyone(Access[None]):
    """Public on purpose."""

    name = "anyone"

    async def __call__(self, request: Request) -> None:
        """Let everybody in."""


anyone = Anyone()


class Bearer(Access[None]):
    """A program of its own that is no member: it holds a secret, and sends exactly that."""

    scheme = BEARER
    whom: str
    """Who that is, as a refusal says it."""

    def __init__(self, secret: Secret) -> None:
        if not secret.reveal():
            raise ValueError(f"the secret of {self.whom} may not be empty")
        self._expected = f"Bearer {secret.reveal()}".encode()

    async def __call__(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._expected):
            raise Unauthenticated(f"this is for {self.whom}", expected="Authorization: Bearer")


class Operator(Access[None]):
    """Whoever runs this role: holds its bearer key (`app.state.operator_key`)."""

    name = "operator"
    scheme = BEARER

    async def __call__(self, request: Request) -> None:
        key: str = request.app.state.operator_key
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("no operator's key was sent", expected="Authorization: Bearer")
        if not hmac.compare_digest(given.strip().encode(), key.encode()):
            raise Unauthenticated("this is not the operator's key")


operator = Operator()


def _accesses(dependant: Dependant) -> Iterator[Access[object]]:
    if isinstance(dependant.call, Access):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _accesses(inner)


def declared_access(route: APIRoute | RouteContext) -> Access[object]:
    """Tell who may call this route; a route that says nothing, or two things, is a mistake."""
    found = {id(access): access for access in _accesses(route.dependant)}
    if len(found) != 1:
        names = sorted(access.name for access in found.values())
        raise LookupError(f"{route.path} declares {names or 'no access'}, not one")
    return next(iter(found.values()))
