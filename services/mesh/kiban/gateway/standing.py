"""
Standing: what a gateway is in the mesh, shared by everything that it does.

Its identity and mode, the directory that it believes, its pseudonyms and their epoch, its database and the time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kiban.gateway.blinding import Ends
from kiban.gateway.store import People
from kiban.mesh.client import Members, MeshClient
from kiban.shared.database import Database
from kiban.shared.http import Http
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
