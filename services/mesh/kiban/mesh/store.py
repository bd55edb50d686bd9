"""
What the core keeps: the directory, the epochs, the evidence of requests, and the log.

No pseudonym, no point, no value, no person: a test reads these tables after a whole story and looks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, UniqueConstraint, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.mesh.contract import LogUnavailable
from kiban.mesh.log import Log
from kiban.mesh.log_store import NewEntry, log_tables
from kiban.shared.database import (
    Blob,
    Database,
    DatabaseAway,
    Instant,
    in_lots,
    insert_new,
    insert_or_renew,
)
from kiban.shared.keyring import keyring_table

metadata = MetaData()
keyring = keyring_table(metadata)
log = log_tables(metadata)

members = Table(
    "members",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("certificate", Blob, nullable=False),
    Column("origin", String(255), nullable=False),
    Column("enrolled_at", Instant, nullable=False),
)
epochs = Table(
    "epochs",
    metadata,
    Column("domain", String(100), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("began_at", Instant, nullable=False),
    UniqueConstraint("domain", "epoch", name="epochs_once"),
)
evidence = Table(
    "evidence",
    metadata,
    Column("request", String(64), primary_key=True),
    Column("member", String(63), nullable=False),
    Column("signed", Text, nullable=False),
    Column("signature", Blob, nullable=False),
    Column("at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A member's entry as it is kept."""

    id: str
    certificate: bytes
    origin: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A signed request as it is kept: what was signed, and the signature."""

    request: str
    member: str
    signed: str
    signature: bytes
    at: datetime


async def put_member(connection: AsyncConnection, entry: Enrolled, *, at: datetime) -> None:
    """Enrol a member, or renew its entry."""
    renewed = insert_or_renew(members, ["id"], ["certificate", "origin"])
    await connection.execute(renewed.values(**asdict(entry), enrolled_at=at))


async def read_seats(connection: AsyncConnection) -> dict[str, datetime]:
    """Name everybody who has a seat, and when they took or renewed it."""
    query = select(members.c.id, members.c.enrolled_at)
    return {row.id: row.enrolled_at for row in await connection.execute(query)}


async def read_members(connection: AsyncConnection, names: Sequence[str]) -> list[Enrolled]:
    """Read the entries of these members."""
    c = members.c
    found: list[Enrolled] = []
    for some in in_lots(names):
        query = select(c.id, c.certificate, c.origin).where(c.id.in_(some)).order_by(c.id)
        found += [Enrolled(*row) for row in await connection.execute(query)]
    return found


async def read_epochs(connection: AsyncConnection) -> Sequence[tuple[str, int]]:
    query = select(epochs.c.domain, epochs.c.epoch).order_by(epochs.c.domain, epochs.c.epoch)
    return [(row.domain, row.epoch) for row in await connection.execute(query)]


async def begin_epoch(
    connection: AsyncConnection, domain: str, epoch: int, *, at: datetime
) -> bool:
    """Note that the domain enters this epoch; false if it had before."""
    row = {"domain": domain, "epoch": epoch, "began_at": at}
    return bool((await connection.execute(insert_new(epochs).values(row))).rowcount)


@dataclass(frozen=True, slots=True)
class Appended:
    """One entry on its way into the log, with the evidence of the request that caused it."""

    entry: NewEntry
    evidence: Evidence | None


async def append(db: Database, to: Log, batch: Sequence[Appended]) -> list[bool]:
    """One commit for all; whatever keeps it from being made, nobody is permitted anything."""
    try:
        async with db.begin() as connection:
            new = await to.append(connection, [one.entry for one in batch])
            await keep_evidence(connection, [one.evidence for one in batch if one.evidence])
    except (DatabaseAway, SQLAlchemyError) as error:
        raise LogUnavailable("ask again when the core's database can be written") from error
    return new


async def keep_evidence(connection: AsyncConnection, kept: Iterable[Evidence]) -> None:
    rows = [
        {
            "request": one.request,
            "member": one.member,
            "signed": one.signed,
            "signature": one.signature,
            "at": one.at,
        }
        for one in kept
    ]
    if rows:
        await connection.execute(insert_new(evidence), rows)
