"""
The front of every role: one factory, so that an `app.py` holds nothing but its routes.

It gives each service the same manners: problems as problem+json (or as a page, to a browser), a limit on bodies,
hostile addresses turned away before a route sees them, trace context, health, and an OpenAPI document that says
who may call what, and how they prove it.  A service with a route that does not declare its access does not start.

Refused: bodies over the limit, NUL and broken UTF-8 in addresses.  Anything unforeseen is one opaque 500, written
to the server's own log.
Sources: RFC 9457; OpenAPI 3.1 (extensions).
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kiban.shared import clock as clocks
from kiban.shared import mistakes, trace
from kiban.shared.access import Access, Anyone, Operator, anyone, declared_access, operator
from kiban.shared.batches import Asked, Batch, Given, Part, Told
from kiban.shared.clock import Clock
from kiban.shared.oauth import OAuthProblem, TokenRefused
from kiban.shared.pages import Pages
from kiban.shared.problems import (
    Forbidden,
    Malformed,
    MethodNotAllowed,
    NotFound,
    Opaque,
    Problem,
    TooLarge,
    TooMany,
    Unauthenticated,
)
from kiban.shared.routes import PLUMBING, PROBLEM_RESPONSES, named, shared_routes, take
from kiban.shared.trace import Spans, Tracing

__all__ = [
    "Access",
    "Anyone",
    "Operator",
    "add_pages",
    "anyone",
    "declared_access",
    "each",
    "every_route",
    "operations",
    "operator",
    "service",
]

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

MEBIBYTE = 1 << 20
_log = logging.getLogger("kiban")
_HTTP = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    429: TooMany,
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "description": "A problem after RFC 9457; further members say what was sent and expected.",
    "properties": {
        "type": {"type": "string", "examples": ["urn:kiban:problem:not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status"],
    "additionalProperties": True,
}


class Health(BaseModel):
    """That a role answers, which one it is, and what time its country has."""

    role: str
    version: str
    clock: datetime


class _Service(FastAPI):
    """FastAPI whose OpenAPI document says who may call each operation."""

    def openapi(self) -> dict[str, Any]:  # the document is JSON, and FastAPI's type for it
        document = super().openapi()
        parts = document.setdefault("components", {})
        parts.setdefault("schemas", {})["ProblemDocument"] = _PROBLEM_SCHEMA
        proofs = parts.setdefault("securitySchemes", {})
        access = {name: declared_access(route) for name, route in _named(self)}
        for methods in document["paths"].values():
            for operation in methods.values():
                declared = access[operation["operationId"]]
                operation["x-access"] = declared.name
                if declared.scheme:
                    operation["security"] = [{declared.name: []}]
                    proofs[declared.name] = declared.scheme
        return document


def service(
    title: str,
    *,
    role: str,
    clock: Clock,
    lifespan: Lifespan | None = None,
    pages: bool | Pages = False,
    operator_key: str | None = None,
    body_limit: int = MEBIBYTE,
) -> FastAPI:
    """
    Make the application of one role, with everything but its routes.

    `pages` says that browsers come here: True for the shared templates alone, or the service's own `Pages`.
    An operator's key adds what only the operator may do: move the clock, read the spans.
    """
    app = _Service(
        title=title,
        version=version("kiban"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # a route of ours below, which declares its access like any other
        redirect_slashes=False,
        lifespan=_checked(lifespan, operated=bool(operator_key)),
        responses=PROBLEM_RESPONSES,
        generate_unique_id_function=named,
    )
    site = Pages("kiban.shared") if pages is True else pages or None
    sites = {"": site} if site else {}
    spans = Spans(role, clock)
    answer = _answers(sites)
    for kind in (Problem, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)
    app.add_middleware(Tracing, spans=spans)
    app.add_middleware(Door, answer=answer, body_limit=body_limit)
    app.state.role, app.state.clock, app.state.spans, app.state.sites = role, clock, spans, sites
    take(app, plumbing)
    if operator_key:
        app.state.operator_key = operator_key
        take(app, clocks.routes, trace.routes)
    if site:
        site.install(app)
    return app


def add_pages(app: FastAPI, pages: Pages, *, under: str) -> None:
    """Let browsers come to one part of a service that is for programs otherwise."""
    sites: dict[str, Pages] = app.state.sites
    sites[under] = pages
    pages.install(app)


plumbing = shared_routes(tags=[PLUMBING], dependencies=[Depends(anyone)])


@plumbing.get("/health")
async def read_health(request: Request) -> Health:
    """Say that this role answers."""
    app: FastAPI = request.app
    return Health(role=app.state.role, version=app.version, clock=app.state.clock())


@plumbing.get("/openapi.json", include_in_schema=False)
async def read_openapi(request: Request) -> Response:
    return Response(json.dumps(request.app.openapi()), media_type="application/json")


def _checked(lifespan: Lifespan | None, *, operated: bool) -> Lifespan:
    """Refuse to start with a route that does not declare its access, or is an operator's whom nobody knows."""

    @asynccontextmanager
    async def checked(app: FastAPI) -> AsyncIterator[None]:
        for route in every_route(app):
            if declared_access(route).name == Operator.name and not operated:
                raise LookupError(f"{route.path} is the operator's, who has no key here")
        if lifespan is None:
            yield
        else:
            async with lifespan(app):
                yield

    return checked


