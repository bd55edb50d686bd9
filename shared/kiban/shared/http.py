"""
The door to neighbours: the one module that knows an HTTP library.

Clients are written against `Http`; topology says by a route map where each public origin really is: at another
address, or in this very process.  So issuer names and redirects read the same embedded, in processes and in
containers, and no public name is ever resolved.

Never done here: following a redirect, waiting without an end, keeping a cookie, reading a proxy from the
environment, reading a reply without a limit.  A neighbour that is away is `Unavailable`, named without path or query.
Sources: RFC 9457; W3C Trace Context.
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import httpx
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp
from yarl import URL

from kiban.shared import trace
from kiban.shared.problems import PREFIX, Problem, Unavailable, Unexplained

TIMEOUT = 10.0
REPLY_LIMIT = 64 << 20
IDLE = 4.0  # seconds; less than uvicorn keeps an idle connection (5), or calls race with its close
Route = str | ASGIApp
Shape = TypeVar("Shape", bound=BaseModel)
_PROBLEMS = ("application/problem+json", "application/json")
"""OAuth's refusals are problems of the latter type (RFC 6749, section 5.2)."""


class Headers(Mapping[str, str]):
    """Header fields by name, in any case; repeated ones joined as RFC 9110 5.3 does."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = [(name.lower(), value) for name, value in pairs]
        self._joined: dict[str, str] = {}
        for name, value in self._pairs:
            before = self._joined.get(name)
            self._joined[name] = value if before is None else f"{before}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._joined[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined)

    def __len__(self) -> int:
        return len(self._joined)

    def all(self, name: str) -> list[str]:
        """Give each field line apart: Set-Cookie cannot be joined."""
        return [value for known, value in self._pairs if known == name.lower()]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Headers
    content: bytes

    def json(self) -> Any:  # whatever a neighbour says, until a contract reads it
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise Unexplained("the answer is not JSON", status_sent=self.status) from error

    def read(self, shape: type[Shape]) -> Shape:
        """Read what the contract promises, or say that it was not kept."""
        try:
            return shape.model_validate_json(self.content)
        except ValidationError as error:
            raise Unexplained(
                f"the answer is no {shape.__name__}", status_sent=self.status
            ) from error

    def raise_problem(self) -> Self:
        """Raise what the neighbour raised; give the reply back when it is none."""
        if self.status < 400:  # noqa: PLR2004  RFC 9110
            return self
        if self.headers.get("content-type", "").startswith(_PROBLEMS):
            document = self.json()
            if isinstance(document, dict) and str(document.get("type", "")).startswith(PREFIX):
                raise Problem.from_document(document)
        raise Unexplained(f"the neighbour answered {self.status}", status_sent=self.status)


class Http(Protocol):
    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  the deadline is the caller's to know
    ) -> Reply: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a public address really is."""

    origin: str
    route: Route
    host: str
    rest: str


def origin_of(url: str) -> str:
    """Give scheme, host and port, as browsers write an origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _target(routes: Mapping[str, Route], url: str) -> _Target:
    origin = origin_of(url)
    if origin not in routes:
        raise Unavailable(f"{origin} is on no route of ours", neighbour=origin)
    parts = urlsplit(url)
    rest = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(origin, routes[origin], parts.netloc, rest)


def _headers(given: Mapping[str, str] | None, host: str) -> dict[str, str]:
    parent = trace.traceparent()
    traced = {"traceparent": parent} if parent else {}
    return {"host": host, "accept-encoding": "identity", **traced, **(given or {})}


async def _in_time(target: _Target, call: Awaitable[Reply], seconds: float) -> Reply:
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as error:
        raise Unavailable(f"no answer within {seconds:g} s", neighbour=target.origin) from error
    except (httpx.TransportError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
        raise Unavailable("the connection failed", neighbour=target.origin) from error


class HttpxHttp:
    """By httpx: for tests and embedding, where a route may be an application in this process."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        *,
        tls: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
        reply_limit: int = REPLY_LIMIT,
    ) -> None:
        self._routes = {origin_of(origin): route for origin, route in routes.items()}
        self._tls = tls if tls is not None else True
        self._timeout = timeout
        self._reply_limit = reply_limit
        self._clients: dict[int | None, httpx.AsyncClient] = {}

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Reply:
        target = _target(self._routes, url)
        seconds = self._timeout if timeout is None else timeout
        call = self._send(target, method, content, _headers(headers, target.host))
        return await _in_time(target, call, seconds)

    async def _send(
        self, target: _Target, method: str, content: bytes, headers: Mapping[str, str]
    ) -> Reply:
        base = target.route if isinstance(target.route, str) else target.origin
        client = self._client(target.route)
        async with client.stream(
            method, base + target.rest, content=content, headers=headers
        ) as reply:
            read = await _limited(reply.aiter_raw, self._reply_limit, target.origin)
        return Reply(reply.status_code, Headers(reply.headers.multi_items()), read)

    def _client(self, route: Route) -> httpx.AsyncClient:
        key = None if isinstance(route, str) else id(route)
        if key not in self._clients:
            self._clients[key] = self._made(None if isinstance(route, str) else route)
        return self._clients[key]

    def _made(self, app: ASGIApp | None) -> httpx.AsyncClient:
        transport = (
            httpx.AsyncHTTPTransport(
                verify=self._tls, trust_env=False, limits=httpx.Limits(keepalive_expiry=IDLE)
            )
            if app is None
            else httpx.ASGITransport(app, raise_app_exceptions=False)
        )
        client = httpx.AsyncClient(transport=transport, timeout=None, trust_env=False)  # noqa: S113  _in_time ends it
        client.headers.clear()
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return client

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()


