"""
The mesh's part of a country: who takes part, what the law says, how items are laid out.

Reads `country.toml`, `agencies/`, `law/` and `layouts/` of a country's directory.  Each mistake is named with
file, line and reason: an unknown member, affair or item in a row, a row given twice, an excluded domain that a
row names, dates the wrong way round.

An agency's file also says what its office does; that part is read by whoever runs the office.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal, TypeVar, get_args

from kiban.mesh.law import OF_CHANGES, Every, LegalTable, Party, Row
from kiban.shared import identifiers
from kiban.shared.clock import day_in_japan
from kiban.shared.country import Mistakes, Table, read_toml, reading, toml_files
from kiban.shared.exchanges import Kind

FieldType = Literal["text", "integer", "date", "boolean", "list"]
Text = Mapping[str, str]
Key = TypeVar("Key")
Value = TypeVar("Value")
_NAME = identifiers.check_name
_FIELD = identifiers.check_field


@dataclass(frozen=True, slots=True)
class Agency:
    """A member, as its file introduces it."""

    id: str
    name: Text
    domain: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an item."""

    name: str
    type: FieldType
    label: Text
    fields: tuple["Field", ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How one item (特定個人情報名) is laid out, in one edition (データ標準レイアウト)."""

    item: str
    edition: int
    name: Text
    starts: date
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Country:
    """What the mesh knows of its country."""

    id: str
    name: Text
    portal: str
    resident_network: str
    registrars: tuple[str, ...]
    change_office: str | None
    excluded: frozenset[str]
    agencies: Mapping[str, Agency]
    affairs: Mapping[str, Text]
    relations: Mapping[str, Text]
    rows: tuple[Row, ...]
    layouts: tuple[Layout, ...]

    @property
    def announced(self) -> frozenset[str]:
        """The items of which the change office may hear."""
        to_office = (row for row in self.rows if row.provider == self.change_office)
        return frozenset(row.item for row in to_office if row.kind in OF_CHANGES)

    def law(self) -> LegalTable:
        domains = {agency.id: agency.domain for agency in self.agencies.values()}
        return LegalTable(self.rows, domains, self.excluded)

    def layout(self, item: str | None, at: datetime) -> Layout | None:
        """The layout of an item that is in force at this time."""
        day = day_in_japan(at)
        known = [one for one in self.layouts if one.item == item and one.starts <= day]
        return max(known, key=lambda one: one.starts, default=None)

    def editions(self, at: datetime) -> dict[str, int]:
        """The edition in force of each item."""
        items = sorted({one.item for one in self.layouts})
        return {item: edition for item in items if (edition := self.edition(item, at))}

    def edition(self, item: str | None, at: datetime) -> int:
        """The number of that layout's edition; 0 where the item has none."""
        layout = self.layout(item, at)
        return layout.edition if layout else 0


@dataclass(slots=True)
class _Reading:
    """A country while it is read."""

    folder: Path
    mistakes: Mistakes
    agencies: dict[str, Agency] = field(default_factory=dict)
    affairs: dict[str, Text] = field(default_factory=dict)
    relations: dict[str, Text] = field(default_factory=dict)
    rows: dict[tuple[str, int], Row] = field(default_factory=dict)
    layouts: dict[tuple[str, int], Layout] = field(default_factory=dict)


def load(folder: Path) -> Country:
    """The country of this directory, or `CountryWrong` with every mistake."""
    mistakes = Mistakes()
    country = check(folder, mistakes)
    mistakes.check()
    return country


def check(folder: Path, mistakes: Mistakes) -> Country:
    """Read everything; what is wrong is noted in `mistakes`."""
    found = _Reading(folder, mistakes)
    _each(found, "agencies", _agency, closed=False)
    _each(found, "layouts", _layout)
    with reading(folder / "country.toml", mistakes) as table:
        excluded = frozenset(table.texts("excluded_domains", []))
        change_office = (
            _agency_of(found, table, "change_office") if "change_office" in table else ""
        )
        _law(found, excluded, change_office)
        return Country(
            id=table.text("id", check=_NAME),
            name=table.localized("name"),
            portal=_agency_of(found, table, "portal"),
            resident_network=_agency_of(found, table, "resident_network"),
            registrars=tuple(table.texts("registrars")),
            change_office=change_office or None,
            excluded=excluded,
            agencies=found.agencies,
            affairs=found.affairs,
            relations=found.relations,
            rows=tuple(found.rows.values()),
            layouts=tuple(found.layouts.values()),
        )


def _each(
    found: _Reading, part: str, read: Callable[[_Reading, Table], None], *, closed: bool = True
) -> None:
    for file in toml_files(found.folder / part):
        table = read_toml(file, found.mistakes)
        read(found, table)
        if closed:  # else the rest of the file is for another reader, who closes it
            table.end()


def _agency(found: _Reading, table: Table) -> None:
    name = table.text("id", check=identifiers.check_member)
    if name != table.file.stem:
        table.mistake("id", f"the file of {name} is called {name}.toml")
    found.agencies[name] = Agency(name, table.localized("name"), table.text("domain", check=_NAME))


def _layout(found: _Reading, table: Table) -> None:
    layout = Layout(
        item=table.text("item", check=_NAME),
        edition=table.integer("edition"),
        name=table.localized("name"),
        starts=table.date("from"),
        fields=_fields(table),
    )
    table.truth("tells_where", False)  # for whoever runs an office
    _once(found.layouts, (layout.item, layout.edition), layout, table, "item")


def _fields(table: Table) -> tuple[Field, ...]:
    names: set[str] = set()
    fields = []
    for one in table.tables("field", at_least=1):
        name = one.text("name", check=_FIELD)
        if name in names:
            one.mistake("name", f"{name} is a field already")
        names.add(name)
        kind: FieldType = one.choice("type", get_args(FieldType))
        inner = _fields(one) if kind == "list" else ()
        fields.append(Field(name, kind, one.localized("label"), inner))
    return tuple(fields)


def _law(found: _Reading, excluded: frozenset[str], change_office: str) -> None:
    """Affairs and relations of all files first, so that a row may name another file's."""
    tables = [read_toml(file, found.mistakes) for file in toml_files(found.folder / "law")]
    for table in tables:
        _named(found.affairs, table, "affair")
        _named(found.relations, table, "relation")
    for table in tables:
        _rows(found, table, excluded, change_office)
        table.end()


def _named(known: dict[str, Text], table: Table, kind: str) -> None:
    for one in table.tables(kind):
        _once(known, one.text("id", check=_NAME), one.localized("name"), one, "id")


def _rows(found: _Reading, table: Table, excluded: frozenset[str], change_office: str) -> None:
    for one in table.tables("row"):
        row = Row(
            id=one.text("id", check=_NAME),
            edition=one.integer("edition"),
            kind=one.choice("kind", get_args(Kind)),
            inquirer=_party(found, one, "inquirer", excluded),
            affair=one.text("affair"),
            provider=_party(found, one, "provider", excluded),
            item=one.text("item", check=_NAME),
            basis=one.choice("basis", ("law", "consent", "person")),
            provision=one.localized("provision"),
            starts=one.date("from"),
            ends=one.date_or_none("to"),
            of=one.text("of", "") or None,
        )
        _once(found.rows, (row.id, row.edition), row, one, "id")
        _check_row(found, row, one)
        if row.kind == "subscribe" and row.provider != change_office:
            one.mistake("provider", "a subscription is made at the change office")


def _check_row(found: _Reading, row: Row, table: Table) -> None:
    if row.affair not in found.affairs:
        table.mistake("affair", f"no file of law/ has the affair {row.affair}")
    items = {item for item, _ in found.layouts}
    if row.kind in {"inquiry", *OF_CHANGES} and row.item not in items:
        table.mistake("item", f"no file of layouts/ has the item {row.item}")
    if row.of is not None and row.of not in found.relations:
        table.mistake("of", f"no file of law/ has the relation {row.of}")
    if row.of is not None and row.kind != "inquiry":
        table.mistake("of", "only an inquiry asks about somebody by a relation")
    if row.ends is not None and row.ends <= row.starts:
        table.mistake("to", "a row ends after it begins")
    if row.inquirer == row.provider and not isinstance(row.inquirer, Every):
        table.mistake("provider", "a member asks itself nothing through the mesh")


def _party(found: _Reading, table: Table, key: str, excluded: frozenset[str]) -> Party:
    """One member, or every one of a domain: `{ domain = "municipality" }`."""
    if isinstance(table.values.get(key), dict):
        named = table.table(key)
        domain = named.text("domain")
        if domain not in {agency.domain for agency in found.agencies.values()}:
            named.mistake("domain", f"no member is of the domain {domain}")
        if domain in excluded:
            named.mistake("domain", f"{domain} is an excluded domain")
        return Every(domain)
    name = _agency_of(found, table, key)
    if name in found.agencies and (domain := found.agencies[name].domain) in excluded:
        table.mistake(key, f"{name} is of the excluded domain {domain}")
    return name


def _agency_of(found: _Reading, table: Table, key: str) -> str:
    name = table.text(key)
    if name and name not in found.agencies:
        table.mistake(key, f"no file of agencies/ has the member {name}")
    return name


def _once(known: dict[Key, Value], key: Key, value: Value, table: Table, at: str) -> None:
    if key in known:
        named = f"{key[0]}, edition {key[1]}," if isinstance(key, tuple) else key
        table.mistake(at, f"{named} stands in the country's files twice")
    known[key] = value
