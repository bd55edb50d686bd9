"""
The gateway's contract: what members say to each other, and what an agency's own system says to its gateway.

A gateway (successor of 中間サーバー) is what an agency runs to take part.  Its outer side answers other members'
gateways; its inner side serves the agency's own system, which calls people by numbers of its own (宛名番号) and
never sees a pseudonym.

Source: DESIGN 5.3, 5.4, 5.6; plan rows MSH-05, MSH-10, MSH-15, MSH-18.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import Field, JsonValue

from kiban.shared import canonical
from kiban.shared.batches import Batch, Replies
from kiban.shared.exchanges import Count, Hex32, Hex64, MemberId, Name, Sealed, Seconds, Shape
from kiban.shared.problems import Problem

ANSWER, RECEIPT = "kiban-answer", "kiban-receipt"
"""JWS types of what a provider signs."""
ANSWER_LABEL, SUBMISSION_LABEL, CONSENT_SEED_LABEL, RECEIPT_LABEL, NOTICES_LABEL = (
    "answer",
    "submission",
    "consent seed",
    "receipt",
    "notices",
)

PersonNumber = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
"""What the agency's own system calls a person (宛名番号)."""
Text = dict[str, str]
"""A text by language: ja, en."""


class PermitRefused(Problem):
    slug, title, status = "permit-refused", "The permit does not hold", 403


class PermitExpired(Problem):
    slug, title, status = "permit-expired", "The permit is not valid at this time", 403


class PermitSpent(Problem):
    slug, title, status = "permit-spent", "The permit was used before", 409


class NotThePresenter(Problem):
    slug, title, status = "not-the-presenter", "The permit is another member's", 403


class EpochMissed(Problem):
    slug, title, status = "epoch-missed", "The provider's pseudonyms are of another epoch", 409


class NotConsented(Problem):
    slug, title, status = "not-consented", "The person has not consented to this", 403


class ConsentRefused(Problem):
    slug, title, status = "consent-refused", "This is not what the person approved", 403


class ConsentEnded(Problem):
    slug, title, status = "consent-ended", "The consent has ended", 403


class AnotherCore(Problem):
    slug, title, status = "another-core", "This is not the core that the gateway knows", 409


class AnswerTooLong(Problem):
    slug, title, status = "answer-too-long", "The answer is longer than an answer may be", 413


class AnswerRefused(Problem):
    slug, title, status = "answer-refused", "The provider's answer does not hold", 502


class PersonUnknown(Problem):
    slug, title, status = "person-unknown", "This agency has no pseudonym for the person", 404


class NotAccepted(Problem):
    slug, title, status = "not-accepted", "The office does not accept this application", 422


class NoChangeOffice(Problem):
    slug, title, status = "no-change-office", "No change office is here", 404


class NoticesRefused(Problem):
    slug, title, status = "notices-refused", "These notices do not hold", 400


# --- what is held ---------------------------------------------------------------------------------


Mark = Literal["undisclosed", "no-own-information"]
"""
What protects a person from violence (DV等支援措置), each independent of the other.

`undisclosed` (不開示該当): nobody learns where she is, or that anybody asked there.  `no-own-information`
(自己情報提供不可): nobody takes her own information out, not even with her card.
"""


HISTORY_CLOSED, HISTORY_OPENED = "history-closed", "history-opened"
"""Items that are announced to the portal alone: a person's history is shown to nobody, or is shown again."""


class Statement(Shape):
    """
    What a provider holds about a person for one item, on a day; it names no person.

    `salt` is secret and fixed for a version of the record, so that the digest, which others keep, tells nobody
    the value.  Two readings of the same version have the same digest.  The marks are of the person, not of the
    record: whoever may be told takes them over, and never why.
    """

    item: Name
    provider: MemberId
    layout: Count
    as_of: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="since when the record says so")
    values: dict[str, JsonValue] = Field(description="by field of the item's layout")
    salt: Hex32
    marks: list[Mark] = Field(default=[], description="what protects the person", max_length=2)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical statement without its marks, 64 hexadecimal digits."""
        return canonical.digest(self.model_dump(exclude={"marks"}))


class Held(Shape):
    """A record as the agency's own system holds it."""

    values: dict[str, JsonValue]
    as_of: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    version: str = Field(description="changes whenever the values do")
    marks: list[Mark] = Field(default=[], description="what protects the person", max_length=2)


