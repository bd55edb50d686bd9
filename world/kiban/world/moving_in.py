"""
Moving in: how the world's parts come to live in a role's application, beside the product that they play with.

An application of a gateway is made by its own factory, with the office's `records` and `desk`.  What is added here
begins when the application has started and answers, and ends before it stops; the product knows nothing of it.

`GET /population` says how far a role's part of the population has come.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

from kiban.gateway.contract import Acquisition, PersonReply
from kiban.identity.authority.client import AuthorityClient
from kiban.registry.client import RegistryClient
from kiban.shared import mistakes
from kiban.shared.access import anyone
from kiban.shared.clock import Clock
from kiban.shared.csrf import CSRF
from kiban.shared.database import Database
from kiban.shared.http import Http
from kiban.shared.keyring import Wrapping
from kiban.shared.membership import Members, SignedHttp
from kiban.shared.pages import Pages
from kiban.shared.problems import Problem
from kiban.shared.routes import PLUMBING, shared_routes, take
from kiban.shared.settings import Secret
from kiban.world.cards.client import CardsForCounters
from kiban.world.cast import Cast
from kiban.world.counter import app as counter_app
from kiban.world.counter.clerks import Clerks
from kiban.world.counter.mandate_form import Offered
from kiban.world.counter.mandates import MandateDesk
from kiban.world.counter.register import Register
from kiban.world.counter.settings import CounterSettings
from kiban.world.office.conditions import Values
from kiban.world.office.neighbours import Mesh, Neighbours, Registers
from kiban.world.office.office import Office
from kiban.world.office.shelter import Shelter
from kiban.world.people import FOUR_ATTRIBUTES, People, Persona
from kiban.world.population import (
    CardOffice,
    OfficePopulation,
    Progress,
    populate_cards,
    populate_network,
)
from kiban.world.vault import app as vault_app
from kiban.world.vault.client import CardOfficeClient, MunicipalityClient
from kiban.world.vault.mandates import Mandates
from kiban.world.vault.network import ResidentNetwork, latecomers
from kiban.world.vault.protections import Protections
from kiban.world.vault.register import Origins, ProtectingRegister
from kiban.world.vault.renewals import Renewals
from kiban.world.vault.store import Residents

_log = logging.getLogger("kiban.population")


class PopulationIncomplete(Problem):
    slug, title, status = "population-incomplete", "Not everybody could move in", 503


class Standing(Protocol):
    """A gateway's place among the members, once it has started."""

    @property
    def signed(self) -> SignedHttp: ...

    @property
    def members(self) -> Origins: ...


class Gateway(Mesh, Protocol):
    """A gateway from inside, as an office in the same process calls it."""

    @property
    def standing(self) -> Standing: ...

    async def acquire(self, acquisition: Acquisition) -> PersonReply: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the world's parts of one role are told: whom to ask, and what to keep things in."""

    db: Database
    http: Http
    clock: Clock
    authority_origin: str
    registry_origin: str


class PopulationReply(BaseModel):
    """How far this role's part of the population has come."""

    settled: bool
    problems: list[str]


def move_in(
    app: FastAPI, office: Office, cast: Cast, around: Surroundings, late: Collection[str] = ()
) -> Progress:
    """Let an office live beside its gateway; it serves the people of municipalities that come `late` when told to."""
    gateway: Gateway = app.state.gateway
    progress = _tells_progress(app, "office")
    app.state.office = office
    app.state.outboxes["office"] = lambda: office.outbox

    async def live(stack: AsyncExitStack) -> None:
        office.meet(
            Neighbours(
                mesh=gateway,
                authority=AuthorityClient(gateway.standing.signed, around.authority_origin),
                references=Registers(RegistryClient(around.http, around.registry_origin)),
            )
        )
        population = OfficePopulation(
            office.records, around.db, around.clock, gateway, office.following.subscribe
        )
        app.state.population_of_office = population
        here = cast.people.not_living_in(late)
        _works(stack, progress.keep(population.populate(here)))
        _works(stack, office.run())

    _beside(app, office.prepare, live)
    return progress


def move_vault_in(
    app: FastAPI,
    cast: Cast,
    around: Surroundings,
    *,
    secret: Secret,
    card_office_secret: Secret,
    late: Collection[str] = (),
) -> Progress:
    """
    Let the resident network live beside its gateway; `app.state.members` says who may call.

    The people of municipalities that come `late` are entered when somebody first speaks of them.
    """
    gateway: Gateway = app.state.gateway
    members: Members = app.state.members
    progress = _tells_progress(app, "vault")
    office: Office = app.state.office
    network: list[ResidentNetwork] = []
    protections: list[Protections] = []
    arrivals: asyncio.Queue[Persona] = asyncio.Queue()

    async def live(stack: AsyncExitStack) -> None:
        network.append(
            ResidentNetwork(
                agency=cast.vault.id,
                residents=Residents(Wrapping(secret)),
                db=around.db,
                authority=AuthorityClient(gateway.standing.signed, around.authority_origin),
                registry=RegistryClient(around.http, around.registry_origin),
                clock=around.clock,
                latecomers=latecomers(cast.people.living_in(late)),
                welcome=arrivals.put_nowait,
            )
        )
        offices = {
            each.municipality: each.id for each in cast.agencies.values() if each.municipality
        }
        protections.append(Protections(network[-1], office.records, gateway, cast.portal, offices))
        office.left = protections[-1].left
        here = cast.people.not_living_in(late)
        _works(stack, progress.keep(populate_network(network[-1], here)))
        await network[-1].welcome_back()
        _works(stack, _served_as_they_come(app, arrivals))

    vault_app.add_routes(
        app,
        lambda: network[-1],
        lambda: Renewals(network[-1], AuthorityClient(around.http, around.authority_origin)),
        lambda: Mandates(network[-1], cast.municipality_codes),
        lambda: protections[-1],
        members=members,
        card_office=vault_app.CardOffice(card_office_secret),
    )
    app.state.network = lambda: network[-1]

    async def change(person: str, values: Values, number: int) -> None:
        await network[-1].change(person, values, number)

    office.keepers[FOUR_ATTRIBUTES] = change

    async def prepare() -> None:
        await around.db.migrate("kiban.world.vault")

    _beside(app, prepare, live)
    return progress


