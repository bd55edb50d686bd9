"""
What a gateway keeps of changes elsewhere: whom its tags are about, what was announced to it alone, the agency's feed.

A person stands here by the agency's own number; rows are added and never changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Changed
from kiban.gateway.store import announcements, changes, subscriptions
from kiban.shared.database import in_lots, insert_new


@dataclass(frozen=True, slots=True)
class Change:
    """That an item of a person, by our own number, changed; who says so, and whether to us alone."""

    person: str
    item: str
    at: datetime
    announcer: str | None
    alone: bool = False


async def put_subscriptions(
    connection: AsyncConnection, item: str, tags: Mapping[str, str]
) -> None:
    """Keep whom each tag is about."""
    rows = [{"tag": tag, "item": item, "person": person} for tag, person in tags.items()]
    await connection.execute(subscriptions.insert(), rows)


async def subscribed(connection: AsyncConnection, tags: Iterable[str]) -> dict[str, str]:
    """Whom these tags are about; a tag that was never given out is missing."""
    c, found = subscriptions.c, dict[str, str]()
    for some in in_lots(tags):
        rows = await connection.execute(select(c.tag, c.person).where(c.tag.in_(some)))
        found |= {row.tag: row.person for row in rows}
    return found


async def put_announcement(connection: AsyncConnection, announcer: str, announcement: str) -> bool:
    """Keep that it was heard; false if it had been before."""
    row = {"announcer": announcer, "announcement": announcement}
    return bool((await connection.execute(insert_new(announcements).values(row))).rowcount)


async def put_changes(connection: AsyncConnection, found: Sequence[Change]) -> None:
    """Append to the feed that the agency's own system reads."""
    if found:
        await connection.execute(changes.insert(), [asdict(one) for one in found])


async def read_changes(connection: AsyncConnection, after: int, limit: int) -> list[Changed]:
    c = changes.c
    query = select(changes).where(c.number > after).order_by(c.number).limit(limit)
    return [
        Changed(
            number=row.number,
            person=row.person,
            item=row.item,
            by=row.announcer,
            alone=row.alone,
            at=int(row.at.timestamp()),
        )
        for row in await connection.execute(query)
    ]
