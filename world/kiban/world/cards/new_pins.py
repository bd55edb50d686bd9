"""
New PINs (暗証番号の初期化・再設定): at a counter, the holder of a card sets a PIN anew that is locked or forgotten.

1. a clerk, who has seen who the visitor is, lets them; it lasts for minutes and for the visitor's card alone
2. the holder puts the card down at this page, says which of the two PINs it is, and types the new one twice
3. the card office asks the resident network whose card it is: the visitor's, who lives in that municipality
4. the chip takes the new PIN and counts from the start; the page says so, and leads back to the counter

No earlier PIN is asked for, because the holder may know none: whom the clerk has seen is all there is to go by, so the
order always names them.  The clerk learns no PIN.  A form that is sent twice sets one PIN.

Refused: an order that no counter gave or that is over, entries that differ, somebody else's card, whatever the chip
and the resident network refuse.
Source: 公的個人認証サービスの窓口での手続 (identity's reference, section 3).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.world.cards import store
from kiban.world.cards.card import RULES
from kiban.world.cards.contract import CounterPlace, NewPINForm, NewPINOrder, PasswordsDiffer
from kiban.world.cards.deck import Cards
from kiban.world.cards.renewals import LASTS
from kiban.world.cards.store import Drawer, Let

CheckHolder = Callable[[NewPINOrder, bytes], Awaitable[None]]
"""The card office: whether the card of this certificate is that of the visitor whom a counter named."""


@dataclass(frozen=True, slots=True)
class NewPINs:
    """The use case; collaborators are given."""

    origin: str
    cards: Cards
    check_holder: CheckHolder
    db: Database
    drawer: Drawer
    clock: Clock

    async def open_new_pin(self, order: NewPINOrder) -> CounterPlace:
        """Step 1; the same order again is one."""
        at = self.clock()
        async with self.db.begin() as connection:
            await store.forget(connection, before=at)
            await self.drawer.put_new_pin(connection, order, until=at + LASTS)
        return CounterPlace(location=f"{self.origin}/new-pins/{order.id}")

    async def read(self, name: str) -> Let:
        """What the visitor is shown."""
        async with self.db.read() as connection:
            return await self.drawer.new_pin(connection, name, at=self.clock())

    async def set_pin(self, name: str, form: NewPINForm) -> None:
        """Steps 2 to 4; what is done already stays done."""
        let = await self.read(name)
        if let.done:
            return
        if form.password != form.again:
            raise PasswordsDiffer("type the new PIN twice")
        RULES[form.key].check(form.password)
        certificate = await self.cards.authentication_certificate(form.persona)
        await self.check_holder(let.order, certificate)
        await self.cards.reset_pin(form.persona, form.key, form.password, order=name)
