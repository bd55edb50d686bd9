"""
The log at rest: what was appended, its order in the tree, the tree's tiles, the checkpoints that were signed.

An entry is inserted by whoever permits, in that very transaction, and waits; the integrator gives it its place later.
Numbers that a database hands out become visible out of order, so what waits is found in a queue, never by being newer
than something.  Nothing but the queue is ever deleted; entries and their places never change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.mesh.contract import LogEntry
from kiban.mesh.merkle import leaf_hash
from kiban.mesh.tiles import TileId, Tiles
from kiban.shared.database import Instant, in_lots, insert_new, insert_or_renew

Kind = Literal["record", "outcome"]
Connection = AsyncConnection


@dataclass(frozen=True, slots=True)
class LogTables:
    entries: Table
    waiting: Table
    leaves: Table
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


def log_tables(metadata: MetaData) -> LogTables:
    entries = Table(
        "log_entries",
        metadata,
        Column("append_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("kind", String(7), nullable=False),
        Column("exchange", String(32), nullable=False),
        Column("body", Text, nullable=False),
        Column("appended_at", Instant, nullable=False),
        UniqueConstraint("exchange", "kind", name="log_entries_once"),
    )
    waiting = Table(
        "log_waiting",
        metadata,
        Column("append_id", BigInteger, primary_key=True, autoincrement=False),
        Column("data", LargeBinary, nullable=False),
    )
    leaves = Table(
        "log_leaves",
        metadata,
        Column("tree_index", BigInteger, primary_key=True, autoincrement=False),
        Column("append_id", BigInteger, nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("leaf", LargeBinary, nullable=False, index=True),
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
    return LogTables(entries, waiting, leaves, tiles, checkpoints)


def create_log_tables(connection: SyncConnection) -> None:
    """Make the tables: a migration calls this with `op.get_bind()`."""
    metadata = MetaData()
    log_tables(metadata)
    metadata.create_all(connection, checkfirst=False)


async def append(
    connection: Connection, tables: LogTables, entries: Sequence[NewEntry], *, at: datetime
) -> list[bool]:
    """Log in the caller's transaction; say of each whether its exchange and kind were new."""
    first = {(entry.exchange, entry.kind): entry for entry in reversed(entries)}
    # In one order for everybody, so that two transactions with the same entries cannot block each other.
    rows = [_row(entry, at) for _, entry in sorted(first.items())]
    if not rows:
        return []
    c = tables.entries.c
    statement = insert_new(tables.entries).returning(c.append_id, c.exchange, c.kind)
    inserted = {
        (row.exchange, row.kind): row.append_id for row in await connection.execute(statement, rows)
    }
    if inserted:
        waiting = [
            {"append_id": append_id, "data": leaf_data(first[key].body)}
            for key, append_id in inserted.items()
        ]
        await connection.execute(tables.waiting.insert(), waiting)
    # Of two entries that are one, the first was new.
    return [inserted.pop((entry.exchange, entry.kind), None) is not None for entry in entries]


async def place(connection: Connection, tables: LogTables, *, first: int, most: int) -> list[bytes]:
    """Give waiting entries their places in the tree, the longest waiting first; give their leaves."""
    c = tables.waiting.c
    longest = select(c.append_id, c.data).order_by(c.append_id).limit(most)
    taken = (await connection.execute(longest)).all()
    if not taken:
        return []
    hashes = [leaf_hash(row.data) for row in taken]
    leaves = [
        {"tree_index": index, "append_id": row.append_id, "data": row.data, "leaf": leaf}
        for index, (row, leaf) in enumerate(zip(taken, hashes, strict=True), first)
    ]
    await connection.execute(tables.leaves.insert(), leaves)
    # By name and not by range: one between these may become visible just now.
    done = delete(tables.waiting).where(c.append_id.in_([row.append_id for row in taken]))
    await connection.execute(done)
    return hashes


