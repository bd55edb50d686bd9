"""
A gateway's routes: the outer side for members, the inner side for the agency's own system.

They are declared once, for all gateways of a process: whoever may call a route is also told at which gateway it is.
"""

import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
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
from kiban.shared.access import BEARER, SIGNED, Access
from kiban.shared.app import each, service
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.exchanges import Count, Hex32, Hex64, MemberId
from kiban.shared.http import Http
from kiban.shared.members import Member
from kiban.shared.membership import Members
from kiban.shared.problems import Unauthenticated
from kiban.shared.routes import shared_routes, take

BODY_LIMIT = 16 << 20


class AgencyOnly(Access[Gateway]):
    """The agency's own system, which holds the agency's key; gives the gateway that it is at."""

    name = "agency"
    scheme = BEARER

    async def __call__(self, request: Request) -> Gateway:
        gateway: Gateway = request.app.state.gateway
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        key = gateway.settings.agency_key.reveal().encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), key):
            raise Unauthenticated(
                "the inner side is for the agency's own system", expected="Bearer <agency key>"
            )
        return gateway


@dataclass(frozen=True, slots=True)
class Call:
    """A member's request, proven by its signature, and the gateway that it came to."""

    gateway: Gateway
    caller: Member


class MembersOnly(Access[Call]):
    """Whoever the directory knows."""

    name = "member"
    scheme = SIGNED

    async def __call__(self, request: Request) -> Call:
        state = request.app.state
        return Call(state.gateway, (await state.members(request)).member)


Inside = Annotated[Gateway, Depends(AgencyOnly())]
Outside = Annotated[Call, Depends(MembersOnly())]


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
    if not settings.agency_key.reveal():
        raise ValueError("an agency's key may not be empty")
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
    take(app, routes, dead_letters.routes)
    app.state.outboxes = {"gateway": lambda: gateway.standing.outbox}
    return app


def members_of(gateway: Gateway) -> Members:
    """Who may call as a member: whoever the directory knows."""

    async def resolve(name: str) -> Member:
        return await gateway.standing.members.resolve(name)

    return Members(resolve, origin=gateway.settings.origin, clock=gateway.clock)


routes = shared_routes()


@routes.post("/answers", operation_id="answer_inquiries")
async def answer_inquiries(batch: PermitsPresented, call: Outside) -> AnswerReplies:
    """Answer inquiries that the core permitted, each for itself."""
    answer = partial(call.gateway.provision.answer, call.caller)
    return AnswerReplies(told=await each(batch, "POST /answers", answer))


@routes.post("/submissions", operation_id="receive_submission")
async def receive_submission(submission: Submission, call: Outside) -> ReceiptReply:
    """Take in an application; the same one again gets the same receipt."""
    return await call.gateway.provision.receive_submission(call.caller, submission)


@routes.post("/consents", operation_id="receive_consents")
async def receive_consents(delivery: ConsentDelivery, call: Outside) -> ConsentReceipt:
    """Keep consents that the person approved."""
    return await call.gateway.consenting.receive(call.caller, delivery)


@routes.post("/consents/ended", operation_id="receive_consent_end")
async def receive_consent_end(end: ConsentEnd, call: Outside) -> ConsentReceipt:
    """Note that a consent has ended; it is kept."""
    return await call.gateway.consenting.receive_end(call.caller, end)


@routes.get("/receipts", operation_id="list_receipts")
async def list_receipts(call: Outside, after: Count = 0) -> SealedReceipts:
    """The office's receipts and decisions, for the portal alone."""
    return await call.gateway.sealed_receipts(call.caller, after)


@routes.post("/subscriptions", operation_id="receive_subscription")
async def receive_subscription(subscription: Subscription, call: Outside) -> SubscriptionReceipt:
    """Let a member hear when an item of these people changes; at the change office alone."""
    return await call.gateway.relaying.receive_subscription(call.caller, subscription)


@routes.post("/announcements", operation_id="receive_announcement")
async def receive_announcement(announcement: Announcement, call: Outside) -> AnnouncementReceipt:
    """Hear that an item of these people changed: for whoever subscribed, or for this agency alone."""
    return await call.gateway.relaying.receive_announcement(call.caller, announcement)


@routes.get("/notices", operation_id="list_notices")
async def list_notices(call: Outside, after: Count = 0) -> SealedNotices:
    """The caller's own notices behind a place; at the change office alone."""
    return await call.gateway.relaying.list_notices(call.caller, after)


