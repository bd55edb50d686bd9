"""
Trace: what each party did and could see, hop by hop, joined by W3C trace context.

Every request to a role is a span.  Its name is the route's pattern, never the address that was asked, because an
address can hold an identifier.  What the party could see is added by `saw`, by those who know what may be shown.
A trace ends at the mesh's door: `new_trace` begins another behind it, and only the one who crosses keeps the link.

Refused, silently as the standard asks: a `traceparent` that is not well formed; a new trace begins then.
Sources: W3C Trace Context, section 3.2.
"""

import re
import secrets
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kiban.shared.access import operator
from kiban.shared.clock import Clock
from kiban.shared.routes import PLUMBING, shared_routes

_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}"
)
_LONGEST_HEADER = (
    200  # a later version may be longer than 55 characters; nothing honest is longer than this
)
_QUIET = frozenset({"/health", "/spans", "/clock", "/openapi.json"})


@dataclass(slots=True)
class Span:
    """One party's share of a trace, open while it works."""

    trace_id: str
    span_id: str
    parent_id: str | None
    role: str
    name: str
    started_at: datetime
    duration_ms: float | None = None
    saw: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)  # traces begun behind the mesh's door
    number: int = 0

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


class Spans:
    """The last spans of one role, oldest forgotten first."""

    def __init__(self, role: str, clock: Clock, *, limit: int = 10_000) -> None:
        self.role = role
        self.clock = clock
        self.last = 0
        self._kept: deque[Span] = deque(maxlen=limit)

    def start(
        self, name: str, *, trace_id: str | None = None, parent_id: str | None = None
    ) -> Span:
        chance = secrets.token_hex(24)
        return Span(trace_id or chance[:32], chance[32:], parent_id, self.role, name, self.clock())

    def keep(self, span: Span, *, duration: float) -> None:
        self.last += 1
        span.number = self.last
        span.duration_ms = round(duration * 1000, 3)
        self._kept.append(span)

    def after(self, number: int, *, limit: int = 1000) -> list[Span]:
        """Give the spans that ended after this one, oldest first."""
        found = []
        for span in reversed(self._kept):
            if span.number <= number:
                break
            found.append(span)
        return found[::-1][:limit]


@dataclass(frozen=True, slots=True)
class _Open:
    span: Span
    spans: Spans


_open: ContextVar[_Open | None] = ContextVar("kiban_span", default=None)


def current() -> Span | None:
    """Give the span that is open here, if any."""
    here = _open.get()
    return here.span if here else None


def traceparent() -> str | None:
    """Give the header that says where a call comes from."""
    span = current()
    return span.traceparent if span else None


def saw(**facts: str) -> None:
    """Add what this party could see to its open span; only what may be shown."""
    if here := _open.get():
        here.span.saw.update(facts)


@contextmanager
def new_trace(name: str) -> Iterator[None]:
    """Work under a trace of its own; the span outside keeps the link, the one inside does not."""
    here = _open.get()
    if here is None:
        yield
        return
    inner = here.spans.start(name)
    here.span.links.append(inner.trace_id)
    with _opened(_Open(inner, here.spans)):
        yield


@contextmanager
def continued(traceparent: str | None, name: str) -> Iterator[None]:
    """Work in the trace of one of those for whom a request was made; this role records it like any other hop."""
    here = _open.get()
    with resumed(traceparent, name, here.spans if here else None):
        yield


@contextmanager
def resumed(traceparent: str | None, name: str, spans: Spans | None) -> Iterator[None]:
    """Go on with a trace that was put down; without its role's recorder, work untraced."""
    if spans is None:
        yield
        return
    trace_id, parent_id = parse((traceparent or "").encode()) or (None, None)
    with _opened(_Open(spans.start(name, trace_id=trace_id, parent_id=parent_id), spans)):
        yield


@contextmanager
def _opened(here: _Open) -> Iterator[None]:
    token, began = _open.set(here), time.perf_counter()
    try:
        yield
    finally:
        _open.reset(token)
        here.spans.keep(here.span, duration=time.perf_counter() - began)


def parse(traceparent: bytes) -> tuple[str, str] | None:
    """Give trace and parent ids of a well-formed header."""
    if len(traceparent) > _LONGEST_HEADER:
        return None
    match = _TRACEPARENT.match(traceparent)
    if match is None or (
        traceparent[match.end() :] and _only_version_zero_ends(traceparent, match.end())
    ):
        return None
    return match[1].decode(), match[2].decode()


def _only_version_zero_ends(traceparent: bytes, end: int) -> bool:
    return traceparent.startswith(b"00") or traceparent[end : end + 1] != b"-"


class Tracing:
    """Pure ASGI: one span per request."""

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self.app = app
        self.spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self.app(scope, receive, send)
            return
        trace_id, parent_id = parse(dict(scope["headers"]).get(b"traceparent", b"")) or (None, None)
        span = self.spans.start(scope["method"], trace_id=trace_id, parent_id=parent_id)

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.name = _name(scope)
                span.saw["status"] = str(message["status"])
            await send(message)

        # As `_opened` does, but this is the path of every request, and a generator costs.
        token, began = _open.set(_Open(span, self.spans)), time.perf_counter()
        try:
            await self.app(scope, receive, send_named)
        finally:
            _open.reset(token)
            self.spans.keep(span, duration=time.perf_counter() - began)


def _name(scope: Scope) -> str:
    route = scope.get("route")
    return f"{scope['method']} {getattr(route, 'path', '(no such route)')}"


class SpanSeen(BaseModel):
    """A span, as the flow viewer reads it."""

    number: int
    trace_id: str
    span_id: str
    parent_id: str | None
    role: str
    name: str
    started_at: datetime
    duration_ms: float | None
    saw: dict[str, str]
    links: list[str]


class SpansSeen(BaseModel):
    """A stretch of the recorder; ask again with `after=next`."""

    spans: list[SpanSeen]
    next: int


routes = shared_routes(tags=[PLUMBING])
"""GET /spans, of `app.state.spans`; `service()` adds it where it is given an operator's key."""


@routes.get("/spans", dependencies=[Depends(operator)])
async def read_spans(
    request: Request, after: Annotated[int, Query(ge=0, le=2**53)] = 0
) -> SpansSeen:
    """Read the spans that ended after the given number."""
    spans: Spans = request.app.state.spans
    since = after if after <= spans.last else 0  # this role has begun anew since
    found = [SpanSeen.model_validate(span, from_attributes=True) for span in spans.after(since)]
    return SpansSeen(spans=found, next=found[-1].number if found else since)
