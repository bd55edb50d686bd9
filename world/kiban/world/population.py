"""
Population: how a new country comes to life, and an old one wakes up.

Every role does its own part, in any order, and waits a while for neighbours that are not up yet:

1. the resident network gives everybody their numbers and tells the authority who lives here
2. the card office has each card's keys certified; cards that were lost are ended at once
3. each office takes in what its files say, takes its own pseudonym for each person whom it serves (取得番号), and
   subscribes to what it follows of them

Each step is kept when it is done and is harmless when it is repeated, so a population that was killed goes on where it
was.  Source: DESIGN 5.1 (issue), 5.5, 7.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from kiban.gateway.contract import Acquisition, PersonReply
from kiban.identity.authority.contract import BearerRefused, CardCertificates, HolderUnknown
from kiban.mesh.contract import UnknownMember
from kiban.shared import encoding, mistakes
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.problems import NotFound, Problem
from kiban.world.cards.contract import NewPINOrder, NoSuchCard, RenewalOrder
from kiban.world.cards.deck import Cards, Fetch, Succession
from kiban.world.cards.new_pins import CheckHolder
from kiban.world.cards.renewals import CertifyRenewal
from kiban.world.office import store
from kiban.world.office.records import Entry, OfficeRecords
from kiban.world.people import CardPlan, People, Persona, person_number
from kiban.world.vault.client import CardOfficeClient
from kiban.world.vault.contract import (
    CardCertification,
    HolderCheck,
    NobodyMatches,
    SignatureRenewal,
)
from kiban.world.vault.network import ResidentNetwork

PATIENCE = timedelta(seconds=60)
"""How long a part of the population waits for its neighbours."""
AT_ONCE = 4
"""Acquisitions that one office has under way at the same time."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 0.8
_NOT_THERE_YET = (BearerRefused, HolderUnknown, NobodyMatches, NotFound, UnknownMember)
"""What a neighbour says of somebody whom it has not been told of yet."""
_SERVER = 500
_log = logging.getLogger("kiban.population")


class Acquirer(Protocol):
    """An office's own gateway, for taking pseudonyms."""

    async def acquire(self, acquisition: Acquisition) -> PersonReply: ...


Certify = Callable[[bytes, bytes | None], Awaitable[CardCertificates]]


class CardOffice(Protocol):
    """The card office, for giving out one card; giving it out again is harmless."""

    async def issue(
        self,
        persona: str,
        *,
        authentication_pin: str,
        signature_password: str | None,
        certify: Certify,
        name: str | None = None,
    ) -> None: ...


@dataclass(slots=True)
class Progress:
    """How far one role's part has come."""

    settled: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Also where it ended with a problem."""
    problem: str | None = None
    detail: str = ""

    async def keep(self, part: Awaitable[None]) -> None:
        """Do a part, and remember how it went; what went wrong is the operator's to mend."""
        try:
            await part
        except Problem as problem:
            self.problem = problem.slug
            self.detail = "; ".join([*getattr(problem, "__notes__", ()), problem.detail])
            _log.error("the population is not complete: %s: %s", problem.slug, self.detail)
        except Exception as error:  # noqa: BLE001  whatever it is, the role goes on
            self.problem = type(error).__name__
            mistakes.log(_log, "the population", error)
        else:
            self.settled.set()
        finally:
            self.ended.set()


async def patiently(step: Callable[[], Awaitable[None]], *, patience: timedelta = PATIENCE) -> None:
    """Do a step; while a neighbour is not there yet, do it again, later and later."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + patience.total_seconds(), _FIRST_PAUSE
    while True:
        try:
            await step()
        except Problem as problem:
            passing = problem.status >= _SERVER or isinstance(problem, _NOT_THERE_YET)
            if not passing or loop.time() + pause > end:
                raise
        else:
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def populate_network(network: ResidentNetwork, people: People) -> None:
    """Step 1, and what an interruption may have left of step 2."""
    await network.enter(people)
    await patiently(network.register)
    await patiently(network.end_lost_cards)


async def populate_cards(cards: CardOffice, registrar: CardOfficeClient, people: People) -> None:
    """Step 2."""
    for persona in people:
        if persona.card is not None:
            try:
                await patiently(_given_out(cards, registrar, persona, persona.card))
            except Problem as problem:
                problem.add_note(f"the card of {persona.id}")
                raise


def fetching(registrar: CardOfficeClient, people: People) -> Fetch | None:
    """The card office's part where people come for their cards: each is made when it is fetched."""
    plans = {persona.id: persona for persona in people if persona.card is not None}

    async def fetch(cards: Cards, name: str) -> None:
        persona = plans.get(name)
        if persona is None or persona.card is None:
            raise NoSuchCard("no card lies ready for that id", sent=name[:31])
        await _given_out(cards, registrar, persona, persona.card)()

    return fetch if plans else None


