"""
Problems: whatever a caller can act on, as RFC 9457 problem documents that cross the wire as themselves.

A problem is one class: slug, title and status.  Declaring the class registers it; the server renders it, the
client finds it by its slug and raises the very same class.  A detail states the fact, members carry what was
sent, what was expected and the rule.  Neither ever holds a secret or a personal value.

Refused: two classes with one slug, a slug that is not lower-case words, a member that RFC 9457 reserves.
Sources: RFC 9457 sections 3 and 4.
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Self

Scalar = str | int | float | bool | None

PREFIX = "urn:kiban:problem:"
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_RESERVED = frozenset({"type", "title", "status", "detail", "instance"})
_registered: dict[str, type["Problem"]] = {}


class Problem(Exception):  # noqa: N818  a problem is named by what is wrong
    """Something the caller can act on.  Subclasses say `slug, title, status`."""

    slug: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, detail: str = "", **members: Scalar) -> None:
        if reserved := _RESERVED & members.keys():
            raise TypeError(f"reserved by RFC 9457: {sorted(reserved)}")
        super().__init__(detail)
        self.detail = detail
        self.members = members

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "slug" not in cls.__dict__:
            return
        if not _SLUG.fullmatch(cls.slug) or not 400 <= cls.status <= 599:  # noqa: PLR2004  RFC 9110
            raise TypeError(f"{cls.__qualname__}: a slug is lower-case-words, a status 400 to 599")
        known = _registered.setdefault(cls.slug, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"{cls.slug} is {known.__qualname__} already, not {cls.__qualname__}")
        _registered[cls.slug] = cls

    def __str__(self) -> str:
        return f"{self.title}: {self.detail}" if self.detail else self.title

    @property
    def type(self) -> str:
        return PREFIX + self.slug

    def headers(self) -> dict[str, str]:
        """What HTTP wants beside the document."""
        return {}

    def document(self) -> dict[str, Scalar]:
        said = {"detail": self.detail} if self.detail else {}
        return {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            **said,
            **self.members,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> "Problem":
        """Give the registered problem back, or `Unexplained` when its type is not known here."""
        name, detail = document.get("type"), document.get("detail")
        text = detail if isinstance(detail, str) else ""
        members = {
            str(key): value
            for key, value in document.items()
            if key not in _RESERVED and isinstance(value, str | int | float | bool | None)
        }
        slug = name.removeprefix(PREFIX) if isinstance(name, str) else ""
        known = _registered.get(slug)
        if known is None or name == slug:
            return Unexplained(text, neighbour_type=str(name)[:200])
        return known._rebuilt(text, members)  # noqa: SLF001  its own class

    @classmethod
    def _rebuilt(cls, detail: str, members: dict[str, Scalar]) -> Self:
        # A subclass may take other arguments; what came over the wire is already worded.
        problem = cls.__new__(cls)
        Problem.__init__(problem, detail, **members)
        return problem


def registered() -> list[type[Problem]]:
    """Every problem that an imported contract declares, by slug: the source of docs/problems.md."""
    return [_registered[slug] for slug in sorted(_registered)]


class Malformed(Problem):
    slug, title, status = "malformed", "The request does not have the required form", 422


class Unauthenticated(Problem):
    slug, title, status = "unauthenticated", "Who is asking is not proven", 401

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(Problem):
    slug, title, status = "forbidden", "The caller may not do this", 403


class NotFound(Problem):
    slug, title, status = "not-found", "There is no such thing here", 404


class MethodNotAllowed(Problem):
    slug, title, status = "method-not-allowed", "This address does not take that method", 405

    def headers(self) -> dict[str, str]:
        return {"Allow": str(self.members["allowed"])} if self.members.get("allowed") else {}


class TooLarge(Problem):
    slug, title, status = "too-large", "The body is larger than this door admits", 413


class TooMany(Problem):
    """Say `retry_after_seconds=` where it is known."""

    slug, title, status = "too-many", "Too many requests in too short a time", 429

    def headers(self) -> dict[str, str]:
        wait = self.members.get("retry_after_seconds")
        return {} if wait is None else {"Retry-After": str(wait)}


class Unexplained(Problem):
    slug, title, status = "unexplained", "A neighbour answered what it never promised", 502


class Unavailable(Problem):
    slug, title, status = "unavailable", "A neighbour is away; ask again later", 503


class Opaque(Problem):
    """The one answer to our own mistakes: nothing of the inside reaches the caller."""

    slug, title, status = "internal", "Something broke on our side", 500
