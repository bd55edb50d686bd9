"""
Shared routes: declared once, answered by every application that takes them.

FastAPI analyses a route anew for each application that includes it, which is most of what a start takes where a
process has many gateways.  These are the same objects in all of them: what belongs to one application, a route finds
at `request.app.state`.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, params

PLUMBING = "plumbing"  # the tag of what every role has, so that a client need not repeat it
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457)",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
        },
    }
}


def named(route: Any) -> str:
    """The operation's id: its function's name."""
    return str(route.name)


def shared_routes(
    *, tags: Sequence[str] = (), dependencies: Sequence[params.Depends] = ()
) -> APIRouter:
    """A place to declare routes that several applications answer."""
    return APIRouter(
        tags=list(tags),
        dependencies=dependencies,
        responses=PROBLEM_RESPONSES,
        generate_unique_id_function=named,
    )


def take(app: FastAPI, *routes: APIRouter) -> None:
    """Let an application answer these routes too."""
    for each in routes:
        app.router.routes.extend(each.routes)
