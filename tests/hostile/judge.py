"""
The judge: what every reply must be, whatever was sent.

A refusal is a named problem that says why, in JSON or as a page; it tells nothing of our inside and nothing of a
person.  No reply sends a browser elsewhere, runs a script of the sender's, or breaks its own headers.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kiban.shared import problems
from kiban.shared.problems import PREFIX
from tests.architecture.scanner import Value, scan
from tests.hostile.values import SCRIPT
from tests.hostile.wire import Answered

NEIGHBOURS = {"unavailable", "log-unavailable", "neighbour-away"}
"""What may be answered with 5xx, because it is true: a neighbour is away."""
LONGEST = 6_000
"""Bytes of a problem: what was sent may be shown, but not sent back whole."""
INSIDE = re.compile(
    rb"Traceback|File \"/|site-packages|sqlalchemy|sqlite3|asyncpg|pydantic|\.py\b|<class '|object at 0x"
)
NAMED = re.compile(PREFIX.encode() + rb"([a-z0-9-]+)")
AGAIN = re.compile(b'data-problem="' + PREFIX.encode() + rb'([a-z0-9-]+)"')
_REGISTERED = {each.slug: each for each in problems.registered()}


@dataclass(frozen=True)
class Judge:
    """What is known of the country: its origins, and what may be told of nobody."""

    origins: frozenset[str]
    secret: Sequence[Value]

    def check(self, reply: Answered, *, asked: int = 0) -> None:
        """Return silently, or say what is wrong with a reply; `asked` is how long the address was."""
        self._headers(reply)
        if reply.kind == "text/html":
            assert SCRIPT.encode() not in reply.content, "a page runs what was sent"
        if reply.status < 400:
            return
        if not reply.content and reply.status != 304:
            # A HEAD request has no body to judge.
            raise AssertionError(f"{reply.status} without a word")
        assert not INSIDE.search(reply.content), f"tells of our inside: {reply.content[:600]!r}"
        slug = self._page(reply, asked) if reply.kind == "text/html" else self._document(reply)
        assert slug in _REGISTERED, f"nobody has registered {slug!r}"
        if reply.status >= 500:
            assert slug in NEIGHBOURS, f"{reply.status} {slug}: {reply.content[:600]!r}"

    def _headers(self, reply: Answered) -> None:
        for name, value in reply.headers:
            assert not set(b"\r\n\0") & set(name + value), f"a header is broken: {name!r} {value!r}"
        for location in reply.all(b"location"):
            where = location.decode("ascii")
            here = where.startswith("/") and not where.startswith(("//", "/\\"))
            assert here or self._ours(where), f"leads elsewhere: {where[:200]}"
        assert reply.all(b"x-content-type-options") == [b"nosniff"]

    def _ours(self, where: str) -> bool:
        return any(where.startswith((f"{one}/", f"{one}?")) for one in self.origins)

    def _document(self, reply: Answered) -> str:
        document = json.loads(reply.content.decode("utf-8"), parse_constant=_refused)
        slug = str(document["type"]).removeprefix(PREFIX)
        oauth = "error" in document
        kinds = {"application/problem+json"} | ({"application/json"} if oauth else set())
        assert reply.kind in kinds, f"{slug} comes as {reply.kind}"
        assert document["status"] == reply.status
        assert document["title"]
        if oauth:
            assert document["error_description"] or not document.get("detail")
        assert len(reply.content) <= LONGEST, f"{slug} sends {len(reply.content)} bytes back"
        self._says_nothing_of_people(reply.content)
        return slug

    def _page(self, reply: Answered, asked: int) -> str:
        """A page names the problem, or shows its own form again with what is to be mended."""
        assert b"<h1" in reply.content
        if shown_again := AGAIN.search(reply.content):
            return shown_again[1].decode()
        named = NAMED.search(reply.content)
        if named is None:
            assert b"error" in reply.content, f"a page of {reply.status} says nothing"
            return "malformed"
        # The links to the other languages keep the address, and escape it.
        assert len(reply.content) <= 4 * LONGEST + 20 * asked
        self._says_nothing_of_people(reply.content)
        return named[1].decode()

    def _says_nothing_of_people(self, content: bytes) -> None:
        found = scan([("problem", content)], self.secret)
        assert not found, f"a problem tells {found}: {content[:600]!r}"


def _refused(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
