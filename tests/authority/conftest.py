"""An authority that runs without sockets, with its neighbours as members and cards as a chip would be."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from kiban.identity.authority import certificates, keys, store
from kiban.identity.authority.app import create_app
from kiban.identity.authority.client import AuthorityClient, obtain_identity
from kiban.identity.authority.enrolment import member_secret
from kiban.identity.authority.office import PACKAGE, Office
from kiban.identity.authority.settings import Settings
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database
from kiban.shared.http import HttpxHttp
from kiban.shared.keyring import Keyring, keyring_table
from kiban.shared.members import Identity
from kiban.shared.membership import SignedHttp
from kiban.shared.settings import Secret
from tests.authority import orders
from tests.authority.builders import HANAKO, ORIGIN, Card, resident, settings

MEMBERS = ("core", "portal", "login", "resident-network", "tax")


@dataclass
class Running:
    """One authority, and those who talk to it."""

    app: FastAPI
    office: Office
    db: Database
    clock: FrozenClock
    settings: Settings
    http: HttpxHttp
    identities: dict[str, Identity] = field(default_factory=dict)

    @property
    def public(self) -> AuthorityClient:
        return AuthorityClient(self.http, ORIGIN)

    def as_member(self, name: str) -> AuthorityClient:
        return AuthorityClient(SignedHttp(self.http, self.identities[name], self.clock), ORIGIN)

    @property
    def registrar(self) -> AuthorityClient:
        return self.as_member("resident-network")

    @property
    def login(self) -> AuthorityClient:
        return self.as_member("login")

    async def enrol(self, neighbours: Database, *names: str) -> None:
        for name in names:
            self.identities[name] = await member(self, neighbours, name)

    async def issues(self, card: Card, code: str = HANAKO, **changes) -> Card:
        card.certificates = await self.registrar.register_card(card.registration(code, **changes))
        return card

    async def count(self, table: str) -> int:
        async with self.db.read() as connection:
            counted = sa.select(sa.func.count()).select_from(sa.table(table))
            return (await connection.execute(counted)).scalar_one()


async def member(running: Running, db: Database, name: str) -> Identity:
    """Become a member, with a keyring of one's own."""
    metadata = sa.MetaData()
    table = keyring_table(metadata, f"keyring of {name} {uuid4().hex}")
    async with db.begin() as connection:
        await connection.run_sync(metadata.create_all)
    identity, _ = await obtain_identity(
        running.public,
        Keyring(table, Secret(f"the secret of {name}")),
        db,
        member=name,
        secret=Secret(member_secret(running.settings.enrolment_secret, name)),
        clock=running.clock,
    )
    return identity


Start = Callable[..., Awaitable[Running]]


ENROLLED: dict[str, dict[str, Identity]] = {}
"""The members who enrolled when a database was furnished, by its dialect."""


async def with_keys(db: Database) -> None:
    """Keys that were made before: making them is slow."""
    keyring = Keyring(store.KEYRING, settings().secret)
    async with db.begin() as connection:
        for name in ("authentication", "signature"):
            kept = keys.dump(orders.key(f"root {name} 1"))
            await keyring.replace(connection, f"authority {name} 1", kept)


async def with_neighbours(db: Database) -> None:
    """An authority has lived here: its neighbours have enrolled, and it knows Hanako."""
    await with_keys(db)
    with TemporaryDirectory() as place:
        async with starting_at(db, FrozenClock(), Path(place)) as start:
            running = await start(*MEMBERS)
            await running.registrar.register_resident(resident())
            ENROLLED[db.dialect] = running.identities


@pytest.fixture
async def db(
    new_database: Callable[..., Awaitable[Database]], request: pytest.FixtureRequest
) -> Database:
    """The authority's database."""
    lived_in = "authority" in request.fixturenames
    return await new_database(PACKAGE, furnish=with_neighbours if lived_in else with_keys)


@asynccontextmanager
async def starting_at(db: Database, clock: FrozenClock, place: Path) -> AsyncIterator[Start]:
    """Start authorities, all over the same database."""
    async with AsyncExitStack() as running:
        neighbours = Database(f"sqlite+aiosqlite:///{place}/neighbours.sqlite")
        running.push_async_callback(neighbours.close)

        async def starting(*members: str, finish=certificates.finish, **changes) -> Running:
            made = settings(**changes)
            app = create_app(made, db=db, clock=clock, finish=finish)
            await running.enter_async_context(app.router.lifespan_context(app))
            http = HttpxHttp({ORIGIN: app})
            running.push_async_callback(http.close)
            found = Running(app, app.state.office, db, clock, made, http)
            await found.enrol(neighbours, *members)
            return found

        yield starting


@pytest.fixture
async def start(db: Database, clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Start]:
    async with starting_at(db, clock, tmp_path) as start:
        yield start


@pytest.fixture
async def authority(start: Start, db: Database) -> Running:
    """An authority whose neighbours have enrolled and that knows Hanako."""
    running = await start()
    running.identities |= ENROLLED[db.dialect]
    return running


@pytest.fixture(scope="session")
def some_cards() -> list[Card]:
    """Keys are slow to make, so tests that only need different ones share these."""
    return [Card() for _ in range(3)]


@pytest.fixture
def card(some_cards: list[Card]) -> Card:
    return Card(some_cards[0].authentication, some_cards[0].signature)


@pytest.fixture
def other_card(some_cards: list[Card]) -> Card:
    return Card(some_cards[1].authentication, some_cards[1].signature)


@pytest.fixture
def third_card(some_cards: list[Card]) -> Card:
    return Card(some_cards[2].authentication, some_cards[2].signature)
