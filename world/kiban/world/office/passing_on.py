"""
Passing on: a municipality is told that somebody under protection has gone, and not where to.

The municipality that takes in somebody protected tells the resident network alone, which everybody knows anyway; the
resident network tells the one that was left, as its own word, and nothing but the day.  The old municipality's gateway,
its record of exchanges and its database then name the resident network, and no other office.

Refused (noted, nothing passed on): what is told of somebody whom this very office has not had protected.
Source: plan rows X-11, X-12; in real life 住民基本台帳事務処理要領 第5-10 (支援措置).
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Statement
from kiban.shared.exchanges import new_id
from kiban.world.layouts import Layout, Misfit
from kiban.world.office.agencies import Passage
from kiban.world.office.counter import ToldWrong
from kiban.world.office.following import Heard
from kiban.world.office.records import Entry, OfficeRecords

Left = Callable[[str, str], Awaitable[str | None]]
"""Which office a person has left, whom this other office has had protected."""
_log = logging.getLogger("kiban.office")


async def nobody_left(person: str, office: str) -> str | None:
    """At every office but the resident network's."""
    del person, office
    return None


@dataclass(frozen=True, slots=True)
class PassingOn:
    """Takes in what is to be passed on (a `Hearer`)."""

    passage: Passage
    layout: Layout
    records: OfficeRecords
    left: Left

    @property
    def affair(self) -> str:
        return self.passage.affair

    async def hear(
        self, connection: AsyncConnection, heard: Heard, statement: Statement | None
    ) -> None:
        """Hold it as one's own, for the office that was left, and tell that one alone."""
        if statement is None:
            return
        try:
            self.layout.check(statement.values)
        except Misfit as misfit:
            raise ToldWrong(rule="layout", sent=statement.provider) from misfit
        to = await self.left(heard.person, heard.provider)
        if to is None:
            _log.warning("%s tells what is not to be passed on", heard.provider)
            return
        notice = new_id()
        values = {**statement.values, "came_from": to, "notice": notice}
        entry = Entry(self.passage.item, values, date.fromisoformat(statement.as_of))
        await self.records.change(connection, heard.person, entry, told_to=to, made_by=notice)
        await self.records.tell(
            connection, [heard.person], entry.item, to=to, affair=self.affair, key=notice
        )
