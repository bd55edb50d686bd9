"""
The database: one transaction per request, the same on SQLite and PostgreSQL.

SQLite is the embedded default: write-ahead log, one writer at a time, every commit on the disk before it returns.
PostgreSQL is for everything else: a pool that notices by itself, without asking, that a connection has gone.
Tables are SQLAlchemy Core; a schema is migrated by the package that owns it, never made anew.

Refused: a transaction inside a transaction, a time without a zone, text that a database cannot hold.  A database
that is away is `DatabaseAway`.  Values never appear in what SQLAlchemy raises.
Sources: sqlite.org/wal.html, sqlite.org/lang_transaction.html; PostgreSQL 13.3.5 (advisory locks).
"""

import asyncio
import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    LargeBinary,
    String,
    Table,
    TypeDecorator,
    event,
    exc,
    func,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.types import TypeEngine

from kiban.shared.problems import Malformed, Problem

Blob = LargeBinary
Value = TypeVar("Value")


class DatabaseAway(Problem):
    slug, title, status = "database-away", "The database does not answer; ask again later", 503


class DatabaseBroken(Problem):
    slug, title, status = "database-broken", "The database's file cannot be read; restore it", 503


class Instant(TypeDecorator[datetime]):
    """An aware time, given back in UTC; text of fixed width where the database has no such type."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        value = value.astimezone(UTC)
        if dialect.name == "postgresql":
            return value
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name == "postgresql":
            return value.astimezone(UTC) if value else None
        return datetime.fromisoformat(value)


class JSONDocument(TypeDecorator[Any]):
    """A JSON value as it was given; None is the database's NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True


def insert_new(table: Table) -> postgresql.Insert:
    """
    Insert where nothing stands in the way; the result's rowcount says whether it was new.

    SQLite took this clause from PostgreSQL, word for word, so one construct serves both.
    """
    return postgresql.insert(table).on_conflict_do_nothing()


def insert_or_renew(table: Table, key: Sequence[str], renewed: Sequence[str]) -> postgresql.Insert:
    """Insert; where a row of this key stands, write these columns anew and leave its others."""
    new = postgresql.insert(table)
    return new.on_conflict_do_update(
        index_elements=key, set_={column: new.excluded[column] for column in renewed}
    )


def in_lots(values: Iterable[Value]) -> Iterator[list[Value]]:
    """
    Give values for an `IN`, each once, in lists that one statement may have.

    A list is filled up to a power of two with what it has, because each other length is a statement to be prepared.
    """
    once = list(dict.fromkeys(values))
    for start in range(0, len(once), _MOST_VALUES):
        lot = once[start : start + _MOST_VALUES]
        yield lot + lot[-1:] * ((1 << (len(lot) - 1).bit_length()) - len(lot))


_MOST_VALUES = 1 << 14  # both databases number a statement's values with 15 bits


class Database:
    """One role's database, for the life of the process."""

    def __init__(self, url: str, *, pool_size: int = 10, statement_seconds: float = 30) -> None:
        self.dialect = "sqlite" if url.startswith("sqlite") else "postgresql"
        sqlite = self.dialect == "sqlite"
        self._engine = create_async_engine(
            url,
            hide_parameters=True,
            json_serializer=_json,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            connect_args={} if sqlite else {**_POSTGRES, "command_timeout": statement_seconds},
        )
        self._writer = asyncio.Lock() if sqlite else nullcontext()
        self._writing: set[asyncio.Task[Any] | None] = set()
        self._afterwards: weakref.WeakKeyDictionary[AsyncConnection, list[Callable[[], None]]]
        self._afterwards = weakref.WeakKeyDictionary()
        core = self._engine.sync_engine
        event.listen(core, "handle_error", _explained)
        if sqlite:
            event.listen(core, "connect", _prepare_sqlite)
            event.listen(core, "begin", _begin_sqlite)
        else:
            event.listen(core.pool, "checkout", _check_open)
        event.listen(core, "before_cursor_execute", _check_reading)
        self._reader = self._engine.execution_options(**(_READING if sqlite else _SNAPSHOT))
        self._looker = self._engine.execution_options(**(_LOOKING if sqlite else _SINGLE))

    def __repr__(self) -> str:
        return f"Database({self.dialect})"

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Hold one transaction; it commits when the block ends well, and is as if it never was otherwise."""
        task = asyncio.current_task()
        if task in self._writing:
            raise RuntimeError("a transaction inside a transaction")
        self._writing.add(task)
        try:
            # SQLite has one writer: waiting here is fair, and costs no sleep as its own busy handler does.
            async with self._writer, self._connected(self._engine) as connection:
                async with connection.begin():
                    yield connection
                callbacks = self._afterwards.pop(connection, [])
        finally:
            self._writing.discard(task)
        for callback in callbacks:
            callback()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Hold one consistent view; a statement that writes is refused."""
        async with self._connected(self._reader) as connection, connection.begin() as transaction:
            yield connection
            await transaction.rollback()

    @asynccontextmanager
    async def look(self) -> AsyncIterator[AsyncConnection]:
        """Run one statement that reads: a view of its own costs two round trips more than the statement."""
        async with self._connected(self._looker) as connection:
            yield connection

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        connection = engine.connect()
        try:
            await connection.start()
        except (OSError, exc.DBAPIError, exc.TimeoutError, exc.InvalidRequestError) as error:
            raise DatabaseAway("no connection") from error
        try:
            yield connection
        finally:
            await _closed(connection)

    def after_commit(self, connection: AsyncConnection, call: Callable[[], None]) -> None:
        """Call this once the connection's transaction has been committed; never if it was not."""
        self._afterwards.setdefault(connection, []).append(call)

    async def migrate(self, package: str) -> None:
        """Bring the package's part of the schema to its last version; any number of processes may do so at once."""
        async with _migrating(), self.begin() as connection:
            await hold(connection, f"migrate {package}")
            await connection.run_sync(_upgrade, package)

    async def close(self) -> None:
        await self._engine.dispose()


