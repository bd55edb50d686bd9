"""
The authority's application: its routes, and what starts and stops with it.

What everybody asks about status, and often, is answered by routes that go straight from the address to the answer,
and from memory even before any route; like all others these routes say who may call them.
"""

import asyncio
import base64
import binascii
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Query
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kiban.identity.authority import certificates, practice
from kiban.identity.authority.contract import (
    AcquisitionRequest,
    Acts,
    Anchors,
    Approval,
    ApprovalTokens,
    AttributesRequest,
    Authentication,
    AuthenticationReply,
    AuthorityName,
    CardCertificates,
    CardRegistration,
    ChangeReply,
    HolderAttributes,
    MandateEnd,
    MandateEntry,
    MandateList,
    MandateListing,
    MandateQuestion,
    MandateReply,
    MemberCertificateReply,
    MemberRequest,
    NotARegistrar,
    OpenIntents,
    RegistrationFeed,
    ResidentRegistration,
    ResidentReply,
    Revocation,
    RevocationReply,
    SignatureVerification,
    SignatureVerificationReply,
    TokenReply,
)
from kiban.identity.authority.issuers import AUTHORITIES, Finish
from kiban.identity.authority.office import PACKAGE, Office, open_office
from kiban.identity.authority.settings import Settings
from kiban.identity.authority.store import By
from kiban.shared import trace
from kiban.shared.access import anyone, declared_access, operator
from kiban.shared.app import service
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.mandates import MandateInForce
from kiban.shared.members import Member
from kiban.shared.membership import Members, SignedCaller
from kiban.shared.problems import NotFound

BODY_LIMIT = 64 << 10
OCSP_RESPONSE, CRL, CERTIFICATE = (
    "application/ocsp-response",
    "application/pkix-crl",
    "application/pkix-cert",
)
Number = Annotated[int, Query(ge=0, le=2**53 - 1)]
MemberName = Annotated[str, Path(max_length=63)]


class House:
    """The application's office, from when it was opened."""

    office: Office

    async def resolve(self, member: str) -> Member:
        return await self.office.enrolment.roll.resolve(member)


class Registrars(Members):
    """Only registrars may call; who is none is told so."""

    def __init__(self, house: House, settings: Settings, clock: Clock) -> None:
        super().__init__(house.resolve, origin=settings.origin, clock=clock, name="registrar")
        self._registrars = settings.registrars

    async def __call__(self, request: Request) -> SignedCaller:
        caller = await super().__call__(request)
        if caller.member.id not in self._registrars:
            raise NotARegistrar("this member registers nobody", sent=caller.member.id)
        return caller


class Direct(APIRoute):
    """A public route that is answered by its function alone: no dependencies, no validation, no serialisation."""

    def __init__(
        self, path: str, endpoint: Callable[[Request], Awaitable[Response]], **options: Any
    ) -> None:
        super().__init__(path, endpoint, **options)
        if declared_access(self) is not anyone:
            raise TypeError(f"{path} is answered directly, so it must be for anyone")

        async def direct(scope: Scope, receive: Receive, send: Send) -> None:
            reply = await endpoint(Request(scope, receive))
            await reply(scope, receive, send)

        self.app = direct


