"""
Revocation: a certificate ends, for good, and everybody who asks from then on hears of it.

What an event does is a row of `lifecycle`.  An intent that never became a certificate is ended like one, because it
possibly is one.  A revocation is acknowledged only when no copy of this role can give an older answer.

Refused: an unknown certificate; an event that does not end certificates of this kind.

Source: identity's reference, section 4; DESIGN 6, 8.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kiban.identity.authority import lifecycle, store
from kiban.identity.authority.contract import Revocation, RevocationReply
from kiban.identity.authority.freshness import Freshness
from kiban.identity.authority.lifecycle import Event
from kiban.identity.authority.store import By, Connection, OnRecord
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.problems import NotFound


@dataclass(frozen=True, slots=True)
class Revocations:
    db: Database
    freshness: Freshness
    clock: Clock

    async def revoke_certificate(self, asked: Revocation, by: By) -> RevocationReply:
        """End what the event ends; what has ended already stays as it ended first."""
        ending = lifecycle.ending_of(asked.event, asked.authority)
        serial = asked.serial.lstrip("0")
        async with self.db.begin() as connection:
            named = await store.find_by_serial(connection, asked.authority, serial)
            if named is None or not named.intent.owner.startswith(HOLDER):
                raise NotFound("no certificate of a holder has this serial number")
            ends = [named]
            if ending.card:
                ends += await store.list_of_owner(connection, named.intent.owner)
            await end(connection, ends, asked.event, self.clock())
            record = record_of(named.intent.owner)
            await store.add_act(
                connection, "revoke_certificate", by, record=record, at=self.clock()
            )
            ended = await store.find_by_serial(connection, asked.authority, serial)
        await self.freshness.settle()
        if ended is None or ended.status.revoked_at is None:
            raise LookupError("a revocation was stored and is not there")
        return RevocationReply(revoked_at=int(ended.status.revoked_at.timestamp()))


HOLDER = "holder "


def owner_of(record: str) -> str:
    """What a person's record is called as an owner of certificates."""
    return HOLDER + record


def record_of(owner: str) -> str:
    return owner.removeprefix(HOLDER)


async def end(
    connection: Connection, ends: Iterable[OnRecord], event: Event, at: datetime
) -> list[str]:
    """End those of these certificates that this event ends and that have not ended; their serial numbers."""
    ending = lifecycle.ENDINGS[event]
    ended = []
    for each in ends:
        live = each.status.revoked_at is None and each.intent.not_after >= at
        if live and each.intent.authority in ending.kinds and each.intent.serial not in ended:
            await store.add_revocation(connection, each.intent, event, ending.reason, at)
            ended.append(each.intent.serial)
    return ended
