"""A gateway's routes: the outer side for members, the inner side for the agency's own system."""

import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from kiban.gateway import log_store, store
from kiban.gateway.agency import Gateway
from kiban.gateway.contract import (
    Acquisition,
    Announcement,
    AnnouncementReceipt,
    AnnouncementRequest,
    AnswerReplies,
    ApprovalReply,
    ApprovalUse,
    ChangeFeed,
    Changes,
    ConsentDelivery,
    ConsentEnd,
    ConsentReceipt,
    Desk,
    ExchangeNotes,
    Findings,
    InquiryReply,
    InquiryRequest,
    Lines,
    NoticesReceipt,
    PermitsPresented,
    PersonNumber,
    PersonReply,
    ReceiptReply,
    Receipts,
    Records,
    RefusalNotes,
    SealedNotices,
    SealedReceipts,
    Submission,
    SubmissionReply,
    SubmissionRequest,
    Subscription,
    SubscriptionReceipt,
    SubscriptionReply,
    SubscriptionRequest,
    TokenUse,
)
from kiban.gateway.settings import GatewaySettings
from kiban.mesh.contract import Directory, InclusionProof
from kiban.shared import dead_letters
from kiban.shared.access import Access
from kiban.shared.app import each, service
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.exchanges import Count, Hex32, Hex64, MemberId
from kiban.shared.http import Http
from kiban.shared.members import Member
from kiban.shared.membership import Members, SignedCaller
from kiban.shared.problems import Unauthenticated

BODY_LIMIT = 16 << 20


class AgencyOnly(Access[None]):
    """The agency's own system, which holds the agency's key."""

    name = "agency"

    def __init__(self, key: str) -> None:
        if not key:
            raise ValueError("an agency's key may not be empty")
        self._key = key.encode()

    async def __call__(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), self._key):
            raise Unauthenticated(
                "the inner side is for the agency's own system", expected="Bearer <agency key>"
            )


def create_app(
    settings: GatewaySettings,
    *,
    db: Database,
    http: Http,
    clock: Clock,
    records: Records,
    desk: Desk,
    change_office: Changes | None = None,
) -> FastAPI:
    """A gateway as an application; it becomes a member when it starts.  One of them has the change office behind it."""
    gateway = Gateway(settings, records, desk, db, http, clock, change_office)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await gateway.start(stack)
            yield

    app = service(
        f"Kiban gateway of {settings.member} (SIMULATED)",
        role="changes" if change_office else f"gateway:{settings.member}",
        clock=clock,
        lifespan=lifespan,
        operator_key=settings.operator_key.reveal(),
        body_limit=BODY_LIMIT,
    )
    app.state.gateway = gateway
    app.state.members = members_of(gateway)
    _outer_routes(app, gateway, app.state.members)
    _outer_change_routes(app, gateway, app.state.members)
    _asking_routes(app, gateway)
    _change_routes(app, gateway)
    _record_routes(app, gateway)
    app.state.outboxes = {"gateway": lambda: gateway.standing.outbox}
    dead_letters.add_routes(app, app.state.outboxes, settings.operator_key)
    return app


def members_of(gateway: Gateway) -> Members:
    """Who may call as a member: whoever the directory knows."""

    async def resolve(name: str) -> Member:
        return await gateway.standing.members.resolve(name)

    return Members(resolve, origin=gateway.settings.origin, clock=gateway.clock)


def _outer_routes(app: FastAPI, gateway: Gateway, member: Members) -> None:
    @app.post("/answers", operation_id="answer_inquiries")
    async def answer_inquiries(
        batch: PermitsPresented, caller: Annotated[SignedCaller, Depends(member)]
    ) -> AnswerReplies:
        """Answer inquiries that the core permitted, each for itself."""
        answer = partial(gateway.provision.answer, caller.member)
        return AnswerReplies(told=await each(batch, "POST /answers", answer))

    @app.post("/submissions", operation_id="receive_submission")
    async def receive_submission(
        submission: Submission, caller: Annotated[SignedCaller, Depends(member)]
    ) -> ReceiptReply:
        """Take in an application; the same one again gets the same receipt."""
        return await gateway.provision.receive_submission(caller.member, submission)

    @app.post("/consents", operation_id="receive_consents")
    async def receive_consents(
        delivery: ConsentDelivery, caller: Annotated[SignedCaller, Depends(member)]
    ) -> ConsentReceipt:
        """Keep consents that the person approved."""
        return await gateway.consenting.receive(caller.member, delivery)

    @app.post("/consents/ended", operation_id="receive_consent_end")
    async def receive_consent_end(
        end: ConsentEnd, caller: Annotated[SignedCaller, Depends(member)]
    ) -> ConsentReceipt:
        """Note that a consent has ended; it is kept."""
        return await gateway.consenting.receive_end(caller.member, end)

    @app.get("/receipts", operation_id="list_receipts")
    async def list_receipts(
        caller: Annotated[SignedCaller, Depends(member)], after: Count = 0
    ) -> SealedReceipts:
        """The office's receipts and decisions, for the portal alone."""
        return await gateway.sealed_receipts(caller.member, after)


