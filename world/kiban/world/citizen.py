"""
A citizen: somebody with a browser and a card, for stories, for the demonstration and for the command line.

Speaks as a citizen would: logs in, opens a form, agrees, fills in, signs, looks at the history.  Nothing is known
here but what the pages show: links and forms by their ids, fields by their names, what stands in tables.

The card is whatever page login leads to: it asks who holds up a card, and for the PIN.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kiban.shared.clock import Clock
from kiban.shared.http import Http
from kiban.world.browser import Browser, Page, PageRefused, accepted
from kiban.world.cards.contract import KeyName
from kiban.world.markup import Form
from kiban.world.people import Persona

TAP, RENEW, PERSONA, PIN = "tap", "renew", "persona", "pin"
"""The card's forms, and their fields."""
ONWARD = "onward"
"""The link that leads from a page of the portal to the card."""
QUERY, SEARCH, REST = "-query", "search", "-rest"
"""What a form calls the search for a thing of the registry."""


@dataclass(slots=True)
class Citizen:
    """One citizen at one browser."""

    persona: Persona
    http: Http
    portal_origin: str
    clock: Clock = field(default_factory=Clock)
    browser: Browser = field(init=False)
    _password: str = field(default="", init=False)
    """The signature password, where it is another than at first."""

    def __post_init__(self) -> None:
        self.browser = Browser(self.http, self.clock)

    def __repr__(self) -> str:
        return f"Citizen({self.persona.id})"

    @property
    def page(self) -> Page:
        return self.browser.shown

    # --- the card -----------------------------------------------------------------------------

    async def holds_up_card(self, pin: str | None = None, *, card: str | None = None) -> Page:
        """Hold up a card at the page that asks for one; the own card and the right PIN, unless said otherwise."""
        if not self.page.has_form(TAP) and self._leads_on():
            await self.browser.follow(ONWARD)
        name = card or self.persona.id
        if self.page.has_form("fetch") and name not in self.page.form(TAP).control(PERSONA).choices:
            await self.browser.submit("fetch", {PERSONA: name})
        form = self.page.form(TAP)
        given = self._pin(form) if pin is None else pin
        return await self.browser.submit(TAP, {PERSONA: name, PIN: given})

    def _pin(self, form: Form) -> str:
        """The PIN that the page asks for: digits to log in and to approve, the longer password to sign."""
        digits = form.control(PIN).attributes.get("inputmode") == "numeric"
        return self._secret("authentication" if digits else "signature")

    def _secret(self, key: KeyName) -> str:
        plan = self.persona.card
        if plan is None:
            raise LookupError(f"{self.persona.id} has no card")
        if key == "signature" and self._password:
            return self._password
        secret = plan.authentication_pin if key == "authentication" else plan.signature_pin
        if secret is None:
            raise LookupError(f"the card of {self.persona.id} signs nothing")
        return secret.reveal()

    def _leads_on(self) -> bool:
        return any(link.attributes.get("id") == ONWARD for link in self.page.markup.links)

    async def renews_signature(
        self, terminal: Browser, password: str = "", *, pin: str | None = None, card: str = ""
    ) -> Page:
        """
        Put the card down at a counter's terminal, where a clerk began the renewal, and set a new signature password.

        The own card and the right PIN, and the password as it was, unless said otherwise.
        """
        new = password or self._secret("signature")
        given = self._secret("authentication") if pin is None else pin
        page = await terminal.submit(
            RENEW,
            {PERSONA: card or self.persona.id, PIN: given, "password": new, "again": new},
        )
        if page.parts("renewed"):
            self._password = new
        return page

    # --- login --------------------------------------------------------------------------------

    async def goes_to_login(self) -> Page:
        """Open the portal and go as far as the page that asks for a card."""
        await self.browser.open(f"{self.portal_origin}/")
        return await self.browser.follow("login")

    async def logs_in(self) -> Page:
        """Log in to the portal."""
        await self.goes_to_login()
        return accepted(await self.holds_up_card())

    async def logs_out(self) -> Page:
        await self.browser.open(f"{self.portal_origin}/")
        return accepted(await self.browser.submit("logout"))

    async def logs_in_at(self, origin: str) -> Page:
        """Log in to a private service, and agree to what it asks for."""
        await self.browser.open(f"{origin}/")
        await self.browser.follow("login")
        page = await self.holds_up_card()
        return accepted(await self.browser.submit("agree") if page.has_form("agree") else page)

    # --- an application -------------------------------------------------------------------------

    async def opens(self, procedure: str, office: str | None = None) -> Page:
        """Open a procedure's form: what will be read by whom, for approval.  Of many offices, choose one."""
        await self.browser.open(f"{self.portal_origin}/procedures/{procedure}")
        if office is not None:
            await self.chooses(office)
        return await self.starts(procedure)

    async def starts(self, procedure: str) -> Page:
        """Open the form of the procedure in front of them."""
        return accepted(await self.browser.submit(f"start-{procedure}"))

    async def chooses(self, office: str, words: str | None = None) -> Page:
        """Choose the office to write to, found by words of its name where there are many."""
        if words is not None:
            await self.browser.submit("where", {"where": words})
        return accepted(await self.browser.follow(f"office-{office}"))

    async def agrees(self) -> Page:
        """Approve exactly what is shown, at the card."""
        accepted(await self.browser.submit("agree"))
        return accepted(await self.holds_up_card())

    async def searches(self, name: str, words: str) -> Page:
        """Look a company or a town up in the registry, and choose the first that is found."""
        await self.browser.submit("answers", {f"{name}{QUERY}": words}, button=name)
        found = [value for value in self.page.form("answers").control(name).choices if value]
        if not found:
            raise LookupError(f"nothing was found for {name}")
        return accepted(await self.browser.submit("answers", {name: found[0]}, button="save"))

    async def fills(
        self, answers: Mapping[str, str | bool] | None = None, **more: str | bool
    ) -> Page:
        """Answer what only the citizen knows, and go on."""
        given = {**(answers or {}), **more}
        return accepted(await self.browser.submit("answers", given))

    async def signs(self) -> Page:
        """Sign what is shown with the card's signature key, after the longer password."""
        accepted(await self.browser.submit("sign"))
        return accepted(await self.holds_up_card())

    async def sends(self) -> Page:
        """Send what was signed, where that is a step of its own."""
        if self.page.has_form("submit"):
            await self.browser.submit("submit")
        return accepted(self.page)

    async def applies_for(
        self,
        procedure: str,
        answers: Mapping[str, str | bool] | None = None,
        office: str | None = None,
    ) -> Page:
        """The main job in one breath: open, agree, fill in, sign, send."""
        await self.opens(procedure, office)
        await self.agrees()
        await self.fills(answers)
        await self.signs()
        return await self.sends()

    # --- what the portal shows --------------------------------------------------------------------

    def held(self) -> list[dict[str, str]]:
        """What the page in front of the citizen shows of what offices hold."""
        return self.page.table("held").records()

    async def history(self) -> list[dict[str, str]]:
        """Who exchanged what about the citizen: one entry a line, with what the page marks of it."""
        page = accepted(await self.browser.open(f"{self.portal_origin}/history"))
        lines = page.parts("line")
        while any(link.attributes.get("data-testid") == "older" for link in page.markup.links):
            page = accepted(await self.browser.follow("older"))
            lines += page.parts("line")
        return [_marked(part.attributes) for part in lines]

    async def looks_at(self, *records: str) -> Page:
        """Choose own records, each as provider/item, approve at the card, and see them."""
        await self.browser.open(f"{self.portal_origin}/records")
        accepted(await self.browser.submit("look", {"item": records}))
        return accepted(await self.holds_up_card())

    async def notices(self) -> list[str]:
        """What offices wrote, newest first, as it can be read."""
        page = accepted(await self.browser.open(f"{self.portal_origin}/notices"))
        return [part.text for part in page.parts("notice")]

    async def outcome(self) -> str:
        """What became of the application in front of the citizen."""
        page = accepted(await self.browser.open(self.page.url))
        return page.part("outcome").attributes["data-outcome"]

    async def is_refused(self, url: str) -> bool:
        """Whether the portal shows this page to nobody like this citizen."""
        page = await self.browser.open(url)
        try:
            accepted(page)
        except PageRefused:
            return True
        return False


def _marked(attributes: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("data-"): value
        for name, value in attributes.items()
        if name.startswith("data-") and name != "data-testid"
    }
