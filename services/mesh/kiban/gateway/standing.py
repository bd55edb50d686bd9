"""
Standing: what a gateway is in the mesh, shared by everything that it does.

Its identity and mode, the directory that it believes, its pseudonyms and their epoch, its database and the time.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from kiban.gateway import store
from kiban.gateway.blinding import Ends
from kiban.gateway.client import GatewayClient
from kiban.gateway.contract import NoChangeOffice
from kiban.gateway.store import Became, Known, Noted, People
from kiban.mesh.client import Members, MeshClient
from kiban.shared.database import Database
from kiban.shared.gathering import Gathering, looking
from kiban.shared.http import Http
from kiban.shared.identifiers import Pseudonym
from kiban.shared.members import Identity, Member
from kiban.shared.membership import SignedHttp
from kiban.shared.outbox import Outbox
from kiban.shared.pseudonyms import MODES, Mode


@dataclass(slots=True)
class Standing:
    """One gateway's place among the members."""

    identity: Identity
    members: Members
    mesh: MeshClient
    http: Http
    signed: SignedHttp
    db: Database
    people: People
    clock: Callable[[], datetime]
    outbox: Outbox
    epoch: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something was heard that the agency's own system may not have read yet."""
    record: Gathering[Noted | Became, bool] = field(init=False)
    """The own record, where many exchanges share a commit."""
    answered: Gathering[str, Known | None] = field(init=False)
    """What became of exchanges in which we are the provider."""
    codes: Gathering[Sequence[str], dict[str, Pseudonym]] = field(init=False)
    """Our pseudonyms of our numbers."""
    persons: Gathering[Sequence[Pseudonym], dict[Pseudonym, str]] = field(init=False)
    """Our numbers of our pseudonyms."""
    _neighbours: dict[str, GatewayClient] = field(default_factory=dict)
    """By origin, because what is asked of one at one moment travels together."""

    def __post_init__(self) -> None:
        self.record = Gathering(self._note)
        self.answered = looking(self.db, partial(store.find_exchanges, side="answered"))
        self.codes = looking(self.db, self.people.codes)
        self.persons = looking(self.db, self.people.persons)

    async def _note(self, rows: Sequence[Noted | Became]) -> list[bool]:
        async with self.db.begin() as connection:
            return await store.note(connection, self.outbox, rows)

    @property
    def id(self) -> str:
        return self.identity.id

    async def neighbour(self, member: str) -> GatewayClient:
        """Another member's gateway, as we call it."""
        origin = await self.members.origin(member)
        if origin not in self._neighbours:
            self._neighbours[origin] = GatewayClient(self.signed, origin)
        return self._neighbours[origin]

    async def mode(self) -> Mode:
        return MODES[(await self.members.directory()).mode]

    async def core(self) -> Member:
        return await self.members.resolve((await self.members.directory()).core)

    async def authority(self) -> Member:
        return await self.members.resolve((await self.members.directory()).authority)

    async def portal(self) -> Member:
        return await self.members.resolve((await self.members.directory()).portal)

    async def change_office(self) -> Member:
        """The change office; `NoChangeOffice` in a country that has none."""
        name = (await self.members.directory()).change_office
        if name is None:
            raise NoChangeOffice("this country has no change office")
        return await self.members.resolve(name)

    async def ends(self, provider: str) -> Ends:
        return Ends(
            core=await self.core(),
            provider=await self.members.resolve(provider),
            portal=await self.portal(),
        )