class FromMemory:
    """
    Pure ASGI, outermost: an OCSP question whose answer is remembered is answered before anything else is looked at.

    All others go on to the declared routes, with their body as it came.
    """

    def __init__(self, app: ASGIApp, house: House) -> None:
        self.app = app
        self.house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(_OCSP):
            await self.app(scope, receive, send)
            return
        authority, _, text = path.removeprefix(_OCSP).partition("/")
        first: Message | None = None
        if scope["method"] == "POST":
            first = await receive()
            asked = b"" if first.get("more_body") else first.get("body", b"")
        else:
            asked = _unwrapped(text)
        der = self.house.office.status.remembered(authority, asked)
        if der is None:
            await self.app(scope, receive if first is None else _again(first, receive), send)
            return
        headers = [*_REMEMBERED, (b"content-length", str(len(der)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": der})


_OCSP = "/ocsp/"
_REMEMBERED = [
    (b"content-type", OCSP_RESPONSE.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


def _again(first: Message, receive: Receive) -> Receive:
    """Give what was received once more, and then what follows."""
    waiting = [first]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def create_app(
    settings: Settings, *, db: Database, clock: Clock, finish: Finish = certificates.finish
) -> FastAPI:
    """Make the application; `finish` is where real signatures are made."""
    house = House()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await db.migrate(PACKAGE)
        house.office = app.state.office = await open_office(
            settings, db, clock, time.monotonic, finish
        )
        await house.office.freshness.look()
        watching = asyncio.create_task(house.office.freshness.watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await house.office.freshness.leave()

    app = service(
        "Kiban authority (SIMULATED)",
        role="authority",
        clock=clock,
        lifespan=lifespan,
        operator_key=settings.operator_key.reveal(),
        body_limit=BODY_LIMIT,
    )
    _status_routes(app, house)  # first, because they are asked most
    registrars, login = Registrars(house, settings, clock), _login(house, settings, clock)
    _registrars_routes(app, house, registrars)
    _mandate_routes(app, house, registrars, login)
    _issue_routes(app, house, settings, clock)
    _verification_routes(app, house, settings, clock, login)
    _member_routes(app, house)
    _operator_routes(app, house)
    app.add_middleware(FromMemory, house=house)
    return app


def _by(caller: SignedCaller) -> By:
    return By(caller.member.id, caller.presented.evidence)


def _registrars_routes(app: FastAPI, house: House, registrars: Registrars) -> None:
    Caller = Annotated[SignedCaller, Depends(registrars)]  # noqa: N806  a type

    @app.post("/residents")
    async def register_resident(asked: ResidentRegistration, caller: Caller) -> ResidentReply:
        """Enter a person into the authority's records."""
        return await house.office.registration.register_resident(asked, _by(caller))

    @app.post("/attribute-changes")
    async def change_attributes(asked: ResidentRegistration, caller: Caller) -> ChangeReply:
        """Record a person's latest attributes; what certified earlier ones ends."""
        return await house.office.registration.change_attributes(asked, _by(caller))

    @app.post("/cards")
    async def register_card(asked: CardRegistration, caller: Caller) -> CardCertificates:
        """Certify a card's keys; the same keys again get the same certificates."""
        return await house.office.registration.register_card(asked, _by(caller))

    @app.post("/revocations")
    async def revoke_certificate(asked: Revocation, caller: Caller) -> RevocationReply:
        """End a certificate by an event of its life."""
        return await house.office.revocations.revoke_certificate(asked, _by(caller))


def _mandate_routes(app: FastAPI, house: House, registrars: Registrars, login: Members) -> None:
    Registrar = Annotated[SignedCaller, Depends(registrars)]  # noqa: N806  a type

    @app.post("/mandates")
    async def enter_mandate(asked: MandateEntry, caller: Registrar) -> MandateReply:
        """Enter that somebody may act for somebody."""
        return await house.office.mandating.enter_mandate(asked, _by(caller))

    @app.post("/mandate-ends")
    async def end_mandate(asked: MandateEnd, caller: Registrar) -> MandateReply:
        """End a mandate, at once and for good."""
        return await house.office.mandating.end_mandate(asked, _by(caller))

    @app.post("/mandate-listings")
    async def list_mandates(
        asked: MandateListing, caller: Annotated[SignedCaller, Depends(login)]
    ) -> MandateList:
        """List whom somebody may act for, and who may act for them."""
        return await house.office.mandating.list_mandates(asked, _by(caller))

    @app.post("/mandate-checks", dependencies=[Depends(login)])
    async def check_mandate(asked: MandateQuestion) -> MandateInForce:
        """Say what a mandate allows, if it holds now."""
        return await house.office.mandating.check_mandate(asked)


def _issue_routes(app: FastAPI, house: House, settings: Settings, clock: Clock) -> None:
    def only(member: str) -> Members:
        return Members(
            house.resolve,
            origin=settings.origin,
            clock=clock,
            only=frozenset({member}),
            name=member,
        )

    network, portal = only(settings.resident_network), only(settings.portal)

    @app.post("/acquisitions")
    async def issue_acquisition(
        asked: AcquisitionRequest, caller: Annotated[SignedCaller, Depends(network)]
    ) -> TokenReply:
        """Make a token for one agency and one person (取得番号)."""
        trace.saw(bearer=asked.bearer)
        return await house.office.issue.issue_acquisition(asked, _by(caller))

    @app.get("/registrations", dependencies=[Depends(portal)])
    async def list_registrations(after: Number = 0) -> RegistrationFeed:
        """Give the portal a nameless token for each of the next people registered."""
        return await house.office.issue.list_registrations(after)


def _login(house: House, settings: Settings, clock: Clock) -> Members:
    return Members(
        house.resolve,
        origin=settings.origin,
        clock=clock,
        only=frozenset({settings.login}),
        name=settings.login,
    )


def _verification_routes(
    app: FastAPI, house: House, settings: Settings, clock: Clock, login: Members
) -> None:
    members = Members(house.resolve, origin=settings.origin, clock=clock)
    Login = Annotated[SignedCaller, Depends(login)]  # noqa: N806  a type

    @app.post("/authentications")
    async def verify_authentication(asked: Authentication, caller: Login) -> AuthenticationReply:
        """Check a card's answer to login's challenge; login alone can tell a replay."""
        return await house.office.verification.verify_authentication(asked, _by(caller))

    @app.post("/approvals")
    async def approve(asked: Approval, caller: Login) -> ApprovalTokens:
        """Turn what a person approved at the card into one token for each party."""
        trace.saw(terms=asked.terms, parties=str(asked.parties))
        return await house.office.verification.approve(asked, _by(caller))

    @app.post("/signatures")
    async def verify_signature(
        asked: SignatureVerification, caller: Annotated[SignedCaller, Depends(members)]
    ) -> SignatureVerificationReply:
        """Check a signature over a digest, now and by a certificate in force (署名検証)."""
        return await house.office.verification.verify_signature(asked, _by(caller))

    @app.post("/attributes")
    async def read_attributes(asked: AttributesRequest, caller: Login) -> HolderAttributes:
        """Give the latest attributes of a consenting holder (最新の基本4情報)."""
        return await house.office.verification.read_attributes(asked, _by(caller))


def _member_routes(app: FastAPI, house: House) -> None:
    @app.post("/members", dependencies=[Depends(anyone)])
    async def certify_member(asked: MemberRequest) -> MemberCertificateReply:
        """Certify an organisation that shows the secret it was given for that."""
        return await house.office.enrolment.certify_member(asked)

    @app.get("/members/{member}", dependencies=[Depends(anyone)])
    async def read_member(member: MemberName) -> MemberCertificateReply:
        """Give the newest certificate of a member."""
        return await house.office.enrolment.read_member(member)

    @app.get("/anchors", dependencies=[Depends(anyone)])
    async def read_anchors() -> Anchors:
        """Give the certificates of the three authorities, all generations."""
        return house.office.anchors()

    @app.get(
        "/ca/{authority}.crt",
        dependencies=[Depends(anyone)],
        response_class=Response,
        responses=_content(CERTIFICATE),
    )
    async def read_issuer(authority: AuthorityName) -> Response:
        """Give the newest certificate of an authority, DER."""
        return Response(house.office.issuer(authority), media_type=CERTIFICATE)

    @app.get("/cps", dependencies=[Depends(anyone)], response_class=PlainTextResponse)
    async def read_practice() -> PlainTextResponse:
        """Say what is certified, how and for how long."""
        return PlainTextResponse(practice.statement())


def _status_routes(app: FastAPI, house: House) -> None:
    async def ask_status(request: Request) -> Response:
        """Answer an OCSP request (RFC 6960, appendix A.1)."""
        return await _status(house, request, await request.body())

    async def read_status(request: Request) -> Response:
        """Answer an OCSP request in the address: base64 of the DER, percent-encoded."""
        return await _status(house, request, _unwrapped(request.path_params["request"]))

    async def read_crl(request: Request) -> Response:
        """Give the list of revocations of a shard."""
        authority, shard = _authority(request), request.path_params["shard"]
        status = house.office.status
        der = status.remembered(authority, shard) or await status.read_list(authority, shard)
        return Response(der, media_type=CRL)

    def add(method: str, path: str, endpoint: Callable[..., Any], kind: str, *names: str) -> None:
        app.router.add_api_route(
            path,
            endpoint,
            methods=[method],
            dependencies=[Depends(anyone)],
            response_class=Response,
            responses=_content(kind),
            openapi_extra={"parameters": [_parameter(name) for name in names]},
            route_class_override=Direct,
        )

    add("POST", "/ocsp/{authority}", ask_status, OCSP_RESPONSE, "authority")
    add(
        "GET",
        "/ocsp/{authority}/{request:path}",
        read_status,
        OCSP_RESPONSE,
        "authority",
        "request",
    )
    add("GET", "/crl/{authority}/{shard}.crl", read_crl, CRL, "authority", "shard")


async def _status(house: House, request: Request, asked: bytes) -> Response:
    authority, status = _authority(request), house.office.status
    der = status.remembered(authority, asked) or await status.answer(authority, asked)
    return Response(der, media_type=OCSP_RESPONSE)


_NAMED: dict[str, AuthorityName] = {name: name for name in AUTHORITIES}


def _authority(request: Request) -> AuthorityName:
    name = request.path_params["authority"]
    if name not in _NAMED:
        raise NotFound("there is no such authority", expected=", ".join(AUTHORITIES))
    return _NAMED[name]


def _unwrapped(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""  # no request, which the answer says in its own words


def _content(kind: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}}}}}


def _parameter(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if name == "authority":
        schema["enum"] = list(AUTHORITIES)
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _operator_routes(app: FastAPI, house: House) -> None:
    @app.get("/intents", dependencies=[Depends(operator)])
    async def list_open_intents() -> OpenIntents:
        """List what was about to be signed and is possibly issued."""
        return await house.office.open_intents()

    @app.get("/acts", dependencies=[Depends(operator)])
    async def list_acts(after: Number = 0) -> Acts:
        """Read the authority's own record of what it was asked to do."""
        return await house.office.acts(after)