@routes.post("/notices", operation_id="receive_notices")
async def receive_notices(notices: SealedNotices, call: Outside) -> NoticesReceipt:
    """Take notices in; from the change office alone."""
    return await call.gateway.following.receive_notices(call.caller, notices)


@routes.post("/inner/subscriptions", operation_id="subscribe")
async def subscribe(gateway: Inside, request: SubscriptionRequest) -> SubscriptionReply:
    """Hear from now on when an item of these people changes."""
    return await gateway.following.subscribe(request)


@routes.post("/inner/announcements", operation_id="announce")
async def announce(gateway: Inside, request: AnnouncementRequest) -> AnnouncementReceipt:
    """Announce that an item of these people has changed; it is durable, and arrives by itself."""
    return await gateway.following.announce(request)


@routes.get("/inner/changes", operation_id="read_changes")
async def read_changes(gateway: Inside, after: Count = 0) -> ChangeFeed:
    """What changed elsewhere, by the agency's own numbers; from any place again."""
    return await gateway.following.read_changes(after)


@routes.post("/inner/inquiries", operation_id="inquire")
async def inquire(gateway: Inside, request: InquiryRequest) -> InquiryReply:
    """Ask another agency, through the mesh."""
    return await gateway.asking.inquire(request)


@routes.post("/inner/inquiries/{exchange}", operation_id="ask_again")
async def ask_again(gateway: Inside, exchange: Hex32) -> InquiryReply:
    """Ask again for an answer that waited for a person at the provider, or that was lost on its way."""
    return await gateway.ask_again(exchange)


@routes.post("/inner/submissions", operation_id="submit")
async def submit(gateway: Inside, request: SubmissionRequest) -> SubmissionReply:
    """Carry an application to its office."""
    return await gateway.asking.submit(request)


@routes.post("/inner/people", operation_id="acquire")
async def acquire(gateway: Inside, acquisition: Acquisition) -> PersonReply:
    """Take the agency's pseudonym for a person whom it serves."""
    return await gateway.acquire(acquisition)


@routes.post("/inner/tokens", operation_id="use_token")
async def use_token(gateway: Inside, use: TokenUse) -> PersonReply:
    """Learn which of the agency's numbers a token of the authority is about."""
    return await gateway.use_token(use)


@routes.post("/inner/approvals", operation_id="deliver_approval")
async def deliver_approval(gateway: Inside, use: ApprovalUse) -> ApprovalReply:
    """Pass on consents that a person approved."""
    return await gateway.consenting.deliver(use)


@routes.post("/inner/consents/ended", operation_id="end_consent")
async def end_consent(gateway: Inside, end: ConsentEnd) -> ApprovalReply:
    """End a consent at all its parties."""
    return await gateway.end_consent(end)


@routes.get("/inner/lines", operation_id="read_lines")
async def read_lines(gateway: Inside, person: PersonNumber) -> Lines:
    """Every exchange about a person (情報提供等記録); the portal's gateway alone has them."""
    return Lines(lines=await gateway.lines(person))


@routes.get("/inner/findings", operation_id="read_findings")
async def read_findings(gateway: Inside) -> Findings:
    """What does not fit in the log."""
    async with gateway.db.look() as connection:
        return Findings(findings=await log_store.read_findings(connection))


@routes.get("/inner/proofs", operation_id="prove")
async def prove(gateway: Inside, leaf: Hex64) -> InclusionProof:
    """That a leaf is in the log's tree."""
    return await gateway.prove(leaf)


@routes.get("/inner/directory", operation_id="read_directory")
async def read_directory(gateway: Inside) -> Directory:
    """The directory as this gateway believes it, with the key under which the log signs."""
    return await gateway.standing.members.directory()


@routes.get("/inner/receipts", operation_id="fetch_receipts")
async def fetch_receipts(gateway: Inside, office: MemberId, after: Count = 0) -> Receipts:
    """An office's receipts and decisions."""
    return await gateway.fetch_receipts(office, after)


@routes.get("/inner/exchanges", operation_id="list_exchanges")
async def list_exchanges(gateway: Inside, after: Count = 0) -> ExchangeNotes:
    """The gateway's own record of exchanges."""
    async with gateway.db.look() as connection:
        notes, following = await store.read_exchanges(connection, after, 500)
    return ExchangeNotes(notes=notes, next=following)


@routes.get("/inner/refusals", operation_id="list_refusals")
async def list_refusals(gateway: Inside) -> RefusalNotes:
    """What was presented here and refused, newest first."""
    async with gateway.db.look() as connection:
        return RefusalNotes(refusals=await store.read_refusals(connection))
