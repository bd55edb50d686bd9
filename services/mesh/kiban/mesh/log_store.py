"""
The log at rest: what was appended, the tree's tiles, the checkpoints that were signed.

An entry is inserted by whoever permits, in that very transaction, without a place in the tree; the integrator gives it
its place later.  Numbers that a database hands out may become visible out of order, so what has no place yet is found
by having none, never by being newer than something.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.mesh.contract import LogEntry
from kiban.mesh.merkle import leaf_hash
from kiban.mesh.tiles import TileId, Tiles
from kiban.shared.database import Instant, insert_new

Kind = Literal["record", "outcome"]
Connection = AsyncConnection


@dataclass(frozen=True, slots=True)
class LogTables:
    entries: Table
    tiles: Table
    checkpoints: Table


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is to be logged: the canonical record, or an outcome's JWS."""

    kind: Kind
    exchange: str
    body: str


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """What was logged of an exchange; `index` is None until it is in the tree."""

    kind: Kind
    body: str
    leaf: str
    index: int | None


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    size: int
    root: bytes
    note: str


def leaf_data(body: str) -> bytes:
    """The entry of the tree: the hash of the body, so that the public tree shows no body."""
    return sha256(body.encode()).digest()


def leaf_of(body: str) -> str:
    """The leaf's hash, as permits and proofs name it."""
    return leaf_hash(leaf_data(body)).hex()


