"""
The story: the main job of one citizen over a running country, told step by step.

The numbers are those of docs/story.md.  Each step says what happened, and what each party saw of it, which is read
from the spans of the roles and from nowhere else.  At the end the citizen's lines are verified against the log's
signed tree by the stand-alone verifier, and a permit is presented a second time.

Raised when anything is not as it should be: `StoryBroken`.
Source: DESIGN 4; docs/story.md.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from kiban.deploy.house import House
from kiban.gateway.client import InnerClient
from kiban.gateway.contract import InquiryRequest, PermitSpent
from kiban.mesh import verifier
from kiban.mesh.client import read_directory
from kiban.mesh.contract import InclusionProof
from kiban.shared.http import get_json
from kiban.shared.problems import Problem
from kiban.world import cast
from kiban.world.citizen import Citizen
from kiban.world.people import person_number

HEROINE = "hanako"
PROCEDURE = "child-allowance"
ANSWERS: dict[str, str | bool] = {"from_month": "2026-05", "confirm": True}
DECIDED = frozenset({"granted", "refused", "returned"})
MOST_LOOKS = 150
ROUTINE = frozenset({"GET /epoch", "GET /entries", "GET /registrations", "GET /receipts"})
"""What goes on between roles all the time, whoever is at the portal."""
BOOKKEEPING = frozenset({"status"})
FILLING = "3, 4"
"""The step in which the form is filled: every party is at work, for her alone."""


class StoryBroken(Problem):
    slug, title, status = "story-broken", "The story did not go as it is told", 500


@dataclass(frozen=True, slots=True)
class Sight:
    """What one party did in a step, and what it could see."""

    party: str
    did: str
    saw: dict[str, str]


@dataclass(slots=True)
class Step:
    """One step of the story."""

    number: str
    title: str
    happened: list[str] = field(default_factory=list)
    seen: list[Sight] = field(default_factory=list)

    def tell(self, line: str) -> None:
        self.happened.append(line)


@dataclass(frozen=True, slots=True)
class ProvenLine:
    """One exchange about the citizen, and where it stands in the log's tree."""

    kind: str
    inquirer: str
    provider: str
    item: str
    leaf: str
    index: int
    tree_size: int


@dataclass(slots=True)
class Story:
    """What is told."""

    citizen: str
    steps: list[Step] = field(default_factory=list)
    lines: list[ProvenLine] = field(default_factory=list)

    def names(self) -> dict[str, str]:
        """What each party of the exchanges called her while the form was filled."""
        seen = next(step.seen for step in self.steps if step.number == FILLING)
        return {
            one.party: name
            for one in seen
            if (name := one.saw.get("own_pseudonym") or one.saw.get("about"))
        }

    def document(self) -> dict[str, Any]:  # JSON
        return {"simulated": True, **asdict(self)}


Listener = Callable[[Step], None]


