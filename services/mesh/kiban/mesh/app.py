"""The core's routes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import PlainTextResponse, Response

from kiban.mesh import country
from kiban.mesh.contract import (
    ConsistencyProof,
    Directory,
    Enrolment,
    Entry,
    EpochMove,
    InclusionProof,
    InclusionProofs,
    LeavesAsked,
    LogEntries,
    OutcomeReply,
    OutcomeReport,
    PermitReplies,
    PermitReply,
    PermitsAsked,
    TokenRedemption,
)
from kiban.mesh.core import Core
from kiban.mesh.settings import CoreSettings
from kiban.shared.access import anyone, operator
from kiban.shared.app import each, service
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.exchanges import Blinded, Count, Hex64, MemberId
from kiban.shared.http import Http
from kiban.shared.membership import Members, SignedCaller

TITLE = "Kiban mesh core (SIMULATED)"
BODY_LIMIT = 16 << 20
"""A bulk of 65,535 people is 2 MiB of points, and base64url."""


def create_app(settings: CoreSettings, *, db: Database, http: Http, clock: Clock) -> FastAPI:
    """The core as an application; it becomes a member when it starts."""
    core = Core(settings, country.load(settings.country), db, http, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await core.start(stack)
            yield

    app = service(
        TITLE,
        role="core",
        clock=clock,
        lifespan=lifespan,
        operator_key=settings.operator_key.reveal(),
        body_limit=BODY_LIMIT,
    )
    app.state.core = core
    _member_routes(app, core)
    _public_routes(app, core)
    return app


def _member_routes(app: FastAPI, core: Core) -> None:
    origin, clock = core.settings.origin, core.clock
    member = Members(core.member, origin=origin, clock=clock)
    portal = Members(
        core.member,
        origin=origin,
        clock=clock,
        only=frozenset({core.country.portal}),
        name="portal",
    )

    @app.put("/members/{name}", operation_id="enrol")
    async def enrol(
        name: MemberId,
        enrolment: Enrolment,
        _: Annotated[SignedCaller, Depends(Newcomer(core))],
    ) -> Entry:
        """Take a seat in the directory, or renew it; signed by the certificate in the request."""
        return await core.enrol(name, enrolment)

    @app.post("/permits", operation_id="issue_permits")
    async def issue_permits(
        batch: PermitsAsked, caller: Annotated[SignedCaller, Depends(member)]
    ) -> PermitReplies:
        """Permit exchanges of the caller's, each for itself: an inquiry, a submission."""
        permits, evidence = core.permits(caller), caller.presented.evidence

        async def issue(blinded: Blinded) -> PermitReply:
            issued = await permits.issue(caller.member, blinded, request=evidence, at=clock())
            return PermitReply(permit=issued)

        return PermitReplies(told=await each(batch, "POST /permits", issue))

    @app.post("/tokens", operation_id="redeem_token")
    async def redeem_token(
        redemption: TokenRedemption, caller: Annotated[SignedCaller, Depends(member)]
    ) -> PermitReply:
        """Redeem a token of the authority: a pseudonym for its bearer, or a person's approval."""
        permit = await core.permits(caller).redeem(
            caller.member,
            redemption.token,
            redemption.party,
            request=caller.presented.evidence,
            at=clock(),
        )
        return PermitReply(permit=permit)

    @app.post("/outcomes", operation_id="report_outcomes")
    async def report_outcomes(
        report: OutcomeReport, _: Annotated[SignedCaller, Depends(member)]
    ) -> OutcomeReply:
        """Record what became of exchanges: the second leaves."""
        return OutcomeReply(recorded=await core.record_outcomes(report.outcomes))

    @app.post("/proofs/inclusion", operation_id="prove_inclusions", dependencies=[Depends(member)])
    async def prove_inclusions(asked: LeavesAsked) -> InclusionProofs:
        """That leaves are in the tree of the newest checkpoint; those that are not are missing."""
        return await core.log.inclusions(asked.leaves)

    @app.get("/epoch", operation_id="read_epoch")
    async def read_epoch(caller: Annotated[SignedCaller, Depends(member)]) -> EpochMove:
        """The caller's current epoch, and how to move to it."""
        return await core.epoch(caller.member)

    @app.post("/epochs/{name}", operation_id="begin_epoch", dependencies=[Depends(operator)])
    async def begin_epoch(name: MemberId) -> EpochMove:
        """Begin a new epoch of a member's pseudonyms."""
        return await core.begin_epoch(name)

    @app.get("/entries", operation_id="read_entries", dependencies=[Depends(portal)])
    async def read_entries(
        after: Count = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 500
    ) -> LogEntries:
        """The log's entries in the order of the tree, for the portal, which files the lines."""
        return await core.entries(after, limit)


def _public_routes(app: FastAPI, core: Core) -> None:
    public = [Depends(anyone)]

    @app.get("/directory", operation_id="read_directory", dependencies=public)
    async def read_directory() -> Directory:
        """Who takes part; believe the certificates in it, not the core."""
        return await core.directory()

    @app.get("/checkpoint", operation_id="read_checkpoint", dependencies=public)
    async def read_checkpoint() -> PlainTextResponse:
        """The newest signed head of the log (C2SP tlog-checkpoint)."""
        return PlainTextResponse(await core.log.checkpoint())

    @app.get("/tile/{path:path}", operation_id="read_tile", dependencies=public)
    async def read_tile(path: str) -> Response:
        """A tile of the log (C2SP tlog-tiles)."""
        return Response(await core.log.published(path), media_type="application/octet-stream")

    @app.get("/proofs/inclusion", operation_id="prove_inclusion", dependencies=public)
    async def prove_inclusion(leaf: Hex64) -> InclusionProof:
        """That a leaf is in the tree of the newest checkpoint (RFC 9162, section 2.1.3)."""
        return await core.log.inclusion(leaf)

    @app.get("/proofs/consistency", operation_id="prove_consistency", dependencies=public)
    async def prove_consistency(first: Count, second: Count) -> ConsistencyProof:
        """That one tree only adds to another (RFC 9162, section 2.1.4)."""
        return await core.log.consistency(first, second)


class Newcomer(Members):
    """Whoever asks for a seat: proven by the certificate that the request itself carries."""

    def __init__(self, core: Core) -> None:
        super().__init__(
            core.member, origin=core.settings.origin, clock=core.clock, name="newcomer"
        )
        self._core = core

    async def __call__(self, request: Request) -> SignedCaller:
        # Who asks is proven before FastAPI has looked at the body, so its shape is checked here, in FastAPI's words.
        try:
            enrolment = Enrolment.model_validate_json(await request.body())
        except ValidationError as error:
            raise RequestValidationError(
                [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
            ) from error
        newcomer = await self._core.newcomer(
            enrolment.certificate, str(request.path_params["name"])
        )
        return await self.proven(request, newcomer)
