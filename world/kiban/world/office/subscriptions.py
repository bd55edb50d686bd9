"""
What an office keeps of other offices' records that it follows: until when it is told, and what it has taken over.

`number` is the newest change of the gateway's feed that the office's own record contains; `exchange` is the inquiry
that waits for a clerk at the provider; `as_of` is since when the provider says so, and nothing where it holds nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.shared.database import Instant, hold, insert_new, insert_or_renew
from kiban.world.office.store import people

metadata = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")
CHANGES = "changes"
"""The one feed that an office reads."""

subscriptions = Table(
    "office_subscriptions",
    metadata,
    Column("person", String(64), nullable=False),
    Column("item", String(63), nullable=False),
    Column("until", Instant, nullable=False),
    Column("renew_at", Instant, nullable=False),
    PrimaryKeyConstraint("person", "item"),
)
feeds = Table(
    "office_feeds",
    metadata,
    Column("feed", String(20), primary_key=True),
    Column("after", _NUMBER, nullable=False),
)
followed = Table(
    "office_followed",
    metadata,
    Column("person", String(64), nullable=False),
    Column("item", String(63), nullable=False),
    Column("provider", String(63), nullable=False),
    Column("number", _NUMBER, nullable=False),
    Column("exchange", String(32)),
    Column("as_of", String(10)),
    PrimaryKeyConstraint("person", "item", "provider"),
)


# --- subscriptions --------------------------------------------------------------------------------


async def to_subscribe(connection: AsyncConnection, item: str, at: datetime) -> list[str]:
    """Those with a pseudonym whose changes of this item the office is not told, or not for long enough."""
    c = subscriptions.c
    enough = select(c.person).where(
        c.person == people.c.person, c.item == item, c.renew_at > at, c.until > at
    )
    query = select(people.c.person).where(people.c.acquired_at.is_not(None), ~enough.exists())
    return list((await connection.execute(query.order_by(people.c.person))).scalars())


async def note_subscribed(
    connection: AsyncConnection,
    item: str,
    subscribed: Sequence[str],
    *,
    until: datetime,
    renew_at: datetime,
) -> None:
    put = insert_or_renew(subscriptions, ["person", "item"], ["until", "renew_at"])
    when = {"item": item, "until": until, "renew_at": renew_at}
    await connection.execute(put, [{"person": person, **when} for person in subscribed])


async def next_renewal(connection: AsyncConnection) -> datetime | None:
    """When the first subscription is to be renewed."""
    query = select(subscriptions.c.renew_at).order_by(subscriptions.c.renew_at).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


# --- the feed, and what was taken over ------------------------------------------------------------


async def cursor(connection: AsyncConnection) -> int:
    """Up to where the feed was read."""
    query = select(feeds.c.after).where(feeds.c.feed == CHANGES)
    return (await connection.execute(query)).scalar_one_or_none() or 0


async def move_cursor(connection: AsyncConnection, before: int, after: int) -> bool:
    """Move on; false if another copy of the office has moved it."""
    await hold(connection, f"office feed {CHANGES}")
    if await cursor(connection) != before:
        return False
    put = insert_or_renew(feeds, ["feed"], ["after"])
    await connection.execute(put.values(feed=CHANGES, after=after))
    return True


async def waiting_exchange(
    connection: AsyncConnection, person: str, item: str, provider: str
) -> str | None:
    """The inquiry about this record that waits for a clerk at the provider."""
    c = followed.c
    query = select(c.exchange).where(c.person == person, c.item == item, c.provider == provider)
    return (await connection.execute(query)).scalar_one_or_none()


async def keep_waiting(
    connection: AsyncConnection, person: str, item: str, provider: str, exchange: str
) -> None:
    """Keep by which exchange to ask again."""
    put = insert_or_renew(followed, ["person", "item", "provider"], ["exchange"])
    key = {"person": person, "item": item, "provider": provider}
    await connection.execute(put.values(**key, number=0, exchange=exchange))


async def take_over(
    connection: AsyncConnection,
    person: str,
    item: str,
    provider: str,
    number: int,
    *,
    as_of: str | None,
) -> bool:
    """Note what the record will contain, and that nothing waits; false if it contains as much already."""
    await hold(connection, f"office followed {person} {item}")
    c = followed.c
    key = {"person": person, "item": item, "provider": provider}
    await connection.execute(insert_new(followed).values(**key, number=0, exchange=None))
    here = (c.person == person) & (c.item == item) & (c.provider == provider)
    newer = await connection.execute(
        followed.update()
        .where(here, c.number < number)
        .values(number=number, exchange=None, as_of=as_of)
    )
    return bool(newer.rowcount)


async def outdated(
    connection: AsyncConnection, person: str, item: str, provider: str, as_of: str
) -> bool:
    """Whether another provider says what holds from a later day: then it is where the person lives now."""
    c = followed.c
    query = select(c.provider).where(
        c.person == person, c.item == item, c.provider != provider, c.as_of > as_of
    )
    return (await connection.execute(query.limit(1))).first() is not None
