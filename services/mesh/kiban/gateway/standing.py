"""
Standing: what a gateway is in the mesh, shared by everything that it does.

Its identity and mode, the directory that it believes, its pseudonyms and their epoch, its database and the time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kiban.gateway import store
from kiban.gateway.blinding import Ends
from kiban.gateway.store import Became, Noted, People
from kiban.mesh.client import Members, MeshClient
from kiban.shared.database import Database
from kiban.shared.http import Http
from kiban.shared.journal import Journal
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
    record: Journal[Noted | Became] = field(init=False)
    """The own record, where many exchanges share a commit."""

    def __post_init__(self) -> None:
        self.record = Journal(self._commit)

    async def _commit(self, rows: Sequence[Noted | Became]) -> list[bool]:
        async with self.db.begin() as connection:
            return await store.note(connection, self.outbox, rows)

    @property
    def id(self) -> str:
        return self.identity.id

    async def mode(self) -> Mode:
        return MODES[(await self.members.directory()).mode]

    async def core(self) -> Member:
        return await self.members.resolve((await self.members.directory()).core)

    async def authority(self) -> Member:
        return await self.members.resolve((await self.members.directory()).authority)

    async def portal(self) -> Member:
        return await self.members.resolve((await self.members.directory()).portal)

    async def ends(self, provider: str) -> Ends:
        return Ends(
            core=await self.core(),
            provider=await self.members.resolve(provider),
            portal=await self.portal(),
        )
