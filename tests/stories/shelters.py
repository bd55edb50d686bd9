"""
Two countries that differ in one secret alone, and an adversary who does the same in both.

In one Hanako and Mei fled to Fujisawa, in the other to Zushi, to addresses of different length.  The adversary is
whoever stayed: the spouse with a session and a browser, named as her proxy before she fled, with both their cards and
PINs that were left at home, with the clerk of the old municipality, its gateway, its operator's log and its whole
database file.
"""

import logging
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from sqlalchemy import select

from kiban.deploy import house
from kiban.gateway import log_store
from kiban.gateway.contract import (
    HISTORY_CLOSED,
    Acquisition,
    Attributes,
    InquiryRequest,
    Line,
)
from kiban.mesh import country as law
from kiban.mesh.law import Party
from kiban.shared.exchanges import new_id
from kiban.shared.problems import Problem
from kiban.world.browser import PageRefused
from kiban.world.citizen import Citizen
from kiban.world.clerk import Clerk
from kiban.world.office import store
from kiban.world.office.office import Office
from kiban.world.people import Persona, person_number
from tests.stories.country import Country, moved_in, running
from tests.stories.proxies import acts_for, names_proxy

OLD = "kamakura"
FLED = ("hanako", "mei")
FLAGS = ("undisclosed", "no-own-information")
PROXY = "hanako's proxy"
HOME = "神奈川県鎌倉市御成町99番99号"
PLACES = {
    "fujisawa": "神奈川県藤沢市湘南台1丁目2番3号",
    "zushi": "神奈川県逗子市桜山10丁目20番30号　やまゆりハイツ401号室",
}
PAGES = ("/", "/notices", "/operations", "/consents", "/records", "/applications")
PROCEDURES = (
    ("change-of-address", None),
    ("child-allowance", None),
    *(("moving-out", city) for city in (OLD, *PLACES)),
)
_RANDOM = (
    (re.compile(r"(?:[A-Za-z0-9_-]{20,}\.)+[A-Za-z0-9_-]{20,}"), "<token>"),
    (re.compile(r"\b[0-9a-f]{16,}\b"), "<hex>"),
    (re.compile(r"[A-Za-z0-9_+/=-]{32,}"), "<random>"),
    (re.compile(r"\d{1,2}:\d{2}(:\d{2})?(\.\d+)?"), "<time>"),
    (re.compile(r"\b17\d{8}\b"), "<second>"),
)


def plain(text: str) -> str:
    """A text without what is random in it, or a time of day."""
    for pattern, instead in _RANDOM:
        text = pattern.sub(instead, text)
    return text


@dataclass
class Flight:
    """One of the two countries, after the flight."""

    country: Country
    to: str
    browsers: dict[str, Citizen] = field(default_factory=dict)
    clerk: Clerk | None = None

    @property
    def address(self) -> str:
        return PLACES[self.to]

    async def card_of(self, name: str) -> Citizen:
        """Whoever holds this person's card, logged in at the portal; or the spouse, who acts for her."""
        if name == PROXY and name not in self.browsers:
            self.browsers[name] = await acts_for(self.country, "hanako", "taro")
        if name not in self.browsers:
            self.browsers[name] = self.country.citizen(name)
            await self.browsers[name].logs_in()
        return self.browsers[name]

    async def held(self, member: str, name: str) -> tuple[dict[str, Any], list[str]] | None:
        """What an office's own system holds of where somebody lives, and what protects them."""
        office: Office = self.country.apps[f"gateway:{member}"].state.office
        async with office.records.db.read() as connection:
            persona = self.country.people[name]
            people = await store.find_people(
                connection, persona.name, persona.birth_date.isoformat()
            )
            for item in ("resident-record", "four-attributes", "registered-address"):
                for person in people:
                    if kept := await store.find_held(connection, person, item):
                        return kept.held.values, list(kept.held.marks)
        return None

    async def closed_histories(self) -> list[list[Line]]:
        """What the portal's gateway has filed, shown or not, of each person whose history was ever closed."""
        gateway = self.country.apps["gateway:portal"].state.gateway
        await gateway.keep_up()
        async with gateway.db.read() as connection:
            rows = await connection.execute(select(log_store.lines.c.code, log_store.lines.c.line))
        filed: dict[bytes, list[Line]] = {}
        for code, line in rows:
            filed.setdefault(code, []).append(Line.model_validate(line))
        return [
            lines for lines in filed.values() if any(line.item == HISTORY_CLOSED for line in lines)
        ]

    async def old_clerk(self) -> Clerk:
        if self.clerk is None:
            self.clerk = self.country.clerk(OLD)
            await self.clerk.signs_in()
        return self.clerk


def said(persona: Persona, address: str, **more: object) -> dict[str, Any]:
    """What a clerk writes down of somebody."""
    return {
        "name": persona.name,
        "name_kana": persona.name_kana,
        "birth_date": persona.birth_date.isoformat(),
        "sex": persona.sex,
        "address": address,
        **more,
    }


