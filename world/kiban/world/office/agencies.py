"""
Agencies: what an office's file says that the office does, in a closed list of verbs.

An agency file needs no code.  Its office *holds* items, *answers* for each at once or only after a clerk has looked,
*announces* that a record changed, *follows* records that others announce, and *accepts* procedures: it reads what it
needs, decides by conditions or *waits for a clerk*.  What was granted, and what it follows, it *applies* to its own
records.  Name and domain are read by the mesh as well.

Refused, with file, line and reason: any other verb; reading an item that its provider does not hold, following one
that its provider does not announce; a condition on an item that is not read or an answer that is not asked; an effect
on an item that is not held, or with other fields than its layout; a procedure that the country does not have.

Sources: DESIGN 2 (a country is a directory).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kiban.shared.country import Mistakes, Table, read_toml, reading, toml_files
from kiban.shared.identifiers import check_member, check_municipality_code
from kiban.world import layouts
from kiban.world.layouts import Layout
from kiban.world.office import answers
from kiban.world.office.answers import Form
from kiban.world.office.conditions import ASKED, Condition, read_condition
from kiban.world.office.effects import Effect, read_effect

Text = dict[str, str]
Answers = Literal["at-once", "after-a-clerk"]
ANSWERS: tuple[Answers, ...] = ("at-once", "after-a-clerk")


@dataclass(frozen=True, slots=True)
class Holding:
    """One item that the office holds, and how it behaves about it."""

    item: str
    answers: Answers = "at-once"
    announces: str | None = None
    """The affair under which its changes are announced; none where nobody is told."""


@dataclass(frozen=True, slots=True)
class Read:
    """One item that the office reads for itself before it decides; without a provider, its own record."""

    item: str
    provider: str | None = None
    affair: str | None = None
    by_consent: bool = False


@dataclass(frozen=True, slots=True)
class Follow:
    """One item of another office whose changes the office takes over into its own records."""

    item: str
    provider: str
    affair: str
    applies: tuple[Effect, ...]

    @property
    def own(self) -> tuple[str, ...]:
        """The office's own items that the effects read beside what is followed."""
        read = (each for effect in self.applies for each in effect.assignments)
        return tuple(
            dict.fromkeys(
                each.item for each in read if each.source == "read" and each.item != self.item
            )
        )


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
    follows: tuple[Follow, ...] = ()
    accepts: tuple[Acceptance, ...] = ()

    @property
    def items(self) -> frozenset[str]:
        return frozenset(each.item for each in self.holds)

    def holding(self, item: str) -> Holding | None:
        return next((each for each in self.holds if each.item == item), None)

    def follow(self, item: str, provider: str) -> Follow | None:
        return next(
            (one for one in self.follows if (one.item, one.provider) == (item, provider)), None
        )

    def acceptance(self, procedure: str) -> Acceptance | None:
        return next((each for each in self.accepts if each.procedure == procedure), None)


def load(country: Path, mistakes: Mistakes) -> dict[str, Agency]:
    """Read `agencies/*.toml`, and hold them against each other."""
    files = toml_files(country / "agencies")
    reader = _Reader(
        mistakes,
        holders=_holders(files),
        forms={
            file.stem: answers.read_form(country, file.stem)
            for file in toml_files(country / "procedures")
        },
        layouts=layouts.load(country, Mistakes()),
    )
    for file in files:
        with reading(file, mistakes) as table:
            reader.agency(table)
    return reader.agencies


def _holders(files: list[Path]) -> dict[str, dict[str, Holding]]:
    """Which agency holds what; a file that is wrong is named by the reading proper."""
    tables = [read_toml(file, Mistakes()) for file in files]
    return {
        table.text("id"): {each.text("item"): _holding(each) for each in table.tables("holds")}
        for table in tables
    }


