"""
A gateway, seen from another member (`GatewayClient`) and from the agency's own system (`InnerClient`).

One method for each operation, by the same name on both sides.
"""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel

from kiban.gateway.contract import (
    Acquisition,
    Announcement,
    AnnouncementReceipt,
    AnnouncementRequest,
    AnswerReplies,
    AnswerReply,
    ApprovalReply,
    ApprovalUse,
    ChangeFeed,
    ConsentDelivery,
    ConsentEnd,
    ConsentReceipt,
    ExchangeNotes,
    Findings,
    InquiryReply,
    InquiryRequest,
    Lines,
    NoticesReceipt,
    PermitsPresented,
    PersonReply,
    Presentation,
    ReceiptReply,
    Receipts,
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
from kiban.mesh.client import Checkpoint, NoteRefused, ProofRefused, patience, verify_proof
from kiban.mesh.contract import Directory, InclusionProof
from kiban.shared import canonical
from kiban.shared.batches import Carrier, Part, Told
from kiban.shared.http import Http
from kiban.shared.membership import SignedHttp
from kiban.shared.settings import Secret

__all__ = [
    "Checkpoint",
    "GatewayClient",
    "InclusionProof",
    "InnerClient",
    "NoteRefused",
    "ProofRefused",
    "verify_proof",
]

Reply = TypeVar("Reply", bound=BaseModel)


class GatewayClient:
    """Another member's gateway; each request is signed."""

    def __init__(self, signed: SignedHttp, origin: str) -> None:
        self._signed = signed
        self._origin = origin
        self._presentations = Carrier(self.answer_inquiries)

    async def answer(self, presentation: Presentation, people: int = 1) -> AnswerReply:
        """The answer to one permit; what is presented at the same moment travels with it."""
        return await self._presentations.ask(presentation, people=people)

    async def answer_inquiries(
        self, parts: Sequence[Part[Presentation]], people: int
    ) -> list[Told[AnswerReply]]:
        presented = PermitsPresented(parts=list(parts))
        enough = patience(people)
        reply = await self._signed.post(f"{self._origin}/answers", presented, timeout=enough)
        return reply.read(AnswerReplies).told

    async def receive_submission(self, submission: Submission) -> ReceiptReply:
        reply = await self._signed.post(f"{self._origin}/submissions", submission)
        return reply.read(ReceiptReply)

    async def receive_consents(self, delivery: ConsentDelivery) -> ConsentReceipt:
        reply = await self._signed.post(f"{self._origin}/consents", delivery)
        return reply.read(ConsentReceipt)

    async def receive_consent_end(self, end: ConsentEnd) -> ConsentReceipt:
        reply = await self._signed.post(f"{self._origin}/consents/ended", end)
        return reply.read(ConsentReceipt)

    async def receive_subscription(
        self, subscription: Subscription, people: int
    ) -> SubscriptionReceipt:
        where = f"{self._origin}/subscriptions"
        reply = await self._signed.post(where, subscription, timeout=patience(people))
        return reply.read(SubscriptionReceipt)

    async def receive_announcement(
        self, announcement: Announcement, people: int
    ) -> AnnouncementReceipt:
        where = f"{self._origin}/announcements"
        reply = await self._signed.post(where, announcement, timeout=patience(people))
        return reply.read(AnnouncementReceipt)

    async def receive_notices(self, notices: SealedNotices) -> NoticesReceipt:
        reply = await self._signed.post(f"{self._origin}/notices", notices)
        return reply.read(NoticesReceipt)

    async def list_notices(self, after: int) -> SealedNotices:
        reply = await self._signed.get(f"{self._origin}/notices?after={after}")
        return reply.read(SealedNotices)

    async def list_receipts(self, after: int) -> SealedReceipts:
        reply = await self._signed.get(f"{self._origin}/receipts?after={after}")
        return reply.read(SealedReceipts)


class InnerClient:
    """The agency's own gateway, called by the agency's own system with the agency's key."""

    def __init__(self, http: Http, origin: str, key: Secret) -> None:
        self._http = http
        self._origin = origin
        self._key = key

    def __repr__(self) -> str:
        return f"InnerClient({self._origin})"

    async def inquire(self, request: InquiryRequest) -> InquiryReply:
        body = canonical.encode(request.model_dump(mode="json"))
        enough = 3 * patience(
            len(request.people)
        )  # the core's, the provider's and our gateway's own
        return await self._send("POST", "inquiries", body, InquiryReply, timeout=enough)

    async def ask_again(self, exchange: str) -> InquiryReply:
        return await self._send("POST", f"inquiries/{exchange}", b"", InquiryReply)

    async def submit(self, request: SubmissionRequest) -> SubmissionReply:
        return await self._post("submissions", request, SubmissionReply)

    async def acquire(self, acquisition: Acquisition) -> PersonReply:
        return await self._post("people", acquisition, PersonReply)

    async def use_token(self, use: TokenUse) -> PersonReply:
        return await self._post("tokens", use, PersonReply)

    async def deliver_approval(self, use: ApprovalUse) -> ApprovalReply:
        return await self._post("approvals", use, ApprovalReply)

    async def end_consent(self, end: ConsentEnd) -> ApprovalReply:
        return await self._post("consents/ended", end, ApprovalReply)

    async def subscribe(self, request: SubscriptionRequest) -> SubscriptionReply:
        body = canonical.encode(request.model_dump(mode="json"))
        enough = 3 * patience(len(request.people))
        return await self._send("POST", "subscriptions", body, SubscriptionReply, timeout=enough)

    async def announce(self, request: AnnouncementRequest) -> AnnouncementReceipt:
        return await self._post("announcements", request, AnnouncementReceipt)

    async def read_changes(self, after: int) -> ChangeFeed:
        return await self._get(f"changes?after={after}", ChangeFeed)

    async def read_lines(self, person: str) -> Lines:
        return await self._get(f"lines?person={person}", Lines)

    async def read_findings(self) -> Findings:
        return await self._get("findings", Findings)

    async def prove(self, leaf: str) -> InclusionProof:
        return await self._get(f"proofs?leaf={leaf}", InclusionProof)

    async def read_directory(self) -> Directory:
        return await self._get("directory", Directory)

    async def fetch_receipts(self, office: str, after: int) -> Receipts:
        return await self._get(f"receipts?office={office}&after={after}", Receipts)

    async def list_exchanges(self, after: int = 0) -> ExchangeNotes:
        return await self._get(f"exchanges?after={after}", ExchangeNotes)

    async def list_refusals(self) -> RefusalNotes:
        return await self._get("refusals", RefusalNotes)

    async def _post(self, path: str, shape: BaseModel, reply: type[Reply]) -> Reply:
        body = canonical.encode(shape.model_dump(mode="json"))
        return await self._send("POST", path, body, reply)

    async def _get(self, path: str, reply: type[Reply]) -> Reply:
        return await self._send("GET", path, b"", reply)

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes,
        reply: type[Reply],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Reply:
        headers = {
            "authorization": f"Bearer {self._key.reveal()}",
            "accept": "application/json",
            "content-type": "application/json",
        }
        found = await self._http.send(
            method,
            f"{self._origin}/inner/{path}",
            content=body,
            headers=headers,
            timeout=timeout,
        )
        return found.raise_problem().read(reply)
