"""
Lines (情報提供等記録): the portal opens each exchange's line and files it under its own pseudonym.

The core sealed the converted point for the portal; the seed came twice, from the exchange's maker and, in the
outcome, from its receiver.  The portal uses whichever matches the commitment.  So an exchange can be hidden only
by both ends together, and a false seed names the one who sealed it.

Everybody has a pseudonym at the portal, so a line that opens to nobody is a finding about the parties.

A person's lines are shown to nobody once one of them says that they are closed (不開示該当), until another opens them:
whoever reads the log reads the line and its meaning together, so there is no moment in between.

Pure rules.  Sources: DESIGN 5.4; the protocol's page, section 5.1, attacks C2, H6; 番号法 第23条.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kiban.gateway.contract import HISTORY_CLOSED, HISTORY_OPENED, Line
from kiban.mesh.contract import Outcome, Record
from kiban.shared import pseudonyms
from kiban.shared.exchanges import LINE, LINE_SEED, SeedRefused, check_seed
from kiban.shared.identifiers import Pseudonym
from kiban.shared.members import Identity, Member
from kiban.shared.points import NotAPoint
from kiban.shared.pseudonyms import Mode
from kiban.shared.sealing import SealBroken

_WITHOUT_OUTCOME = frozenset({"acquire", "approve"})
"""Kinds whose receiver reports nothing: the maker's seed is the only one."""


def shown(lines: Sequence[Line]) -> list[Line]:
    """A person's lines, newest first, unless they are closed; the law says who may close them."""
    for line in lines:
        if line.kind == "announce" and line.item in {HISTORY_CLOSED, HISTORY_OPENED}:
            return list(lines) if line.item == HISTORY_OPENED else []
    return list(lines)


@dataclass(slots=True)
class Reading:
    """What the portal makes of one record: pseudonyms of its own, and who lied."""

    people: tuple[Pseudonym, ...] = ()
    false_seeds: list[str] = field(default_factory=list)
    unreadable: bool = False


def read(
    identity: Identity,
    mode: Mode,
    record: Record,
    outcome: Outcome | None,
    parties: Mapping[str, Member],
) -> Reading:
    """
    Open one line, with the maker's seed or, where that is false, with the receiver's.

    `parties` holds the core, the record's sealer and its provider, by name.
    """
    reading = Reading()
    seed = _seed(identity, record, outcome, parties, reading)
    if seed is None:
        reading.unreadable = outcome is not None or record.claims.kind in _WITHOUT_OUTCOME
        return reading
    context = record.claims.context
    try:
        line = identity.open(record.line, sender=parties["core"], label=LINE, context=context)
        codes = pseudonyms.split(line, mode)
        reading.people = tuple(
            Pseudonym(mode.unblind(code, seed, context, place)) for place, code in enumerate(codes)
        )
    except (SealBroken, NotAPoint):
        reading.unreadable = True
        return reading
    reading.unreadable = len(codes) != record.claims.people
    return reading


def _seed(
    identity: Identity,
    record: Record,
    outcome: Outcome | None,
    parties: Mapping[str, Member],
    reading: Reading,
) -> bytes | None:
    found = None
    told = [(record.sealer, record.line_seed)]
    if outcome is not None:
        told.append((record.provider, outcome.line_seed))
    for sealer, sealed in told:
        try:
            found = _matching(identity, record, parties[sealer], sealed)
        except (SealBroken, SeedRefused):
            reading.false_seeds.append(sealer)
    return found


def _matching(identity: Identity, record: Record, sealer: Member, sealed: str) -> bytes:
    opened = identity.open(sealed, sender=sealer, label=LINE_SEED, context=record.claims.context)
    return check_seed(opened, record.claims, record.commitment)
