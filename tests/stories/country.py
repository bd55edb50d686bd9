"""The whole country in this process: every role as topology wires it, without sockets, on a clock that stands."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select
from starlette.types import Receive, Scope, Send

from kiban.deploy import house as house_
from kiban.deploy import topology
from kiban.deploy.hall import Hall
from kiban.deploy.house import House, Settled
from kiban.deploy.premises import HALL, file_name
from kiban.gateway.client import InnerClient
from kiban.registry import source
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database
from kiban.shared.http import Http, HttpxHttp
from kiban.shared.outbox import Outbox
from kiban.world import cast
from kiban.world.citizen import Citizen
from kiban.world.clerk import Clerk
from kiban.world.counter.app import HOME
from kiban.world.moving_in import settled as settled_in
from kiban.world.office.following import FOLLOW, LONGEST_DELAY
from kiban.world.office.office import Office
from kiban.world.people import People
from tests.registry.places import postal_file


class Address:
    """A place in the route map, before the role that lives there is built."""

    app: FastAPI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@dataclass
class Country:
    """A running country, and the few things that a test does to it from outside."""

    house: House
    apps: dict[str, FastAPI]
    clock: FrozenClock

    @property
    def http(self) -> Any:
        return self.house.http

    def origin(self, role: str) -> str:
        return self.house.origin(role)

    def citizen(self, name: str) -> Citizen:
        """Somebody of the country, at a browser of their own."""
        return Citizen(self.people[name], self.http, self.origin("portal"), self.clock)

    def clerk(self, member: str) -> Clerk:
        """Somebody at a municipality's counter."""
        key = self.house.premises.of_member("clerk", member)
        return Clerk(self.house.counter_origin(member) + HOME, key, self.http, self.clock)

    @property
    def people(self) -> People:
        return cast.load_checked(self.house.settled.folder).people

    def gateway(self, member: str) -> InnerClient:
        """An agency's gateway, from inside."""
        key = self.house.premises.of_member("agency", member)
        return InnerClient(self.http, self.origin(f"gateway:{member}"), key)

    async def operate(self, method: str, role: str, path: str, body: object = None) -> Any:
        """Do what only the operator may."""
        key = self.house.premises.secret("operator").reveal()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        url = self.origin(role) + path
        return (
            (await self.http.send(method, url, content=content, headers=headers))
            .raise_problem()
            .json()
        )

    async def settles(self) -> None:
        """Let everything that is on its way arrive: outboxes, the log, the feeds that are read."""
        while await self._letters_arrive() or await self._somebody_moves():
            pass

    async def some_time_passes(self) -> None:
        """A few minutes, in which everybody does what can be done: `settles` would wait for who is away."""
        for _ in range(6):
            await self._letters_arrive()
            await self._somebody_moves()
            await self.time_passes(timedelta(seconds=30))

    async def _letters_arrive(self) -> bool:
        """Deliver what waits, or is being carried by an application's own courier; say whether there was anything."""
        waiting = {outbox: await self._topics(outbox) for outbox in self._outboxes()}
        if any(FOLLOW in topics for topics in waiting.values()):
            await self.time_passes(LONGEST_DELAY)  # an office lets a moment pass before it asks
        for outbox, topics in waiting.items():
            if topics and not await outbox.drain():
                await asyncio.sleep(0.005)
        return any(waiting.values())

    async def _topics(self, outbox: Outbox) -> set[str]:
        c = outbox._table.c
        rows = select(c.topic).where(c.done_at.is_(None), c.dead_at.is_(None))
        async with outbox._db.look() as connection:
            return set((await connection.execute(rows)).scalars())

    async def _somebody_moves(self) -> int:
        """Let everybody look at what they look after; count what they found."""
        await self.apps["core"].state.core.integrator.integrate()
        for app in self._awake():
            if gateway := getattr(app.state, "gateway", None):
                await gateway.keep_up()
            if company := getattr(app.state, "following", None):
                await company.round()
        moved = 0
        for office in self._offices():
            moved += await office.following.keep_up()
        if portal := self.apps.get("portal"):
            moved += await portal.state.parts.receipts.poll()
        return moved + sum([await outbox.is_waiting() for outbox in self._outboxes()])

    async def time_passes(self, time: timedelta) -> None:
        """Move the clock when no courier has anything in hand: it would lose its claim, and work be done twice."""
        while any(outbox.busy for outbox in self._outboxes()):  # noqa: ASYNC110  no event in common
            await asyncio.sleep(0.002)
        self.clock.advance(time)

    @property
    def hall(self) -> Hall:
        """Where members sleep, in a country that has a crowd of them."""
        found: Hall = self.apps["hall"].state.hall
        return found

    def _awake(self) -> list[FastAPI]:
        """Every application that runs just now."""
        return [*self.apps.values(), *(self.hall.awake.values() if "hall" in self.apps else ())]

    def _offices(self) -> list[Office]:
        found = (getattr(app.state, "office", None) for app in self._awake())
        return [office for office in found if isinstance(office, Office)]

    def _outboxes(self) -> list[Any]:
        named = (getattr(app.state, "outboxes", {}) for app in self._awake())
        others = [outbox() for outboxes in named for outbox in outboxes.values()]
        own = (getattr(app.state, "parts", None) for app in self.apps.values())
        return [*(parts.outbox for parts in own if parts), *others]


