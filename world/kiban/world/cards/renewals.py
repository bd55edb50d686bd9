"""
Renewals (署名用電子証明書の更新): at a counter, a card gets a new signature key and certificate.

1. a clerk, who has seen who the visitor is, begins a renewal; it lasts for minutes and for one card
2. the holder puts the card down at this page, types the authentication PIN, and sets a new signature password
3. the card makes the key, and the card office has it certified: `Cards.renew_signature`
4. the page says that it is done, and leads back to the counter

The clerk learns neither PIN nor password: they are typed at this page alone.  A form that is sent twice renews once.

Refused: a renewal that no counter began or that is over, entries that differ, whatever the chip and the resident
network refuse.
Source: 公的個人認証サービスの窓口での手続 (identity's reference, section 4).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from kiban.identity.authority.contract import CardCertificates
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.world.cards import store
from kiban.world.cards.contract import CounterPlace, PasswordsDiffer, RenewalForm, RenewalOrder
from kiban.world.cards.deck import Cards, Succession
from kiban.world.cards.store import Begun, Drawer

LASTS = timedelta(minutes=15)
"""How long the visitor may take."""
CertifyRenewal = Callable[[str, RenewalOrder, Succession], Awaitable[CardCertificates]]
"""The card office: has the new key of a persona's card certified, for what a counter began."""


@dataclass(frozen=True, slots=True)
class Renewals:
    """The use case; collaborators are given."""

    origin: str
    cards: Cards
    certify: CertifyRenewal
    db: Database
    drawer: Drawer
    clock: Clock

    async def open_renewal(self, order: RenewalOrder) -> CounterPlace:
        """Step 1; the same order again is one renewal."""
        at = self.clock()
        async with self.db.begin() as connection:
            await store.forget(connection, before=at)
            await self.drawer.put_renewal(connection, order, until=at + LASTS)
        return CounterPlace(location=f"{self.origin}/renewals/{order.id}")

    async def read(self, name: str) -> Begun:
        """What the visitor is shown."""
        async with self.db.read() as connection:
            return await self.drawer.renewal(connection, name, at=self.clock())

    async def renew(self, name: str, form: RenewalForm) -> None:
        """Steps 2 and 3; what is done already stays done."""
        begun = await self.read(name)
        if begun.done:
            return
        if form.password != form.again:
            raise PasswordsDiffer("type the new password twice")

        async def certify(succession: Succession) -> CardCertificates:
            return await self.certify(form.persona, begun.order, succession)

        await self.cards.renew_signature(
            form.persona, pin=form.pin, password=form.password, certify=certify, renewal=name
        )