async def read_tiles(connection: Connection, tables: LogTables, ids: Iterable[TileId]) -> Tiles:
    """Those of the tiles that there are."""
    c = tables.tiles.c
    # Not as pairs in a list: SQLite would walk the whole table.
    wanted = [and_(c.level == tile.level, c.number == tile.index) for tile in ids]
    if not wanted:
        return {}
    rows = await connection.execute(select(c.level, c.number, c.hashes).where(or_(*wanted)))
    return {TileId(level, number): hashes for level, number, hashes in rows}


async def write_tiles(
    connection: Connection, tables: LogTables, tiles: Mapping[TileId, bytes]
) -> None:
    """Store new tiles, and those that grew."""
    rows = [
        {"level": tile.level, "number": tile.index, "hashes": hashes}
        for tile, hashes in tiles.items()
    ]
    if rows:
        grown = insert_or_renew(tables.tiles, ["level", "number"], ["hashes"])
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


async def index_of(connection: Connection, tables: LogTables, leaf: bytes) -> int | None:
    """Where in the tree a leaf is; None if it is not, or not yet."""
    return (await indexes_of(connection, tables, [leaf.hex()])).get(leaf.hex())


async def indexes_of(
    connection: Connection, tables: LogTables, leaves: Sequence[str]
) -> dict[str, int]:
    """Where in the tree these leaves are; what is not there, or not yet, is missing."""
    c, found = tables.leaves.c, dict[str, int]()
    for some in in_lots(bytes.fromhex(leaf) for leaf in leaves):
        # Asked for the smallest, a database may walk the whole tree in its order to find one leaf.
        for row in await connection.execute(select(c.leaf, c.tree_index).where(c.leaf.in_(some))):
            leaf = row.leaf.hex()
            found[leaf] = min(row.tree_index, found.get(leaf, row.tree_index))
    return found


async def read_data(
    connection: Connection, tables: LogTables, start: int, most: int
) -> list[bytes]:
    """The tree's entries from an index on: hashes of bodies."""
    c = tables.leaves.c
    there = c.tree_index.between(start, start + most - 1)
    return list(
        (await connection.execute(select(c.data).where(there).order_by(c.tree_index))).scalars()
    )


async def read_entries(
    connection: Connection, tables: LogTables, start: int, most: int
) -> list[LogEntry]:
    """What is in the tree from an index on, with the bodies."""
    leaves, entries = tables.leaves.c, tables.entries.c
    order = (
        select(leaves.tree_index, leaves.leaf, leaves.append_id)
        .where(leaves.tree_index.between(start, start + most - 1))
        .order_by(leaves.tree_index)
    )
    placed = (await connection.execute(order)).all()
    # Not as a join: a database that has not counted its rows yet would walk all entries.
    named = select(entries.append_id, entries.kind, entries.body).where(
        entries.append_id.in_([row.append_id for row in placed])
    )
    found = {row.append_id: row for row in await connection.execute(named)}
    return [
        LogEntry(
            index=row.tree_index,
            leaf=row.leaf.hex(),
            kind=found[row.append_id].kind,
            body=found[row.append_id].body,
        )
        for row in placed
    ]


async def find(connection: Connection, tables: LogTables, exchange: str) -> list[StoredEntry]:
    """What was logged of one exchange, in the tree or not yet; the record first."""
    c = tables.entries.c
    query = select(c.kind, c.body).where(c.exchange == exchange).order_by(c.kind.desc())
    found = []
    for kind, body in (await connection.execute(query)).all():
        leaf = leaf_hash(leaf_data(body))
        index = await index_of(connection, tables, leaf)
        found.append(StoredEntry(kind, body, leaf.hex(), index))
    return found


async def records(
    connection: Connection, tables: LogTables, exchanges: Sequence[str]
) -> dict[str, str]:
    """The records of those exchanges that were logged, by exchange."""
    c = tables.entries.c
    query = select(c.exchange, c.body).where(c.kind == "record", c.exchange.in_(exchanges))
    return {row.exchange: row.body for row in await connection.execute(query)}


def _row(entry: NewEntry, at: datetime) -> dict[str, object]:
    return {
        "kind": entry.kind,
        "exchange": entry.exchange,
        "body": entry.body,
        "appended_at": at,
    }
