"""
Visits: what the site keeps of a browser that moves house here; no name, no address, nothing that was read.

A visit is known by a random text that only the browser has; here stands its digest.  On the way to the portal it is
the attempt, afterwards the token and the number of the application; all of it is wrapped, and goes with the visit.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, MetaData, String, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.shared import codes
from kiban.shared.database import Blob, Instant
from kiban.shared.keyring import Wrapping
from kiban.shared.problems import Problem

LASTS = timedelta(hours=1)
_LABEL = "visit"

metadata = MetaData()
visits = Table(
    "mover_visits",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("kept", Blob, nullable=False),
    Column("until", Instant, nullable=False),
)


class NoMoveBegun(Problem):
    slug, title, status = "no-move-begun", "This browser began no move here", 403


@dataclass(frozen=True, slots=True)
class Visits:
    """The site's drawer."""

    wrapping: Wrapping

    async def begin(
        self, connection: AsyncConnection, kept: Mapping[str, str], at: datetime
    ) -> str:
        """Keep this; the text is for the browser alone."""
        await connection.execute(delete(visits).where(visits.c.until <= at))
        word = secrets.token_urlsafe(32)
        wrapped = self.wrapping.wrap(_LABEL, json.dumps(dict(kept)).encode())
        row = {"digest": codes.digest(word), "kept": wrapped, "until": at + LASTS}
        await connection.execute(visits.insert().values(row))
        return word

    async def find(
        self, connection: AsyncConnection, word: str | None, at: datetime
    ) -> dict[str, str]:
        """What was kept for this browser."""
        query = select(visits).where(visits.c.digest == codes.digest(word or ""))
        row = (await connection.execute(query)).one_or_none()
        if row is None or row.until <= at:
            raise NoMoveBegun("begin at the first page")
        kept: dict[str, str] = json.loads(self.wrapping.unwrap(_LABEL, row.kept))
        return kept

    async def end(self, connection: AsyncConnection, word: str | None) -> None:
        await connection.execute(delete(visits).where(visits.c.digest == codes.digest(word or "")))
