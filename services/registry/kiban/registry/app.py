"""
The registry as an application.

At its start it takes in what it does not have yet, the installed edition of the postal data and the country's legal
entities, and puts everything that is listed into memory.  All of it is public, so anybody may ask and any cache may
keep the answers for a while; an address in somebody's own words travels in a body and is kept by nobody.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated

from fastapi import Depends, FastAPI, Path, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import AwareDatetime
from starlette.types import Receive, Scope, Send

from kiban.registry import intake
from kiban.registry.contract import (
    TOWN_ID,
    AddressAnswer,
    AddressText,
    CorporateNumber,
    Cursor,
    LegalEntities,
    LegalEntity,
    Municipalities,
    Municipality,
    MunicipalityCode,
    PostalCode,
    PrefectureCode,
    SourceDescription,
    Town,
    Towns,
)
from kiban.registry.register import Desk
from kiban.registry.settings import RegistrySettings
from kiban.registry.store import StoredHistory
from kiban.shared.app import anyone, service
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.exchanges import Shape
from kiban.shared.http import Http

CACHED = "public, max-age=60"
"""How long a cache may answer by itself: a new edition is seen that much later."""

Code = Annotated[MunicipalityCode, Path()]
Id = Annotated[str, Path(pattern=f"^{TOWN_ID}$")]
Number = Annotated[CorporateNumber, Path()]
Name = Annotated[str | None, Query(min_length=1, max_length=100)]
ValidAt = Annotated[date | None, Query(description="as it was on this day")]
KnownAt = Annotated[AwareDatetime | None, Query(description="as it was known at this time")]
Limit = Annotated[int, Query(ge=1, le=100)]
Continue = Annotated[Cursor | None, Query(description="what `next` said")]


def create_app(
    settings: RegistrySettings,
    *,
    db: Database,
    http: Http,  # noqa: ARG001  every role is given one; the registry asks nobody
    clock: Clock,
) -> FastAPI:
    """The registry as an application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await db.migrate("kiban.registry")
        await intake.take_all(db, settings, clock)
        app.state.desk = Desk(await intake.listed(db), StoredHistory(db))
        yield

    app = service(
        "Kiban registry (SIMULATED legal entities, real addresses)",
        role="registry",
        clock=clock,
        lifespan=lifespan,
        operator_key=settings.operator_key.reveal(),
    )
    _by_id(app)
    _by_search(app)
    return app


def _desk(app: FastAPI) -> Desk:
    desk: Desk = app.state.desk
    return desk


def _public(request: Request, shape: Shape) -> Response:
    """Answer with a tag of the register's state and the software's version; not at all where it is known."""
    app: FastAPI = request.app
    tag = f'"{app.version}-{_desk(app).listed.sequence}"'
    headers = {"etag": tag, "cache-control": CACHED}
    known = request.headers.get("if-none-match")
    if known and tag in (each.strip().removeprefix("W/") for each in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(shape.model_dump_json(), media_type="application/json", headers=headers)


Listed = Callable[[Desk, str], Shape | None]


def _look_up(listed: Listed) -> type[APIRoute]:
    """
    Make the kind of route that looks something up by its id alone.

    What is listed is answered before FastAPI solves parameters and dependencies, which costs several times the
    look-up.  Anything else, an id that is not listed or a question with a query, goes the usual way.
    """

    class LookUp(APIRoute):
        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            shape = None
            if scope["method"] == "GET" and not scope["query_string"]:
                (name,) = scope["path_params"].values()
                shape = listed(_desk(scope["app"]), name)
            if shape is None:
                await super().handle(scope, receive, send)
            else:
                await _public(Request(scope), shape)(scope, receive, send)

    return LookUp


def _by_id(app: FastAPI) -> None:
    async def read_municipality(
        request: Request, code: Code, valid_at: ValidAt = None, known_at: KnownAt = None
    ) -> Response:
        """Read a municipality or a ward by its six-digit code."""
        return _public(request, await _desk(app).read_municipality(code, valid_at, known_at))

    async def read_town(
        request: Request, town_id: Id, valid_at: ValidAt = None, known_at: KnownAt = None
    ) -> Response:
        """Read a town by its id, also one that is no longer listed."""
        return _public(request, await _desk(app).read_town(town_id, valid_at, known_at))

    async def read_legal_entity(
        request: Request, number: Number, valid_at: ValidAt = None, known_at: KnownAt = None
    ) -> Response:
        """Read a legal entity by its corporate number."""
        return _public(request, await _desk(app).read_legal_entity(number, valid_at, known_at))

    for path, route, shape, listed in (
        ("/municipalities/{code}", read_municipality, Municipality, Desk.listed_municipality),
        ("/towns/{town_id}", read_town, Town, Desk.listed_town),
        ("/legal-entities/{number}", read_legal_entity, LegalEntity, Desk.listed_legal_entity),
    ):
        app.router.add_api_route(
            path,
            route,
            methods=["GET"],
            response_model=shape,
            dependencies=[
                Depends(anyone)
            ],  # what the short way does not ask, there is nobody to refuse
            route_class_override=_look_up(listed),
        )
        app.router.routes.insert(0, app.router.routes.pop())  # routes are tried in their order


def _by_search(app: FastAPI) -> None:
    @app.get("/municipalities", response_model=Municipalities, dependencies=[Depends(anyone)])
    async def list_municipalities(
        request: Request,
        prefecture: Annotated[PrefectureCode | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=2000)] = 100,
        cursor: Continue = None,
    ) -> Response:
        """List municipalities in the order of their codes, of one prefecture or all."""
        return _public(request, _desk(app).list_municipalities(prefecture, limit, cursor))

    @app.get("/towns", response_model=Towns, dependencies=[Depends(anyone)])
    async def find_towns(  # noqa: PLR0917  FastAPI fills them by name
        request: Request,
        postal_code: Annotated[PostalCode | None, Query()] = None,
        name: Name = None,
        municipality: Annotated[MunicipalityCode | None, Query()] = None,
        limit: Limit = 20,
        cursor: Continue = None,
    ) -> Response:
        """Find towns by postal code, by any part of the address in kanji or kana, or by municipality."""
        found = _desk(app).find_towns(postal_code, name, municipality, limit, cursor)
        return _public(request, found)

    @app.get("/legal-entities", response_model=LegalEntities, dependencies=[Depends(anyone)])
    async def find_legal_entities(
        request: Request,
        name: Annotated[str, Query(min_length=1, max_length=100)],
        limit: Limit = 20,
        cursor: Continue = None,
    ) -> Response:
        """Find legal entities by any part of the name, in Japanese, kana or English."""
        return _public(request, _desk(app).find_legal_entities(name, limit, cursor))

    @app.post("/addresses/resolve", dependencies=[Depends(anyone)])
    async def resolve_address(asked: AddressText) -> AddressAnswer:
        """Say which municipality and town a free text means: resolved, ambiguous or partial."""
        return _desk(app).resolve_address(asked)

    @app.get("/source", response_model=SourceDescription, dependencies=[Depends(anyone)])
    async def describe_source(request: Request) -> Response:
        """Say what the registry holds, from which editions, under which licences."""
        return _public(request, _desk(app).describe_source())
