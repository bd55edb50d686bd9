"""
Agency files: how `agencies/*.toml` is read, each file held against the rest of the country.

What every member of a domain does stands once, in `domains/DOMAIN.toml`: its verbs count as if they stood in the file
of each of them, beside what that file says of its own.

Refused, with file, line and reason: a verb that is not on the list; reading an item that its provider does not hold,
or of somebody in a relation that the office does not know; following one that its provider does not announce; a
condition on an item that is not read, on a field that the item does not have or an answer that is not asked; an effect
on an item that is not held, or with other fields than its layout; an item that is expected, or completes something,
without the fields by which people and notices are known; a procedure that the country does not have.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
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
    Passage,
    Read,
    Verbs,
    Withdrawal,
)
from kiban.world.office.answers import Form
from kiban.world.office.conditions import ASKED, Condition, named, read_condition
from kiban.world.office.effects import Effect, Occasion, read_effect
from kiban.world.office.relatives import Relation, read_relation

EXPECTED = (
    *("name", "name_kana", "birth_date", "sex"),
    *("old_address", "new_address", "moving_day", "notice"),
)
"""The fields by which an office knows who will arrive, with whom, and not before when."""
COMPLETING = ("moving_day", "notice")
"""The fields by which an office knows what is completed, and since when."""


def load(country: Path, mistakes: Mistakes) -> dict[str, Agency]:
    """Read `agencies/*.toml`, and hold them against each other."""
    files, domains = toml_files(country / "agencies"), toml_files(country / "domains")
    introduced = [read_toml(file, Mistakes()) for file in files]
    every = [read_toml(file, Mistakes()) for file in domains]
    reader = _Reader(
        mistakes,
        members=_members(introduced),
        holders=_holders(introduced, every),
        related=_related(introduced, every),
        forms={
            file.stem: answers.read_form(country, file.stem)
            for file in toml_files(country / "procedures")
        },
        layouts=layouts.load(country, Mistakes()),
    )
    for file in domains:
        with reading(file, mistakes) as table:
            reader.domain(table)
    for file in files:
        with reading(file, mistakes) as table:
            reader.agency(table)
    return reader.agencies


def _every(domain: str) -> str:
    """How the members of a domain are called together; no agency can be called so."""
    return f"every {domain}"


def _members(agencies: Iterable[Table]) -> dict[str, list[str]]:
    """Who is of which domain; a file that is wrong is named by the reading proper."""
    found: dict[str, list[str]] = {}
    for table in agencies:
        found.setdefault(table.text("domain"), []).append(table.text("id"))
    return found


def _holders(agencies: Iterable[Table], domains: Iterable[Table]) -> dict[str, dict[str, Holding]]:
    """Which agency holds what, and what every member of a domain does."""
    every = {table.text("domain"): _held(table) for table in domains}
    found = {
        table.text("id"): every.get(table.text("domain"), {}) | _held(table) for table in agencies
    }
    return found | {_every(domain): held for domain, held in every.items()}


def _related(agencies: Iterable[Table], domains: Iterable[Table]) -> dict[str, set[str]]:
    """The relations that each agency knows, and every member of a domain."""
    every = {
        table.text("domain"): {each.text("relation") for each in table.tables("relates")}
        for table in domains
    }
    found = {
        table.text("id"): every.get(table.text("domain"), set())
        | {each.text("relation") for each in table.tables("relates")}
        for table in agencies
    }
    return found | {_every(domain): known for domain, known in every.items()}


def _held(table: Table) -> dict[str, Holding]:
    return {each.text("item"): _holding(each) for each in table.tables("holds")}


@dataclass(slots=True)
class _Reader:
    mistakes: Mistakes
    members: dict[str, list[str]]
    holders: dict[str, dict[str, Holding]]
    related: dict[str, set[str]]
    forms: dict[str, Form]
    layouts: dict[str, Layout]
    agencies: dict[str, Agency] = field(default_factory=dict)
    domains: dict[str, Verbs] = field(default_factory=dict)

    def domain(self, table: Table) -> None:
        """What every member of a domain does."""
        name = table.text("domain")
        if name and name != table.file.stem:
            table.mistake("domain", f"the file of the domain {name} is called {name}.toml")
        if name and name not in self.members:
            table.mistake("domain", f"no member is of the domain {name}")
        self.domains[name] = self.verbs(table, _every(name))

    def agency(self, table: Table) -> None:
        name, domain = table.text("id", check=check_member), table.text("domain")
        if name in self.agencies:
            table.mistake("id", "another agency has this id")
        municipality = table.text("municipality", "", check=check_municipality_code) or None
        does = self.domains.get(domain, Verbs()) + self.verbs(table, name)
        holds = [self.holding(each, local=municipality is not None) for each in does.holds]
        self.agencies[name] = Agency(
            id=name,
            name=table.localized("name"),
            domain=domain,
            municipality=municipality,
            vault=table.truth("vault", False),
            **replace(does, holds=tuple(holds)).said(),
        )
        self.said_once(table, self.agencies[name])
        self.told_once(table, self.agencies[name])

    def verbs(self, table: Table, agency: str) -> Verbs:
        return Verbs(
            holds=tuple(_holding(each) for each in table.tables("holds")),
            follows=self.follows(table, agency),
            accepts=tuple(self.acceptance(each, agency) for each in table.tables("accepts")),
            expects=tuple(self.expectation(each, agency) for each in table.tables("expects")),
            completes=tuple(self.completion(each, agency) for each in table.tables("completes")),
            passes_on=tuple(self.passage(each, agency) for each in table.tables("passes_on")),
            relates=tuple(self.relates(each, agency) for each in table.tables("relates")),
        )

    def said_once(self, table: Table, agency: Agency) -> None:
        """What is said of every member of a domain is not said of one of them again."""
        for verb, said in (
            ("holds", [each.item for each in agency.holds]),
            ("accepts", [each.procedure for each in agency.accepts]),
        ):
            if len(set(said)) < len(said):
                table.mistake("", f"[[{verb}]] says the same of {agency.id} twice")

    def told_once(self, table: Table, agency: Agency) -> None:
        """Of an item that is told to this office alone, its file says one thing."""
        told = [
            *(each.item for each in agency.expects),
            *(each.item for each in agency.completes),
            *(each.item for each in agency.passes_on),
        ]
        if len(set(told)) < len(told):
            table.mistake("", "an item is expected, completes something or is passed on, once")

    def holding(self, holding: Holding, *, local: bool) -> Holding:
        """What a municipality holds of a person says where that person is, whatever it is."""
        layout = self.layouts.get(holding.item)
        return replace(holding, tells_where=local or (layout is not None and layout.tells_where))

    def follows(self, table: Table, agency: str) -> tuple[Follow, ...]:
        found: dict[tuple[str, str], Follow] = {}
        affairs: dict[str, str] = {}
        for each in table.tables("follows"):
            follow = self.follow(each, agency)
            if affairs.setdefault(follow.item, follow.affair) != follow.affair:
                each.mistake("affair", "an item is followed under one affair, whoever holds it")
            for provider in self.followed(each, agency, follow.item):
                if (follow.item, provider) in found:
                    each.mistake("item", "an item of a provider is followed once")
                found[follow.item, provider] = replace(follow, provider=provider)
        return tuple(found.values())

    def follow(self, table: Table, agency: str) -> Follow:
        """What one `[[follows]]` says, whoever the providers are."""
        item = table.text("item")
        readable = {item, *self.holders.get(agency, ())}
        return Follow(
            item=item,
            provider="",
            affair=table.text("affair"),
            applies=tuple(
                self.effect(each, agency, readable, "following")
                for each in table.tables("applies", at_least=1)
            ),
        )

    def followed(self, table: Table, agency: str, item: str) -> list[str]:
        """One provider, or every one of a domain, as the law may name them: `{ domain = "municipality" }`."""
        if isinstance(table.values.get("provider"), dict):
            named = table.table("provider")
            domain = named.text("domain")
            providers = [each for each in self.members.get(domain, []) if each != agency]
            if domain and not providers:
                named.mistake("domain", f"no other member is of the domain {domain}")
        else:
            providers = [table.text("provider")]
        for provider in providers:
            if reason := self.why_not_followed(agency, item, provider):
                table.mistake(*reason)
                break  # what one of a domain lacks, the others may lack, too
        return providers

    def why_not_followed(self, agency: str, item: str, provider: str) -> tuple[str, str] | None:
        """The key that is wrong, and why; None where this item of this provider can be followed."""
        held = self.holders.get(provider, {})
        if provider == agency:
            return "provider", "an office has no need to follow its own record"
        if provider and provider not in self.holders:
            return "provider", f"there is no agency {provider}"
        if item and provider and item not in held:
            return "item", f"{provider} does not hold {item}"
        if item in held and held[item].announces is None:
            return "item", f"{provider} does not announce that {item} changed"
        return None

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

    def passage(self, table: Table, agency: str) -> Passage:
        item = table.text("item")
        self.check_told(table, item, COMPLETING)
        if item and item not in self.holders.get(agency, {}):
            table.mistake("item", f"{agency} does not hold {item}")
        return Passage(item, table.text("affair"))

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
        items = {read.item for read in reads if read.of is None}
        names = {read.name for read in reads}
        if len(names) < len(reads):
            table.mistake("reads", "an item is read once")
        return Acceptance(
            procedure=procedure,
            reads=reads,
            grants_when=tuple(
                self.condition(each, names, form) for each in table.tables("grants_when")
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

    def condition(self, table: Table, names: set[str], form: Form | None) -> Condition:
        condition = read_condition(table, form)
        if asked := ASKED.get(table.values.get("rule", "")):
            _check_asked(table, "answer", table.text("answer"), asked, form)
        elif condition.item not in names:
            table.mistake("item", f"{condition.item} is not among what the office reads")
        elif (of := table.values.get("of")) and named(condition.item, of) not in names:
            table.mistake("of", f"{condition.item} of the {of} is not among what the office reads")
        elif layout := self.layouts.get(condition.item):
            _check_looks(table, layout)
        return condition

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
        return Read(
            item=item,
            provider=provider,
            affair=table.text("affair"),
            by_consent=table.truth("by_consent", False),
            needed=needed and "of" not in table,
            of=self.of(table, agency),
        )

    def of(self, table: Table, agency: str) -> str | None:
        """In which relation to the applicant somebody stands of whom it is read; theirs can be nobody's condition."""
        name = table.text("of", "") or None
        if name and name not in self.related.get(agency, ()):
            table.mistake("of", f"{agency} relates nobody as {name}")
        if name and table.values.get("by_consent"):
            table.mistake("by_consent", "an applicant cannot consent for somebody else")
        return name

    def relates(self, table: Table, agency: str) -> Relation:
        relation = read_relation(table, self.layouts.get(str(table.values.get("item"))))
        if relation.item and relation.item not in self.holders.get(agency, {}):
            table.mistake("item", f"{agency} does not hold {relation.item}")
        return relation

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


def _check_looks(table: Table, layout: Layout) -> None:
    """What a condition looks at is in the layout: else it could never be met, and everybody would be refused."""
    fields = layout.fields
    for key in ("list", "field"):
        if key in table:
            name = table.text(key)
            found = next((one for one in fields if one.name == name), None)
            if found is None:
                table.mistake(key, f"the layout of {layout.item} has no {name} there")
                return
            fields = found.fields


def _check_asked(table: Table, key: str, name: str, type_: str, form: Form | None) -> None:
    """The procedure's form asks this, as a question of this type; a form that is not there is named elsewhere."""
    if name and form is not None and not form.asks(name, type_):
        table.mistake(key, f"the procedure asks no {type_} called {name}")
