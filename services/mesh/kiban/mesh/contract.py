"""
The core's contract: what a member may send to the core, and what it gets back.

The core (情報提供の中核, successor of 情報提供ネットワークシステム) checks the law, converts pseudonyms that it
cannot read, logs, and only then permits.  Bodies never pass it.

Source: DESIGN 5.1 to 5.4 and 5.8; plan rows MSH-04, MSH-09 to MSH-11.
"""

import hashlib
from functools import cached_property
from typing import Literal

from pydantic import Field

from kiban.shared import canonical
from kiban.shared.batches import Batch, Replies
from kiban.shared.exchanges import Blinded, Claims, Hex32, Hex64, MemberId, Sealed, Seconds, Shape
from kiban.shared.problems import Problem

PERMIT, OUTCOME = "kiban-permit", "kiban-outcome"
"""JWS types of what the core and the providers sign.  What asks for a permit is a `Blinded`."""
EPOCH = "epoch"
"""Label of the sealed ratio with which a member moves its pseudonyms."""
Mode = Literal["blind", "classic"]
LONGEST_PERMIT = 300
"""Seconds: the core caps an exchange's `until`."""


class NotPermitted(Problem):
    slug, title, status = "not-permitted", "No law permits this exchange", 403


class DomainExcluded(Problem):
    slug, title, status = "domain-excluded", "This domain takes no part in the mesh", 403


class ExchangeKnown(Problem):
    slug, title, status = "exchange-known", "This exchange was taken before", 409


class ExchangeExpired(Problem):
    slug, title, status = "exchange-expired", "The exchange is not valid at this time", 403


class NotTheBearer(Problem):
    slug, title, status = "not-the-bearer", "The token is another member's", 403


class EpochPassed(Problem):
    slug, title, status = "epoch-passed", "Pseudonyms of this epoch are no longer converted", 409


class UnknownMember(Problem):
    slug, title, status = "unknown-member", "The directory holds no such member", 404


class LogUnavailable(Problem):
    slug, title, status = (
        "log-unavailable",
        "The log cannot be written, so nothing is permitted",
        503,
    )


class OutcomeRefused(Problem):
    slug, title, status = "outcome-refused", "This outcome cannot be recorded", 400


class NotInLog(Problem):
    slug, title, status = "not-in-log", "The log holds no such leaf", 404


def leaf_of(body: str) -> str:
    """
    The log's leaf for a record's or an outcome's text (RFC 9162, section 2.1.1), 64 hexadecimal digits.

    The tree stands over digests, not over records, so the published log shows nobody who asks whom.
    """
    return hashlib.sha256(b"\0" + hashlib.sha256(body.encode()).digest()).hexdigest()


class Basis(Shape):
    """Why an exchange is permitted: a row of the legal table, or the person's own act."""

    kind: Literal["law", "consent", "person"]
    row: str = Field(description="id of the row of the legal table; empty for the person's own act")
    edition: int = Field(description="edition of that row")


class Record(Shape):
    """
    What the log keeps of an exchange: the leaf's preimage and the permit's content in one.

    Holds no readable point, no person and no value.  `leaf` is SHA-256(0x00 || SHA-256(canonical record)).
    """

    claims: Claims
    provider: MemberId
    sealer: str = Field(description="who sealed seed and line_seed: inquirer, or the authority")
    basis: Basis
    layout: int = Field(description="edition of the item's layout; 0 where there is no item")
    provider_epoch: int
    portal_epoch: int
    commitment: Hex64
    seed: Sealed
    line_seed: Sealed
    line: Sealed
    request: Hex64 = Field(description="evidence of the inquirer's signed request")
    at: Seconds = Field(description="when the core permitted it")

    @cached_property
    def body(self) -> str:
        """The canonical text, as the log keeps it."""
        return canonical.encode(self.model_dump(mode="json")).decode()

    @cached_property
    def leaf(self) -> str:
        return leaf_of(self.body)


