"""
Moving in: how the world's parts come to live in a role's application, beside the product that they play with.

An application of a gateway is made by its own factory, with the office's `records` and `desk`.  What is added here
begins when the application has started and answers, and ends before it stops; the product knows nothing of it.

`GET /population` says how far a role's part of the population has come.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

from kiban.gateway.contract import Acquisition, PersonReply
from kiban.identity.authority.client import AuthorityClient
from kiban.registry.client import RegistryClient
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
from kiban.world.counter.settings import CounterSettings
from kiban.world.office.conditions import Values
from kiban.world.office.neighbours import Mesh, Neighbours, Registers
from kiban.world.office.office import Office
from kiban.world.people import FOUR_ATTRIBUTES
from kiban.world.population import (
    CardOffice,
    OfficePopulation,
    Progress,
    populate_cards,
    populate_network,
)
from kiban.world.vault import app as vault_app
from kiban.world.vault.client import CardOfficeClient
from kiban.world.vault.network import ResidentNetwork
from kiban.world.vault.renewals import Renewals
from kiban.world.vault.store import Residents


class PopulationIncomplete(Problem):
    slug, title, status = "population-incomplete", "Not everybody could move in", 503


class Standing(Protocol):
    """A gateway's place among the members, once it has started."""

    @property
    def signed(self) -> SignedHttp: ...


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


def move_in(app: FastAPI, office: Office, cast: Cast, around: Surroundings) -> Progress:
    """Let an office live beside its gateway (`app.state.gateway`)."""
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
        _works(stack, progress.keep(population.populate(cast.people)))
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
) -> Progress:
    """Let the resident network live beside its gateway; `app.state.members` says who may call."""
    gateway: Gateway = app.state.gateway
    members: Members = app.state.members
    progress = _tells_progress(app, "vault")
    network: list[ResidentNetwork] = []

    async def live(stack: AsyncExitStack) -> None:
        network.append(
            ResidentNetwork(
                agency=cast.vault.id,
                residents=Residents(Wrapping(secret)),
                db=around.db,
                authority=AuthorityClient(gateway.standing.signed, around.authority_origin),
                registry=RegistryClient(around.http, around.registry_origin),
                clock=around.clock,
            )
        )
        _works(stack, progress.keep(populate_network(network[-1], cast.people)))

    vault_app.add_routes(
        app,
        lambda: network[-1],
        lambda: Renewals(network[-1], AuthorityClient(around.http, around.authority_origin)),
        members=members,
        card_office=vault_app.CardOffice(card_office_secret),
    )
    app.state.network = lambda: network[-1]
    office: Office = app.state.office

    async def change(person: str, values: Values, number: int) -> None:
        await network[-1].change(person, values, number)

    office.keepers[FOUR_ATTRIBUTES] = change

    async def prepare() -> None:
        await around.db.migrate("kiban.world.vault")

    _beside(app, prepare, live)
    return progress


def open_counter(
    app: FastAPI, office: Office, cast: Cast, around: Surroundings, settings: CounterSettings
) -> None:
    """Let clerks come to the counter of a municipality's office, beside its gateway."""
    desk = counter_app.Desk(
        agency=office.agency,
        names={each.id: each.name for each in cast.agencies.values()},
        counter=lambda: office.counter,
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
    app: FastAPI, cards: CardOffice, cast: Cast, registrar: CardOfficeClient
) -> Progress:
    """Let the card office give everybody their card."""
    progress = _tells_progress(app, "cards")

    async def live(stack: AsyncExitStack) -> None:
        _works(stack, progress.keep(populate_cards(cards, registrar, cast.people)))

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
