"""
The siege: a whole country in this process, what was said while it lived, and who can say it again.

A request that was heard is worth more than one that was made up: its tokens, seals and identifiers hold, so that what
is changed in it reaches the rules.  What can be used once is drawn afresh, and every member's request signed anew.
"""

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from kiban.deploy import house
from kiban.deploy.house import role_of
from kiban.identity.login.contract import OIDC
from kiban.shared import signatures
from kiban.shared.members import Identity
from kiban.world import cast
from kiban.world.cast import shipped_country
from kiban.world.citizen import Citizen
from kiban.world.clerk import Clerk
from kiban.world.faults import FaultStays
from kiban.world.people import Persona
from tests.architecture.knowledge import personal_values
from tests.hostile.judge import Judge
from tests.hostile.line import Exchange
from tests.hostile.operations import Operation, documented, find, pages
from tests.hostile.scenes import ANSWERS, PROCEDURE, SESSIONS, Scenes
from tests.hostile.wire import Answered, Asked, ask
from tests.stories.country import Country, running
from tests.stories.proxies import acts_for, names_proxy
from tests.stories.test_change_of_address import moves

MEMBERSHIP = {"member", "portal", "login", "resident-network", "registrar", "newcomer"}
SIGNED = (b"signature", b"signature-input", b"content-digest")
PROOFS = (*SIGNED, b"authorization", b"cookie")
FORM = b"application/x-www-form-urlencoded"
KEPT = 3
"""How many different requests are kept of each operation."""
OFTEN = 8
"""How often what a scene gave is asked before it is played again."""


class Mistakes(logging.Handler):
    """Whatever the country writes down as a mistake of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.noted: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.noted.append(record.getMessage())


@dataclass
class Siege:
    """The country, and what is known of it."""

    country: Country
    exchange: Exchange
    mistakes: Mistakes
    hanako: Citizen
    samples: dict[Operation, list[Asked]] = field(default_factory=dict)
    offered: dict[str, list[Operation]] = field(default_factory=dict)
    played: dict[Operation, "Played"] = field(default_factory=dict)
    scenes: Scenes = field(init=False)
    judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        origins = self._origins()
        known = frozenset({*origins, "http://localhost:3000"})
        self.judge = Judge(known, list(personal_values(self.country.people)))
        for role, app in self.country.apps.items():
            self.offered[role] = [*documented(role, app.openapi()), *pages(role, app)]
        self._sort(origins)
        self.scenes = Scenes(
            self.country,
            self.exchange,
            self.hanako,
            authorization=self.heard("login", "GET", f"{OIDC}/auth"),
            submission=self.heard("gateway:portal", "POST", "/inner/submissions").body,
        )

    def _origins(self) -> dict[str, str]:
        """Which role is met at an origin; a counter is its gateway by another name."""
        settled = self.country.house.settled
        counters = {
            settled.counter_origin(name): role_of(settled.country, name)
            for name in cast.load_checked(settled.folder).municipalities
        }
        return {origin: role for role, origin in settled.premises.origins.items()} | counters

    def _sort(self, roles: dict[str, str]) -> None:
        for origin, asked in self.exchange.heard:
            operation = find(self.offered[roles[origin]], asked)
            if operation is None:
                raise LookupError(f"nobody offers {asked.method} {asked.path!r}")
            kept = self.samples.setdefault(operation, [])
            if len(kept) < KEPT and all(_shape(one) != _shape(asked) for one in kept):
                kept.append(asked)

    def operation(self, role: str, method: str, path: str) -> Operation:
        """What a role offers by this method at this address."""
        wanted = (method, path)
        return next(one for one in self.offered[role] if (one.method, one.path) == wanted)

    def pages(self, role: str) -> list[Operation]:
        """What a role offers to browsers, and in no document."""
        return [one for one in self.offered[role] if not one.document]

    def heard(self, role: str, method: str, path: str) -> Asked:
        """What was asked of this operation while the country lived."""
        return self.samples[self.operation(role, method, path)][0]

    # --- asking -----------------------------------------------------------------------------------

    async def ask(self, operation: Operation, asked: Asked) -> Answered:
        """Ask, judge the reply, and put back what an operator may have moved."""
        role = operation.role
        host = self.country.origin(role).partition("://")[2]
        try:
            reply = await ask(self.country.apps[role], asked, host=host)
        finally:
            await self._restore(operation)
        if asked.method != "HEAD":
            self.judge.check(reply, asked=len(asked.target))
        assert not self.mistakes.noted, self.mistakes.noted
        if reply.status < 400:
            self.played.pop(operation, None)
        return reply

    async def _restore(self, operation: Operation) -> None:
        if operation.path == "/clock":
            self.country.clock.reset()
        if operation.path.startswith("/faults"):
            faults = self.country.apps[operation.role].state.faults
            with suppress(FaultStays):
                await faults.switch_all_off()

    # --- who asks ---------------------------------------------------------------------------------

    def by(self, caller: str, operation: Operation, asked: Asked) -> Asked:
        """In the name of the right one, of somebody else or of nobody."""
        match caller:
            case "right":
                return self.by_the_right_one(operation, asked)
            case "nobody":
                return asked.without(*PROOFS)
            case _:
                return self.by_somebody_else(operation, asked)

    def by_the_right_one(self, operation: Operation, asked: Asked) -> Asked:
        """With proper credentials."""
        if operation.access in MEMBERSHIP:
            return self.signed(operation.role, asked, self.identity(_member(operation, asked)))
        if key := self._key(operation):
            return asked.with_header(b"authorization", b"Bearer " + key.encode())
        return asked

    def by_somebody_else(self, operation: Operation, asked: Asked) -> Asked:
        """With credentials that are proper elsewhere."""
        if operation.access in MEMBERSHIP:
            return self.signed(operation.role, asked, self.identity("police"))
        if operation.access in {*SESSIONS, "browser", "visitor", "clerk"}:
            return asked.with_header(b"cookie", b"portal-session=" + b"x" * 43)
        return asked.with_header(b"authorization", b"Bearer " + self._secret("enrolment").encode())

    def identity(self, member: str) -> Identity:
        """A member's own."""
        own = {"core", "login"}
        role = member if member in own else role_of(self.country.house.country, member)
        app = self.country.apps[role]
        match member:
            case "core":
                return app.state.core.identity
            case "login":
                return app.state.office.identity
            case _:
                return app.state.gateway.standing.identity

    def signed(self, role: str, asked: Asked, identity: Identity) -> Asked:
        """The same request in a member's name."""
        target = self.country.origin(role).encode() + asked.target
        fields = signatures.sign(
            asked.method,
            target.decode("ascii"),
            asked.body,
            key=identity.signing_key,
            keyid=identity.id,
            at=self.country.clock(),
        )
        bare = asked.without(*SIGNED)
        more = tuple((name.encode(), value.encode()) for name, value in fields.items())
        return replace(bare, headers=(*bare.headers, *more))

    def _key(self, operation: Operation) -> str | None:
        match operation.access:
            case "operator":
                return self._secret("operator")
            case "agency":
                member = self.country.apps[operation.role].state.gateway.settings.member
                return self._secret(f"agency-{member}")
            case "card-office":
                return self._secret("card-office")
            case "counters":
                return self._secret("card-counters")
            case _:
                return None

    def _secret(self, name: str) -> str:
        return self.country.house.premises.secret(name).reveal()

    # --- what is asked ----------------------------------------------------------------------------

    async def fresh(self, operation: Operation, which: int = 0) -> Asked:
        """A request that is as it should be, with nothing in it that was used before."""
        scene = self.scenes.of(*operation.key, operation.access)
        if scene is None:
            return self._sample(operation, which)
        if operation not in self.played or self.played[operation].times == OFTEN:
            self.played[operation] = Played(await scene(self._sample(operation, which)))
        self.played[operation].times += 1
        return self.played[operation].asked

    def _sample(self, operation: Operation, which: int) -> Asked:
        kept = self.samples.get(operation) or self.samples.get(_twin(operation))
        return kept[which % len(kept)] if kept else operation.sample()


