"""
A move from one municipality to another, from the notice that is sent to the last office that knows the new address.

Two waits of one story, each from the moment at which the person's own part is over: until the new municipality expects
them, and from the clerk's button until every office that follows the resident register has written the address down.
The offices wait a little before they ask, so that the moment tells nobody whom an exchange is about; that is in it.
The country runs in one process, on SQLite, as `kiban up` has it; each move begins in the same country.
"""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from kiban.deploy.embedded import free_port_base
from kiban.deploy.premises import file_name
from kiban.shared.http import AiohttpHttp
from kiban.world import cast
from kiban.world.cast import shipped_country
from kiban.world.citizen import Citizen
from tests.bench.measure import Row, Section, percentile
from tests.bench.plan import Plan
from tests.bench.startup import waking
from tests.stories.errands import FOLLOWED, MOVING, Visitor
from tests.stories.sockets import RunningCountry

GLANCE = 0.02
PATIENCE = 60.0
KNOWN = 'SELECT count(*) FROM office_records WHERE item = ? AND "values" LIKE ?'


async def run(plan: Plan, place: Path) -> Section:
    section = Section("a move between two municipalities, one at a time")
    lived, ports = place / "lived", free_port_base()
    with waking(lived, ports):
        """Everybody has moved in."""
    expected, known = [], []
    for number in range(plan.pick(5, 1)):
        data = place / f"moving-{number}"
        shutil.copytree(lived, data)
        with waking(data, ports) as awake:
            seconds = await _move(awake.country)
        expected.append(seconds[0])
        known.append(seconds[1])
    section.rows = [
        _row("from the notice until the new municipality expects them", expected),
        _row(f"from the clerk's button until {len(FOLLOWED)} more offices know it", known),
    ]
    return section


async def _move(country: RunningCountry) -> tuple[float, float]:
    http = AiohttpHttp(country.routes, timeout=30)
    try:
        clerk = country.clerk(MOVING.counter, http)
        person = cast.load_checked(shipped_country()).people[MOVING.persona]
        somebody = Visitor(Citizen(person, http, country.origin("portal")), MOVING)
        await somebody.arrives()
        await somebody.goes_on(until="answered")
        await somebody.citizen.signs()
        await clerk.signs_in()
        await somebody.citizen.sends()
        expected = await _until(clerk.finds)
        [notice] = await clerk.finds()
        await clerk.takes(notice)
        known = await _until(lambda: _known(country.data))
        return expected, known
    finally:
        await http.close()


async def _known(data: Path) -> bool:
    return all(_knows(data, record) for record in FOLLOWED)


def _knows(data: Path, record: str) -> bool:
    office, _, item = record.partition("/")
    where = data / f"{file_name(f'office:{office}')}.sqlite"
    with closing(sqlite3.connect(f"file:{where}?mode=ro", uri=True)) as database:
        [(found,)] = database.execute(KNOWN, (item, f"%{MOVING.news}%")).fetchall()
    return bool(found)


async def _until(so: Callable[[], Awaitable[object]]) -> float:
    """Seconds until something is so."""
    began = time.perf_counter()
    while not await so():
        assert time.perf_counter() - began < PATIENCE, "it takes too long"
        await asyncio.sleep(GLANCE)
    return time.perf_counter() - began


def _row(what: str, seconds: list[float]) -> Row:
    return Row(
        what,
        rate=percentile(seconds, 50),
        unit=" s p50",
        p50_ms=1000 * percentile(seconds, 50),
        p99_ms=1000 * max(seconds),
    )
