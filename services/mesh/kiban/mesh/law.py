"""
The law: which member, for which affair (事務), may ask which member for which item, since when, by which provision.

A legal table is data: rows with effective dates, compiled to an index.  A row names a member, or every member of a
domain, as real laws speak of "the mayor" and not of each city's: a nation of municipalities needs no row for each
pair.  A row may let somebody be asked about who stands in a relation (関係属性) to whose affair it is, such as the
spouse of an applicant; it then permits nothing about the applicant.  What has no row in force is denied, and the
denial names the row that would have been needed.  Members of an excluded domain (policing, diplomacy) take part in
nothing, whatever a row says; a member asks itself nothing.

Pure rules: the table and the time are arguments.  Sources: DESIGN 5.2; plan rows MSH-08, MSH-10 to MSH-12; in real life
番号法 第19条第8号 and its ministry order.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from kiban.mesh.contract import DomainExcluded, NotPermitted
from kiban.shared.clock import day_in_japan

"""A law takes effect at midnight in Japan."""
OF_CHANGES = frozenset({"subscribe", "announce"})
"""The kinds of exchanges by which members hear of changes."""
Text = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Every:
    """Every member of a domain, as a row may name it in place of one."""

    domain: str

    def __str__(self) -> str:
        return f"every {self.domain}"


Party = str | Every


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the legal table, in one edition."""

    id: str
    edition: int
    kind: str
    inquirer: Party
    affair: str
    provider: Party
    item: str
    basis: Literal["law", "consent", "person"]
    provision: Text
    starts: date
    ends: date | None = None
    of: str | None = None
    """Whose item it is: that of somebody in this relation to the person whose affair it is; none for their own."""

    def in_force(self, day: date) -> bool:
        return self.starts <= day and (self.ends is None or day < self.ends)

    @property
    def case(self) -> "Case":
        return Case(self.kind, self.inquirer, self.affair, self.provider, self.item, self.of)


@dataclass(frozen=True, slots=True)
class Case:
    """What a member wants to do, or what a row speaks of; the key of the index."""

    kind: str
    inquirer: Party
    affair: str
    provider: Party
    item: str
    of: str | None = None

    def __str__(self) -> str:
        item = f"{self.item} of the {self.of}" if self.of else self.item
        return f"{self.inquirer} → {self.provider}: {item} for {self.affair} ({self.kind})"


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
        """The row in force that permits this case between two members, or the reason why there is none."""
        for member in (case.inquirer, case.provider):
            if (domain := self.domains.get(str(member))) in self.excluded:
                raise DomainExcluded(
                    f"{member} is of the domain {domain}", rule="country.toml: excluded_domains"
                )
        if case.inquirer == case.provider:
            raise NotPermitted("a member asks itself nothing through the mesh", sent=str(case))
        day = day_in_japan(at)
        known: list[Row] = []
        for spoken_of in self._spoken_of(case):
            rows = self._index.get(spoken_of, [])
            for row in rows:
                if row.in_force(day):
                    return row
            known += rows
        raise NotPermitted(
            _reason(known, day), sent=str(case), rule="legal table", missing=str(case)
        )

    def _spoken_of(self, case: Case) -> Iterator[Case]:
        """How a row may speak of a case: of these two members first, then of every one that is like them."""
        yield case
        inquirer, provider = (
            Every(self.domains.get(str(member), "")) for member in (case.inquirer, case.provider)
        )
        yield replace(case, provider=provider)
        yield replace(case, inquirer=inquirer)
        yield replace(case, inquirer=inquirer, provider=provider)


def _reason(rows: list[Row], day: date) -> str:
    if not rows:
        return "the legal table has no such row"
    known = "; ".join(
        f"{row.id} is in force from {row.starts}" + (f" until {row.ends}" if row.ends else "")
        for row in rows
    )
    return f"no row is in force on {day}: {known}"
