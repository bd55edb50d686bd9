"""
The wire: requests byte for byte, as no client library would send them, to an application in this process.

What comes to an application here is what uvicorn would hand it; what goes out is kept as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message

Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: bytes
    query: bytes = b""
    headers: Fields = ()
    body: bytes = b""

    @property
    def target(self) -> bytes:
        return self.path + (b"?" + self.query if self.query else b"")

    def header(self, name: bytes) -> bytes:
        return next((value for known, value in self.headers if known == name), b"")

    def with_header(self, name: bytes, value: bytes) -> "Asked":
        """The same with this field alone under this name."""
        kept = tuple(pair for pair in self.headers if pair[0] != name)
        return replace(self, headers=(*kept, (name, value)))

    def without(self, *names: bytes) -> "Asked":
        kept = tuple(pair for pair in self.headers if pair[0] not in names)
        return replace(self, headers=kept)

    def __str__(self) -> str:
        shown = b"".join(b"\n%b: %b" % (name, value[:300]) for name, value in self.headers)
        body = b"%b (%d bytes)" % (self.body[:1500], len(self.body))
        line = b"%b %b" % (self.method.encode(), self.target[:600])
        return b"%b%b\n\n%b".__mod__((line, shown, body)).decode(errors="backslashreplace")


@dataclass(frozen=True)
class Answered:
    """One reply."""

    status: int
    headers: Fields
    content: bytes

    def all(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known.lower() == name]

    @cached_property
    def kind(self) -> str:
        """The media type, without parameters."""
        return b",".join(self.all(b"content-type")).decode("latin-1").partition(";")[0]


class Unanswered(AssertionError):  # noqa: N818  named by what is wrong
    """The application broke off before it had answered."""


async def ask(app: ASGIApp, asked: Asked, *, host: str = "127.0.0.1") -> Answered:
    """Send a request; whatever the application raises is the test's failure."""
    sent: list[Message] = []
    waiting: list[Message] = [{"type": "http.request", "body": asked.body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(_scope(asked, host), receive, send)
    if not sent or sent[0]["type"] != "http.response.start":
        raise Unanswered(str(asked))
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Answered(sent[0]["status"], tuple(sent[0].get("headers", ())), content)


def _scope(asked: Asked, host: str) -> dict[str, Any]:
    names = {name for name, _ in asked.headers}
    headers = [*asked.headers]
    if b"host" not in names:
        headers.insert(0, (b"host", host.encode()))
    if b"content-length" not in names and asked.body:
        headers.append((b"content-length", b"%d" % len(asked.body)))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 50_000),
        "method": asked.method,
        "root_path": "",
        "path": unquote(asked.path.decode("ascii")),
        "raw_path": asked.path,
        "query_string": asked.query,
        "headers": headers,
        "state": {},
    }


def asked_of(method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes) -> Asked:
    """The request that a client of ours has sent."""
    parts = urlsplit(url)
    fields = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers)
    return Asked(method, (parts.path or "/").encode(), parts.query.encode(), fields, body)