@dataclass
class Played:
    """What a scene gave, and how often it was asked."""

    asked: Asked
    times: int = 0


@asynccontextmanager
async def siege(place: Path, postal_data: Path) -> AsyncIterator[Siege]:
    """Let a country come to life, and a citizen go about her business; then it can begin."""
    exchange, mistakes = Exchange(), Mistakes()
    settled = house.settle(place, shipped_country())
    async with running(settled, postal_data, wire=exchange.line) as country:
        hanako = await _lives(country)
        exchange.listening = False
        noted = [logging.getLogger(name) for name in ("kiban", "asyncio")]
        for logger in noted:
            logger.addHandler(mistakes)
        yield Siege(country, exchange, mistakes, hanako)
        for logger in noted:
            logger.removeHandler(mistakes)


async def _lives(country: Country) -> Citizen:
    """A citizen's day, so that every door has opened once."""
    hanako = country.citizen("hanako")
    await hanako.logs_in_at(country.origin("bank"))
    await hanako.logs_in()
    await hanako.applies_for(PROCEDURE, ANSWERS)
    await moves(hanako)
    await country.settles()
    await _visits_the_counter(country, hanako)
    await _acts_for_taro(country)
    for page in ("history", "notices", "operations", "consents", "records", "sessions", "status"):
        await hanako.browser.open(f"{hanako.portal_origin}/{page}")
    return hanako


async def _visits_the_counter(country: Country, hanako: Citizen) -> None:
    clerk = country.clerk("kamakura")
    await clerk.signs_in()
    await clerk.begins_renewal()
    await hanako.renews_signature(clerk.terminal)
    await clerk.looks()
    await _protects(clerk, country.people["yoshi"])


async def _protects(clerk: Clerk, somebody: Persona) -> None:
    """Somebody who lives there already asks for protection, and changes it."""
    said = somebody.attributes().model_dump()
    await clerk.protects({**said, "marks": ("undisclosed", "no-own-information")})
    await clerk.changes_protection(
        somebody.name.partition("　")[2], "undisclosed", "no-own-information"
    )


async def _acts_for_taro(country: Country) -> None:
    """Taro names Hanako at the counter; she acts for him, and stops."""
    clerk = country.clerk("kamakura")
    await clerk.signs_in()
    await names_proxy(country, clerk, "taro")
    hanako = await acts_for(country, "taro")
    await hanako.browser.submit("end-acting")
    await clerk.ends_mandate("太郎")


def _twin(operation: Operation) -> Operation:
    """The same at the portal's gateway, which is asked the most."""
    if operation.role != "changes" and not operation.role.startswith("gateway:"):
        return operation
    return replace(operation, role="gateway:portal")


def _shape(asked: Asked) -> tuple[object, ...]:
    """What makes two requests so alike that one of them is enough."""
    return asked.query.partition(b"=")[0], len(asked.path) // 8, len(asked.body) // 64


def _member(operation: Operation, asked: Asked) -> str:
    """In whose name a request is signed: as it was, or as it must be."""
    if signer := re.search(rb'keyid="([a-z0-9-]+)"', asked.header(b"signature-input")):
        return signer[1].decode()
    if operation.access in {"portal", "login", "resident-network"}:
        return operation.access
    return {"registrar": "resident-network"}.get(operation.access, "kamakura")