def log_tables(metadata: MetaData) -> LogTables:
    entries = Table(
        "log_entries",
        metadata,
        Column("append_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("kind", String(7), nullable=False),
        Column("exchange", String(32), nullable=False),
        Column("body", Text, nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("leaf", String(64), nullable=False, index=True),
        Column("tree_index", BigInteger, unique=True),
        Column("appended_at", Instant, nullable=False),
        UniqueConstraint("exchange", "kind", name="log_entries_once"),
    )
    waiting = entries.c.tree_index.is_(None)
    Index(
        "log_entries_waiting",
        entries.c.append_id,
        postgresql_where=waiting,
        sqlite_where=waiting,
    )
    tiles = Table(
        "log_tiles",
        metadata,
        Column("level", SmallInteger, primary_key=True),
        Column("number", BigInteger, primary_key=True),
        Column("hashes", LargeBinary, nullable=False),
    )
    checkpoints = Table(
        "log_checkpoints",
        metadata,
        Column("size", BigInteger, primary_key=True, autoincrement=False),
        Column("root", LargeBinary, nullable=False),
        Column("note", Text, nullable=False),
        Column("signed_at", Instant, nullable=False),
    )
    return LogTables(entries, tiles, checkpoints)


def create_log_tables(connection: SyncConnection) -> None:
    """Make the tables: a migration calls this with `op.get_bind()`."""
    metadata = MetaData()
    log_tables(metadata)
    metadata.create_all(connection, checkfirst=False)


async def append(
    connection: Connection, tables: LogTables, entries: Sequence[NewEntry], *, at: datetime
) -> list[bool]:
    """Log in the caller's transaction; say of each whether its exchange and kind were new."""
    rows = {
        (entry.exchange, entry.kind): {
            "kind": entry.kind,
            "exchange": entry.exchange,
            "body": entry.body,
            "data": (data := leaf_data(entry.body)),
            "leaf": leaf_hash(data).hex(),
            "appended_at": at,
        }
        for entry in reversed(entries)  # of two that are one, the first counts
    }
    if not rows:
        return []
    table = tables.entries
    statement = insert_new(table).returning(table.c.exchange, table.c.kind)
    # In one order for everybody, so that two transactions with the same entries cannot block each other.
    ordered = [row for _, row in sorted(rows.items())]
    inserted = {(row.exchange, row.kind) for row in await connection.execute(statement, ordered)}
    new = []
    for entry in entries:
        key = (entry.exchange, entry.kind)
        new.append(key in inserted)
        inserted.discard(key)
    return new


async def place(connection: Connection, tables: LogTables, *, first: int, most: int) -> list[bytes]:
    """Give waiting entries their places in the tree, the longest waiting first; give their leaves."""
    table = tables.entries
    waiting = (
        select(table.c.append_id)
        .where(table.c.tree_index.is_(None))
        .order_by(table.c.append_id)
        .limit(most)
        .subquery()
    )
    number = func.row_number().over(order_by=waiting.c.append_id)
    numbered = select(waiting.c.append_id, number.label("number")).subquery()
    statement = (
        update(table)
        .where(table.c.append_id == numbered.c.append_id)
        .values(tree_index=first - 1 + numbered.c.number)
        .returning(table.c.tree_index, table.c.leaf)
    )
    rows = (await connection.execute(statement)).all()
    return [bytes.fromhex(row.leaf) for row in sorted(rows, key=lambda row: row.tree_index)]


async def read_tiles(connection: Connection, tables: LogTables, ids: Iterable[TileId]) -> Tiles:
    """Those of the tiles that there are."""
    c = tables.tiles.c
    wanted = [(tile.level, tile.index) for tile in ids]
    if not wanted:
        return {}
    query = select(c.level, c.number, c.hashes).where(tuple_(c.level, c.number).in_(wanted))
    rows = await connection.execute(query)
    return {TileId(level, number): hashes for level, number, hashes in rows}


async def write_tiles(
    connection: Connection, tables: LogTables, tiles: Mapping[TileId, bytes]
) -> None:
    """Store new tiles, and those that grew."""
    statement = postgresql.insert(tables.tiles)
    grown = statement.on_conflict_do_update(
        index_elements=["level", "number"], set_={"hashes": statement.excluded.hashes}
    )
    rows = [
        {"level": tile.level, "number": tile.index, "hashes": hashes}
        for tile, hashes in tiles.items()
    ]
    if rows:
        await connection.execute(grown, rows)


async def write_checkpoint(
    connection: Connection, tables: LogTables, checkpoint: StoredCheckpoint, *, at: datetime
) -> None:
    await connection.execute(
        tables.checkpoints.insert().values(
            size=checkpoint.size, root=checkpoint.root, note=checkpoint.note, signed_at=at
        )
    )


async def write_note(connection: Connection, tables: LogTables, size: int, note: str) -> None:
    """Store a checkpoint's note with more signatures."""
    c = tables.checkpoints.c
    await connection.execute(update(tables.checkpoints).where(c.size == size).values(note=note))


async def last_checkpoint(connection: Connection, tables: LogTables) -> StoredCheckpoint | None:
    c = tables.checkpoints.c
    query = select(c.size, c.root, c.note).order_by(c.size.desc()).limit(1)
    row = (await connection.execute(query)).first()
    return StoredCheckpoint(*row) if row else None


async def checkpoint_at(
    connection: Connection, tables: LogTables, size: int
) -> StoredCheckpoint | None:
    """The checkpoint of this size, kept from change by others until the transaction ends."""
    c = tables.checkpoints.c
    query = select(c.size, c.root, c.note).where(c.size == size).with_for_update()
    row = (await connection.execute(query)).first()
    return StoredCheckpoint(*row) if row else None


async def index_of(connection: Connection, tables: LogTables, leaf: str) -> int | None:
    """Where in the tree a leaf is; None if it is not, or not yet."""
    c = tables.entries.c
    query = select(func.min(c.tree_index)).where(c.leaf == leaf)
    index: int | None = (await connection.execute(query)).scalar_one()
    return index


async def read_data(
    connection: Connection, tables: LogTables, start: int, most: int
) -> list[bytes]:
    """The tree's entries from an index on: hashes of bodies."""
    c = tables.entries.c
    query = select(c.data).where(c.tree_index >= start).order_by(c.tree_index).limit(most)
    return list((await connection.execute(query)).scalars())


async def read_entries(
    connection: Connection, tables: LogTables, start: int, most: int
) -> list[LogEntry]:
    """What is in the tree from an index on, with the bodies."""
    c = tables.entries.c
    query = (
        select(c.tree_index, c.leaf, c.kind, c.body)
        .where(c.tree_index >= start)
        .order_by(c.tree_index)
        .limit(most)
    )
    rows = await connection.execute(query)
    return [
        LogEntry(index=index, leaf=leaf, kind=kind, body=body) for index, leaf, kind, body in rows
    ]


async def find(connection: Connection, tables: LogTables, exchange: str) -> list[StoredEntry]:
    """What was logged of one exchange, in the tree or not yet; the record first."""
    c = tables.entries.c
    query = select(c.kind, c.body, c.leaf, c.tree_index).where(c.exchange == exchange)
    rows = (await connection.execute(query.order_by(c.append_id))).all()
    return [StoredEntry(*row) for row in rows]
