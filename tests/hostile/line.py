"""
The line: stands between a party and its neighbours, listens, and can keep back what is about to be asked.

What is kept back is a request that the receiver has never seen, with nothing in it that was used before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kiban.shared.http import Http, Reply, origin_of
from kiban.shared.problems import Unavailable
from tests.hostile.wire import Asked, asked_of


@dataclass
class Exchange:
    """Every line of the country."""

    heard: list[tuple[str, Asked]] = field(default_factory=list)
    """What was asked and not refused, with the origin that was asked."""
    awaited: re.Pattern[str] | None = None
    kept_back: Asked | None = None
    listening: bool = True

    def line(self, _: str, http: Http) -> Http:
        return Line(http, self)

    def keep_back(self, pattern: str) -> None:
        """Keep back the next request to such an address, with its method before it."""
        self.awaited, self.kept_back = re.compile(pattern), None

    def withheld(self) -> Asked:
        """What was kept back."""
        if self.kept_back is None:
            raise LookupError(f"nobody asked for {self.awaited}")
        self.awaited = None
        return self.kept_back


@dataclass
class Line:
    """One party's line."""

    http: Http
    exchange: Exchange

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  as the door has it
    ) -> Reply:
        awaited = self.exchange.awaited
        if awaited and awaited.search(f"{method} {url}"):
            self.exchange.kept_back = asked_of(method, url, (headers or {}).items(), content)
            raise Unavailable("kept back")
        reply = await self.http.send(method, url, content=content, headers=headers, timeout=timeout)
        if self.exchange.listening and reply.status < 400:
            asked = asked_of(method, url, (headers or {}).items(), content)
            self.exchange.heard.append((origin_of(url), asked))
        return reply

    async def close(self) -> None:
        await self.http.close()
