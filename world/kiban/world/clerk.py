"""
A clerk: somebody at a municipality's counter, for stories.

Speaks as a clerk would: signs in, sees who is expected, takes a notice of moving in, begins a renewal and turns the
screen to the visitor.  Nothing is known here but what the pages show.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kiban.shared.clock import Clock
from kiban.shared.http import Http
from kiban.shared.settings import Secret
from kiban.world.browser import Browser, Entry, Page, accepted

_NOTICE = re.compile(r"/counter/([0-9a-f]{32})$")


@dataclass(slots=True)
class Clerk:
    """One clerk at one counter's browser, the terminal."""

    counter: str
    """The address of the counter's first page."""
    key: Secret
    http: Http
    clock: Clock = field(default_factory=Clock)
    terminal: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.terminal = Browser(self.http, self.clock)

    def __repr__(self) -> str:
        return f"Clerk({self.counter})"

    async def signs_in(self) -> Page:
        await self.terminal.open(self.counter)
        return accepted(await self.terminal.submit("sign-in", {"key": self.key.reveal()}))

    async def signs_out(self) -> Page:
        await self.looks()
        return accepted(await self.terminal.submit("sign-out"))

    async def looks(self) -> Page:
        """The list of those who are expected, and of those who have come."""
        return accepted(await self.terminal.open(self.counter))

    async def expects(self) -> list[str]:
        """The cards of those who are expected, as they can be read."""
        return [part.text for part in (await self.looks()).parts("expected")]

    async def finds(self) -> list[str]:
        """The notices on the list, by the names in their addresses."""
        links = (await self.looks()).markup.links
        named = (_NOTICE.search(link.href) for link in links)
        return [found[1] for found in named if found]

    async def opens(self, notice: str) -> Page:
        """Open a notice from its address."""
        return accepted(await self.terminal.open(f"{self.counter}/{notice}"))

    async def takes(self, notice: str) -> Page:
        """Take the notice of moving in of whoever stands at the counter."""
        await self.opens(notice)
        return accepted(await self.terminal.submit("arrive"))

    async def joins(self, notice: str, relations: Sequence[str]) -> Page:
        """Take the notice of who joins the one household that lives there; what each is to its head, in order."""
        page = await self.opens(notice)
        fields = [one for one in page.form("join-1").controls if one.name == "relation"]
        said = tuple(
            next(choice for choice in one.choices if choice.endswith(f" {relation}"))
            for one, relation in zip(fields, relations, strict=True)
        )
        return accepted(await self.terminal.submit("join-1", {"relation": said}))

    async def tells_mandate(self, said: Mapping[str, Entry]) -> Page:
        """Tell that somebody may act for somebody else: fill in the form as it is said."""
        accepted(await self.terminal.open(f"{self.counter}/mandates"))
        return await self.terminal.submit("mandate", said)

    async def mandates(self) -> list[str]:
        """The mandates in force of which this counter told, as their cards can be read."""
        page = accepted(await self.terminal.open(f"{self.counter}/mandates"))
        return [part.text for part in page.parts("told")]

    async def ends_mandate(self, principal: str) -> Page:
        """End the latest mandate for this person."""
        page = accepted(await self.terminal.open(f"{self.counter}/mandates"))
        endings = [form.name for form in page.markup.forms if form.name.startswith("end-")]
        for part, ending in zip(page.parts("told"), endings, strict=True):
            if principal in part.text:
                return accepted(await self.terminal.submit(ending))
        raise LookupError(f"this counter told of no mandate for {principal}")

    async def protects(self, said: Mapping[str, str | tuple[str, ...]]) -> Page:
        """Protect whoever stands at the counter, as they say; who is to move in is expected then."""
        await self.terminal.open(f"{self.counter}/protection")
        return accepted(await self.terminal.submit("protect", said))

    async def changes_protection(self, name: str, *marks: str) -> Page:
        """Change what protects somebody; no marks end it."""
        page = await self.terminal.open(f"{self.counter}/protection")
        names = [part.text for part in page.parts("protected")]
        place = next(n for n, text in enumerate(names, 1) if name in text)
        return accepted(await self.terminal.submit(f"marks-{place}", {"marks": marks}))

    async def begins_new_pin(self, name: str, birth_date: str) -> Page:
        """Let a resident set a PIN anew; the terminal then shows the card's page."""
        await self.looks()
        said = {"name": name, "birth_date": birth_date}
        return accepted(await self.terminal.submit("set-pin", said))

    async def begins_renewal(self, notice: str = "", number: int = 0) -> Page:
        """Begin the renewal of a visitor's signature certificate; the terminal then shows the card's page."""
        if notice:
            await self.opens(notice)
            return accepted(await self.terminal.submit(f"renew-{number}"))
        await self.looks()
        return accepted(await self.terminal.submit("renew"))
