"""
Protection from violence (DV等支援措置), as the resident network keeps and carries it: two flags, each for itself.

Undisclosed (不開示該当): nobody learns where she is, or that anybody asked there.  No own information
(自己情報提供不可): nobody takes her own information out, because the card may have stayed with somebody else.

1. a municipality's counter asks, with the four attributes that the network has now
2. before anything else is done about her, the portal hears that her history is closed: her line that says so closes it
3. the flags are kept, and whoever follows her register entry hears that it changed; the flags come with the answer
4. when she has moved in, the network alone tells the municipality that she left (`kiban.world.office.passing_on`)

Whoever is interrupted asks again: each step is harmless when it is repeated.  They end the other way round: first
everybody hears, then the history opens, and the authority learns the address.

Refused: who is no municipality; anybody but that municipality where it was asked for, as if there were no such person;
own information for whoever has not had the card replaced (`OldCardInForce`).
Sources: plan rows X-11, X-12; 番号法 第23条第2項 (不開示情報).  SIMULATED.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kiban.gateway.contract import HISTORY_CLOSED, HISTORY_OPENED, AnnouncementRequest
from kiban.shared.exchanges import new_id
from kiban.shared.problems import Forbidden
from kiban.world.office.neighbours import News
from kiban.world.office.records import OfficeRecords
from kiban.world.vault import store
from kiban.world.vault.contract import OldCardInForce, Protection
from kiban.world.vault.network import ResidentNetwork
from kiban.world.vault.residents import Resident
from kiban.world.vault.store import Protected

AFFAIR = "protection"


@dataclass(frozen=True, slots=True)
class Protections:
    """The resident network's part in protecting people."""

    network: ResidentNetwork
    records: OfficeRecords
    news: News
    portal: str
    offices: Mapping[str, str]
    """Which office is whose, by the code of the municipality."""

    async def protect(self, office: str, asked: Protection) -> Protection:
        """Steps 1 to 3, or their end; the same again does nothing twice."""
        if office not in self.offices.values():
            raise Forbidden("a municipality's counter is asked for protection", sent=office)
        resident = await self.network.the_one(asked.attributes, office)
        async with self.network.db.look() as connection:
            before = await store.find_protection(connection, resident.person)
        protected = self._protected(office, resident, before, asked)
        await self._check_card(resident, before, protected)
        if protected.undisclosed:
            await self._say(resident, HISTORY_CLOSED)
        async with self.network.db.begin() as connection:
            await store.put_protection(connection, resident.person, protected)
        async with self.records.db.begin() as connection:
            await self.records.protect(connection, resident.person, protected.marks)
        if before is not None and before.undisclosed and not protected.undisclosed:
            await self._say(resident, HISTORY_OPENED)
            await self.network.tell_authority(resident.person)
        return asked

    def _protected(
        self, office: str, resident: Resident, before: Protected | None, asked: Protection
    ) -> Protected:
        known = before if before is not None and before.office == office else None
        lives = self.offices.get(resident.place.municipality)
        return Protected(
            office=office,
            left=known.left if known else lives,
            undisclosed="undisclosed" in asked.marks,
            no_own_information="no-own-information" in asked.marks,
            asked_at=known.asked_at if known and known.marks else self.network.clock(),
        )

    async def _check_card(
        self, resident: Resident, before: Protected | None, protected: Protected
    ) -> None:
        """Return silently unless own information is to be given out again to whoever holds the card of before."""
        if before is None or not before.no_own_information or protected.no_own_information:
            return
        async with self.network.db.look() as connection:
            if await store.has_card_of_before(connection, resident.person, before.asked_at):
                raise OldCardInForce("the card is reported as lost, and another given out, first")

    async def _say(self, resident: Resident, item: str) -> None:
        """Have the portal hear at once: what follows must not be seen before, or is to be seen again."""
        await self.news.announce(
            AnnouncementRequest(
                id=new_id(),
                to=self.portal,
                affair=AFFAIR,
                item=item,
                people=[resident.person],
                at_once=True,
            )
        )

    async def left(self, person: str, office: str) -> str | None:
        """Which office somebody has left whom this other one has had protected."""
        async with self.network.db.look() as connection:
            protected = await store.find_protection(connection, person)
        if protected is None or protected.office != office or protected.left == office:
            return None
        return protected.left