async def _closed(connection: AsyncConnection) -> None:
    """Give a connection back before who held it ends, also if they are cancelled meanwhile: their loop may end next."""
    closing = asyncio.ensure_future(connection.close())
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await asyncio.wait([closing], timeout=_GOODBYE)
        raise


async def hold(connection: AsyncConnection, name: str) -> None:
    """Let one transaction at a time past this point, among all processes.  SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


_GOODBYE = 1.0
"""Seconds for which a cancelled task waits until its connection has been given back."""
_POSTGRES = {
    "timeout": 5,
    "server_settings": {"application_name": "kiban", "jit": "off", "timezone": "UTC"},
}


_READING = {"kiban_reading": True}
_LOOKING = {"kiban_reading": True, "kiban_single": True}
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_SINGLE = {"isolation_level": "AUTOCOMMIT", "kiban_reading": True}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # BEGIN is ours
    cursor = connection.cursor()
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that writes after reading can fail at once; IMMEDIATE waits its turn.
    options = connection.get_execution_options()
    if not options.get("kiban_single"):
        connection.exec_driver_sql("BEGIN" if options.get("kiban_reading") else "BEGIN IMMEDIATE")


def _check_reading(
    connection: Connection, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool
) -> None:
    # In a view PostgreSQL refuses by itself; elsewhere the write would be lost silently, or kept.
    writes = context and (context.isinsert or context.isupdate or context.isdelete)
    if writes and connection.get_execution_options().get("kiban_reading"):
        raise RuntimeError("a write where only reading was asked for")


def _check_open(
    connection: DBAPIConnection, _: ConnectionPoolEntry, __: PoolProxiedConnection
) -> None:
    # asyncpg has heard of a server that went away: no round trip is needed to know it.
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError


# Characters and escapes that no text holds; text too long; numbers and dates out of range.
_UNHOLDABLE = {"22021", "22P05", "22001", "22003", "22008"}
_UNENCODABLE = (OverflowError, UnicodeError)
# Classes: connection, rolled back for another's sake, insufficient resources, operator intervention.
_AWAY = {"08", "40", "53", "57"}


def _explained(context: ExceptionContext) -> BaseException | None:
    """Turn what a caller can act on into a problem; leave our own mistakes as they are."""
    error = context.original_exception
    if not isinstance(error, Exception):
        return None  # a cancelled task counts as a disconnect there, but must stay cancelled
    state = str(
        getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None) or ""
    )
    if "file is not a database" in str(error) or "image is malformed" in str(error):
        return _from(DatabaseBroken(f"{_file(context)} is no SQLite database"), error)
    if context.is_disconnect or state[:2] in _AWAY or "database is locked" in str(error):
        return _from(DatabaseAway("the connection was lost"), error)
    if state in _UNHOLDABLE or any(isinstance(each, _UNENCODABLE) for each in _causes(error)):
        return _from(Malformed("a value is one that no database can hold"), error)
    return None


def _file(context: ExceptionContext) -> str:
    # A caller is told its name, and not where it lies.
    return Path((context.engine and context.engine.url.database) or "the file").name


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _from(problem: Problem, error: BaseException) -> Problem:
    problem.__cause__ = error
    return problem


_migrations: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]
_migrations = weakref.WeakKeyDictionary()


def _migrating() -> asyncio.Lock:
    # `alembic.op` is one per process, so two migrations in one loop must take turns.
    return _migrations.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def _upgrade(connection: Connection, package: str) -> None:
    place = Path(str(files(package))) / "migrations"
    scripts = ScriptDirectory(str(place), version_locations=[str(place)])
    environment = EnvironmentContext(
        Config(),
        scripts,
        fn=lambda revision, _: scripts._upgrade_revs("head", revision),  # noqa: SLF001  as alembic.command does
        destination_rev="head",
    )
    with environment:
        environment.configure(
            connection=connection,
            version_table="schema_" + package.removeprefix("kiban.").replace(".", "_"),
            transactional_ddl=True,
        )
        with environment.begin_transaction():
            environment.run_migrations()
