"""
Rows of who is expected to move in, as the office keeps them: one for each person of each notice.

A row is added once and then only changes its state: from expected to arrived or to withdrawn, and never back.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    UniqueConstraint,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.shared.database import JSONDocument, insert_new

metadata = MetaData()
arrivals = Table(
    "office_arrivals",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("notice", String(32), nullable=False),
    Column("came_from", String(63), nullable=False),
    Column("person", String(64), nullable=False),
    Column("item", String(63), nullable=False),  # what it was told under
    Column("values", JSONDocument, nullable=False),
    Column("state", String(10), nullable=False),
    UniqueConstraint("notice", "came_from", "person", name="office_arrivals_once"),
    Index("office_arrivals_of", "person", "came_from"),
)


async def expect(
    connection: AsyncConnection,
    person: str,
    item: str,
    values: Mapping[str, JsonValue],
    *,
    notice: str,
    came_from: str,
) -> None:
    """Expect a person; what is known of this notice stays as it is."""
    row = {
        "notice": notice,
        "came_from": came_from,
        "person": person,
        "item": item,
        "values": dict(values),
        "state": "expected",
    }
    await connection.execute(insert_new(arrivals).values(row))


async def withdraw(
    connection: AsyncConnection, came_from: str, person: str, *, but: str | None
) -> None:
    """Expect a person from there no longer; `but` under one notice."""
    c = arrivals.c
    open_ = (c.came_from == came_from) & (c.person == person) & (c.state == "expected")
    others = open_ if but is None else open_ & (c.notice != but)
    await connection.execute(update(arrivals).where(others).values(state="withdrawn"))


async def everybody(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Everybody who is or was expected, as the office heard of them."""
    rows = await connection.execute(select(arrivals).order_by(arrivals.c.number))
    return rows.all()


async def of_notice(connection: AsyncConnection, notice: str) -> Sequence[Row[Any]]:
    """Everybody who is expected, or has arrived, under a notice."""
    c = arrivals.c
    query = select(arrivals).where(c.notice == notice, c.state != "withdrawn")
    return (await connection.execute(query.order_by(c.number))).all()


async def note_arrived(connection: AsyncConnection, numbers: Sequence[int]) -> None:
    here = arrivals.c.number.in_(numbers)
    await connection.execute(update(arrivals).where(here).values(state="arrived"))
