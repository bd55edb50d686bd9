"""
The core, seen from a member.

`MeshClient` has one method for each operation, by the same name on both sides.  `Members` is the directory as a
member uses it: cached, and believed only as far as the organisation certificates in it go.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from cryptography import x509

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
    UnknownMember,
)
from kiban.mesh.merkle import ProofRefused, verify_inclusion
from kiban.mesh.notes import Checkpoint, NoteRefused, VerifierKey
from kiban.shared import members
from kiban.shared.batches import Carrier, Part, Told
from kiban.shared.clock import Clock
from kiban.shared.exchanges import Blinded
from kiban.shared.http import TIMEOUT, Http, get_shape
from kiban.shared.members import Member
from kiban.shared.membership import SignedHttp
from kiban.shared.problems import Unavailable

__all__ = [
    "Checkpoint",
    "Members",
    "MeshClient",
    "NoteRefused",
    "ProofRefused",
    "patience",
    "read_directory",
    "verify_proof",
]

FRESH = timedelta(seconds=30)
"""How long a cached directory is used before it is read again."""


def patience(people: int) -> float:
    """How long an answer about so many people may take, in seconds."""
    return TIMEOUT + people / 200


class MeshClient:
    """The core's operations; what only members may do is signed."""

    def __init__(self, signed: SignedHttp, http: Http, origin: str) -> None:
        self._signed = signed
        self._http = http
        self._origin = origin
        self._permits = Carrier(self.issue_permits)

    async def enrol(self, member: str, enrolment: Enrolment) -> Entry:
        reply = await self._signed.put(f"{self._origin}/members/{member}", enrolment)
        return reply.read(Entry)

    async def read_directory(self) -> Directory:
        return await read_directory(self._http, self._origin)

    async def issue_permit(self, blinded: Blinded) -> PermitReply:
        """A permit for one exchange; what asks at the same moment travels with it."""
        return await self._permits.ask(blinded, people=blinded.claims.people)

    async def issue_permits(
        self, parts: Sequence[Part[Blinded]], people: int
    ) -> list[Told[PermitReply]]:
        asked = PermitsAsked(parts=list(parts))
        enough = patience(people)
        reply = await self._signed.post(f"{self._origin}/permits", asked, timeout=enough)
        return reply.read(PermitReplies).told

    async def redeem_token(self, redemption: TokenRedemption) -> PermitReply:
        reply = await self._signed.post(f"{self._origin}/tokens", redemption)
        return reply.read(PermitReply)

    async def report_outcomes(self, report: OutcomeReport) -> OutcomeReply:
        reply = await self._signed.post(f"{self._origin}/outcomes", report)
        return reply.read(OutcomeReply)

    async def read_epoch(self) -> EpochMove:
        reply = await self._signed.get(f"{self._origin}/epoch")
        return reply.read(EpochMove)

    async def read_entries(self, after: int, limit: int = 500) -> LogEntries:
        reply = await self._signed.get(f"{self._origin}/entries?after={after}&limit={limit}")
        return reply.read(LogEntries)

    async def read_checkpoint(self) -> str:
        reply = await self._http.send("GET", f"{self._origin}/checkpoint")
        return reply.raise_problem().content.decode()

    async def prove_inclusion(self, leaf: str) -> InclusionProof:
        where = f"{self._origin}/proofs/inclusion?leaf={leaf}"
        return await get_shape(self._http, where, InclusionProof)

    async def prove_inclusions(self, leaves: Sequence[str]) -> InclusionProofs:
        asked = LeavesAsked(leaves=list(leaves))
        reply = await self._signed.post(f"{self._origin}/proofs/inclusion", asked)
        return reply.read(InclusionProofs)

    async def prove_consistency(self, first: int, second: int) -> ConsistencyProof:
        where = f"{self._origin}/proofs/consistency?first={first}&second={second}"
        return await get_shape(self._http, where, ConsistencyProof)


def verify_proof(proof: InclusionProof, *, leaf: str, log_key: str) -> Checkpoint:
    """
    The signed head of the tree in which this leaf is proven to be; whoever acts on a leaf checks it so.

    Refused: a proof of another leaf, one that does not lead to the signed root, a head that this key did not sign.
    """
    checkpoint = Checkpoint.open(proof.checkpoint, VerifierKey.read(log_key))
    if (proof.leaf, proof.size) != (leaf, checkpoint.size):
        raise ProofRefused("the proof is of another leaf, or of a tree of another size")
    path = [bytes.fromhex(one) for one in proof.path]
    verify_inclusion(bytes.fromhex(leaf), proof.index, proof.size, path, checkpoint.root)
    return checkpoint


def proven(found: InclusionProofs, *, log_key: str) -> set[str]:
    """The leaves that are proven to stand in a tree whose head this key signed."""
    leaves = set[str]()
    with suppress(NoteRefused):
        head = Checkpoint.open(found.checkpoint, VerifierKey.read(log_key))
        for place in found.places:
            path = [bytes.fromhex(one) for one in place.path]
            with suppress(ProofRefused):
                leaf = bytes.fromhex(place.leaf)
                verify_inclusion(leaf, place.index, head.size, path, head.root)
                leaves.add(place.leaf)
    return leaves


async def read_directory(http: Http, origin: str) -> Directory:
    """The directory as the core serves it; public."""
    return await get_shape(http, f"{origin}/directory", Directory)


class Members:
    """
    Who takes part, as this member believes it.

    An entry counts only by its organisation certificate; when the core is away, the last directory still works.
    """

    def __init__(
        self, http: Http, origin: str, *, anchors: Sequence[x509.Certificate], clock: Clock
    ) -> None:
        self._http = http
        self._origin = origin
        self._anchors = anchors
        self._clock = clock
        self._directory: Directory | None = None
        self._entries: dict[str, Entry] = {}
        self._verified: dict[str, Member] = {}
        self._read_at = clock()
        self._reading = asyncio.Lock()

    async def directory(self) -> Directory:
        """The directory, at most `FRESH` old where the core answers."""
        if self._directory is None or abs(self._clock() - self._read_at) > FRESH:
            await self._refresh()
        if self._directory is None:
            raise Unavailable("the core's directory was never read", neighbour=self._origin)
        return self._directory

    async def resolve(self, name: str) -> Member:
        """The verified member of this name."""
        await self.directory()
        if name not in self._entries:
            await self._refresh()
        entry = self._entries.get(name)
        if entry is None:
            raise UnknownMember(f"the directory has no member {name}", sent=name)
        return self._believe(entry)

    async def origin(self, name: str) -> str:
        """Where the member's gateway answers."""
        await self.resolve(name)
        return self._entries[name].origin

    def _believe(self, entry: Entry) -> Member:
        at = self._clock()
        known = self._verified.get(entry.certificate)
        if known is None or at > known.not_after:
            known = members.read(members.load(entry.certificate), anchors=self._anchors, at=at)
            self._verified[entry.certificate] = known
        if known.id != entry.id:
            raise members.NotAMember(
                "the directory gives a certificate of another member",
                sent=known.id,
                expected=entry.id,
            )
        return known

    async def _refresh(self) -> None:
        async with self._reading:
            try:
                self._directory = await read_directory(self._http, self._origin)
            except Unavailable:
                if self._directory is None:
                    raise
            self._read_at = self._clock()
            self._entries = {entry.id: entry for entry in self._directory.members}
