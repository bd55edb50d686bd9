"""
Seating: members take their seats in the directory before they are awake.

Each has keys that follow from a secret of its own, a certificate for them from the authority, and an entry at the
core, exactly as if its gateway had started once; when that does start, it finds the same keys and the same
certificate.  Who has a seat already is left in peace.
Source: decision 0022; DESIGN 5.8.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from kiban.deploy.house import House
from kiban.identity.authority.client import AuthorityClient, obtain_identity_ahead
from kiban.mesh.client import MeshClient, read_directory
from kiban.mesh.contract import Enrolment
from kiban.shared import encoding
from kiban.shared.membership import SignedHttp

AT_ONCE = 64
"""Members that ask together are certified, and seated, in a commit together."""


@dataclass(frozen=True, slots=True)
class Seating:
    """Everything that is needed to seat the members of a house."""

    house: House

    async def take(self, members: Iterable[str]) -> None:
        """See to it that each of these members has a seat."""
        directory = await read_directory(self.house.http, self.house.origin("core"))
        seated = {(entry.id, entry.origin) for entry in directory.members}
        places = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for member in members:
                if (member, self._origin(member)) not in seated:
                    group.create_task(self._seat(places, member))

    async def _seat(self, places: asyncio.Semaphore, member: str) -> None:
        house = self.house
        async with places:
            identity = await obtain_identity_ahead(
                AuthorityClient(house.http, house.origin("authority")),
                member=member,
                secret=house.premises.member_secret(member),
                seed=house.key_seed(member),
                clock=house.clock,
            )
            signed = SignedHttp(house.http, identity, house.clock)
            certificate = encoding.encode(identity.member.certificate)
            await MeshClient(signed, house.http, house.origin("core")).enrol(
                member, Enrolment(certificate=certificate, origin=self._origin(member))
            )

    def _origin(self, member: str) -> str:
        return self.house.origin(f"gateway:{member}")
