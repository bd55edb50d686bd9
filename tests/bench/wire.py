"""
A thin HTTP client, so that making load takes little of the cores that are measured.

One connection is kept and carries one request at a time; what comes back is read by its length, or to the end where
the server closes.  It is no client for anything else: no redirects, no chunks, no TLS.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_BLANK = b"\r\n\r\n"


class ConnectionEnded(Exception):  # noqa: N818  what happened
    """The server closed before it had answered."""


@dataclass(frozen=True, slots=True)
class Heard:
    status: int
    body: bytes


class Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.open = True
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()
        self._answer: asyncio.Future[Heard] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._read += data
        self._look(ended=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._answer and not self._answer.done():
            self._look(ended=True)
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionEnded())

    def _look(self, *, ended: bool) -> None:
        end = self._read.find(_BLANK)
        if end < 0:
            return
        length = _LENGTH.search(self._read, 0, end)
        start = end + len(_BLANK)
        stop = start + int(length[1]) if length else len(self._read)
        if len(self._read) < stop or (length is None and not ended):
            return
        heard = Heard(int(self._read[9:12]), bytes(self._read[start:stop]))
        del self._read[:stop]
        if self._answer and not self._answer.done():
            self._answer.set_result(heard)

    async def ask(self, request: bytes) -> Heard:
        assert self._transport
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport:
            self._transport.close()


class Line:
    """A few connections to one place; each asker takes one, and a new one where the server closes them."""

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self.host = parts.netloc
        self._where = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._idle: list[Wire] = []

    async def ask(self, request: bytes) -> Heard:
        wire = await self._wire()
        heard = await wire.ask(request)
        if wire.open:
            self._idle.append(wire)
        return heard

    async def _wire(self) -> Wire:
        while self._idle:
            wire = self._idle.pop()
            if wire.open:
                return wire
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(Wire, *self._where)
        return made

    def close(self) -> None:
        for wire in self._idle:
            wire.close()


@asynccontextmanager
async def line(origin: str) -> AsyncIterator[Line]:
    async with AsyncExitStack() as stack:
        made = Line(origin)
        stack.callback(made.close)
        yield made


def request(
    method: str, path: str, host: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a request."""
    given = {"host": host, "content-length": str(len(body)), **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode() + _BLANK + body