class Permit(Shape):
    """What the core signs (情報提供許可): the record, its leaf and the conversion sealed for the provider."""

    record: Record
    leaf: Hex64
    conversion: Sealed
    thumbprint: str = Field(description="the inquirer's certificate, as x5t#S256")
    issued_at: Seconds


class PermitReply(Shape):
    permit: str = Field(description="a JWS of type kiban-permit over a Permit")


class PermitsAsked(Batch[Blinded]):
    """Exchanges that one member wants to have permitted at one moment."""


class PermitReplies(Replies[PermitReply]):
    """A permit or a problem for each, in the same order."""


class TokenRedemption(Shape):
    token: str = Field(
        description="a JWS of type kiban-token over a TokenPayload", max_length=20_000
    )
    party: MemberId = Field(description="whose pseudonym it becomes: the bearer's, or a party's")


class Outcome(Shape):
    """The second leaf, signed by the provider before data leaves: answered or not, and the seed again."""

    exchange: Hex32
    provider: MemberId
    answered: bool
    line_seed: Sealed


class OutcomeReport(Shape):
    outcomes: list[str] = Field(
        min_length=1, max_length=1000, description="JWS of type kiban-outcome"
    )


class OutcomeReply(Shape):
    recorded: int = Field(description="how many were new; the others had been recorded before")


class Enrolment(Shape):
    """A member's entry in the directory, as it asks for it."""

    certificate: str = Field(
        max_length=8_000, description="organisation certificate, DER in base64url"
    )
    origin: str = Field(max_length=255, description="public origin of the member's gateway")


class Entry(Shape):
    """One member in the directory."""

    id: MemberId
    certificate: str
    origin: str
    name: dict[str, str] = Field(description="by language")
    epoch: int = Field(description="epoch of the member's pseudonyms")


class Directory(Shape):
    """Who takes part.  Cached by everyone; only the certificates in it carry weight."""

    mode: Mode
    core: str
    authority: str
    portal: str
    change_office: str | None = Field(description="the member that passes on announcements")
    log_key: str = Field(description="verifier key of the log's checkpoints, C2SP signed-note form")
    layouts: dict[str, int] = Field(description="edition of each item's layout that is in force")
    members: list[Entry]


def epoch_context(epoch: int) -> bytes:
    """What the sealed ratio of an epoch is bound to."""
    return b"epoch %d" % epoch


class EpochMove(Shape):
    """How a member moves its pseudonyms to the current epoch by itself."""

    epoch: int
    ratio: str | None = Field(description="k'/k sealed for the member; null once it has moved")


class LogEntry(Shape):
    """One leaf as the portal reads it, in the order of the tree."""

    index: int
    leaf: Hex64
    kind: Literal["record", "outcome"]
    body: str = Field(description="canonical record, or the outcome's JWS")


class LogEntries(Shape):
    entries: list[LogEntry]
    next: int = Field(description="the cursor to ask with")


class InclusionProof(Shape):
    """RFC 9162, section 2.1.3: that a leaf is in the tree of a signed checkpoint."""

    leaf: Hex64
    index: int
    size: int
    path: list[Hex64]
    checkpoint: str = Field(description="C2SP signed note over the tree's size and root")


class LeavesAsked(Shape):
    leaves: list[Hex64] = Field(min_length=1, max_length=500)


class PlacedLeaf(Shape):
    """Where a leaf stands, and what leads from it to the root."""

    leaf: Hex64
    index: int
    path: list[Hex64]


class InclusionProofs(Shape):
    """The same for many leaves in one tree; a leaf that is not in it is missing."""

    size: int
    checkpoint: str = Field(description="C2SP signed note over the tree's size and root")
    places: list[PlacedLeaf]


class ConsistencyProof(Shape):
    """RFC 9162, section 2.1.4: that the larger tree only adds to the smaller one."""

    first: int
    second: int
    path: list[str]
