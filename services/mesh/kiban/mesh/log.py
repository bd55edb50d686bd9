"""
The log: every exchange leaves a trace that nobody can take away unseen.

Appending happens in the transaction that permits: no log, no data.  The tree is built a moment later by one integrator
at a time, so that any number of cores may append; a permit is the promise that its leaf is in the next checkpoint.

1. an entry is appended with the permit, in one commit
2. the integrator gives it the next place in the tree
3. the tiles grow, and the head of the tree is signed as a checkpoint, in one commit
4. whoever holds the leaf gets its proof; whoever kept a checkpoint sees that the log only grew

Refused: signing a tree that does not begin with what was signed before.
Sources: RFC 9162; c2sp.org/tlog-tiles; DESIGN 5.4.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import chain

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiban.mesh import log_store as store
from kiban.mesh import merkle, tiles
from kiban.mesh.contract import (
    ConsistencyProof,
    InclusionProof,
    InclusionProofs,
    LogEntry,
    NotInLog,
    PlacedLeaf,
)
from kiban.mesh.log_store import LogTables, NewEntry, StoredCheckpoint, StoredEntry
from kiban.mesh.notes import Checkpoint, Note, VerifierKey
from kiban.mesh.tiles import TileId, TilePath
from kiban.shared.clock import Clock
from kiban.shared.database import Database, DatabaseAway, hold
from kiban.shared.problems import Malformed, NotFound, Problem

BATCH = 4096
"""The most leaves that one transaction integrates, so that appending never waits long."""

_log = logging.getLogger("kiban.mesh.log")


class LogDamaged(Problem):
    slug, title, status = "log-damaged", "The stored log is not the one that was signed", 503


class Log:
    """The log as those see it who append and who read."""

    def __init__(
        self, db: Database, tables: LogTables, clock: Clock, *, wake: Callable[[], None]
    ) -> None:
        self._db = db
        self._tables = tables
        self._clock = clock
        self._wake = wake

    async def append(self, connection: store.Connection, entries: Sequence[NewEntry]) -> list[bool]:
        """Log in the caller's transaction; say of each whether its exchange and kind were new."""
        new = await store.append(connection, self._tables, entries, at=self._clock())
        self._db.after_commit(connection, self._wake)
        return new

    async def find(self, exchange: str) -> list[StoredEntry]:
        """What was logged of one exchange, in the tree or not yet; the record first."""
        async with self._db.read() as connection:
            return await store.find(connection, self._tables, exchange)

    async def records(self, exchanges: Sequence[str]) -> dict[str, str]:
        """The records of those exchanges that were logged, by exchange."""
        async with self._db.read() as connection:
            return await store.records(connection, self._tables, exchanges)

    async def read_entries(self, start: int, limit: int) -> list[LogEntry]:
        """What is in the tree from this index on; the next `start` is one behind the last."""
        async with self._db.read() as connection:
            return await store.read_entries(connection, self._tables, start, limit)

    async def checkpoint(self) -> str:
        """The newest signed head, as a note."""
        async with self._db.read() as connection:
            return (await self._last(connection)).note

    async def cosign(self, size: int, line: str, witness: VerifierKey) -> None:
        """Add a witness's signature line to the checkpoint of this size."""
        async with self._db.begin() as connection:
            stored = await store.checkpoint_at(connection, self._tables, size)
            if stored is None:
                raise NotFound("no checkpoint of this size was signed", sent=size)
            note = Note.read(stored.note).add(line, witness)
            await store.write_note(connection, self._tables, size, str(note))

    async def published(self, path: str) -> bytes:
        """What is published below `tile/`: a tile of hashes, or a bundle of entries."""
        tile = TilePath.read(path)
        if tile.level is None:
            return await self.entries_tile(tile.index, tile.width)
        return await self.tile(tile.level, tile.index, tile.width)

    async def tile(self, level: int, index: int, width: int = tiles.WIDTH) -> bytes:
        """The first `width` hashes of a tile."""
        tile = TileId(level, index)
        async with self._db.read() as connection:
            found = await store.read_tiles(connection, self._tables, [tile])
        hashes = found.get(tile, b"")[: width * merkle.HASH_SIZE]
        if not hashes or len(hashes) < width * merkle.HASH_SIZE:
            raise NotFound("the tree has not grown to this tile, or not to this width")
        return hashes

    async def entries_tile(self, index: int, width: int = tiles.WIDTH) -> bytes:
        """The first `width` entries below a tile of leaves."""
        async with self._db.read() as connection:
            entries = await store.read_data(connection, self._tables, index * tiles.WIDTH, width)
        if not entries or len(entries) < width:
            raise NotFound("the tree has not grown to this bundle, or not to this width")
        return tiles.entry_bundle(entries)

    async def inclusion(self, leaf: str) -> InclusionProof:
        """Prove that a leaf is in the tree of the newest checkpoint."""
        found = await self.inclusions([leaf])
        if not found.places:
            raise NotInLog("it was never appended, or is not yet in the tree")
        [place] = found.places
        return InclusionProof(size=found.size, checkpoint=found.checkpoint, **place.model_dump())

    async def inclusions(self, leaves: Sequence[str]) -> InclusionProofs:
        """The same for many leaves at once; those that are not in the tree are missing."""
        async with self._db.read() as connection:
            head = await store.last_checkpoint(connection, self._tables)
            if head is None:
                return InclusionProofs(size=0, checkpoint="", places=[])
            known = await store.indexes_of(connection, self._tables, leaves)
            here = {leaf: index for leaf, index in known.items() if index < head.size}
            ranges = chain.from_iterable(
                merkle.inclusion_ranges(index, head.size) for index in here.values()
            )
            found = await store.read_tiles(connection, self._tables, tiles.needed(ranges))
        read = tiles.reader(found)
        places = [
            PlacedLeaf(
                leaf=leaf,
                index=index,
                path=[item.hex() for item in merkle.inclusion_path(index, head.size, read)],
            )
            for leaf, index in here.items()
        ]
        return InclusionProofs(size=head.size, checkpoint=head.note, places=places)

    async def wait_for(self, leaf: str, *, seconds: float) -> InclusionProof:
        """Prove that a leaf is in the tree, as soon as it is."""
        until = asyncio.get_running_loop().time() + seconds
        while True:
            try:
                return await self.inclusion(leaf)
            except NotInLog:
                if asyncio.get_running_loop().time() >= until:
                    raise
                await asyncio.sleep(0.02)

    async def consistency(self, first: int, second: int) -> ConsistencyProof:
        """Prove that the tree of `second` leaves begins with that of `first`."""
        async with self._db.read() as connection:
            head = await self._last(connection)
            if not 0 <= first <= second <= head.size:
                raise Malformed(
                    "first and second must be sizes that the log has had",
                    expected=f"0 <= first <= second <= {head.size}",
                )
            ranges = merkle.consistency_ranges(first, second)
            found = await store.read_tiles(connection, self._tables, tiles.needed(ranges))
        path = merkle.consistency_path(first, second, tiles.reader(found))
        return ConsistencyProof(first=first, second=second, path=[item.hex() for item in path])

    async def _last(self, connection: store.Connection) -> StoredCheckpoint:
        last = await store.last_checkpoint(connection, self._tables)
        if last is None:
            raise NotFound("the log has not signed its first checkpoint yet")
        return last