async def flees(country: Country, to: str, *marks: str) -> Clerk:
    """Hanako stands at the counter of another municipality, with her daughter, and is taken in."""
    clerk = country.clerk(to)
    await clerk.signs_in()
    notice = ""
    for name, relation in zip(FLED, ("世帯主", "子"), strict=True):
        more = {
            "new_address": PLACES[to],
            "moving_day": "2026-03-30",
            "relation": relation,
            "notice": notice,
        }
        page = await clerk.protects(said(country.people[name], HOME, marks=marks, **more))
        notice = page.url.rpartition("/")[2]
    await clerk.takes(notice)
    await country.settles()
    return clerk


@asynccontextmanager
async def fled(
    template: Path, place: Path, folder: Path, postal: Path, to: str, *marks: str
) -> AsyncIterator[Flight]:
    async with running(moved_in(template, place, folder), postal) as country:
        await flees(country, to, *(marks or FLAGS))
        yield Flight(country, to)


async def lived(place: Path, folder: Path, postal: Path) -> None:
    """Everybody moves in, once for both countries, and Hanako names her husband as her proxy."""
    async with running(house.settle(place, folder), postal) as country:
        clerk = country.clerk(OLD)
        await clerk.signs_in()
        await names_proxy(country, clerk, "hanako", "taro")


# --- what the adversary does ----------------------------------------------------------------------

Step = Callable[[Flight], Awaitable[object]]


async def _page(seen: Awaitable[Any]) -> list[str]:
    """A page as a set of lines: what is asked at one moment stands there in any order."""
    page = await seen
    links = sorted(plain(link.href) for link in page.markup.links)
    return [str(page.status), *sorted(plain(page.text).splitlines()), *links]


def opens(name: str, path: str) -> Step:
    """Open a page of the portal with somebody's card."""

    async def step(flight: Flight) -> object:
        citizen = await flight.card_of(name)
        return await _page(citizen.browser.open(flight.country.origin("portal") + path))

    return step


def reads_history(name: str) -> Step:
    """Read the whole exchange history with somebody's card."""

    async def step(flight: Flight) -> object:
        citizen = await flight.card_of(name)
        return sorted(plain(str(sorted(line.items()))) for line in await citizen.history())

    return step


def looks_at(name: str, *records: str) -> Step:
    """Look at somebody's own records with their card."""

    async def step(flight: Flight) -> object:
        citizen = await flight.card_of(name)
        return await _page(citizen.looks_at(*records))

    return step


def applies(name: str, procedure: str, office: str | None) -> Step:
    """Open a form, of one office where there are many, with somebody's card, and approve that it fills itself."""

    async def step(flight: Flight) -> object:
        citizen = await flight.card_of(name)
        try:
            page = await citizen.opens(procedure, office)
            return await _page(citizen.agrees() if page.has_form("agree") else citizen.fills())
        except PageRefused as refused:
            return plain(str(refused))

    return step


def goes_to(name: str, company: str) -> Step:
    """Log in to a private service with somebody's card, and let it have whatever it asks for."""

    async def step(flight: Flight) -> object:
        citizen = flight.country.citizen(name)
        return await _page(citizen.logs_in_at(flight.country.origin(company)))

    return step


def clerk_opens(path: str) -> Step:
    async def step(flight: Flight) -> object:
        clerk = await flight.old_clerk()
        return await _page(clerk.terminal.open(clerk.counter + path))

    return step


def clerk_protects(name: str, address: str) -> Step:
    """The old municipality's clerk says that somebody asks for protection, and tries an address."""

    async def step(flight: Flight) -> object:
        clerk = await flight.old_clerk()
        await clerk.terminal.open(f"{clerk.counter}/protection")
        persona = flight.country.people[name]
        form = said(persona, address, marks=FLAGS, new_address=HOME)
        return await _page(clerk.terminal.submit("protect", form))

    return step


def renews(name: str, city: str) -> Step:
    """Put somebody's card down at a city's counter: does its holder live here?"""

    async def step(flight: Flight) -> object:
        clerk = flight.country.clerk(city)
        await clerk.signs_in()
        await clerk.begins_renewal()
        holder = flight.country.citizen(name)
        return await _page(holder.renews_signature(clerk.terminal, "NAGOYA2026"))

    return step


def inquires(affair: str, provider: str, item: str, name: str) -> Step:
    """The old municipality's gateway asks under a row of the law."""

    async def step(flight: Flight) -> object:
        gateway = flight.country.gateway(OLD)
        people = [person_number(OLD, name)]
        asked = InquiryRequest(provider=provider, affair=affair, item=item, people=people)
        try:
            reply = await gateway.inquire(asked)
        except Problem as problem:
            return problem.slug
        return reply.basis, reply.waits, [each and plain(str(each)) for each in reply.statements]

    return step


def acquires(name: str, address: str) -> Step:
    """The old municipality tries an address, with the resident network."""

    async def step(flight: Flight) -> object:
        persona = flight.country.people[name].attributes()
        attributes = Attributes(**{**persona.model_dump(), "address": address})
        gateway = flight.country.gateway(OLD)
        try:
            await gateway.acquire(Acquisition(person=new_id(), attributes=attributes))
        except Problem as problem:
            return problem.slug, plain(problem.detail)
        return "acquired"

    return step


