"""
Relations (関係属性): who is whose spouse, by what the office's own record of a household says.

A household's entry (続柄) says what each member is to its head.  Which two entries make one member the spouse of the
other stands in the country's files, so a country that lists its households in another way needs no code.  A relation
holds as long as the record does: whoever has left a household stands in no entry of it, and is found by nobody.

Pure rules.  Source: plan row MSH-08; in real life 住民基本台帳法 第7条 (続柄).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kiban.shared.country import Table
from kiban.world.layouts import Layout
from kiban.world.office.conditions import Values
from kiban.world.writing import plain


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation, and how an item of the office's own shows it."""

    id: str
    item: str
    list: str
    field: str
    pairs: frozenset[tuple[str, str]]
    """What one member is called, and what the other is called then."""

    def relatives(self, values: Values, name: str, birth_date: str) -> Sequence[Values]:
        """The members who stand in this relation to the one of this name and date of birth."""
        entries = values.get(self.list)
        members = (
            [each for each in entries if isinstance(each, dict)]
            if isinstance(entries, list)
            else []
        )
        own = [each for each in members if _is(each, name, birth_date)]
        return [
            each
            for one in own
            for each in members
            if each is not one and (one.get(self.field), each.get(self.field)) in self.pairs
        ]


def _is(member: Values, name: str, birth_date: str) -> bool:
    return plain(str(member.get("name"))) == plain(name) and member.get("birth_date") == birth_date


def read_relation(table: Table, layout: Layout | None) -> Relation:
    """Read one relation of an agency's or a domain's file; its item is a list of named members."""
    relation = Relation(
        id=table.text("relation"),
        item=table.text("item"),
        list=table.text("list"),
        field=table.text("field"),
        pairs=frozenset(
            (each.text("one"), each.text("other")) for each in table.tables("pairs", at_least=1)
        ),
    )
    if layout is not None:
        members = next((one for one in layout.fields if one.name == relation.list), None)
        known = {each.name for each in members.fields} if members else set()
        if not {"name", "birth_date"} <= known:
            table.mistake("list", f"{relation.list} of {relation.item} names nobody")
        elif relation.field not in known:
            table.mistake("field", f"{relation.list} of {relation.item} has no {relation.field}")
    return relation
