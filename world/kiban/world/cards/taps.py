"""
Taps (かざす): a card is held up, and answers what login asks.

1. the card's page fetches the request from the one login that it knows
2. the person sees who asks for what; every record of terms, where something is to be approved
3. the right PIN opens the key, and the card signs what was shown
4. the answer goes to login directly; what comes back is a one-time code
5. the browser carries the code to login, by an address that is kept here for minutes and shown on one page

The PIN goes nowhere but to the chip.  Refused: what `terms` and the chip refuse, and what login does.

Source: DESIGN 4 (steps 1, 3, 5).
"""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from kiban.identity.login.client import LoginForCards
from kiban.identity.login.contract import CardRequest, CardResponse
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.exchanges import new_id
from kiban.shared.problems import NotFound
from kiban.world.cards import store, terms
from kiban.world.cards.contract import TermsRefused
from kiban.world.cards.deck import Cards
from kiban.world.cards.names import Names
from kiban.world.cards.store import Drawer
from kiban.world.cards.terms import Line

LASTS = timedelta(minutes=5)
"""How long the way back is kept."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the person sees it."""

    request: CardRequest
    lines: list[Line]
    digest: str
    """What the card would sign for it."""

    @property
    def turn_back(self) -> str:
        """Where the browser goes if the person does not want to."""
        return f"{self.request.return_to}?{urlencode({'request': self.request.id})}"


@dataclass(frozen=True, slots=True)
class Taps:
    """The use case; collaborators are given."""

    login: LoginForCards
    login_origin: str
    cards: Cards
    names: Names
    db: Database
    drawer: Drawer
    clock: Clock

    async def read(self, name: str) -> Asked:
        """Steps 1 and 2."""
        request = await self.login.read_card_request(name)
        terms.check_request(request, login_origin=self.login_origin)
        digest = terms.digest_to_sign(request).hex()
        return Asked(request, terms.lines(request, self.names), digest)

    async def answer(self, name: str, persona: str, pin: str, *, shown: str | None) -> str:
        """
        Steps 3 and 4: the address by which the browser goes on.

        `shown` is the digest of what the person saw: login could ask for something else a moment later.
        """
        asked = await self.read(name)
        if shown is not None and shown != asked.digest:
            raise TermsRefused("something else was asked than what was shown; look again")
        key = terms.key_for(asked.request)
        signed = await self.cards.sign_digest(persona, key, pin, bytes.fromhex(asked.digest))
        reply = await self.login.answer_card_request(
            name, CardResponse(certificate=signed.certificate, signature=signed.signature)
        )
        carried = urlencode({"request": name, "code": reply.code})
        return f"{asked.request.return_to}?{carried}"

    async def keep(self, location: str) -> str:
        """Step 5: keep the address for the page that leads there."""
        name, at = new_id(), self.clock()
        async with self.db.begin() as connection:
            await store.forget(connection, before=at)
            await self.drawer.keep_location(connection, name, location, until=at + LASTS)
        return name

    async def kept(self, name: str) -> str:
        async with self.db.read() as connection:
            location = await self.drawer.location(connection, name, at=self.clock())
        if location is None:
            raise NotFound("no card was held up under this address, or too long ago")
        return location