async def _served_as_they_come(app: FastAPI, arrivals: asyncio.Queue[Persona]) -> None:
    """Let the resident network's office serve those who come late, one after the other; cancel to stop."""
    population: OfficePopulation = app.state.population_of_office
    await app.state.population["office"].settled.wait()
    while True:
        persona = await arrivals.get()
        try:
            await population.populate(People((persona,)))
        except Problem as problem:
            _log.error("the resident network does not serve a latecomer: %s", problem.slug)
        except Exception as error:  # noqa: BLE001  the others are served all the same
            mistakes.log(_log, "a latecomer", error)


def open_counter(
    app: FastAPI, office: Office, cast: Cast, around: Surroundings, settings: CounterSettings
) -> None:
    """Let clerks come to the counter of a municipality's office, beside its gateway (`app.state.gateway`)."""
    gateway: Gateway = app.state.gateway

    def register() -> ProtectingRegister:
        return ProtectingRegister(
            cast.vault.id,
            gateway.standing,
            gateway,
            RegistryClient(around.http, around.registry_origin),
        )

    desk = counter_app.Desk(
        agency=office.agency,
        names={each.id: each.name for each in cast.agencies.values()},
        network=cast.vault.id,
        counter=lambda: office.counter,
        register=Register(around.db),
        mandates=MandateDesk(
            around.db,
            lambda: MunicipalityClient(gateway.standing.signed, settings.network_origin),
            around.clock,
        ),
        offered=Offered(
            items={
                each.item: each.name for each in cast.layouts.values() if each.item in cast.shown
            },
            affairs=cast.affairs,
        ),
        shelter=Shelter(office.agency, office.records, around.db, around.clock, register),
        clerks=Clerks(settings.clerk_key, around.db, around.clock),
        cards=CardsForCounters(around.http, settings.cards_origin, settings.card_counters_secret),
        settings=settings,
        pages=Pages(counter_app.PACKAGE, home=counter_app.HOME),
        csrf=CSRF(settings.secret.reveal().encode()),
    )
    counter_app.add_routes(app, desk)

    async def prepare() -> None:
        await around.db.migrate(counter_app.PACKAGE)

    _beside(app, prepare, _nobody)


def give_out_cards(
    app: FastAPI,
    cards: CardOffice,
    cast: Cast,
    registrar: CardOfficeClient,
    late: Collection[str] = (),
) -> Progress:
    """Let the card office give everybody their card; people of municipalities that come `late` fetch it."""
    progress = _tells_progress(app, "cards")
    here = cast.people.not_living_in(late)

    async def live(stack: AsyncExitStack) -> None:
        _works(stack, progress.keep(populate_cards(cards, registrar, here)))

    _beside(app, _nothing, live)
    return progress


async def _nothing() -> None:
    """The cards' own application prepares their tables."""


async def _nobody(_: AsyncExitStack) -> None:
    """A counter does nothing by itself."""


def _tells_progress(app: FastAPI, part: str) -> Progress:
    """One more part of the population at this role; the first adds the route that tells of all."""
    progress = Progress()
    if not hasattr(app.state, "population"):
        app.state.population = {}
        take(app, routes)
    app.state.population[part] = progress
    return progress


routes = shared_routes(tags=[PLUMBING], dependencies=[Depends(anyone)])


@routes.get("/population")
async def read_population(request: Request) -> PopulationReply:
    """Say how far this role's part of the population has come."""
    parts: dict[str, Progress] = request.app.state.population
    return PopulationReply(
        settled=all(each.settled.is_set() for each in parts.values()),
        problems=[each.problem for each in parts.values() if each.problem],
    )


async def settled(app: FastAPI) -> None:
    """Wait until everybody of this role's part has moved in."""
    parts: dict[str, Progress] = getattr(app.state, "population", {})
    for progress in parts.values():
        await progress.ended.wait()
        if progress.problem:
            raise PopulationIncomplete(f"{progress.problem}: {progress.detail}")


def _beside(
    app: FastAPI,
    prepare: Callable[[], Awaitable[None]],
    live: Callable[[AsyncExitStack], Awaitable[None]],
) -> None:
    """Begin after the application has started, and end before it stops."""
    own = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        await prepare()
        async with own(application), AsyncExitStack() as stack:
            await live(stack)
            yield

    app.router.lifespan_context = lifespan


def _works(stack: AsyncExitStack, work: Awaitable[None]) -> None:
    stack.push_async_callback(_ended, asyncio.ensure_future(work))


async def _ended(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
