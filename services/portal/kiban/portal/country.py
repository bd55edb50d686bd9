"""
The country as a citizen hears of it: what agencies, affairs, items and the law's rows are called.

The portal owns none of these files; it reads the words, so that a page can say "Tax office" and "row 1 of the
schedule" and not `tax` and `child-allowance.1`.  What is wrong in them is named by their owners, not here.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kiban.shared.country import Mistakes, Table, read_toml, toml_files

Text = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Agency:
    """A member: its name, what it holds and which applications it accepts."""

    id: str
    name: Text
    domain: str
    holds: frozenset[str]
    accepts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the legal table, as far as words and once-only need it: everybody of whom it speaks."""

    id: str
    kind: str
    inquirers: frozenset[str]
    affair: str
    providers: frozenset[str]
    item: str
    basis: str
    provision: Text
    of: str | None = None
    """Whose item: that of somebody in this relation to the person whose affair it is; none for their own."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an item, with its label."""

    name: str
    type: str
    label: Text
    fields: tuple["Field", ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """What an item (特定個人情報名) is called, and its fields in one edition of the layout."""

    id: str
    edition: int
    name: Text
    starts: date
    fields: tuple[Field, ...]


def list_of(item: Item) -> Field | None:
    """The field of an item that is a list, such as the members of a household."""
    return next((field for field in item.fields if field.type == "list" and field.fields), None)


@dataclass(frozen=True, slots=True)
class Country:
    """The words of one country."""

    name: Text
    portal: str
    agencies: Mapping[str, Agency]
    affairs: Mapping[str, Text]
    relations: Mapping[str, Text]
    rows: tuple[Row, ...]
    items: tuple[Item, ...]

    def item(self, name: str, edition: int | None = None) -> Item | None:
        """Give an item in this edition, or else in the newest one that is known."""
        known = sorted(
            (item for item in self.items if item.id == name), key=lambda item: item.edition
        )
        exact = (item for item in known if item.edition == edition)
        return next(exact, known[-1] if known else None)

    def row(
        self,
        kind: str,
        inquirer: str,
        affair: str,
        provider: str,
        item: str,
        *,
        of: str | None = None,
    ) -> Row | None:
        """Give the row of the law for this case, in force or not."""
        case = (kind, affair, item, of)
        found = (
            row
            for row in self.rows
            if (row.kind, row.affair, row.item, row.of) == case
            and inquirer in row.inquirers
            and provider in row.providers
        )
        return next(found, None)

    def readable(self, reader: str) -> tuple[tuple[str, str], ...]:
        """Give each item, and its provider, of which a person reads their own through `reader`."""
        return tuple(
            (row.item, provider)
            for row in self.rows
            if (row.kind, row.affair, row.of) == ("inquiry", SELF, None) and reader in row.inquirers
            for provider in sorted(row.providers)
        )

    def called(self, words: str, among: Iterable[str]) -> list[str]:
        """Those of these agencies whose name, in any language, has every one of the words."""
        wanted = words.casefold().split()
        return [
            agency
            for agency in among
            if all(
                any(word in name.casefold() for name in self.agency_name(agency).values())
                for word in wanted
            )
        ]

    def of_domain(self, domain: str) -> tuple[str, ...]:
        """Every member of a domain, by id."""
        return tuple(one.id for one in self.agencies.values() if one.domain == domain)

    def crowd(self, most: int) -> frozenset[str]:
        """The members of which there are more of a kind than that: nobody reads through them, one is searched for."""
        sizes = Counter(one.domain for one in self.agencies.values())
        return frozenset(one.id for one in self.agencies.values() if sizes[one.domain] > most)

    def agency_name(self, agency: str) -> Text:
        known = self.agencies.get(agency)
        return known.name if known else _itself(agency)

    def affair_name(self, affair: str) -> Text:
        return self.affairs.get(affair, _itself(affair))

    def relation_name(self, relation: str) -> Text:
        return self.relations.get(relation, _itself(relation))

    def item_name(self, item: str) -> Text:
        known = self.item(item)
        return known.name if known else _itself(item)

    def provision(self, row: str) -> Text:
        """The words of a row of the law, by its id."""
        return next((one.provision for one in self.rows if one.id == row), _itself(row))


SELF = "self-information"
"""The affair under which a person reads their own information (自己情報)."""


def _itself(name: str) -> Text:
    return {"ja": name, "en": name}


def read(folder: Path) -> Country:
    """Read the words; a file that is wrong gives fewer of them, and its owner names the mistake."""
    unheard = Mistakes()
    law = [read_toml(file, unheard) for file in toml_files(folder / "law")]
    country = read_toml(folder / "country.toml", unheard)
    every = {
        table.text("domain"): table
        for table in (read_toml(file, unheard) for file in toml_files(folder / "domains"))
    }
    agencies = [
        _agency(read_toml(file, unheard), every) for file in toml_files(folder / "agencies")
    ]
    return Country(
        name=country.localized("name"),
        portal=country.text("portal"),
        agencies={agency.id: agency for agency in agencies},
        affairs=dict(_called(law, "affair")),
        relations=dict(_called(law, "relation")),
        rows=tuple(_row(one, agencies) for table in law for one in table.tables("row")),
        items=tuple(_item(read_toml(file, unheard)) for file in toml_files(folder / "layouts")),
    )


def _agency(table: Table, every: Mapping[str, Table]) -> Agency:
    """One member: what its file says, and what is said of every member of its domain."""
    said = [table, *(one for domain, one in every.items() if domain == table.text("domain"))]
    return Agency(
        id=table.text("id"),
        name=table.localized("name"),
        domain=table.text("domain"),
        holds=frozenset(one.text("item") for each in said for one in each.tables("holds")),
        accepts=frozenset(one.text("procedure") for each in said for one in each.tables("accepts")),
    )


def _called(law: Iterable[Table], kind: str) -> Iterable[tuple[str, Text]]:
    for table in law:
        for one in table.tables(kind):
            yield one.text("id"), one.localized("name")


def _row(table: Table, agencies: Collection[Agency]) -> Row:
    return Row(
        id=table.text("id"),
        kind=table.text("kind"),
        inquirers=_named(table, "inquirer", agencies),
        affair=table.text("affair"),
        providers=_named(table, "provider", agencies),
        item=table.text("item"),
        basis=table.text("basis"),
        provision=table.localized("provision"),
        of=table.text("of", "") or None,
    )


def _named(table: Table, key: str, agencies: Collection[Agency]) -> frozenset[str]:
    """Whom a row names: one member, or every one of a domain."""
    if not isinstance(table.values.get(key), dict):
        return frozenset({table.text(key)})
    domain = table.table(key).text("domain")
    return frozenset(agency.id for agency in agencies if agency.domain == domain)


def _item(table: Table) -> Item:
    return Item(
        id=table.text("item"),
        edition=table.integer("edition"),
        name=table.localized("name"),
        starts=table.date("from"),
        fields=_fields(table),
    )


def _fields(table: Table) -> tuple[Field, ...]:
    return tuple(
        Field(one.text("name"), one.text("type"), one.localized("label"), _fields(one))
        for one in table.tables("field")
    )
