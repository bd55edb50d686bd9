"""
Agencies: what an office's file says that the office does, in a closed list of verbs.

An agency file needs no code.  Its office *holds* items, *answers* for each at once or only after a clerk has looked,
*announces* that a record changed, and *accepts* procedures: it reads what it needs, decides by conditions or *waits for
a clerk*, and *applies* what was granted to its own records.  Name and domain are read by the mesh as well.

Refused, with file, line and reason: any other verb; reading an item that its provider does not hold; a condition on
an item that is not read; an effect on an item that is not held; a procedure that the country does not have.

Sources: DESIGN 2 (a country is a directory).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kiban.shared.country import Mistakes, Table, read_toml, reading, toml_files
from kiban.shared.identifiers import check_member, check_municipality_code
from kiban.world.office.conditions import Condition, read_condition
from kiban.world.office.effects import Effect, read_effect

Text = dict[str, str]
Answers = Literal["at-once", "after-a-clerk"]
ANSWERS: tuple[Answers, ...] = ("at-once", "after-a-clerk")


@dataclass(frozen=True, slots=True)
class Holding:
    """One item that the office holds, and how it behaves about it."""

    item: str
    answers: Answers = "at-once"
    announces: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """One item that the office reads for itself before it decides; without a provider, its own record."""

    item: str
    provider: str | None = None
    affair: str | None = None
    by_consent: bool = False


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One procedure that the office accepts, and how it comes to a decision."""

    procedure: str
    reads: tuple[Read, ...]
    grants_when: tuple[Condition, ...]
    waits_for_clerk: bool
    applies: tuple[Effect, ...]
    granted: Text
    refused: Text


@dataclass(frozen=True, slots=True)
class Agency:
    """One agency as its file describes it."""

    id: str
    name: Text
    domain: str
    municipality: str | None = None
    vault: bool = False
    holds: tuple[Holding, ...] = ()
    accepts: tuple[Acceptance, ...] = ()

    @property
    def items(self) -> frozenset[str]:
        return frozenset(each.item for each in self.holds)

    def holding(self, item: str) -> Holding | None:
        return next((each for each in self.holds if each.item == item), None)

    def acceptance(self, procedure: str) -> Acceptance | None:
        return next((each for each in self.accepts if each.procedure == procedure), None)


def load(country: Path, mistakes: Mistakes) -> dict[str, Agency]:
    """Read `agencies/*.toml`, and hold them against each other."""
    files = toml_files(country / "agencies")
    reader = _Reader(
        mistakes,
        holders=_holders(files),
        procedures=frozenset(file.stem for file in toml_files(country / "procedures")),
    )
    for file in files:
        with reading(file, mistakes) as table:
            reader.agency(table)
    return reader.agencies


def _holders(files: list[Path]) -> dict[str, frozenset[str]]:
    """Which agency holds what; a file that is wrong is named by the reading proper."""
    tables = [read_toml(file, Mistakes()) for file in files]
    return {
        table.text("id"): frozenset(each.text("item") for each in table.tables("holds"))
        for table in tables
    }


@dataclass(slots=True)
class _Reader:
    mistakes: Mistakes
    holders: dict[str, frozenset[str]]
    procedures: frozenset[str]
    agencies: dict[str, Agency] = field(default_factory=dict)

    def agency(self, table: Table) -> None:
        name = table.text("id", check=check_member)
        if name in self.agencies:
            table.mistake("id", "another agency has this id")
        self.agencies[name] = Agency(
            id=name,
            name=table.localized("name"),
            domain=table.text("domain"),
            municipality=table.text("municipality", "", check=check_municipality_code) or None,
            vault=table.truth("vault", False),
            holds=tuple(_holding(each) for each in table.tables("holds")),
            accepts=tuple(self.acceptance(each, name) for each in table.tables("accepts")),
        )

    def acceptance(self, table: Table, agency: str) -> Acceptance:
        procedure = table.text("procedure")
        if procedure and procedure not in self.procedures:
            table.mistake("procedure", f"there is no procedure {procedure}")
        reads = tuple(self.read(each, agency) for each in table.tables("reads"))
        items = {read.item for read in reads}
        if len(items) < len(reads):
            table.mistake("reads", "an item is read once")
        return Acceptance(
            procedure=procedure,
            reads=reads,
            grants_when=tuple(_condition(each, items) for each in table.tables("grants_when")),
            waits_for_clerk=table.truth("waits_for_clerk", False),
            applies=tuple(self.effect(each, agency, items) for each in table.tables("applies")),
            granted=table.localized("granted"),
            refused=table.localized("refused"),
        )

    def read(self, table: Table, agency: str) -> Read:
        item, provider = table.text("item"), table.text("provider", "") or None
        holder = provider or agency
        if provider == agency:
            table.mistake("provider", "leave it out for the office's own record")
        elif holder not in self.holders:
            table.mistake("provider", f"there is no agency {holder}")
        elif item not in self.holders[holder]:
            table.mistake("item", f"{holder} does not hold {item}")
        if provider is None:
            return Read(item)
        return Read(item, provider, table.text("affair"), table.truth("by_consent", False))

    def effect(self, table: Table, agency: str, items: set[str]) -> Effect:
        effect = read_effect(table)
        if effect.item not in self.holders.get(agency, ()):
            table.mistake("item", f"{agency} does not hold {effect.item}")
        for each in effect.assignments:
            if each.source == "read" and each.item not in items:
                table.mistake("set", f"{each.item} is not among what the office reads")
        return effect


def _holding(table: Table) -> Holding:
    return Holding(
        item=table.text("item"),
        answers=table.choice("answers", ANSWERS, "at-once"),
        announces=table.truth("announces", False),
    )


def _condition(table: Table, items: set[str]) -> Condition:
    condition = read_condition(table)
    if condition.item not in items:
        table.mistake("item", f"{condition.item} is not among what the office reads")
    return condition