def every_route(app: FastAPI) -> Iterator[RouteContext]:
    """Give each route of the application, also those that no document lists."""
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, APIRoute):
            raise TypeError(f"{context.path} is no FastAPI route, so it cannot declare its access")
        yield context


def _named(app: FastAPI) -> Iterator[tuple[str, RouteContext]]:
    for route in every_route(app):
        if route.include_in_schema:
            yield route.operation_id or route.unique_id, route


def operations(app: FastAPI) -> dict[str, RouteContext]:
    """Give what this service offers of its own, by operation id; not the plumbing that all have."""
    found: dict[str, RouteContext] = {}
    for name, route in _named(app):
        if PLUMBING not in route.tags:
            if name in found:
                raise LookupError(f"two operations are called {name}")
            found[name] = route
    return found


Answer = Callable[[Request, Exception], Any]


def _answers(sites: Mapping[str, Pages]) -> Answer:
    async def answer(request: Request, error: Exception) -> Response:
        problem = as_problem(error)
        site = _site(sites, request.scope["path"])
        if site and "text/html" in request.headers.get("accept", ""):
            return site.problem(request, problem)
        return problem_response(problem)

    return answer


def _site(sites: Mapping[str, Pages], path: str) -> Pages | None:
    """Find the pages of the part to which a path belongs: of several, the innermost."""
    parts = [under for under in sites if f"{path}/".startswith(f"{under}/")]
    return sites[max(parts, key=len)] if parts else None


def problem_response(problem: Problem) -> Response:
    # What a caller sent may hold a lone surrogate, which no encoding but "replace" survives.
    content = json.dumps(problem.document(), ensure_ascii=False).encode(errors="replace")
    return Response(
        content,
        status_code=problem.status,
        headers=problem.headers(),
        media_type="application/problem+json",
    )


def refuse_as_oauth(app: FastAPI, pages: Pages) -> None:
    """Give an authorization server's refusals as RFC 6749 wants them (section 5.2); all others like any problem."""

    async def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, OAuthProblem):
            raise error
        if "text/html" in request.headers.get("accept", ""):
            return pages.problem(request, error)
        response = problem_response(error)
        if not isinstance(error, TokenRefused):
            response.headers["content-type"] = "application/json"
        return response

    app.add_exception_handler(OAuthProblem, answer)


