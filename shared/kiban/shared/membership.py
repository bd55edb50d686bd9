"""
Membership: requests between members, signed by their sender and verified by their receiver.

`Members` is the access of a route that only members may call; `SignedHttp` is what a member calls with.  The
target's origin is part of what is signed, so that a request to one member is worth nothing at another.

Refused: see `kiban.shared.signatures`; and members whom the route does not admit.

Source: DESIGN 5.8; RFC 9421, RFC 9530.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request

from kiban.shared import canonical, signatures, trace
from kiban.shared.access import SIGNED, Access
from kiban.shared.clock import Clock
from kiban.shared.http import Http, Reply
from kiban.shared.members import Identity, Member
from kiban.shared.problems import Forbidden

Resolve = Callable[[str], Awaitable[Member]]
"""Find the verified member of this name, or raise the problem that says why there is none."""


@dataclass(frozen=True, slots=True)
class SignedCaller:
    """Who sent a request, proven by its signature."""

    member: Member
    presented: signatures.Presented
    """What was signed, and the signature: the evidence that this very request was made."""


class Members(Access[SignedCaller]):
    """Only members may call, and where `only` is given, only these."""

    scheme = SIGNED

    def __init__(
        self,
        resolve: Resolve,
        *,
        origin: str,
        clock: Clock,
        only: frozenset[str] | None = None,
        name: str = "member",
    ) -> None:
        self.name = name
        self._resolve = resolve
        self._origin = origin
        self._clock = clock
        self._only = only
        self._nonces = signatures.Nonces()

    async def __call__(self, request: Request) -> SignedCaller:
        return await self.proven(request, None)

    async def proven(self, request: Request, known: Member | None) -> SignedCaller:
        """Who signed this request: the member that it names, or the one that is known already."""
        body = await request.body()
        target = self._origin + request.scope["raw_path"].decode("ascii", "replace")
        if query := request.scope["query_string"]:
            target += "?" + query.decode("ascii", "replace")
        presented = signatures.read(request.method, target, request.headers, body)
        if self._only is not None and presented.keyid not in self._only:
            raise Forbidden(
                "this member may not do this",
                sent=presented.keyid,
                expected=", ".join(sorted(self._only)),
            )
        member = known or await self._resolve(presented.keyid)
        if member.id != presented.keyid:
            raise Forbidden("the request is signed in another name", sent=presented.keyid)
        at = self._clock()
        presented.verify(member.signing_key, at=at)
        self._nonces.spend(presented, at=at)
        trace.saw(caller=member.id)
        return SignedCaller(member, presented)


class SignedHttp:
    """HTTP as a member: each request carries its signature."""

    def __init__(
        self, http: Http, identity: Identity | Callable[[], Identity], clock: Clock
    ) -> None:
        self._http = http
        self._identity = identity
        self._clock = clock

    async def get(self, url: str, *, timeout: float | None = None) -> Reply:  # noqa: ASYNC109
        return await self.send("GET", url, timeout=timeout)

    async def post(
        self,
        url: str,
        shape: BaseModel | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Reply:
        return await self.send("POST", url, _written(shape), timeout=timeout)

    async def put(self, url: str, shape: BaseModel | None = None) -> Reply:
        return await self.send("PUT", url, _written(shape))

    async def send(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Reply:
        """The reply, or the problem that the receiver raised."""
        identity = self._identity() if callable(self._identity) else self._identity
        headers = signatures.sign(
            method, url, body, key=identity.signing_key, keyid=identity.id, at=self._clock()
        )
        headers["accept"] = "application/json"
        if body:
            headers["content-type"] = "application/json"
        reply = await self._http.send(method, url, content=body, headers=headers, timeout=timeout)
        return reply.raise_problem()


def _written(shape: BaseModel | None) -> bytes:
    return canonical.encode(shape.model_dump(mode="json")) if shape is not None else b""
