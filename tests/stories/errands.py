"""
Errands: what somebody comes to the portal for, and somebody who comes back until it is done.

A story that is told to a country in trouble: whatever is away when it is asked for is asked for again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from kiban.deploy.story import ANSWERS, DECIDED, HEROINE, PROCEDURE
from kiban.shared.clock import day_in_japan
from kiban.shared.problems import Unavailable
from kiban.world.browser import PageRefused
from kiban.world.citizen import Citizen
from kiban.world.clerk import Clerk

PATIENCE = 90.0  # seconds
PAUSE = 0.5  # seconds
AWAY = (Unavailable, PageRefused, LookupError)
"""What a person meets where a part of the country is away: nothing, a problem, or another page than the expected."""


FOLLOWED = tuple(
    f"{office}/registered-address"
    for office in ("tax", "pension", "health-insurer", "accounts", "vehicles")
)
"""Records that follow the resident register."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One story: who wants what, what they answer, and what is to become of it."""

    persona: str
    procedure: str
    answers: Mapping[str, str | bool]
    outcome: str
    notice: str
    """What the office writes, once."""
    looked_up: Mapping[str, str] = field(default_factory=dict)
    """What is searched for in the registry, by field."""
    news: str = ""
    known: tuple[str, ...] = ()
    """What is to stand in which records afterwards."""
    office: str | None = None
    """To whom it is written, where many take it."""
    again: bool = True
    """Whether the same person can come with it again."""
    counter: str = ""
    """The municipality to whose counter they go once it is granted."""


MOVING = Errand(
    HEROINE,
    "moving-out",
    {"movers-2": True, "moves_to-rest": "1丁目2番3号", "moves_on": "", "visits_on": ""},
    "completed",
    "転出の手続が完了しました",
    looked_up={"moves_to": "藤沢市湘南台"},
    news="神奈川県藤沢市湘南台1丁目2番3号",
    known=("fujisawa/resident-record", *FOLLOWED),
    office="kamakura",
    again=False,
    counter="fujisawa",
)
ERRANDS = {
    "child-allowance": Errand(HEROINE, PROCEDURE, ANSWERS, "granted", "支給を決定しました"),
    # Who has moved has no certificate for signatures any more.
    "change-of-address": Errand(
        HEROINE,
        "change-of-address",
        {"moved_to-rest": "1丁目2番3号", "moved_on": ""},
        "granted",
        "住民票に記載しました",
        looked_up={"moved_to": "鎌倉市長谷"},
        news="神奈川県鎌倉市長谷1丁目2番3号",
        known=("kamakura/resident-record", *FOLLOWED),
        again=False,
    ),
    "moving": replace(
        MOVING,
        persona="maria",
        answers={name: said for name, said in MOVING.answers.items() if name != "movers-2"}
        | {"movers-1": True},
        known=("fujisawa/resident-record", "tax/registered-address", "accounts/registered-address"),
    ),
}
"""Stories by their names; on containers all of them are told to one country, so nobody moves twice."""
STORIES = {**ERRANDS, "moving": MOVING}
"""Every story.  Hanako moves with one of her family; who has moved before can sign no notice of moving out."""


