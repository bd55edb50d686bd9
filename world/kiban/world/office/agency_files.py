"""
Agency files: how `agencies/*.toml` is read, each file held against the rest of the country.

Refused, with file, line and reason: a verb that is not on the list; reading an item that its provider does not hold,
following one that its provider does not announce; a condition on an item that is not read or an answer that is not
asked; an effect on an item that is not held, or with other fields than its layout; an item that is expected, or
completes something, without the fields by which people and notices are known; a procedure that the country does not
have.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from kiban.shared.country import Mistakes, Table, read_toml, reading, toml_files
from kiban.shared.identifiers import check_member, check_municipality_code
from kiban.world import layouts
from kiban.world.layouts import Layout
from kiban.world.office import answers
from kiban.world.office.agencies import (
    Acceptance,
    Agency,
    Answers,
    Completion,
    Expectation,
    Follow,
    Holding,
    Read,
    Withdrawal,
)
from kiban.world.office.answers import Form
from kiban.world.office.conditions import ASKED, Condition, read_condition
from kiban.world.office.effects import Effect, Occasion, read_effect

EXPECTED = ("name", "name_kana", "birth_date", "sex", "old_address", "new_address", "notice")
"""The fields by which an office knows who will arrive, and with whom."""
COMPLETING = ("moving_day", "notice")
"""The fields by which an office knows what is completed, and since when."""


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
            expects=tuple(self.expectation(each, name) for each in table.tables("expects")),
            completes=tuple(self.completion(each, name) for each in table.tables("completes")),
        )
        self.told_once(table, self.agencies[name])

    def told_once(self, table: Table, agency: Agency) -> None:
        """Of an item that is told to this office alone, its file says one thing."""
        told = [each.item for each in agency.expects] + [each.item for each in agency.completes]
        if len(set(told)) < len(told):
            table.mistake("", "an item is expected, or completes something, once")

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
                self.effect(each, agency, readable, "following")
                for each in table.tables("applies", at_least=1)
            ),
        )

    # --- what is told to it alone ---------------------------------------------------------------

    def expectation(self, table: Table, agency: str) -> Expectation:
        item = table.text("item")
        self.check_told(table, item, EXPECTED)
        return Expectation(
            item=item,
            affair=table.text("affair"),
            applies=tuple(
                self.effect(each, agency, {item}, "arrival")
                for each in table.tables("applies", at_least=1)
            ),
        )

    def completion(self, table: Table, agency: str) -> Completion:
        item, own = table.text("item"), self.holders.get(agency, {})
        self.check_told(table, item, COMPLETING)
        completion = Completion(
            item=item,
            affair=table.text("affair"),
            told=table.text("told"),
            ends=tuple(table.texts("ends")),
            leaves=tuple((each.text("item"), each.text("list")) for each in table.tables("leaves")),
            completed=table.localized("completed"),
        )
        for key, items in (
            ("told", [completion.told]),
            ("ends", completion.ends),
            ("leaves", [left for left, _ in completion.leaves]),
        ):
            for each in items:
                if each and each not in own:
                    table.mistake(key, f"{agency} does not hold {each}")
        return completion

    def check_told(self, table: Table, item: str, fields: tuple[str, ...]) -> None:
        """Another office holds the item, and its layout has the fields by which people and notices are known."""
        if item and not any(item in held for held in self.holders.values()):
            table.mistake("item", f"no agency holds {item}")
        layout = self.layouts.get(item)
        known = {field.name for field in layout.fields} if layout else set()
        if layout and (lacking := [each for each in fields if each not in known]):
            table.mistake("item", f"the layout of {item} has no {', '.join(lacking)}")

    # --- what it accepts ------------------------------------------------------------------------

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
                self.effect(each, agency, items, "application", form=form)
                for each in table.tables("applies")
            ),
            granted=table.localized("granted"),
            refused=table.localized("refused"),
            withdraws=self.withdrawal(table, agency, items) if "withdraws" in table else None,
        )

    def withdrawal(self, table: Table, agency: str, items: set[str]) -> Withdrawal:
        what = table.table("withdraws")
        withdrawal = Withdrawal(
            item=what.text("item"),
            affair=what.text("affair"),
            withdrawn=what.localized("withdrawn"),
        )
        if withdrawal.item not in self.holders.get(agency, ()):
            what.mistake("item", f"{agency} does not hold {withdrawal.item}")
        elif withdrawal.item not in items:
            what.mistake("item", f"{withdrawal.item} is not among what the office reads")
        return withdrawal

    def read(self, table: Table, agency: str) -> Read:
        item, provider = table.text("item"), table.text("provider", "") or None
        holder = provider or agency
        if provider == agency:
            table.mistake("provider", "leave it out for the office's own record")
        elif holder not in self.holders:
            table.mistake("provider", f"there is no agency {holder}")
        elif item not in self.holders[holder]:
            table.mistake("item", f"{holder} does not hold {item}")
        needed = table.truth("needed", True)
        if provider is None:
            return Read(item, needed=needed)
        return Read(item, provider, table.text("affair"), table.truth("by_consent", False), needed)

    def effect(
        self,
        table: Table,
        agency: str,
        items: set[str],
        occasion: Occasion,
        *,
        form: Form | None = None,
    ) -> Effect:
        effect, held = read_effect(table, occasion), self.holders.get(agency, {})
        if effect.item not in held:
            table.mistake("item", f"{agency} does not hold {effect.item}")
        self.check_fields(table, effect)
        for each in effect.assignments:
            if each.source == "read" and each.item not in items:
                table.mistake("set", f"{each.item} is not among what the office reads")
            if each.source == "own" and each.item not in held:
                table.mistake("set", f"{agency} does not hold {each.item}")
            if each.source == "address":
                _check_asked(table, "set", each.name, "address", form)
        if occasion == "application":
            _check_occasion(table, effect, items, form)
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


def _check_occasion(table: Table, effect: Effect, items: set[str], form: Form | None) -> None:
    """What an effect says of the application: the answers are asked, and what they choose from is read."""
    _check_asked(table, "since", effect.since, "date", form)
    _check_asked(table, "to", effect.to, "address", form)
    _check_asked(table, "each", effect.each, "members", form)
    chosen = form.list_of(effect.each) if form and effect.each else None
    if chosen and chosen.item not in items:
        table.mistake("each", f"{chosen.item}, from which it chooses, is not read by the office")


def _holding(table: Table) -> Holding:
    return Holding(
        item=table.text("item"),
        answers=table.choice("answers", get_args(Answers), "at-once"),
        announces=table.text("announces", "") or None,
    )


def _condition(table: Table, items: set[str], form: Form | None) -> Condition:
    condition = read_condition(table)
    if asked := ASKED.get(table.values.get("rule", "")):
        _check_asked(table, "answer", table.text("answer"), asked, form)
        if "after" in table:
            _check_asked(table, "after", table.text("after"), asked, form)
    elif condition.item not in items:
        table.mistake("item", f"{condition.item} is not among what the office reads")
    return condition


def _check_asked(table: Table, key: str, name: str, type_: str, form: Form | None) -> None:
    """The procedure's form asks this, as a question of this type; a form that is not there is named elsewhere."""
    if name and form is not None and not form.asks(name, type_):
        table.mistake(key, f"the procedure asks no {type_} called {name}")
