"""
What the change office keeps: tags by person and item, announcements that it has heard, and each subscriber's feed.

A person is a number that the office's gateway gave, another one for each item.  No name, no value, no pseudonym.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    bindparam,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Notice, Notices
from kiban.shared.database import Instant, in_lots, insert_new, insert_or_renew
from kiban.shared.outbox import outbox_table

NO_FEED = "0" * 32
metadata = MetaData()
outbox = outbox_table(metadata, "change_outbox")

feeds = Table(
    "change_feeds",
    metadata,
    Column("subscriber", String(63), primary_key=True),
    Column("feed", String(32), nullable=False),
    Column("last", Integer, nullable=False),
)
subscriptions = Table(
    "change_subscriptions",
    metadata,
    Column("person", String(64), nullable=False),
    Column("subscriber", String(63), nullable=False),
    Column("item", String(63), nullable=False),
    Column("tag", String(32), nullable=False),
    Column("until", Instant, nullable=False),
    PrimaryKeyConstraint("person", "subscriber"),
)
announcements = Table(
    "change_announcements",
    metadata,
    Column("announcer", String(63), nullable=False),
    Column("announcement", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("announcer", "announcement"),
)
notices = Table(
    "change_notices",
    metadata,
    Column("subscriber", String(63), nullable=False),
    Column("place", Integer, nullable=False),
    Column("tag", String(32), nullable=False),
    Column("item", String(63), nullable=False),
    Column("at", Instant, nullable=False),
    Column("announcer", String(63)),  # of notices that are older than the column nobody knows it
    PrimaryKeyConstraint("subscriber", "place"),
)


async def open_feed(connection: AsyncConnection, subscriber: str) -> None:
    """Give a subscriber a feed; who has one keeps it."""
    row = {"subscriber": subscriber, "feed": secrets.token_hex(16), "last": 0}
    await connection.execute(insert_new(feeds).values(row))


async def put_subscriptions(
    connection: AsyncConnection,
    subscriber: str,
    item: str,
    tags: Mapping[str, str],
    *,
    until: datetime,
) -> None:
    """Keep or renew; in one order for everybody, so that two subscribers cannot block each other."""
    rows = [
        {"person": person, "subscriber": subscriber, "item": item, "tag": tag, "until": until}
        for person, tag in sorted(tags.items())
    ]
    await connection.execute(_SUBSCRIBE, rows)


async def put_announcement(
    connection: AsyncConnection, announcer: str, announcement: str, *, at: datetime
) -> bool:
    """Keep that it was heard; false if it had been before."""
    row = {"announcer": announcer, "announcement": announcement, "at": at}
    return bool((await connection.execute(insert_new(announcements).values(row))).rowcount)


async def subscribed(
    connection: AsyncConnection, people: Sequence[str], *, at: datetime
) -> list[tuple[str, str]]:
    """Who wants to hear of these people, and by which tag."""
    found: list[tuple[str, str]] = []
    for some in in_lots(people):
        rows = await connection.execute(_SUBSCRIBED, {"people": some, "now": at})
        found += [(row.subscriber, row.tag) for row in rows]
    return found


async def put_notices(
    connection: AsyncConnection,
    subscriber: str,
    item: str,
    tags: Sequence[str],
    *,
    by: str,
    at: datetime,
) -> Notices:
    """Append to a subscriber's feed; the notices as they stand there."""
    c = feeds.c
    moved = update(feeds).where(c.subscriber == subscriber).values(last=c.last + len(tags))
    row = (await connection.execute(moved.returning(c.feed, c.last))).one()
    found = [
        Notice(place=place, tag=tag, item=item, by=by, at=int(at.timestamp()))
        for place, tag in enumerate(tags, start=row.last - len(tags) + 1)
    ]
    rows = [
        {
            "subscriber": subscriber,
            "place": one.place,
            "tag": one.tag,
            "item": item,
            "announcer": by,
            "at": at,
        }
        for one in found
    ]
    await connection.execute(notices.insert(), rows)
    return Notices(feed=row.feed, notices=found)


async def read_notices(
    connection: AsyncConnection, subscriber: str, *, after: int, most: int
) -> Notices:
    """What stands in a subscriber's feed behind a place."""
    feed = select(feeds.c.feed).where(feeds.c.subscriber == subscriber)
    c = notices.c
    query = select(notices).where(c.subscriber == subscriber, c.place > after)
    return Notices(
        feed=(await connection.execute(feed)).scalar_one_or_none() or NO_FEED,
        notices=[
            Notice(
                place=row.place,
                tag=row.tag,
                item=row.item,
                by=row.announcer,
                at=int(row.at.timestamp()),
            )
            for row in await connection.execute(query.order_by(c.place).limit(most))
        ],
    )


_SUBSCRIBE = insert_or_renew(subscriptions, ("person", "subscriber"), ("item", "tag", "until"))
_SUBSCRIBED = select(subscriptions.c.subscriber, subscriptions.c.tag).where(
    subscriptions.c.person.in_(bindparam("people", expanding=True)),
    subscriptions.c.until > bindparam("now"),
)