class AiohttpHttp:
    """
    By aiohttp: for the mesh's hot hops, at about a tenth of the cost.

    `tls` is for the neighbours on `routes`.  Who is `outside` is met as a stranger is: judged by the system's
    authorities, and shown no certificate of ours.
    """

    def __init__(
        self,
        routes: Mapping[str, str],
        *,
        outside: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
        reply_limit: int = REPLY_LIMIT,
        connections: int = 100,
    ) -> None:
        strangers = {origin_of(name): route for name, route in (outside or {}).items()}
        ours = {origin_of(name): route for name, route in routes.items()}
        self._routes: dict[str, Route] = {**ours, **strangers}
        self._tls = dict.fromkeys(ours.keys() - strangers.keys(), tls) if tls else {}
        self._timeout = timeout
        self._reply_limit = reply_limit
        self._connections = connections
        self._made: aiohttp.ClientSession | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Reply:
        target = _target(self._routes, url)
        seconds = self._timeout if timeout is None else timeout
        call = self._send(target, method, content, _headers(headers, target.host))
        return await _in_time(target, call, seconds)

    async def _send(
        self, target: _Target, method: str, content: bytes, headers: Mapping[str, str]
    ) -> Reply:
        async with self._session().request(
            method,
            _encoded(f"{target.route}{target.rest}"),
            data=content or None,
            headers=headers,
            allow_redirects=False,
            ssl=self._tls.get(target.origin, True),
        ) as reply:
            read = await _limited(reply.content.iter_any, self._reply_limit, target.origin)
        return Reply(reply.status, Headers(list(reply.headers.items())), read)

    def _session(self) -> aiohttp.ClientSession:
        # aiohttp wants to be made inside the loop that runs it.
        if self._made is None:
            self._made = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
                auto_decompress=False,
                skip_auto_headers={"User-Agent", "Content-Type"},
            )
        return self._made

    async def close(self) -> None:
        if self._made is not None:
            await self._made.close()
            self._made = None


def _encoded(url: str) -> URL:
    """Keep the address byte for byte: signatures cover it, so nothing may write it anew."""
    return URL(url, encoded=True)


async def _limited(chunks: Callable[[], Any], limit: int, origin: str) -> bytes:
    read: list[bytes] = []
    size = 0
    async for chunk in chunks():
        size += len(chunk)
        if size > limit:
            raise Unexplained(f"the answer is longer than {limit} bytes", neighbour=origin)
        read.append(chunk)
    return b"".join(read)


async def get_shape(http: Http, url: str, shape: type[Shape]) -> Shape:
    """Get what a contract promises, or raise what the neighbour raised."""
    reply = await http.send("GET", url, headers={"accept": "application/json"})
    return reply.raise_problem().read(shape)


async def get_json(
    http: Http,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109
) -> Any:
    """Get and read JSON, or raise what the neighbour raised."""
    asked = {"accept": "application/json", **(headers or {})}
    return (await http.send("GET", url, headers=asked, timeout=timeout)).raise_problem().json()


async def post_json(
    http: Http,
    url: str,
    body: object,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109
) -> Any:
    """Post JSON and read the JSON that comes back, or raise what the neighbour raised."""
    asked = {"accept": "application/json", "content-type": "application/json", **(headers or {})}
    content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    reply = await http.send("POST", url, content=content, headers=asked, timeout=timeout)
    return reply.raise_problem().json()
