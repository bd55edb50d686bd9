"""
Receipts: what becomes of an application is noted, and told to the portal, in one transaction.

Source: DESIGN 4 (step 7).
"""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Receipt
from kiban.shared.clock import Clock
from kiban.shared.outbox import Outbox
from kiban.world.office import cases
from kiban.world.office.decisions import Decision

TELL = "tell"
"""Topic of the office's outbox."""


@dataclass(frozen=True, slots=True)
class Receipts:
    """The receipts of one office."""

    office: str
    outbox: Outbox
    clock: Clock

    async def note(
        self, connection: AsyncConnection, found: cases.Application, decision: Decision
    ) -> bool:
        """Note a decision, or what followed on it; false if that was noted before, or cannot follow."""
        application, at = found.accepted.application, self.clock()
        event, message = decision.event, decision.message
        if not await cases.note_state(connection, application, event, message, at):
            return False
        told = Receipt(
            application=application,
            office=self.office,
            event=event,
            at=int(at.timestamp()),
            digest=found.digest,
            message=message,
        )
        body, key = told.model_dump(mode="json"), f"{application} {event}"
        await self.outbox.put(connection, TELL, body, key=key, at=at)
        return True