async def reads_everything(flight: Flight) -> list[str]:
    """The old municipality's whole database: every table, every row, without what is random."""
    await flight.country.settles()
    place = flight.country.house.premises.place / f"gateway-{OLD}.sqlite"
    with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as file:
        tables = [name for (name,) in file.execute(_TABLES)]
        return sorted(f"{name} {row}" for name in tables for row in _rows(file, name))


_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_COLUMNS, _ROWS = 'PRAGMA table_info("{}")', 'SELECT * FROM "{}"'


def _rows(file: sqlite3.Connection, table: str) -> list[str]:
    """Every row, but for the column that counts them: what is asked at one moment comes in any order."""
    columns = list(file.execute(_COLUMNS.format(table)))
    counts = {place for place, _, kind, _, _, key in columns if key and "INT" in kind}
    return [
        _row([each for place, each in enumerate(row) if place not in counts])
        for row in file.execute(_ROWS.format(table))
    ]


def _row(row: Sequence[object]) -> str:
    return repr([_value(each) for each in row])


def _value(value: object) -> object:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return f"{plain(value)} {len(value)}" if isinstance(value, str) else value


async def counts_the_log(flight: Flight) -> object:
    """How many exchanges there were in the whole country: anybody can count the public log."""
    await flight.country.settles()
    reply = await flight.country.http.send("GET", flight.country.origin("core") + "/checkpoint")
    return reply.status, reply.content.decode().splitlines()[1:2]


def steps(folder: Path) -> dict[str, Step]:
    """Everything that the adversary can do, by name."""
    table = law.load(folder)
    found = {
        "the old clerk opens the list": clerk_opens(""),
        "the old clerk opens who is protected": clerk_opens("/protection"),
        **{f"hanako's card at {city}": renews("hanako", city) for city in (OLD, *PLACES)},
        "the old database": reads_everything,
        "the public log": counts_the_log,
    }
    for name in ("taro", "hanako"):
        found |= _with_card(name, table)
        found |= {f"{name}'s {path}": opens(name, path) for path in PAGES}
    found |= {"mei's history": reads_history("mei"), "mei at the bank": goes_to("mei", "bank")}
    found |= {"mei's records": looks_at("mei", *(f"{each}/household" for each in (OLD, *PLACES)))}
    found |= {f"{PROXY}'s {path}": opens(PROXY, path) for path in PAGES}
    found |= {
        f"{PROXY} looks at the {item}": looks_at(
            PROXY, *(f"{each}/{item}" for each in (OLD, *PLACES))
        )
        for item in ("household", "resident-record")
    }
    for city in (OLD, *PLACES):
        found[f"{PROXY} applies for moving-out at {city}"] = applies(PROXY, "moving-out", city)
    for procedure, office in PROCEDURES:
        found[f"hanako applies for {procedure} at {office}"] = applies("hanako", procedure, office)
    for asked in _rows_of(OLD, table):
        for name in ("taro", *FLED):
            found[f"the old gateway asks {asked} of {name}"] = inquires(*asked, name)
    for name, address in product(FLED, (HOME, *PLACES.values())):
        found[f"the old clerk protects {name} {address}"] = clerk_protects(name, address)
        found[f"the old gateway tries {name} {address}"] = acquires(name, address)
    return found


def _with_card(name: str, table: law.Country) -> dict[str, Step]:
    """What can be done with somebody's card: the history, every own record, a private service."""
    own = [row for row in table.rows if (row.affair, row.kind) == ("self-information", "inquiry")]
    records = sorted(
        {f"{each}/{row.item}" for row in own for each in _members(table, row.provider)}
    )
    of_gateways = [each for each in records if each.endswith("/exchange-records")]
    return {
        f"{name}'s history": reads_history(name),
        f"{name}'s records": looks_at(name, *(each for each in records if each not in of_gateways)),
        f"{name}'s exchange records": looks_at(name, *of_gateways),
        f"{name} at the bank": goes_to(name, "bank"),
    }


def _rows_of(inquirer: str, table: law.Country) -> list[tuple[str, str, str]]:
    """Affair, provider and item of everything that the law lets a member ask."""
    return [
        (row.affair, provider, row.item)
        for row in table.rows
        if row.kind == "inquiry" and inquirer in _members(table, row.inquirer)
        for provider in _members(table, row.provider)
    ]


def _members(table: law.Country, party: Party) -> list[str]:
    """Whom a row names: one member, or every one of a domain."""
    if isinstance(party, str):
        return [party]
    return sorted(each.id for each in table.agencies.values() if each.domain == party.domain)


# --- what the adversary sees ----------------------------------------------------------------------


@contextmanager
def logged() -> Any:
    """What the offices of the country write into their operators' logs meanwhile."""
    written: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(plain(record.getMessage()))

    handler, logger = Keeping(), logging.getLogger("kiban")
    logger.addHandler(handler)
    try:
        yield written
    finally:
        logger.removeHandler(handler)


async def observed(step: Step, flight: Flight) -> tuple[object, list[str]]:
    """What one step shows, and what it leaves in the log."""
    with logged() as written:
        shown = await step(flight)
    return shown, sorted(written)