class Integrator:
    """
    Builds the tree and signs its heads: run one beside each core, and one at a time will work.

    `pause` gathers what is appended together; `poll` finds what somebody appended and died before saying so.
    """

    def __init__(
        self,
        db: Database,
        tables: LogTables,
        key: Ed25519PrivateKey,
        origin: str,
        clock: Clock,
        *,
        pause: float = 0.2,
        poll: float = 1.0,
    ) -> None:
        self.verifier_key = VerifierKey.of(origin, key)
        self._db = db
        self._tables = tables
        self._key = key
        self._clock = clock
        self._pause = pause
        self._poll = poll
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that something was appended."""
        self._woken.set()

    async def run(self) -> None:
        """Integrate for ever; cancel to stop."""
        while True:
            self._woken.clear()
            try:
                while await self.integrate() == BATCH:
                    pass
            except (DatabaseAway, TimeoutError):
                _log.warning("the log's integrator waits for its database")
            except LogDamaged as damage:
                _log.error("nothing more is signed: %s", damage)
            try:
                async with asyncio.timeout(self._poll):
                    await self._woken.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(self._pause)

    async def integrate(self) -> int:
        """Take waiting entries into the tree and sign the new head, in one commit; say how many."""
        async with self._db.begin() as connection:
            await hold(connection, "mesh log")
            last = await store.last_checkpoint(connection, self._tables)
            size = last.size if last else 0
            leaves = await store.place(connection, self._tables, first=size, most=BATCH)
            if last and not leaves:
                return 0
            before = await store.read_tiles(connection, self._tables, tiles.edge(size))
            growth = self._grow(last, before, leaves)
            await store.write_tiles(connection, self._tables, growth.tiles)
            await self._sign(connection, growth)
        return len(leaves)

    def _grow(
        self, last: StoredCheckpoint | None, before: tiles.Tiles, leaves: list[bytes]
    ) -> tiles.Growth:
        try:
            growth = tiles.grow(last.size if last else 0, before, leaves)
        except KeyError:
            raise LogDamaged("a tile of the tree's edge is missing or short") from None
        if last and growth.root_before != last.root:
            raise LogDamaged(f"the tiles do not lead to the root that was signed at {last.size}")
        return growth

    async def _sign(self, connection: store.Connection, growth: tiles.Growth) -> None:
        head = Checkpoint(self.verifier_key.name, growth.size, growth.root)
        stored = StoredCheckpoint(head.size, head.root, str(head.sign(self._key)))
        await store.write_checkpoint(connection, self._tables, stored, at=self._clock())