def _outer_change_routes(app: FastAPI, gateway: Gateway, member: Members) -> None:
    @app.post("/subscriptions", operation_id="receive_subscription")
    async def receive_subscription(
        subscription: Subscription, caller: Annotated[SignedCaller, Depends(member)]
    ) -> SubscriptionReceipt:
        """Let a member hear when an item of these people changes; at the change office alone."""
        return await gateway.relaying.receive_subscription(caller.member, subscription)

    @app.post("/announcements", operation_id="receive_announcement")
    async def receive_announcement(
        announcement: Announcement, caller: Annotated[SignedCaller, Depends(member)]
    ) -> AnnouncementReceipt:
        """Hear that an item of these people changed: for whoever subscribed, or for this agency alone."""
        return await gateway.relaying.receive_announcement(caller.member, announcement)

    @app.get("/notices", operation_id="list_notices")
    async def list_notices(
        caller: Annotated[SignedCaller, Depends(member)], after: Count = 0
    ) -> SealedNotices:
        """The caller's own notices behind a place; at the change office alone."""
        return await gateway.relaying.list_notices(caller.member, after)

    @app.post("/notices", operation_id="receive_notices")
    async def receive_notices(
        notices: SealedNotices, caller: Annotated[SignedCaller, Depends(member)]
    ) -> NoticesReceipt:
        """Take notices in; from the change office alone."""
        return await gateway.following.receive_notices(caller.member, notices)


def _change_routes(app: FastAPI, gateway: Gateway) -> None:
    agency = [Depends(AgencyOnly(gateway.settings.agency_key.reveal()))]

    @app.post("/inner/subscriptions", operation_id="subscribe", dependencies=agency)
    async def subscribe(request: SubscriptionRequest) -> SubscriptionReply:
        """Hear from now on when an item of these people changes."""
        return await gateway.following.subscribe(request)

    @app.post("/inner/announcements", operation_id="announce", dependencies=agency)
    async def announce(request: AnnouncementRequest) -> AnnouncementReceipt:
        """Announce that an item of these people has changed; it is durable, and arrives by itself."""
        return await gateway.following.announce(request)

    @app.get("/inner/changes", operation_id="read_changes", dependencies=agency)
    async def read_changes(after: Count = 0) -> ChangeFeed:
        """What changed elsewhere, by the agency's own numbers; from any place again."""
        return await gateway.following.read_changes(after)


def _asking_routes(app: FastAPI, gateway: Gateway) -> None:
    agency = [Depends(AgencyOnly(gateway.settings.agency_key.reveal()))]

    @app.post("/inner/inquiries", operation_id="inquire", dependencies=agency)
    async def inquire(request: InquiryRequest) -> InquiryReply:
        """Ask another agency, through the mesh."""
        return await gateway.asking.inquire(request)

    @app.post("/inner/inquiries/{exchange}", operation_id="ask_again", dependencies=agency)
    async def ask_again(exchange: Hex32) -> InquiryReply:
        """Ask again for an answer that waited for a person at the provider, or that was lost on its way."""
        return await gateway.ask_again(exchange)

    @app.post("/inner/submissions", operation_id="submit", dependencies=agency)
    async def submit(request: SubmissionRequest) -> SubmissionReply:
        """Carry an application to its office."""
        return await gateway.asking.submit(request)

    @app.post("/inner/people", operation_id="acquire", dependencies=agency)
    async def acquire(acquisition: Acquisition) -> PersonReply:
        """Take the agency's pseudonym for a person whom it serves."""
        return await gateway.acquire(acquisition)

    @app.post("/inner/tokens", operation_id="use_token", dependencies=agency)
    async def use_token(use: TokenUse) -> PersonReply:
        """Learn which of the agency's numbers a token of the authority is about."""
        return await gateway.use_token(use)

    @app.post("/inner/approvals", operation_id="deliver_approval", dependencies=agency)
    async def deliver_approval(use: ApprovalUse) -> ApprovalReply:
        """Pass on consents that a person approved."""
        return await gateway.consenting.deliver(use)

    @app.post("/inner/consents/ended", operation_id="end_consent", dependencies=agency)
    async def end_consent(end: ConsentEnd) -> ApprovalReply:
        """End a consent at all its parties."""
        return await gateway.end_consent(end)


def _record_routes(app: FastAPI, gateway: Gateway) -> None:
    agency = [Depends(AgencyOnly(gateway.settings.agency_key.reveal()))]

    @app.get("/inner/lines", operation_id="read_lines", dependencies=agency)
    async def read_lines(person: PersonNumber) -> Lines:
        """Every exchange about a person (情報提供等記録); the portal's gateway alone has them."""
        return Lines(lines=await gateway.lines(person))

    @app.get("/inner/findings", operation_id="read_findings", dependencies=agency)
    async def read_findings() -> Findings:
        """What does not fit in the log."""
        async with gateway.db.look() as connection:
            return Findings(findings=await log_store.read_findings(connection))

    @app.get("/inner/proofs", operation_id="prove", dependencies=agency)
    async def prove(leaf: Hex64) -> InclusionProof:
        """That a leaf is in the log's tree."""
        return await gateway.prove(leaf)

    @app.get("/inner/directory", operation_id="read_directory", dependencies=agency)
    async def read_directory() -> Directory:
        """The directory as this gateway believes it, with the key under which the log signs."""
        return await gateway.standing.members.directory()

    @app.get("/inner/receipts", operation_id="fetch_receipts", dependencies=agency)
    async def fetch_receipts(office: MemberId, after: Count = 0) -> Receipts:
        """An office's receipts and decisions."""
        return await gateway.fetch_receipts(office, after)

    @app.get("/inner/exchanges", operation_id="list_exchanges", dependencies=agency)
    async def list_exchanges(after: Count = 0) -> ExchangeNotes:
        """The gateway's own record of exchanges."""
        async with gateway.db.look() as connection:
            notes, following = await store.read_exchanges(connection, after, 500)
        return ExchangeNotes(notes=notes, next=following)

    @app.get("/inner/refusals", operation_id="list_refusals", dependencies=agency)
    async def list_refusals() -> RefusalNotes:
        """What was presented here and refused, newest first."""
        async with gateway.db.look() as connection:
            return RefusalNotes(refusals=await store.read_refusals(connection))
