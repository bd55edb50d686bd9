"""
The desk (受付): an office takes an application in, durably and once.

Taking in says nothing about the decision: the row that asks for the examination is written in the same transaction,
and the portal's next attempt with the same application changes nothing.

Refused (`NotAccepted`): a procedure that this office does not accept, a text that is not an application, a person
whom the office does not know, another application under a number that was taken before.
Source: DESIGN 4 (step 6), 8.
"""

import hashlib
from dataclasses import dataclass

from kiban.gateway.contract import AcceptedApplication, NotAccepted
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.outbox import Outbox
from kiban.world.office import application, cases, store
from kiban.world.office.agencies import Agency
from kiban.world.office.examination import EXAMINE


@dataclass(frozen=True, slots=True)
class OfficeDesk:
    """The desk of one office; its gateway's `Desk`."""

    agency: Agency
    db: Database
    outbox: Outbox
    clock: Clock

    async def accept(self, accepted: AcceptedApplication) -> None:
        """Take an application in; it is examined from here on by itself."""
        if self.agency.acceptance(accepted.procedure) is None:
            raise NotAccepted(
                f"{self.agency.id} does not accept this procedure", sent=accepted.procedure
            )
        application.read(accepted.signed.application)
        digest = hashlib.sha256(accepted.signed.application.encode()).hexdigest()
        async with self.db.begin() as connection:
            if await store.find_person(connection, accepted.person) is None:
                raise NotAccepted("the office does not serve this person")
            if not await cases.take_in(connection, accepted, digest, self.clock()):
                known = await cases.find_application(connection, accepted.application)
                if known is None or known.digest != digest:
                    raise NotAccepted("another application was taken in under this id")
                return
            await self.outbox.put(
                connection,
                EXAMINE,
                {"application": accepted.application},
                key=accepted.application,
                at=self.clock(),
            )
