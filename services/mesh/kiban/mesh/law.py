"""
The law: which member, for which affair (事務), may ask which member for which item, since when, by which provision.

A legal table is data: rows with effective dates, compiled to an index.  What has no row in force is denied, and
the denial names the row that would have been needed.  Members of an excluded domain (policing, diplomacy) take
part in nothing, whatever a row says; a member asks itself nothing.

Pure rules: the table and the time are arguments.  Sources: DESIGN 5.2; plan rows MSH-10 to MSH-12; in real life
番号法 第19条第8号 and its ministry order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from kiban.mesh.contract import DomainExcluded, NotPermitted

JAPAN = ZoneInfo("Asia/Tokyo")
"""A law takes effect at midnight in Japan."""
OF_CHANGES = frozenset({"subscribe", "announce"})
"""The kinds of exchanges by which members hear of changes."""
Text = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the legal table, in one edition."""

    id: str
    edition: int
    kind: str
    inquirer: str
    affair: str
    provider: str
    item: str
    basis: Literal["law", "consent", "person"]
    provision: Text
    starts: date
    ends: date | None = None

    def in_force(self, day: date) -> bool:
        return self.starts <= day and (self.ends is None or day < self.ends)

    @property
    def case(self) -> "Case":
        return Case(self.kind, self.inquirer, self.affair, self.provider, self.item)


@dataclass(frozen=True, slots=True)
class Case:
    """What a member wants to do; the key of the index."""

    kind: str
    inquirer: str
    affair: str
    provider: str
    item: str

    def __str__(self) -> str:
        return f"{self.inquirer} → {self.provider}: {self.item} for {self.affair} ({self.kind})"


@dataclass(slots=True)
class LegalTable:
    """The rows of a country's law, ready to be asked."""

    rows: Iterable[Row]
    domains: Mapping[str, str]
    excluded: frozenset[str] = frozenset()
    _index: dict[Case, list[Row]] = field(init=False)

    def __post_init__(self) -> None:
        self._index = defaultdict(list)
        for row in self.rows:
            self._index[row.case].append(row)

    def check(self, case: Case, *, at: datetime) -> Row:
        """The row in force that permits this case, or the reason why there is none."""
        for member in (case.inquirer, case.provider):
            if (domain := self.domains.get(member)) in self.excluded:
                raise DomainExcluded(
                    f"{member} is of the domain {domain}", rule="country.toml: excluded_domains"
                )
        if case.inquirer == case.provider:
            raise NotPermitted("a member asks itself nothing through the mesh", sent=str(case))
        day = at.astimezone(JAPAN).date()
        rows = self._index.get(case, [])
        for row in rows:
            if row.in_force(day):
                return row
        raise NotPermitted(
            _reason(rows, day), sent=str(case), rule="legal table", missing=str(case)
        )


def _reason(rows: list[Row], day: date) -> str:
    if not rows:
        return "the legal table has no such row"
    known = "; ".join(
        f"{row.id} is in force from {row.starts}" + (f" until {row.ends}" if row.ends else "")
        for row in rows
    )
    return f"no row is in force on {day}: {known}"
