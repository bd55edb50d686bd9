"""
Comparing: the history's lines beside what an agency itself noted of the same exchanges.

The lines come from the core's log through the portal.  Should the core spoil a line or the portal keep one back, only
the agencies' own records contradict it.  So a citizen may read those too, under an approval like any other, and the
portal shows where they disagree.

Compared are inquiries and submissions that are old enough to be on record at both.  A permit that was never answered
stands at the inquirer alone, and that is true.

Source: DESIGN 5.4; the protocol's page, attack H6; in real life 番号法 第23条 (each party records).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kiban.gateway.contract import Line, Statement
from kiban.portal.records import Kept

ITEM = "exchange-records"
"""The item under which every agency's gateway answers with its own record."""
_KINDS = frozenset({"inquiry", "submission"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """One agency's own record beside the lines."""

    agency: str
    known: bool
    """Whether the agency's record was read in this session."""
    agreed: int = 0
    missing_there: tuple[str, ...] = ()
    """Exchanges that the lines tell of and the agency did not note."""
    missing_here: tuple[str, ...] = ()
    """Exchanges that the agency noted and no line tells of."""

    @property
    def troubled(self) -> bool:
        return bool(self.missing_there or self.missing_here)


def compare(lines: Sequence[Line], offered: Iterable[Kept]) -> tuple[Comparison, ...]:
    """Hold the lines against each agency's own record, as far as it was read."""
    return tuple(
        _beside(lines, kept.wish.provider, kept.seen.statement if kept.seen else None)
        for kept in offered
        if kept.wish.item == ITEM
    )


def _beside(lines: Sequence[Line], agency: str, statement: Statement | None) -> Comparison:
    if statement is None:
        return Comparison(agency, known=False)
    noted = _noted(statement)
    told = {line.exchange for line in lines if _is_noted_by(line, agency)}
    # The reading itself is noted after it was answered: neither side's newest lines count against the other.
    late = {line.exchange for line in lines if line.item == ITEM}
    everything = {line.exchange for line in lines}
    return Comparison(
        agency,
        known=True,
        agreed=len(told & noted),
        missing_there=tuple(sorted(told - noted - late)),
        missing_here=tuple(sorted(noted - everything)),
    )


def _is_noted_by(line: Line, agency: str) -> bool:
    if line.kind not in _KINDS:
        return False
    return line.inquirer == agency or (line.provider == agency and line.answered is not None)


def _noted(statement: Statement) -> set[str]:
    notes = statement.values.get("exchanges")
    if not isinstance(notes, list):
        return set()
    return {
        str(note["exchange"])
        for note in notes
        if isinstance(note, dict) and note.get("kind") in _KINDS
    }
