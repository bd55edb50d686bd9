"""
Mandates at the counter (代理の届出): who may act for a resident is told here, and when that ends.

*Guardian*: the municipality's own register says that the two live in one household, the one as its child and the other
as its head or the head's spouse (a simplification: in real life the family register says whose child somebody is).
*Counter*: the principal names a proxy here, in what, and until when.  Both must stand in this register (`register`).

The mandate is told first and kept after, under a number that the form brought; so a form that is sent twice, or again
after an interruption, is one mandate.

Refused: whoever the register does not show as one resident; a guardian whom the household does not show.
Source: decision 0020; 民法818条, 824条.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, Protocol

from pydantic import JsonValue
from sqlalchemy import Column, String, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.identity.authority.contract import MandateReply
from kiban.shared.clock import JAPAN, Clock
from kiban.shared.database import Database, Instant, JSONDocument, insert_new
from kiban.shared.problems import Problem
from kiban.world.counter.clerks import metadata
from kiban.world.counter.register import Named, Register
from kiban.world.office import store
from kiban.world.vault.contract import MandateEndNotice, MandateNotice
from kiban.world.writing import plain

HOUSEHOLD = "household"
CHILD, PARENTS = "子", frozenset({"世帯主", "妻", "夫"})

mandates = Table(
    "counter_mandates",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("principal", String(64), nullable=False),
    Column("proxy", String(64), nullable=False),
    Column("basis", String(16), nullable=False),
    Column("items", JSONDocument, nullable=False),
    Column("affairs", JSONDocument, nullable=False),
    Column("until", Instant, nullable=False),
    Column("told_at", Instant, nullable=False),
    Column("ended_at", Instant),
)


class NoGuardian(Problem):
    slug, title, status = "no-guardian", "The household shows no such parent and child", 422


class Network(Protocol):
    """The resident network, as a municipality tells it of mandates."""

    async def tell_mandate(self, notice: MandateNotice) -> MandateReply: ...

    async def tell_mandate_end(self, notice: MandateEndNotice) -> MandateReply: ...


@dataclass(frozen=True, slots=True)
class Told:
    """What is told at the counter."""

    number: str
    principal: Named
    proxy: Named
    basis: Literal["guardian", "counter"]
    items: Sequence[str]
    affairs: Sequence[str]
    last_day: date


@dataclass(frozen=True, slots=True)
class Kept:
    """A mandate of which this counter told, as its page shows it."""

    number: str
    principal: str
    proxy: str
    basis: str
    items: Sequence[str]
    affairs: Sequence[str]
    until: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class MandateDesk:
    """What a clerk does about mandates; collaborators are given."""

    db: Database
    network: Callable[[], Network]
    clock: Clock

    async def tell(self, told: Told) -> None:
        """Tell the resident network of a mandate, and keep that it was told."""
        register = Register(self.db)
        principal, proxy = await register.find(told.principal), await register.find(told.proxy)
        if told.basis == "guardian":
            await self._check_guardian(principal, told)
        reply = await self.network().tell_mandate(
            MandateNotice(
                number=told.number,
                principal=await register.attributes(principal),
                proxy=await register.attributes(proxy),
                basis=told.basis,
                items=list(told.items),
                affairs=list(told.affairs),
                until=_end_of(told.last_day),
            )
        )
        row = {
            "number": told.number,
            "principal": principal,
            "proxy": proxy,
            "basis": told.basis,
            "items": list(told.items),
            "affairs": list(told.affairs),
            "until": datetime.fromtimestamp(reply.until, UTC),
            "told_at": self.clock(),
        }
        async with self.db.begin() as connection:
            await connection.execute(insert_new(mandates).values(row))

    async def end(self, number: str) -> None:
        """Tell the resident network that a mandate has ended; a second time changes nothing."""
        reply = await self.network().tell_mandate_end(MandateEndNotice(number=number))
        at = datetime.fromtimestamp(reply.ended_at, UTC) if reply.ended_at else self.clock()
        here = (mandates.c.number == number, mandates.c.ended_at.is_(None))
        async with self.db.begin() as connection:
            await connection.execute(update(mandates).where(*here).values(ended_at=at))

    async def list(self) -> Sequence[Kept]:
        """Every mandate of which this counter told, latest first."""
        async with self.db.look() as connection:
            query = select(mandates).order_by(mandates.c.told_at.desc(), mandates.c.number)
            rows = list(await connection.execute(query))
            people = {person for row in rows for person in (row.principal, row.proxy)}
            names = {person: await _name(connection, person) for person in people}
        return [
            Kept(
                row.number,
                names[row.principal],
                names[row.proxy],
                row.basis,
                row.items,
                row.affairs,
                row.until,
                row.ended_at,
            )
            for row in rows
        ]

    async def _check_guardian(self, principal: str, told: Told) -> None:
        """Return silently if the principal's household shows the one as its child, the other as a parent."""
        async with self.db.look() as connection:
            household = await store.find_held(connection, principal, HOUSEHOLD)
        members = household.held.values.get("members") if household else None
        relations = {_named(each): each.get("relation") for each in _rows(members)}
        if relations.get(_plain(told.principal)) != CHILD:
            raise NoGuardian("the principal is no child of this household")
        if relations.get(_plain(told.proxy)) not in PARENTS:
            raise NoGuardian("the proxy is not its head, nor the head's spouse")


def _rows(members: JsonValue) -> Sequence[Mapping[str, JsonValue]]:
    return [each for each in members if isinstance(each, dict)] if isinstance(members, list) else []


def _named(member: Mapping[str, JsonValue]) -> tuple[str, str]:
    return plain(str(member.get("name", ""))), str(member.get("birth_date", ""))


def _plain(named: Named) -> tuple[str, str]:
    return plain(named.name), named.birth_date


async def _name(connection: AsyncConnection, person: str) -> str:
    known = await store.find_person(connection, person)
    return known.name if known else ""


def _end_of(day: date) -> int:
    """The first moment, in Japan, of the day after."""
    return int(datetime.combine(day + timedelta(days=1), time(), JAPAN).timestamp())