@asynccontextmanager
async def running(
    settled: Settled,
    postal_data: Path,
    *,
    wire: Callable[[str, Http], Http] = lambda _, http: http,
    database: str = "sqlite+aiosqlite:///{place}/{role}.sqlite",
    only: Collection[str] = (),
) -> AsyncIterator[Country]:
    """
    Run a country in this process; inside, everybody lives there and has their card.

    `wire` may stand between a party and its neighbours: each role's, and "browser" for what people open.
    `database` is the address of a role's.  Where `only` some roles are named, nobody else wakes up.
    """
    names = [role for role in settled.roles if not only or role in only]
    addresses = {settled.premises.origin(role): Address() for role in names}
    if HALL in names:
        hall = addresses[settled.premises.origin(HALL)]
        addresses |= {settled.premises.origin(f"gateway:{one}"): hall for one in settled.asleep}
    clock = FrozenClock()
    place = settled.premises.place
    house = House(
        settled,
        HttpxHttp(addresses | counters(settled, addresses)),
        clock,
        lambda role: Database(database.format(place=place, role=file_name(role))),
        {"KIBAN_REGISTRY_POSTAL_DATA": str(postal_data)},
    )
    http = house.http
    roles = [topology.build(replace(house, http=wire(name, http)), name) for name in names]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(house.close)
        for role in roles:
            addresses[role.origin].app = role.app
            await stack.enter_async_context(role.app.router.lifespan_context(role.app))
        for role in roles:
            await settled_in(role.app)
        browsers = replace(house, http=wire("browser", http))
        country = Country(browsers, {role.name: role.app for role in roles}, clock)
        await country.settles()
        yield country


def counters(settled: Settled, addresses: dict[str, Address]) -> dict[str, Address]:
    """The counters of municipalities: by names of their own, where their gateways are."""
    return {
        settled.counter_origin(name): gateway
        for name in cast.load_checked(settled.folder).municipalities
        if (gateway := addresses.get(settled.premises.origin(f"gateway:{name}")))
    }


def moved_in(template: Path, place: Path, folder: Path) -> Settled:
    """Move into a copy of a country that has lived already."""
    shutil.copytree(template, place)
    return house_.settle(place, folder)


def postal_data_of(folder: Path, place: Path) -> Path:
    """The real postal data of those municipalities that a country's files name: a whole registry, only shorter."""
    named = re.compile(r'^municipality = "(\d{5})\d"', re.MULTILINE)
    codes = {
        code
        for file in folder.rglob("*.toml")
        for code in named.findall(file.read_text(encoding="utf-8"))
    }
    return postal_file(place, source.rows(source.packaged(), only=codes))