@dataclass(slots=True)
class _Reader:
    mistakes: Mistakes
    holders: dict[str, dict[str, Holding]]
    forms: dict[str, Form]
    layouts: dict[str, Layout]
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
            follows=self.follows(table, name),
            accepts=tuple(self.acceptance(each, name) for each in table.tables("accepts")),
        )

    def follows(self, table: Table, agency: str) -> tuple[Follow, ...]:
        found: list[Follow] = []
        for each in table.tables("follows"):
            follow = self.follow(each, agency)
            for known in found:
                if (known.item, known.provider) == (follow.item, follow.provider):
                    each.mistake("item", "an item of a provider is followed once")
                elif known.item == follow.item and known.affair != follow.affair:
                    each.mistake("affair", "an item is followed under one affair, whoever holds it")
            found.append(follow)
        return tuple(found)

    def follow(self, table: Table, agency: str) -> Follow:
        item, provider = table.text("item"), table.text("provider")
        held = self.holders.get(provider, {})
        if provider == agency:
            table.mistake("provider", "an office has no need to follow its own record")
        elif provider and provider not in self.holders:
            table.mistake("provider", f"there is no agency {provider}")
        elif item and provider and item not in held:
            table.mistake("item", f"{provider} does not hold {item}")
        elif item in held and held[item].announces is None:
            table.mistake("item", f"{provider} does not announce that {item} changed")
        readable = {item, *self.holders.get(agency, ())}
        return Follow(
            item=item,
            provider=provider,
            affair=table.text("affair"),
            applies=tuple(
                self.effect(each, agency, readable, asked=False)
                for each in table.tables("applies", at_least=1)
            ),
        )

    def acceptance(self, table: Table, agency: str) -> Acceptance:
        procedure = table.text("procedure")
        form = self.forms.get(procedure)
        if procedure and form is None:
            table.mistake("procedure", f"there is no procedure {procedure}")
        reads = tuple(self.read(each, agency) for each in table.tables("reads"))
        items = {read.item for read in reads}
        if len(items) < len(reads):
            table.mistake("reads", "an item is read once")
        return Acceptance(
            procedure=procedure,
            reads=reads,
            grants_when=tuple(
                _condition(each, items, form) for each in table.tables("grants_when")
            ),
            waits_for_clerk=table.truth("waits_for_clerk", False),
            applies=tuple(
                self.effect(each, agency, items, asked=True, form=form)
                for each in table.tables("applies")
            ),
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

    def effect(
        self,
        table: Table,
        agency: str,
        items: set[str],
        *,
        asked: bool,
        form: Form | None = None,
    ) -> Effect:
        effect = read_effect(table, asked=asked)
        if effect.item not in self.holders.get(agency, ()):
            table.mistake("item", f"{agency} does not hold {effect.item}")
        self.check_fields(table, effect)
        for each in effect.assignments:
            if each.source == "read" and each.item not in items:
                table.mistake("set", f"{each.item} is not among what the office reads")
            if each.source == "address":
                _check_asked(table, "set", each.name, "address", form)
        if effect.since:
            _check_asked(table, "since", effect.since, "date", form)
        return effect

    def check_fields(self, table: Table, effect: Effect) -> None:
        """An effect writes a whole record: each field of the layout once, and no other."""
        layout = self.layouts.get(effect.item)
        if layout is None:
            return
        written = [each.field for each in effect.assignments]
        fields = [each.name for each in layout.fields]
        if lacking := [each for each in fields if each not in written]:
            table.mistake("set", f"{', '.join(lacking)} missing: a whole record is written")
        for name in {each for each in written if each and each not in fields}:
            table.mistake("set", f"the layout of {effect.item} has no {name}")
        if len(set(written)) < len(written):
            table.mistake("set", "a field is set once")


def _holding(table: Table) -> Holding:
    return Holding(
        item=table.text("item"),
        answers=table.choice("answers", ANSWERS, "at-once"),
        announces=table.text("announces", "") or None,
    )


def _condition(table: Table, items: set[str], form: Form | None) -> Condition:
    condition = read_condition(table)
    if asked := ASKED.get(table.values.get("rule", "")):
        _check_asked(table, "answer", table.text("answer"), asked, form)
    elif condition.item not in items:
        table.mistake("item", f"{condition.item} is not among what the office reads")
    return condition


def _check_asked(table: Table, key: str, name: str, type_: str, form: Form | None) -> None:
    """The procedure's form asks this, as a question of this type; a form that is not there is named elsewhere."""
    if name and form is not None and not form.asks(name, type_):
        table.mistake(key, f"the procedure asks no {type_} called {name}")