def as_problem(error: Exception) -> Problem:
    """Say in our words what the framework or a rule has raised."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _validation(error)
        case HTTPException(__cause__=Problem() as cause):
            return cause  # FastAPI hides what reading a body raises behind its own 400
        case HTTPException(status_code=status) if status < 500:  # noqa: PLR2004  RFC 9110
            return _refusal(error)
        case _:
            return Opaque()


async def each(
    batch: Batch[Asked], name: str, do: Callable[[Asked], Awaitable[Given]]
) -> list[Told[Given]]:
    """Do each part for itself, in a span of this name in its own trace; whatever it raises is its own."""

    async def told(part: Part[Asked]) -> Told[Given]:
        with trace.continued(part.trace, name):
            try:
                return Told(reply=await do(part.asked))
            except Exception as error:  # noqa: BLE001  nobody fails for another's sake
                problem = as_problem(error)
                if isinstance(problem, Opaque):
                    mistakes.log(_log, name, error)
                trace.saw(problem=problem.slug)
                return Told(problem=problem.document())

    return list(await asyncio.gather(*map(told, batch.parts)))


def _refusal(error: HTTPException) -> Problem:
    members = (
        {"allowed": error.headers["Allow"]} if error.headers and "Allow" in error.headers else {}
    )
    detail = "" if error.status_code in {404, 405} else str(error.detail)
    return _HTTP.get(error.status_code, Malformed)(detail, **members)


def _validation(error: RequestValidationError) -> Malformed:
    """Name the place, the rule and the shape of what was sent; never the value, which may be a PIN."""
    errors: list[dict[str, Any]] = list(error.errors())
    first, others = errors[0], len(errors) - 1
    if first["type"] == "json_invalid":
        return Malformed("the body is no JSON", rule="json_invalid", at="body")
    if first["loc"] == ("body",) and isinstance(first.get("input"), bytes):
        return Malformed(
            "the body was not sent as JSON",
            expected="content-type: application/json",
            rule="content-type",
            at="body",
        )
    place = ".".join(str(part)[:100] for part in first["loc"])
    more = f" (and {others} more)" if others else ""
    return Malformed(
        f"{place}: {first['msg']}{more}",
        sent=_shape(first),
        expected=str(first["msg"]),
        rule=str(first["type"]),
        at=place,
    )


def _shape(error: Mapping[str, Any]) -> str:
    sent = error.get("input")
    if error["type"] == "missing" or sent is None:
        return "nothing"
    if isinstance(sent, str | bytes):
        return f"text of length {len(sent)}"
    if isinstance(sent, list | tuple):
        return f"a list of {len(sent)}"
    return _KINDS.get(type(sent), "an object")


_KINDS = {bool: "a truth value", int: "a number", float: "a number"}


class ReplyBroken(Exception):  # noqa: N818  what happened, not what was wrong
    """A reply that was half sent when something broke; the log has the reason."""


class Door:
    """
    Pure ASGI, outermost: what must hold for every request and every reply.

    Turns away what no route should see, counts the body, takes HEAD for GET (RFC 9110 section 9.3.2), adds the headers
    that are right unless a route knows better, and answers our own mistakes with one opaque 500.
    """

    def __init__(self, app: ASGIApp, answer: Answer, body_limit: int) -> None:
        self.app = app
        self.answer = answer
        self.body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # the server sends no body for it
            scope = {**scope, "method": "GET"}
        started = False

        async def send_with_manners(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": _with_defaults(message.get("headers", ()))}
            await send(message)

        try:
            _check_address(scope)
            counted = _counted(scope, receive, self.body_limit)
            await self.app(scope, counted, send_with_manners)
        except Exception as error:  # noqa: BLE001  the last door: nothing of the inside goes out
            problem = as_problem(error)
            if isinstance(problem, Opaque):
                mistakes.log(_log, f"{scope['method']} {_pattern(scope)}", error)
            if started:  # only a broken connection can still say so
                raise ReplyBroken from None
            reply: Response = await self.answer(Request(scope), problem)
            await reply(scope, receive, send_with_manners)


def _pattern(scope: Scope) -> str:
    """Give the route's pattern: the address itself may hold an identifier."""
    return getattr(scope.get("route"), "path", "(no such route)")


def _check_address(scope: Scope) -> None:
    path: bytes = scope.get("raw_path") or scope["path"].encode(errors="surrogateescape")
    query: bytes = scope["query_string"]
    for name, sent in (("path", path), ("query", query)):
        if b"%" not in sent and sent.isascii() and b"\0" not in sent:
            continue
        plain = unquote_to_bytes(sent)
        if b"\0" in plain:
            raise Malformed(f"the {name} holds a NUL character", at=name)
        try:
            plain.decode()
        except UnicodeDecodeError as error:
            raise Malformed(f"the {name} is not UTF-8", at=name) from error


def _counted(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Count the body as it comes; one that will be parsed is gathered and looked at first."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise Malformed("Content-Length is not a number", at="header")
    if len(length) > 18 or int(length) > limit:  # noqa: PLR2004  digits of a 63-bit number
        raise _too_large(limit)
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    kind = headers.get(b"content-type", b"").lower()
    if b"json" in kind or b"urlencoded" in kind:
        return _gathered(counted, _check_json if b"json" in kind else _check_form)
    return counted


def _gathered(receive: Receive, check: Callable[[bytes], None]) -> Receive:
    async def gathered() -> Message:
        message = await receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        check(body)
        return {**message, "body": body} if message["type"] == "http.request" else message

    return gathered


_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_NO_CHARACTER = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def _check_json(body: bytes) -> None:
    # Python reads half a surrogate pair without a word; then no encoding, hash or database takes it.
    if b"\\u" in body and _NO_CHARACTER.search(_PAIR.sub(b"", body.replace(rb"\\", b""))):
        raise Malformed("a text holds a NUL or half a character", at="body")


def _check_form(body: bytes) -> None:
    if b"%00" in body or b"\0" in body:
        raise Malformed("a text holds a NUL", at="body")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"this door admits {limit} bytes", expected=f"at most {limit} bytes")


_DEFAULTS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


def _with_defaults(given: Any) -> list[tuple[bytes, bytes]]:
    headers = list(given)
    names = {name.lower() for name, _ in headers}
    return headers + [pair for pair in _DEFAULTS if pair[0] not in names]
