"""
The roll of members (参加者): whom the authority has certified, read from its own register.

Everybody else believes an organisation certificate by its anchors; the authority, which issued it, looks it up.

Refused: a member without a certificate in force.

Source: DESIGN 5.8.
"""

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509

from kiban.identity.authority import store
from kiban.identity.authority.issuers import Issuers
from kiban.shared import members
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.members import Member, NotAMember

_MOST_READ = 1_000


class Roll:
    """Members by name."""

    def __init__(self, db: Database, issuers: Issuers, clock: Clock) -> None:
        self._db = db
        self._issuers = issuers
        self._clock = clock
        self._read: dict[bytes, Member] = {}

    async def resolve(self, member: str) -> Member:
        """The member of this name, or `NotAMember`."""
        found = await self.find([member])
        if member not in found:
            raise NotAMember("the authority has certified no such member", sent=member)
        return found[member]

    async def find(self, names: Iterable[str]) -> dict[str, Member]:
        """Those of these names that are members."""
        at = self._clock()
        owners = {owner_of(name): name for name in names}
        async with self._db.read() as connection:
            found = await store.newest_of_owners(connection, owners, at)
        if not set(found.values()) <= self._read.keys():
            await self._issuers.refresh()  # another copy may have made a new generation
        return {owners[owner]: self._member(der, at) for owner, der in found.items()}

    def _member(self, der: bytes, at: datetime) -> Member:
        if der not in self._read:
            if len(self._read) >= _MOST_READ:
                self._read.clear()
            self._read[der] = members.read(der, anchors=self._anchors(), at=at)
        return self._read[der]

    def _anchors(self) -> list[x509.Certificate]:
        return [issuer.certificate for issuer in self._issuers.of("organisation")]


def owner_of(member: str) -> str:
    """What a member is called as an owner of certificates."""
    return f"member {member}"
