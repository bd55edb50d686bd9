"""
Moving: a member's pseudonyms enter a new epoch, by the member's own hand.

The core gives the domain a new key and tells the member, sealed, the ratio of the new key to the old one.  The
member multiplies every pseudonym that it keeps, in one transaction, and forgets the ratio and the old ones.  Until
then it answers that its epoch is another, never that somebody is not held.

Source: DESIGN 5.1 (epochs); the protocol's page, attacks M4 and L5.
"""

from dataclasses import dataclass

from kiban.gateway import store
from kiban.gateway.contract import EpochMissed
from kiban.gateway.standing import Standing
from kiban.mesh.contract import EPOCH, epoch_context
from kiban.shared import points
from kiban.shared.identifiers import Pseudonym


@dataclass(frozen=True, slots=True)
class Moving:
    """The member's side of an epoch."""

    standing: Standing

    async def settle(self) -> None:
        """Know in which epoch our pseudonyms are, from our own database."""
        async with self.standing.db.look() as connection:
            self.standing.epoch = await store.cursor(connection, store.EPOCH)

    async def follow(self) -> int:
        """Move to the core's epoch if it is the next one; the epoch that we are in now."""
        me = self.standing
        move = await me.mesh.read_epoch()
        if move.epoch <= me.epoch:
            return me.epoch
        if move.ratio is None or move.epoch != me.epoch + 1:
            raise EpochMissed(
                "the core moved on by more than one epoch", sent=str(move.epoch), ours=me.epoch
            )
        context = epoch_context(move.epoch)
        ratio = me.identity.open(move.ratio, sender=await me.core(), label=EPOCH, context=context)
        await self._multiply(int.from_bytes(ratio, "big"), move.epoch)
        return me.epoch

    async def _multiply(self, ratio: int, epoch: int) -> None:
        me, ready = self.standing, points.key(ratio)

        def moved(wrapped: bytes) -> bytes:
            code = me.people.unwrap(wrapped)
            return me.people.wrap(Pseudonym(points.times(ready, code.value)))

        async with me.db.begin() as connection:
            await store.move_codes(connection, moved, epoch=epoch)
            await store.move_cursor(connection, store.EPOCH, epoch)
        me.epoch = epoch