Reading = Held | Literal["not-held", "withheld", "waits"]
"""`withheld` looks like not held to everybody outside; `waits` means that a person must decide first."""


class Records(Protocol):
    """The agency's own records, as narrow as the gateway needs them."""

    async def read(
        self, person: str, item: str, *, inquirer: str, affair: str, at: datetime
    ) -> Reading:
        """
        What is held of this item about the person whom the agency calls by this number.

        The gateway's own record of exchanges is asked for, too: an agency holds none, but may withhold it.
        """
        ...


class Desk(Protocol):
    """The agency's own desk for applications (受付)."""

    async def accept(self, application: "AcceptedApplication") -> None:
        """Take an application in, durably and once; `NotAccepted` if it cannot be."""
        ...


class Notice(Shape):
    """That an item of a person changed (更新通知): never what it says, and for whom only the subscriber can tell."""

    place: int = Field(ge=1, description="counts the subscriber's notices from one, without a gap")
    tag: Hex32 = Field(description="the subscriber's own word for this person and item")
    item: Name
    by: MemberId | None = Field(default=None, description="who announced it, and can be asked")
    at: Seconds = Field(description="when the change office heard of it")


class Notices(Shape):
    """A stretch of one subscriber's notices, in order; another feed begins again with place one."""

    feed: Hex32
    notices: list[Notice] = Field(max_length=1000)


Push = Callable[[str, Notices], Awaitable[None]]
"""Carries notices to a subscriber; raises what the subscriber says."""


class Changes(Protocol):
    """
    The change office (更新情報の通知) behind its gateway, which opens for it what members send.

    It calls a person by another number for each item, and knows nothing else of anybody.
    """

    async def prepare(self) -> None:
        """Bring its own tables to their last version."""
        ...

    async def subscribe(self, subscriber: str, item: str, tags: Mapping[str, str]) -> datetime:
        """Keep under which tag the subscriber wants to hear of each person; until when."""
        ...

    async def announce(
        self, announcement: str, announcer: str, item: str, people: Sequence[str]
    ) -> None:
        """Queue a notice for whoever subscribed; the same announcement again does nothing."""
        ...

    async def notices(self, subscriber: str, after: int) -> Notices:
        """A subscriber's notices behind a place, as many as travel at once."""
        ...

    async def run(self, push: Push) -> None:
        """Deliver for ever; cancel to stop."""
        ...


# --- outer side: member to member -----------------------------------------------------------------


class Presentation(Shape):
    """A permit of kind *inquiry*, presented to its provider by its inquirer, in a request that the inquirer signs."""

    permit: str = Field(max_length=8_000_000, description="JWS of type kiban-permit")
    retry: bool = Field(
        default=False,
        description="the reply did not arrive: give the stored one, read nothing anew",
    )


class Answer(Shape):
    """What the provider signs: one statement or null for each person, in the inquirer's order."""

    exchange: Hex32
    provider: MemberId
    item: Name
    statements: list[Statement | None]
    answered_at: Seconds


LONGEST_ANSWER = 60_000_000
"""Characters; statements about 65,535 people take about 40 million."""


class AnswerReply(Shape):
    """The provider's reply: the signed answer sealed for the inquirer, or that a person must decide."""

    sealed: str | None = Field(
        pattern=r"^[A-Za-z0-9_-]+$",
        min_length=22,
        max_length=LONGEST_ANSWER,
        description="JWS of type kiban-answer under the pair key",
    )
    waits: bool = False


class PermitsPresented(Batch[Presentation]):
    """Permits that one member presents to another at one moment."""


class AnswerReplies(Replies[AnswerReply]):
    """An answer or a problem for each, in the same order."""


class ConsentRecord(Shape):
    """
    One consent (同意): reader, provider, item, purpose, until.  Immutable; ended, never deleted.

    `self` is what the portal reads for the person's own eyes until the end of a session; `consent` lets an
    agency read where the law alone does not permit it.
    """

    id: Hex32
    kind: Literal["self", "consent"]
    reader: MemberId
    provider: MemberId
    affair: Name
    item: Name
    purpose: Text
    starts: Seconds
    until: Seconds
    uses: Literal["once", "repeated"]

    @property
    def digest(self) -> str:
        return canonical.digest(self.model_dump())


def terms_digest(digests: list[str]) -> str:
    """What the person approves: the digest of the list of the records' digests."""
    return canonical.digest(digests)


