"""
Mandates at the resident network: a municipality tells who may act for one of its residents, and when that has ended.

The network, which alone can tell who is meant and has both people's resident record codes, is the authority's
registrar and enters what it is told; it knows nothing of households.  It keeps which municipality told of a mandate.

Refused: whoever is no municipality (`NotAMunicipality`), a principal who lives elsewhere (`LivesElsewhere`), the end of
a mandate of which another municipality told; whatever the authority refuses.
Sources: decision 0020; 民法824条 (parental authority), 99条 (agency).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kiban.identity.authority.contract import MandateEnd, MandateEntry, MandateReply
from kiban.shared.mandates import MandateUnknown
from kiban.world.vault import store
from kiban.world.vault.contract import (
    LivesElsewhere,
    MandateEndNotice,
    MandateNotice,
    NotAMunicipality,
)
from kiban.world.vault.network import ResidentNetwork


@dataclass(frozen=True, slots=True)
class Mandates:
    """What municipalities tell of mandates."""

    network: ResidentNetwork
    municipalities: Mapping[str, str]
    """The code of each member that is a municipality."""

    async def tell_mandate(self, teller: str, notice: MandateNotice) -> MandateReply:
        """Enter a mandate at the authority; the same notice again is the same mandate."""
        network = self.network
        principal = await network.the_one(notice.principal, teller)
        if principal.place.municipality != self._municipality(teller):
            raise LivesElsewhere("a mandate is told of where its principal lives", sent=teller)
        proxy = await network.the_one(notice.proxy, teller)
        async with network.db.begin() as connection:
            told = await store.note_mandate(connection, notice.number, teller, network.clock())
        self._check_teller(told.teller, teller)
        return await network.authority.enter_mandate(
            MandateEntry(
                number=notice.number,
                principal=principal.code.reveal(),
                proxy=proxy.code.reveal(),
                basis=notice.basis,
                items=notice.items,
                affairs=notice.affairs,
                starts=int(told.at.timestamp()),
                until=notice.until,
            )
        )

    async def tell_mandate_end(self, teller: str, notice: MandateEndNotice) -> MandateReply:
        """End a mandate at the authority, at once."""
        self._municipality(teller)
        async with self.network.db.read() as connection:
            told = await store.find_mandate(connection, notice.number)
        self._check_teller(told.teller if told else None, teller)
        return await self.network.authority.end_mandate(MandateEnd(number=notice.number))

    def _municipality(self, teller: str) -> str:
        if teller not in self.municipalities:
            raise NotAMunicipality("who may act for a resident is told by a municipality")
        return self.municipalities[teller]

    def _check_teller(self, told_by: str | None, teller: str) -> None:
        if told_by != teller:
            raise MandateUnknown("this municipality told of no mandate with this number")