def _given_out(
    cards: CardOffice, registrar: CardOfficeClient, persona: Persona, plan: CardPlan
) -> Callable[[], Awaitable[None]]:
    async def certify(authentication: bytes, signature: bytes | None) -> CardCertificates:
        return await registrar.certify_card(
            CardCertification(
                attributes=persona.attributes(),
                authentication_request=encoding.encode(authentication),
                signature_request=encoding.encode(signature) if signature else None,
                card_expires=plan.expires.isoformat(),
            )
        )

    async def give_out() -> None:
        await cards.issue(
            persona.id,
            authentication_pin=plan.authentication_pin.reveal(),
            signature_password=plan.signature_pin.reveal() if plan.signature_pin else None,
            certify=certify,
            name=persona.name,
        )

    return give_out


def renewing(registrar: CardOfficeClient, people: People) -> CertifyRenewal:
    """The card office's part in the renewals that counters begin: it knows until when each card lasts."""
    plans = {persona.id: persona.card for persona in people if persona.card is not None}

    async def certify(persona: str, order: RenewalOrder, made: Succession) -> CardCertificates:
        if persona not in plans:
            raise NoSuchCard("the card office knows no such card", sent=persona[:31])
        return await registrar.renew_signature(
            SignatureRenewal(
                municipality=order.municipality,
                visitor=order.visitor,
                authentication_certificate=encoding.encode(made.authentication_certificate),
                authentication_request=encoding.encode(made.authentication_request),
                signature_certificate=encoding.encode(made.signature_certificate),
                signature_request=encoding.encode(made.signature_request),
                card_expires=plans[persona].expires.isoformat(),
            )
        )

    return certify


def checking(registrar: CardOfficeClient) -> CheckHolder:
    """The card office's part in the new PINs that counters let holders set: whose card it is, it asks."""

    async def check(order: NewPINOrder, certificate: bytes) -> None:
        await registrar.check_holder(
            HolderCheck(
                municipality=order.municipality,
                visitor=order.visitor,
                authentication_certificate=encoding.encode(certificate),
            )
        )

    return check


@dataclass(frozen=True, slots=True)
class OfficePopulation:
    """Step 3, for one office."""

    records: OfficeRecords
    db: Database
    clock: Clock
    gateway: Acquirer
    subscribe: Callable[[], Awaitable[None]]
    """Subscribes to what the office follows, for everybody who has a pseudonym."""

    async def populate(self, people: People) -> None:
        await self.load(people)
        await self.acquire()
        await patiently(self.subscribe)

    async def load(self, people: People) -> None:
        """Take in what the files say."""
        agency = self.records.agency.id
        for persona in people.served_by(agency):
            entries = [
                Entry(each.item, each.values, each.as_of, each.flag)
                for each in persona.records
                if each.agency == agency
            ]
            number = person_number(agency, persona.id)
            await self.records.load(number, persona.attributes(), entries)

    async def acquire(self) -> None:
        """Take a pseudonym for everybody who has none."""
        async with self.db.read() as connection:
            waiting = await store.without_pseudonym(connection)
        seats = asyncio.Semaphore(AT_ONCE)
        await _all(
            self._acquire(seats, Acquisition(person=person, attributes=attributes))
            for person, attributes in waiting.items()
        )

    async def _acquire(self, seats: asyncio.Semaphore, acquisition: Acquisition) -> None:
        async def take() -> None:
            await self.gateway.acquire(acquisition)

        async with seats:
            await patiently(take)
            async with self.db.begin() as connection:
                await store.note_acquired(connection, acquisition.person, self.clock())


async def _all(parts: Iterable[Awaitable[None]]) -> None:
    """Wait for all; the first that fails ends the others and is raised as itself."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
