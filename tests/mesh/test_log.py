"""The log: nothing that was appended is lost, taken twice or taken away unseen."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable
from typing import TypeVar

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiban.mesh import log as mesh_log
from kiban.mesh import log_store, merkle, tiles
from kiban.mesh.contract import InclusionProof, NotInLog, leaf_of
from kiban.mesh.log import Integrator, Log, LogDamaged
from kiban.mesh.log_store import LogTables, NewEntry, create_log_tables, log_tables
from kiban.mesh.merkle import ProofRefused
from kiban.mesh.notes import COSIGNATURE, Checkpoint, Note, NoteRefused, VerifierKey
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database, DatabaseAway
from kiban.shared.problems import Malformed, NotFound

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
ORIGIN = "core.example/log"
TABLES = log_tables(sa.MetaData())
Given = TypeVar("Given")


def entry(number: int, kind: log_store.Kind = "record", body: str = "") -> NewEntry:
    return NewEntry(kind, f"{number:032x}", body or f'{{"number":{number}}}')


class Core:
    """One copy of the core: its own log and its own integrator on a database."""

    def __init__(self, db: Database, clock: FrozenClock, tables: LogTables = TABLES) -> None:
        self.db = db
        self.integrator = Integrator(db, tables, KEY, ORIGIN, clock, pause=0.001, poll=0.05)
        self.log = Log(db, tables, clock, wake=self.integrator.wake)

    async def append(self, *entries: NewEntry) -> list[bool]:
        async with self.db.begin() as connection:
            return await self.log.append(connection, entries)

    async def head(self) -> Checkpoint:
        return Checkpoint.open(await self.log.checkpoint(), self.integrator.verifier_key)

    async def leaves(self) -> list[bytes]:
        return [bytes.fromhex(found.leaf) for found in await self.log.read_entries(0, 100_000)]


@pytest.fixture
async def core(db: Database, clock: FrozenClock) -> Core:
    async with db.begin() as connection:
        await connection.run_sync(create_log_tables)
    return Core(db, clock)


def check(proof: InclusionProof, core: Core) -> None:
    head = Checkpoint.open(proof.checkpoint, core.integrator.verifier_key)
    assert head.size == proof.size
    path = [bytes.fromhex(item) for item in proof.path]
    merkle.verify_inclusion(bytes.fromhex(proof.leaf), proof.index, proof.size, path, head.root)


async def check_growth(core: Core, before: Checkpoint, after: Checkpoint) -> None:
    proof = await core.log.consistency(before.size, after.size)
    path = [bytes.fromhex(item) for item in proof.path]
    merkle.verify_consistency(before.size, before.root, after.size, after.root, path)


@contextlib.asynccontextmanager
async def running(*cores: Core):
    tasks = [asyncio.create_task(core.integrator.run()) for core in cores]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_an_empty_log_has_a_signed_head(core):
    with pytest.raises(NotFound, match="first checkpoint"):
        await core.log.checkpoint()

    assert await core.integrator.integrate() == 0

    assert await core.head() == Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT)


async def test_what_was_appended_is_proven_once_integrated(core):
    leaf = leaf_of(entry(1).body)
    await core.append(entry(1), entry(2))
    with pytest.raises(NotInLog):
        await core.log.inclusion(leaf)

    assert await core.integrator.integrate() == 2

    proof = await core.log.inclusion(leaf)
    assert (proof.index, proof.size) == (0, 2)
    check(proof, core)


async def test_the_leaf_is_the_hash_of_the_hash_of_the_body(core):
    import hashlib  # noqa: PLC0415  the fact is told with nothing of ours

    body = '{"名":"値"}'
    inner = hashlib.sha256(body.encode()).digest()

    assert leaf_of(body) == hashlib.sha256(b"\0" + inner).hexdigest()


async def test_an_exchange_is_logged_once_of_each_kind(core):
    assert await core.append(entry(1), entry(1, "outcome"), entry(1)) == [True, True, False]
    assert await core.append(entry(1, body="another"), entry(2)) == [False, True]
    assert await core.append() == []

    await core.integrator.integrate()

    assert [found.body for found in await core.log.read_entries(0, 10)] == [
        entry(1, "outcome").body,
        entry(1).body,
        entry(2).body,
    ]


async def test_what_was_rolled_back_was_never_logged(core):
    with pytest.raises(KeyError):  # noqa: PT012  the failure comes from inside
        async with core.db.begin() as connection:
            await core.log.append(connection, [entry(1)])
            raise KeyError

    assert await core.integrator.integrate() == 0
    assert await core.log.find(entry(1).exchange) == []


async def test_an_exchange_is_found_before_and_after_it_is_in_the_tree(core):
    await core.append(entry(1))
    await core.append(entry(1, "outcome", "a.b.c"))

    waiting = await core.log.find(entry(1).exchange)
    await core.integrator.integrate()
    placed = await core.log.find(entry(1).exchange)

    assert [(found.kind, found.index) for found in waiting] == [("record", None), ("outcome", None)]
    assert [(found.kind, found.index) for found in placed] == [("record", 0), ("outcome", 1)]
    assert placed[1].body == "a.b.c"
    assert placed[1].leaf == leaf_of("a.b.c")


async def test_readers_follow_the_tree_in_its_order(core):
    await core.append(*map(entry, range(5)))
    await core.integrator.integrate()

    first = await core.log.read_entries(0, 3)
    rest = await core.log.read_entries(first[-1].index + 1, 100)

    assert [found.index for found in (*first, *rest)] == list(range(5))
    assert await core.log.read_entries(5, 100) == []


async def test_every_checkpoint_begins_with_the_one_before(core, monkeypatch):
    monkeypatch.setattr(mesh_log, "BATCH", 97)
    heads = []
    await core.append(*map(entry, range(600)))
    while await core.integrator.integrate():
        heads.append(await core.head())

    assert [head.size for head in heads] == [97, 194, 291, 388, 485, 582, 600]
    assert heads[-1].root == merkle.root(await core.leaves())
    for before, after in itertools.pairwise(heads):
        await check_growth(core, before, after)
    await check_growth(core, heads[0], heads[-1])


async def test_every_leaf_of_a_tree_beyond_one_tile_is_proven(core):
    await core.append(*map(entry, range(300)))
    await core.integrator.integrate()
    await core.append(*map(entry, range(300, 531)))
    await core.integrator.integrate()

    for number in (0, 255, 256, 299, 300, 511, 512, 530):
        check(await core.log.inclusion(leaf_of(entry(number).body)), core)


async def test_anybody_rebuilds_the_tree_from_what_is_published(core):
    await core.append(*map(entry, range(530)))
    await core.integrator.integrate()

    leaves = (
        await core.log.published("0/000")
        + await core.log.published("0/001")
        + await core.log.published("0/002.p/18")
    )
    bundle = await core.log.published("entries/002.p/18")
    above = await core.log.published("1/000.p/2")

    hashes = [leaves[at : at + 32] for at in range(0, len(leaves), 32)]
    assert merkle.root(hashes) == (await core.head()).root
    assert above == merkle.root(hashes[:256]) + merkle.root(hashes[256:512])
    data = [bundle[at + 2 : at + 34] for at in range(0, len(bundle), 34)]
    assert bundle == tiles.entry_bundle(data)
    assert [merkle.leaf_hash(item) for item in data] == hashes[512:]


async def test_a_narrower_tile_stays_available_as_the_tree_grows(core):
    await core.append(*map(entry, range(5)))
    await core.integrator.integrate()
    before = await core.log.tile(0, 0, 5), await core.log.entries_tile(0, 5)
    await core.append(*map(entry, range(5, 300)))
    await core.integrator.integrate()

    assert (await core.log.tile(0, 0, 5), await core.log.entries_tile(0, 5)) == before


@pytest.mark.parametrize(
    "path", ["0/000.p/6", "0/000", "0/001", "1/000.p/1", "9/000", "entries/000", "entries/001.p/1"]
)
async def test_what_the_tree_has_not_reached_is_not_published(core, path):
    await core.append(*map(entry, range(5)))
    await core.integrator.integrate()

    with pytest.raises(NotFound):
        await core.log.published(path)


@pytest.mark.parametrize(("first", "second"), [(-1, 3), (4, 3), (0, 6), (6, 6), (2**70, 2**70)])
async def test_growth_is_proven_between_sizes_that_the_log_has_had(core, first, second):
    await core.append(*map(entry, range(5)))
    await core.integrator.integrate()

    with pytest.raises(Malformed):
        await core.log.consistency(first, second)


async def test_a_leaf_that_nobody_appended_is_not_in_the_log(core):
    await core.integrator.integrate()

    with pytest.raises(NotInLog):
        await core.log.inclusion("00" * 32)
    with pytest.raises(NotInLog):
        await core.log.wait_for("00" * 32, seconds=0)


async def test_a_witness_adds_its_cosignature(core):
    await core.append(entry(1))
    await core.integrator.integrate()
    watcher = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
    key = VerifierKey.of("watcher.example", watcher, COSIGNATURE)
    note = Note.read(await core.log.checkpoint())
    line = str(note.cosign(key.name, watcher, at=FrozenClock()()).signatures[-1])

    await core.log.cosign(1, line, key)
    await core.log.cosign(1, line, key)

    note = Note.read(await core.log.checkpoint())
    assert note.cosigned_at(key) == int(FrozenClock()().timestamp())
    assert len(note.signatures) == 2
    with pytest.raises(NotFound):
        await core.log.cosign(2, line, key)
    with pytest.raises(NoteRefused):
        await core.log.cosign(1, line, VerifierKey.of("other.example", watcher, COSIGNATURE))


async def test_the_integrator_wakes_with_each_commit(core):
    async with running(core):
        await core.append(entry(1))
        first = await core.log.wait_for(leaf_of(entry(1).body), seconds=10)
        await core.append(entry(2))
        second = await core.log.wait_for(leaf_of(entry(2).body), seconds=10)

    check(first, core)
    check(second, core)


async def test_what_was_appended_before_a_crash_is_integrated_after_it(core, clock):
    await core.append(*map(entry, range(3)))

    successor = Core(core.db, clock)  # never woken for these
    async with running(successor):
        check(await successor.log.wait_for(leaf_of(entry(2).body), seconds=10), successor)

    assert (await successor.head()).size == 3


async def test_an_integration_that_fails_leaves_everything_as_it_was(core, monkeypatch):
    await core.append(*map(entry, range(3)))
    await core.integrator.integrate()
    before = await core.head()
    await core.append(*map(entry, range(3, 300)))

    async def full_disk(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(Integrator, "_sign", full_disk)
        with pytest.raises(OSError, match="no space"):
            await core.integrator.integrate()

    assert await core.head() == before
    assert len(await core.log.read_entries(0, 1000)) == 3
    assert await core.integrator.integrate() == 297
    await check_growth(core, before, await core.head())


async def test_a_log_whose_tiles_were_changed_signs_nothing_more(core, caplog):
    await core.append(*map(entry, range(3)))
    await core.integrator.integrate()
    async with core.db.begin() as connection:
        await connection.execute(sa.update(TABLES.tiles).values(hashes=bytes(96)))
    await core.append(entry(3))

    with pytest.raises(LogDamaged, match="signed at 3"):
        await core.integrator.integrate()

    async with running(core), asyncio.timeout(10):
        while "nothing more is signed" not in caplog.text:
            await core.head()
    assert (await core.head()).size == 3


async def test_a_log_whose_tiles_were_lost_signs_nothing_more(core):
    await core.append(*map(entry, range(3)))
    await core.integrator.integrate()
    async with core.db.begin() as connection:
        await connection.execute(sa.delete(TABLES.tiles))
    await core.append(entry(3))

    with pytest.raises(LogDamaged, match="missing"):
        await core.integrator.integrate()


async def test_a_log_that_was_rebuilt_without_an_entry_is_caught(core, new_database, clock):
    await core.append(*map(entry, range(10)))
    await core.integrator.integrate()
    kept = await core.head()
    forged = Core(await new_database(), clock)
    async with forged.db.begin() as connection:
        await connection.run_sync(create_log_tables)
    await forged.append(*(entry(number) for number in range(12) if number != 4))
    await forged.integrator.integrate()

    with pytest.raises(ProofRefused):
        await check_growth(forged, kept, await forged.head())


async def test_two_heads_of_one_size_show_the_fork(core, new_database, clock):
    await core.append(*map(entry, range(10)))
    await core.integrator.integrate()
    forged = Core(await new_database(), clock)
    async with forged.db.begin() as connection:
        await connection.run_sync(create_log_tables)
    await forged.append(*(entry(number + 1) for number in range(10)))
    await forged.integrator.integrate()

    with pytest.raises(ProofRefused, match="forked"):
        await check_growth(forged, await core.head(), await forged.head())


async def test_many_cores_lose_and_double_nothing(core, clock):
    cores = [core, Core(core.db, clock)]
    chance = random.Random(9162)
    numbers = [*range(400), *chance.sample(range(400), 100)]  # some are sent twice
    chance.shuffle(numbers)
    heads = []

    async def appender(mine: list[int]) -> list[bool]:
        new = []
        for at in range(0, len(mine), 7):
            new += await chance.choice(cores).append(*map(entry, mine[at : at + 7]))
            if at % 3 == 0:
                heads.append(await core.head())
        return new

    await core.integrator.integrate()
    async with running(*cores):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(appender(numbers[start::5])) for start in range(5)]
        for number in range(400):
            await core.log.wait_for(leaf_of(entry(number).body), seconds=20)

    assert sum(sum(task.result()) for task in tasks) == 400
    leaves = await core.leaves()
    assert sorted(leaves) == sorted(bytes.fromhex(leaf_of(entry(n).body)) for n in range(400))
    last = await core.head()
    assert (last.size, last.root) == (400, merkle.root(leaves))
    for head in heads:
        await check_growth(core, head, last)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_nothing_walks_a_whole_table(core):
    """So that a proof costs as much in a log of a million; SQLite tells how it would go about it."""
    said: list[tuple[str, tuple[object, ...]]] = []

    def listen(*event: object) -> None:
        said.append((event[2], event[3]))

    await core.append(*map(entry, range(300)))
    await core.integrator.integrate()
    sa.event.listen(core.db._engine.sync_engine, "before_cursor_execute", listen)
    await core.append(entry(300))
    await core.integrator.integrate()
    await core.log.inclusion(leaf_of(entry(7).body))
    await core.log.consistency(7, 300)
    await core.log.read_entries(7, 5)
    await core.log.find(entry(7).exchange)
    await core.log.published("entries/000.p/7")
    await core.log.published("0/000.p/7")
    sa.event.remove(core.db._engine.sync_engine, "before_cursor_execute", listen)

    steps = set()
    async with core.db.read() as connection:
        for statement, parameters in said:
            if not isinstance(parameters, list):
                plan = await connection.exec_driver_sql(
                    f"EXPLAIN QUERY PLAN {statement}", parameters
                )
                steps |= {row[3] for row in plan}
    assert len(steps) > 5
    assert {step for step in steps if step.startswith("SCAN") and "INDEX" not in step} == set()


# SQLite has one writer at a time: these cannot happen there.
only_postgres = pytest.mark.parametrize(
    "engine", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@only_postgres
async def test_an_entry_whose_commit_comes_late_is_not_passed_over(core):
    open_, close = asyncio.Event(), asyncio.Event()

    async def late() -> None:
        async with core.db.begin() as connection:
            await core.log.append(connection, [entry(1)])
            open_.set()
            await close.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(late())
        await open_.wait()
        await core.append(entry(2))
        assert await core.integrator.integrate() == 1
        close.set()

    assert await core.integrator.integrate() == 1
    assert [found.body for found in await core.log.read_entries(0, 9)] == [
        entry(2).body,
        entry(1).body,
    ]


@only_postgres
async def test_two_integrators_take_turns(core, clock):
    await core.append(*map(entry, range(50)))

    taken = await asyncio.gather(*(Core(core.db, clock).integrator.integrate() for _ in range(4)))

    assert sorted(taken) == [0, 0, 0, 50]


@only_postgres
async def test_batches_with_the_same_entries_do_not_block_each_other(core):
    entries = list(map(entry, range(200)))

    new = await asyncio.gather(core.append(*entries), core.append(*reversed(entries)))

    assert sum(map(sum, new)) == 200


async def tried(call: Awaitable[Given]) -> Given | None:
    """What the call gives, or nothing while the database is away or the leaf not yet there."""
    try:
        return await call
    except (DatabaseAway, NotInLog):
        return None


async def say(db: Database, statement: sa.TextClause) -> None:
    async with db.read() as connection:
        await connection.execute(statement)


@only_postgres
async def test_the_integrator_outlives_its_database(core, caplog):
    async with running(core):
        await core.append(entry(1))
        await core.log.wait_for(leaf_of(entry(1).body), seconds=10)
        cut = sa.text(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        async with asyncio.timeout(20):
            while "waits for its database" not in caplog.text:
                await tried(say(core.db, cut))
            while await tried(core.append(entry(2))) is None:
                continue
            while (proof := await tried(core.log.inclusion(leaf_of(entry(2).body)))) is None:
                continue

    check(proof, core)
