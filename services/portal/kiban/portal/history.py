"""
History (やりとり履歴): every exchange about a person, in words, each with a proof that the portal verified.

The portal's gateway files the lines of the log for the person whom they are about.  For each line the portal asks for
the proof that its leaf is in the log and checks it itself: it does not take its gateway's word for it.  What does not
fit is shown, not hidden: a line with a finding, a proof that does not hold, an exchange that was permitted and never
answered.

Source: DESIGN 4 (step 8), 5.4; in real life 番号法 附則第6条 (情報提供等記録の開示).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from kiban.gateway.client import (
    Checkpoint,
    InclusionProof,
    NoteRefused,
    ProofRefused,
    verify_proof,
)
from kiban.gateway.contract import Finding, Findings, Line, Lines
from kiban.portal.country import SELF, Country, Text
from kiban.portal.procedures import Followed
from kiban.shared.problems import NotFound, Problem

PAGE = 20
"""Lines on one page."""
NOBODY = "opens-to-nobody"


class Directory(Protocol):
    """What the gateway believes about the log."""

    log_key: str


class Log(Protocol):
    """The portal's gateway, as narrow as the history needs it."""

    async def read_lines(self, person: str) -> Lines: ...

    async def read_findings(self) -> Findings: ...

    async def prove(self, leaf: str) -> InclusionProof: ...

    async def read_directory(self) -> Directory: ...


@dataclass(frozen=True, slots=True)
class Verified:
    """A proof that holds."""

    proof: InclusionProof
    checkpoint: Checkpoint
    log_key: str
    """The key under which the checkpoint was verified."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One exchange as the citizen reads it."""

    line: Line
    verified: Verified | None
    problem: str | None
    """Why there is no verified proof: the slug."""
    own: bool
    """Whether it is the citizen's own doing at the portal: a look at own information, a login."""

    @property
    def refused(self) -> bool:
        """Whether there was a proof, and it does not hold."""
        return self.problem in {ProofRefused.slug, NoteRefused.slug}

    @property
    def at(self) -> datetime | None:
        return None if self.line.at is None else datetime.fromtimestamp(self.line.at, UTC)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One page of a person's history, and what does not fit in the records."""

    entries: tuple[Entry, ...]
    page: int
    pages: int
    lines: tuple[Line, ...]
    """All of them, whatever the page shows."""
    findings: tuple[Finding, ...]
    """In exchanges of this person's."""
    strangers: tuple[Finding, ...]
    """In exchanges that open to nobody: whose they are cannot be known, so everybody is told."""


@dataclass(frozen=True, slots=True)
class History:
    """Reads a person's lines and proves them."""

    log: Log
    country: Country

    async def read(self, person: str, page: int) -> Stretch:
        """Give one page, newest first; pages count from one."""
        lines, found = await asyncio.gather(self.log.read_lines(person), self.log.read_findings())
        pages = max(1, -(-len(lines.lines) // PAGE))
        here = min(max(page, 1), pages)
        mine = {line.exchange for line in lines.lines}
        return Stretch(
            entries=await self._proven(lines.lines[(here - 1) * PAGE : here * PAGE]),
            page=here,
            pages=pages,
            lines=tuple(lines.lines),
            findings=tuple(one for one in found.findings if one.exchange in mine),
            strangers=tuple(one for one in found.findings if one.what == NOBODY),
        )

    async def entry(self, person: str, leaf: str) -> Entry:
        """Give one line of this person's, with its proof."""
        lines = (await self.log.read_lines(person)).lines
        mine = [line for line in lines if line.leaf == leaf]
        if not mine:
            raise NotFound("no line of yours has this leaf")
        return (await self._proven(mine))[0]

    async def followers(
        self, person: str, followed: Followed, *, since: datetime
    ) -> tuple[Entry, ...]:
        """Who has asked for what changed, and was told: for each office its first line after the announcement."""
        lines = (await self.log.read_lines(person)).lines
        return await self._proven(following(lines, followed, since))

    def basis(self, line: Line) -> Text | None:
        """The provision on which an exchange rests, in words; None where it was the person's own act."""
        known = {row.id for row in self.country.rows}
        return self.country.provision(line.basis) if line.basis in known else None

    async def _proven(self, lines: Sequence[Line]) -> tuple[Entry, ...]:
        if not lines:
            return ()
        log_key = (await self.log.read_directory()).log_key
        return tuple(await asyncio.gather(*(self._prove(line, log_key) for line in lines)))

    async def _prove(self, line: Line, log_key: str) -> Entry:
        own = self._own(line)
        try:
            proof = await self.log.prove(line.leaf)
            checkpoint = verify_proof(proof, leaf=line.leaf, log_key=log_key)
        except Problem as problem:
            return Entry(line, None, problem.slug, own)
        return Entry(line, Verified(proof, checkpoint, log_key), None, own)

    def _own(self, line: Line) -> bool:
        if line.kind == "acquire":
            return line.provider == self.country.portal
        by_portal = line.inquirer == self.country.portal
        return line.kind == "inquiry" and by_portal and line.affair == SELF


def following(lines: Sequence[Line], followed: Followed, since: datetime) -> list[Line]:
    """Each office's first answered inquiry after somebody announced, since then, that one of the items changed."""
    announced = False
    first: dict[str, Line] = {}
    for line in sorted(lines, key=lambda one: one.index):
        concerns = line.affair == followed.affair and line.item in followed.items
        if not concerns or line.at is None or line.at < int(since.timestamp()):
            continue
        if line.kind == "announce":
            announced = True
        elif line.kind == "inquiry" and announced and line.answered:
            first.setdefault(line.inquirer, line)
    return list(first.values())