class ConsentDelivery(Shape):
    """Consents on their way to one party, with what proves that the person approved exactly them."""

    records: list[ConsentRecord] = Field(min_length=1, max_length=50)
    terms: list[Hex64] = Field(min_length=1, max_length=100, description="digests of all records")
    token: str = Field(max_length=20_000, description="the authority's approval token")
    permit: str = Field(max_length=20_000, description="the core's permit for that token")
    seed: Sealed = Field(description="the token's seed, sealed by the portal for this party")


class ConsentReceipt(Shape):
    consents: list[Hex32]


class ConsentEnd(Shape):
    consent: Hex32
    at: Seconds


class SignedApplication(Shape):
    """What a citizen signed: the frozen application, the signature certificate and the signature."""

    application: str = Field(max_length=500_000, description="RFC 8785 canonical JSON")
    certificate: str = Field(max_length=8_000, description="DER, base64url")
    signature: str = Field(max_length=2_000, description="RSASSA-PKCS1-v1_5 SHA-256, base64url")
    consents: list[Hex32] = Field(default=[], max_length=20, description="what the office may use")


class Submission(Shape):
    """An application on its way to an office: the permit, and the application sealed for it."""

    permit: str = Field(max_length=20_000)
    sealed: Sealed = Field(description="canonical Package under the pair key")


class Package(Shape):
    """What is sealed for the office: the application, by an id that makes sending it again harmless."""

    application: Hex32
    signed: SignedApplication


class AcceptedApplication(Shape):
    """An application as the office's desk gets it, about a person by the office's own number."""

    application: Hex32 = Field(description="the portal's id of the application")
    exchange: Hex32
    procedure: Name
    person: PersonNumber
    signed: SignedApplication
    received_at: Seconds


class Receipt(Shape):
    """What an office tells the portal about an application: received, decided, later withdrawn or completed."""

    application: Hex32 = Field(description="the portal's id of the application")
    office: MemberId
    event: Literal[
        "received", "waiting", "granted", "refused", "returned", "withdrawn", "completed"
    ]
    at: Seconds
    digest: Hex64 = Field(description="SHA-256 of the canonical signed application")
    message: Text


class ReceiptReply(Shape):
    receipt: str = Field(description="JWS of type kiban-receipt over a Receipt")


class SealedReceipt(Shape):
    number: Count = Field(description="its place in the office's feed; bound into the seal")
    sealed: Sealed = Field(description="JWS of type kiban-receipt over a Receipt")


class SealedReceipts(Shape):
    """A stretch of an office's feed of receipts, as the portal's gateway reads it."""

    receipts: list[SealedReceipt]
    next: Count


class Receipts(Shape):
    """The same stretch, opened and verified, as the portal's own system gets it."""

    receipts: list[Receipt]
    next: Count


class Subscription(Shape):
    """A permit of kind *subscribe*, presented to the change office; under its seal travels the secret of the tags."""

    permit: str = Field(max_length=8_000_000)


class SubscriptionReceipt(Shape):
    until: Seconds = Field(
        description="when it lapses, unless it is renewed under the law of that day"
    )


class Announcement(Shape):
    """
    A permit of kind *announce*, presented to the change office, or to the one member whom it is for (事前通知).

    Under its seal travels the announcement's id.
    """

    permit: str = Field(max_length=8_000_000)


class AnnouncementReceipt(Shape):
    """It was heard.  Whether anybody subscribed, or knew the person before, its provider does not learn."""

    announcement: Hex32


class SealedNotices(Shape):
    """Notices for one subscriber; the seal is bound to a fresh number, so that no two look alike."""

    delivery: Hex32
    sealed: Sealed = Field(description="canonical Notices under the pair key")


class NoticesReceipt(Shape):
    place: Count = Field(description="up to which place all have arrived")


# --- inner side: the agency's own system ----------------------------------------------------------


class InquiryRequest(Shape):
    """The agency's own system asks another agency, about people whom it calls by its own numbers."""

    provider: MemberId
    affair: Name
    item: Name
    people: list[PersonNumber] = Field(min_length=1, max_length=65_535)
    of: Name | None = Field(default=None, description="their relation to whose affair it is")
    consent: Hex32 | None = None


class InquiryReply(Shape):
    """What came back: a statement or null for each person, with the log's leaf."""

    exchange: Hex32
    leaf: Hex64
    basis: str = Field(description="row of the legal table")
    waits: bool
    statements: list[Statement | None]
    answer: str | None = Field(description="the provider's signed answer, JWS of type kiban-answer")


