"""
Dead letters: what a receiver refused for good, for the operator to see and to release.

A role may have several outboxes, each with a name.  Letters are shown without their bodies, which are somebody's.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import BaseModel

from kiban.shared.access import operator
from kiban.shared.outbox import Outbox
from kiban.shared.problems import NotFound
from kiban.shared.routes import shared_routes

Outboxes = dict[str, Callable[[], Outbox]]


class DeadLetter(BaseModel):
    """A letter that its receiver refused for good."""

    outbox: str
    number: int
    topic: str
    key: str
    dead_at: datetime
    problem: str


class DeadLetters(BaseModel):
    letters: list[DeadLetter]


routes = shared_routes(dependencies=[Depends(operator)])
"""Show and release what lies in `app.state.outboxes`."""


def _outboxes(request: Request) -> Outboxes:
    found: Outboxes = request.app.state.outboxes
    return found


@routes.get("/dead-letters", operation_id="list_dead_letters")
async def list_dead_letters(request: Request) -> DeadLetters:
    """Every letter that its receiver refused for good, oldest first."""
    return DeadLetters(
        letters=[
            DeadLetter(
                outbox=name,
                number=one.id,
                topic=one.topic,
                key=one.key,
                dead_at=one.dead_at,
                problem=one.problem,
            )
            for name, outbox in _outboxes(request).items()
            for one in await outbox().dead()
        ]
    )


@routes.post(
    "/dead-letters/{outbox}/{number}/release",
    operation_id="release_dead_letter",
    status_code=204,
)
async def release_dead_letter(
    outbox: str, number: Annotated[int, Path(ge=1, lt=1 << 63)], request: Request
) -> None:
    """Let a letter be tried again."""
    outboxes = _outboxes(request)
    if outbox not in outboxes:
        raise NotFound("this role has no such outbox", sent=outbox)
    await outboxes[outbox]().release(number)