@dataclass(slots=True)
class Teller:
    """Lives the story in a running country, and tells each step when it is over."""

    house: House
    pause: Callable[[], Awaitable[None]]
    """Let a moment pass, in which offices work."""
    listener: Listener
    story: Story = field(init=False)
    citizen: Citizen = field(init=False)
    _heard: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        people = cast.load_checked(self.house.settled.folder).people
        self.citizen = Citizen(
            people[HEROINE], self.house.http, self.house.origin("portal"), self.house.clock
        )
        self.citizen.browser.language = "en"
        self.story = Story(people[HEROINE].id)

    async def tell(self) -> Story:
        """Live through all of it."""
        await self._sights()
        await self._logs_in()
        await self._opens()
        await self._approves()
        await self._signs()
        await self._hears_back()
        await self._sees_the_log()
        await self._attack()
        return self.story

    # --- the steps ------------------------------------------------------------------------------

    async def _logs_in(self) -> None:
        async with self._step("1", "Log in") as step:
            await self.citizen.logs_in()
            visited = " -> ".join(dict.fromkeys(map(_host, self.citizen.browser.visited)))
            step.tell(f"The browser went {visited}.")
            step.tell("The PIN was typed at the card alone; the card signed login's challenge.")

    async def _opens(self) -> None:
        async with self._step("2", "Open a form") as step:
            await self.citizen.opens(PROCEDURE)
            step.tell(
                "Child allowance (児童手当). The form is a file; it names who holds what already, and the page says"
                " who will read it, why, and until when."
            )

    async def _approves(self) -> None:
        async with self._step(FILLING, "Approve, and see the form fill itself") as step:
            await self.citizen.agrees()
            step.tell("The card signed the exact terms; nobody can widen them.")
            step.tell("Nobody asks her for what an office holds already:")
            for name, values, source in map(dict.values, self.citizen.held()):
                step.tell(f"* {name}: {_short(values)}")
                step.tell(f"  {source}")

    async def _signs(self) -> None:
        async with self._step("5, 6", "Sign and submit") as step:
            await self.citizen.fills(ANSWERS)
            await self.citizen.signs()
            await self.citizen.sends()
            step.tell(
                "She signed after the longer password; the application travelled sealed for the city."
            )

    async def _hears_back(self) -> None:
        async with self._step("7", "Hear back") as step:
            outcome = await self._decision()
            _check(outcome == "granted", f"the application was not granted: {outcome}")
            notices = await self.citizen.notices()
            _check(bool(notices), "no notice came")
            step.tell(
                f"The city read every held item again for itself, compared, and decided: {outcome}."
            )
            step.tell(f"Her newest notice: {notices[0]}")

    async def _decision(self) -> str:
        for _ in range(MOST_LOOKS):
            await self.pause()
            if (outcome := await self.citizen.outcome()) in DECIDED:
                return outcome
        return outcome

    async def _sees_the_log(self) -> None:
        async with self._step("8", "See the log") as step:
            entries = await self.citizen.history()
            _check(bool(entries), "the history shows nothing")
            vkey = (await read_directory(self.house.http, self.house.origin("core"))).log_key
            for entry in entries:
                _check(entry["verified"] == "yes", f"the portal could not prove {entry['leaf']}")
                self.story.lines.append(await self._proven(entry, verifier.read_key(vkey)))
            step.tell(
                f"{len(entries)} exchanges about her; each was verified against the log's signed tree."
            )

    async def _proven(self, entry: dict[str, str], key: verifier.Key) -> ProvenLine:
        """Verify one line by the file that stands alone, with a proof fetched from the core itself."""
        leaf = entry["leaf"]
        url = f"{self.house.origin('core')}/proofs/inclusion?leaf={leaf}"
        proof = InclusionProof.model_validate(await get_json(self.house.http, url))
        head = verifier.open_checkpoint(proof.checkpoint, key)
        path = [bytes.fromhex(each) for each in proof.path]
        try:
            verifier.verify_inclusion(bytes.fromhex(leaf), proof.index, head, path)
        except verifier.Refused as refused:
            raise StoryBroken(f"the proof of {leaf} does not hold: {refused}") from refused
        return ProvenLine(
            kind=entry["kind"],
            inquirer=entry["inquirer"],
            provider=entry["provider"],
            item=entry["item"],
            leaf=leaf,
            index=proof.index,
            tree_size=head.size,
        )

    async def _attack(self) -> None:
        async with self._step("attack", "Present a permit a second time") as step:
            fault = f"{self.house.origin('gateway:kamakura')}/faults/permit-replayed"
            await self._operate("PUT", fault)
            await self._inquiry()
            try:
                await self._inquiry()
            except PermitSpent as refusal:
                step.tell("The city's gateway was made to present its first permit again.")
                step.tell(f"The tax office refused: {refusal.title} ({refusal.type}).")
            else:
                raise StoryBroken("a permit was accepted twice")
            finally:
                await self._operate("DELETE", fault)

    async def _inquiry(self) -> None:
        key = self.house.premises.secret("agency-kamakura")
        gateway = InnerClient(self.house.http, self.house.origin("gateway:kamakura"), key)
        await gateway.inquire(
            InquiryRequest(
                provider="tax",
                affair="child-allowance",
                item="income",
                people=[person_number("kamakura", HEROINE)],
            )
        )

    # --- what was seen --------------------------------------------------------------------------

    @asynccontextmanager
    async def _step(self, number: str, title: str) -> AsyncIterator[Step]:
        step = Step(number, title)
        yield step
        step.seen = await self._sights()
        self.story.steps.append(step)
        self.listener(step)

    async def _sights(self) -> list[Sight]:
        """What every role recorded since the last step."""
        found: list[Sight] = []
        for role in self.house.settled.roles:
            after = self._heard.get(role, 0)
            told = await self._operate("GET", f"{self.house.origin(role)}/spans?after={after}")
            self._heard[role] = told["next"]
            found += [_sight(role, span) for span in told["spans"] if span["name"] not in ROUTINE]
        return [each for each in found if each.saw]

    async def _operate(self, method: str, url: str) -> Any:  # JSON
        key = self.house.premises.secret("operator").reveal()
        headers = {"authorization": f"Bearer {key}", "accept": "application/json"}
        reply = await self.house.http.send(method, url, headers=headers)
        return json.loads(reply.raise_problem().content)


def _sight(role: str, span: dict[str, Any]) -> Sight:
    saw = {name: value for name, value in span["saw"].items() if name not in BOOKKEEPING}
    return Sight(role, span["name"], saw)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[:most]} …"


def _host(url: str) -> str:
    return urlsplit(url).netloc.partition(".localhost")[0]


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise StoryBroken(otherwise)