class SubmissionRequest(Shape):
    """The portal's own system sends an application to an office."""

    id: Hex32 = Field(description="of the submission: sending it again does nothing twice")
    office: MemberId
    affair: Name
    procedure: Name
    person: PersonNumber
    signed: SignedApplication


class SubmissionReply(Shape):
    exchange: Hex32
    leaf: Hex64
    receipt: Receipt


class Attributes(Shape):
    """The four attributes (基本4情報), as an agency holds them of a person whom it serves."""

    name: str = Field(min_length=1, max_length=200)
    name_kana: str = Field(max_length=200)
    birth_date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    sex: Literal["male", "female", "not-applicable"]
    address: str = Field(min_length=1, max_length=400)


class Acquisition(Shape):
    """The agency's own system has a person and wants the agency's pseudonym for them (取得番号)."""

    person: PersonNumber
    attributes: Attributes


class TokenUse(Shape):
    """A token from the authority whose bearer is this gateway's member."""

    token: str = Field(max_length=20_000)


class PersonReply(Shape):
    person: PersonNumber
    known: bool = Field(description="whether the pseudonym had a number before")


class ApprovalUse(Shape):
    """Consents that a person approved, and the authority's token for each party."""

    records: list[ConsentRecord] = Field(min_length=1, max_length=50)
    tokens: list[str] = Field(min_length=1, max_length=20)


class ApprovalReply(Shape):
    delivered: list[MemberId]
    away: list[MemberId] = Field(description="parties that could not be reached now")


class Line(Shape):
    """One exchange about a person, as the citizen sees it (情報提供等記録)."""

    exchange: Hex32
    kind: str
    inquirer: MemberId
    provider: MemberId
    affair: str | None
    item: str | None
    basis: str
    at: Seconds | None = None
    answered: bool | None = Field(description="null while no outcome was reported")
    leaf: Hex64
    index: int
    finding: str | None = Field(default=None, description="what does not fit in the records")


class Lines(Shape):
    lines: list[Line]


class Finding(Shape):
    """What the reading of the log showed that should not be: a false seed, a line that opens to nobody."""

    exchange: Hex32
    what: Literal["false-seed", "opens-to-nobody", "unreadable"]
    by: list[MemberId]


class Findings(Shape):
    findings: list[Finding]


class ExchangeNote(Shape):
    """One row of the gateway's own record of exchanges."""

    exchange: Hex32
    side: Literal["asked", "answered"]
    counterpart: MemberId
    kind: str
    affair: str | None
    item: str | None
    at: Seconds
    result: str = Field(description="answered, not-held, waits, or the slug of the refusal")


class ExchangeNotes(Shape):
    notes: list[ExchangeNote]
    next: Count


class RefusalNote(Shape):
    """A presentation that was refused, whoever sent it."""

    at: Seconds
    sender: str
    problem: str
    exchange: str | None


class RefusalNotes(Shape):
    refusals: list[RefusalNote]


class SubscriptionRequest(Shape):
    """The agency's own system wants to hear when an item of these people changes, wherever it is held."""

    affair: Name
    item: Name
    people: list[PersonNumber] = Field(min_length=1, max_length=65_535)


class SubscriptionReply(Shape):
    exchange: Hex32
    leaf: Hex64
    until: Seconds = Field(description="when it lapses; subscribe again before")


class AnnouncementRequest(Shape):
    """The agency's own system says that an item of these people has changed."""

    id: Hex32 = Field(description="of the announcement: saying it again does nothing twice")
    to: MemberId | None = Field(
        default=None, description="the one member who is to hear it; null: whoever subscribed"
    )
    affair: Name
    item: Name
    people: list[PersonNumber] = Field(min_length=1, max_length=5_000)
    at_once: bool = Field(
        default=False, description="the reply says that it was heard, not only that it will be"
    )


class Changed(Shape):
    """An item of a person, by the agency's own number, has changed: ask if you need it."""

    number: int = Field(description="its place in this gateway's feed")
    person: PersonNumber = Field(description="a new number, if the agency did not know the person")
    item: Name
    by: MemberId | None = Field(description="who announced it, and can be asked")
    alone: bool = Field(description="whether it was announced to this agency and nobody else")
    at: Seconds


class ChangeFeed(Shape):
    changes: list[Changed]
    next: Count
