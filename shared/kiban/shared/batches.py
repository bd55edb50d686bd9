"""
Batches: what a member asks another at one moment travels as one signed request.

To sign, send and read a request costs more than most of what is asked.  So a few requests are under way at once; what
is asked meanwhile waits, and the next request carries it together.  Each part is granted or refused for itself, under
its own trace, as if it had come alone; the receiver learns nothing that the moment of its coming would not tell.

Source: DESIGN 5.8, 9; W3C Trace Context, section 3.2.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from pydantic import Field

from kiban.shared import trace
from kiban.shared.exchanges import FEW, Shape
from kiban.shared.gathering import Gathering
from kiban.shared.problems import Problem, Scalar, Unexplained

MOST = 64
"""Parts of one request."""
UNDER_WAY = 2
"""Requests to one neighbour that are under way before anybody waits: a slow answer holds up few."""

Asked = TypeVar("Asked", bound=Shape)
Given = TypeVar("Given", bound=Shape)


class Part(Shape, Generic[Asked]):
    """One thing asked, and the trace in which it is asked (`traceparent`)."""

    asked: Asked
    trace: str | None = Field(default=None, max_length=200)


class Batch(Shape, Generic[Asked]):
    parts: list[Part[Asked]] = Field(min_length=1, max_length=MOST)


class Told(Shape, Generic[Given]):
    """What came of one part: a reply, or a problem document (RFC 9457)."""

    reply: Given | None = None
    problem: dict[str, Scalar] | None = None

    def given(self) -> Given:
        """The reply, or the problem raised."""
        if self.reply is not None:
            return self.reply
        if self.problem is not None:
            raise Problem.from_document(self.problem)
        raise Unexplained("a part of a batch was neither answered nor refused")


class Replies(Shape, Generic[Given]):
    """What came of a batch, in its order."""

    told: list[Told[Given]]


class Carrier(Generic[Asked, Given]):
    """Carries to one neighbour what many ask of it; `send` takes parts, about so many people together."""

    def __init__(
        self, send: Callable[[Sequence[Part[Asked]], int], Awaitable[Sequence[Told[Given]]]]
    ) -> None:
        self._send = send
        self._gathering = Gathering(self._carried, most=MOST, at_once=UNDER_WAY)

    async def ask(self, asked: Asked, *, people: int) -> Given:
        """The neighbour's reply, or the problem that it raised; what is about many people goes alone."""
        one = Part(asked=asked, trace=trace.traceparent()), people
        if people > FEW:
            [told] = await self._carried([one])
        else:
            told = await self._gathering.add(one)
        return told.given()

    async def _carried(self, asked: Sequence[tuple[Part[Asked], int]]) -> list[Told[Given]]:
        # What became of a request that failed is not known, so it is not sent again for each part alone.
        try:
            told = await self._send([part for part, _ in asked], sum(people for _, people in asked))
            if len(told) != len(asked):
                raise Unexplained("a batch was answered in part", sent=len(told))
        except Problem as problem:
            return [Told(problem=problem.document()) for _ in asked]
        return list(told)