@dataclass(slots=True)
class Visitor:
    """Somebody with an errand."""

    citizen: Citizen
    errand: Errand
    clerk: Clerk | None = None
    """At the counter to which the errand leads."""
    applications: set[str] = field(default_factory=set)
    """Those that were there before."""

    async def arrives(self) -> None:
        """Log in, and see which applications are there already."""
        await self.citizen.logs_in()
        self.applications = await self._applications()

    async def goes_on(self, until: str = "sent") -> None:
        """Do whatever comes next until this is done: opened, approved, answered or sent; come back while it is not."""
        await patiently(lambda: self.tries(until))

    async def is_done(self) -> None:
        """Wait for the decision: it is the right one, and everything happened once."""
        await patiently(self.decided)
        await patiently(self._all_is_well)

    async def tries(self, until: str = "sent") -> bool:
        """Do whatever comes next, once; whether it is done."""
        steps = {
            "opened": self._comes_back,
            "approved": self._approves,
            "answered": self._answers,
            "sent": self._sends,
        }
        for done, step in steps.items():
            await step()
            if done == until != "sent":
                return True
        if self.clerk:
            await self.decided()
        return bool(self.citizen.page.parts("outcome"))

    async def _comes_back(self) -> None:
        """Open the portal, log in if it asks for that, and open the application; begin one where there is none."""
        page = await self.citizen.browser.open(f"{self.citizen.portal_origin}/")
        if any(link.attributes.get("id") == "login" for link in page.markup.links):
            await self.citizen.logs_in()
        if own := await self._applications() - self.applications:
            await self.citizen.browser.open(own.pop())
        else:
            await self.citizen.opens(self.errand.procedure, self.errand.office)

    async def _approves(self) -> None:
        """Go where the page says that something is missing, and approve again where that is asked."""
        page = self.citizen.page
        for way in ("mend", "approve-again"):
            if any(link.attributes.get("data-testid") == way for link in page.markup.links):
                await self.citizen.browser.follow(way)
        if self.citizen.page.has_form("agree"):
            await self.citizen.agrees()

    async def _answers(self) -> None:
        """Let the offices be asked anew where the page offers it, and answer what only the person knows."""
        if self.citizen.page.has_form("prefill"):
            await self.citizen.browser.submit("prefill")
        if self.citizen.page.has_form("answers"):
            for name, words in self.errand.looked_up.items():
                await self.citizen.searches(name, words)
            await self.citizen.fills(self._said())

    def _said(self) -> dict[str, str | bool]:
        """The answers; a day that is left open is today."""
        today = day_in_japan(self.citizen.clock()).isoformat()
        return {name: said or today for name, said in self.errand.answers.items()}

    async def _sends(self) -> None:
        if self.citizen.page.has_form("sign"):
            await self.citizen.signs()
            await self.citizen.sends()

    async def decided(self) -> bool:
        """Whether the office has decided; whoever has to go to a counter then goes, and waits for what comes of it."""
        await self._comes_back()
        outcome = await self.citizen.outcome()
        if outcome == "granted" and self.clerk:
            await self._goes_to(self.clerk)
            return False
        return outcome in {*DECIDED, "completed"}

    async def _goes_to(self, clerk: Clerk) -> None:
        """The clerk takes whatever notice still waits, as somebody who begins the day anew."""
        clerk.terminal.forget()
        await clerk.signs_in()
        for notice in await clerk.finds():
            if (await clerk.opens(notice)).has_form("arrive"):
                await clerk.takes(notice)

    async def _all_is_well(self) -> bool:
        """The decision is the right one and was made once; offices that follow have heard of it."""
        await self._comes_back()
        assert await self.citizen.outcome() == self.errand.outcome
        assert self._times_told() == 1
        assert len(await self._applications() - self.applications) == 1
        assert {line["verified"] for line in await self.citizen.history()} == {"yes"}
        return await self._is_known()

    async def _is_known(self) -> bool:
        """Whether everybody who follows has the news."""
        if not self.errand.known:
            return True
        page = await self.citizen.looks_at(*self.errand.known)
        items = {record.partition("/")[2] for record in self.errand.known}
        shown = [part.text for item in items for part in page.parts(f"record-{item}")]
        return sum(self.errand.news in each for each in shown) == len(self.errand.known)

    async def _applications(self) -> set[str]:
        page = await self.citizen.browser.open(f"{self.citizen.portal_origin}/")
        return {link.href for link in page.markup.links if "/applications/" in link.href}

    def _times_told(self) -> int:
        """How often the office has written so about this application."""
        parts = self.citizen.page.markup.parts
        events = [each for each in parts if "event-" in each.attributes.get("data-testid", "")]
        return sum(self.errand.notice in each.text for each in events)


async def patiently(attempt: Callable[[], Awaitable[bool]]) -> None:
    """Try until it is done; what is away for longer than somebody waits is told."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            if await attempt():
                return
        except AWAY:
            if time.monotonic() > until:
                raise
        assert time.monotonic() < until, "it takes too long"
        await asyncio.sleep(PAUSE)
