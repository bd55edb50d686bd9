"""
A whole nation of toy municipalities in one process: how long until everybody answers, and a move between any two.

Measured from the command to the ready file, on SQLite; each member has its address, certificate and seat by then, and
all of them sleep.  Then somebody moves between two municipalities that are drawn: who is spoken to for the first time
wakes, and that is in the times.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from kiban.deploy.embedded import free_port_base
from kiban.shared.http import AiohttpHttp
from kiban.world import cast
from kiban.world.citizen import Citizen
from kiban.world.people import Persona
from tests.bench import machine
from tests.bench.measure import Row, Section
from tests.bench.plan import Plan
from tests.bench.startup import Awake, waking
from tests.stories.sockets import RunningCountry

NATION, FEW = 1741, 41
SECONDS, GIBIBYTES = 60, 8
GLANCE = 0.05
PATIENCE = 60.0
DAYS = {"moves_on": 0, "visits_on": 5}


async def run(plan: Plan, place: Path) -> Section:
    section = Section(
        f"a nation in one process (aim {SECONDS} s and {GIBIBYTES} GiB until ready, with {NATION})"
    )
    data, ports, number = place / "nation", free_port_base(), plan.pick(NATION, FEW)
    with waking(data, ports, "--municipalities", str(number)) as awake:
        section.rows.append(awake.row(f"a new nation of {number}"))
        section.notes.append(f"until ready: {awake.cpu:.0f} s of processor time")
        section.notes.append(_told("ready", awake, number))
        folder = data / f"nation-{number}"
        old, new = random.SystemRandom().sample(_towns(folder), 2)
        granted, completed = await move(awake.country, folder, old, new)
        section.rows += [
            Row("a move between two that slept: from the signature until granted", granted, " s"),
            Row("  from the clerk's button until completed", completed, " s"),
        ]
        section.notes.append(_told("after the move", awake, number))
    with waking(data, ports, "--municipalities", str(number)) as again:
        section.rows.append(again.row("the same nation again"))
    return section


def _towns(folder: Path) -> list[str]:
    """The generated municipalities."""
    return [each for each in cast.load_checked(folder).municipalities if each.startswith("m")]


async def move(country: RunningCountry, folder: Path, old: str, new: str) -> tuple[float, float]:
    """Two people of one household move; seconds until the notice is granted, and until it is completed."""
    http = AiohttpHttp(country.routes, timeout=30)
    people = cast.load_checked(folder).people
    names = cast.load_checked(folder).agencies
    try:
        mover, clerk = (
            Citizen(people[f"{old}-a"], http, country.origin("portal")),
            country.clerk(new, http),
        )
        assert clerk is not None
        await mover.logs_in()
        await mover.browser.open(f"{country.origin('portal')}/procedures/moving-out")
        await mover.chooses(old, words=names[old].name["ja"])
        await mover.starts("moving-out")
        await mover.agrees()
        await mover.searches("moves_to", _town(people[f"{new}-a"]))
        days = {name: _day(ahead) for name, ahead in DAYS.items()}
        await mover.fills({"movers-1": True, "movers-2": True, "moves_to-rest": "1番1号", **days})
        await mover.signs()
        await mover.sends()
        granted = await _until(lambda: _comes_to(mover, "granted"))
        await clerk.signs_in()
        await _until(clerk.finds)  # the new one asks the old one a moment after it was told
        [notice] = await clerk.finds()
        await clerk.takes(notice)
        return granted, await _until(lambda: _comes_to(mover, "completed"))
    finally:
        await http.close()


def _town(persona: Persona) -> str:
    return persona.address.text.removesuffix(persona.address.rest)


def _day(ahead: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(time.time() + ahead * 86_400))


async def _comes_to(mover: Citizen, outcome: str) -> bool:
    return await mover.outcome() == outcome


async def _until(so: Callable[[], Awaitable[object]]) -> float:
    """Seconds until something is so."""
    began = time.perf_counter()
    while not await so():
        assert time.perf_counter() - began < PATIENCE, "it takes too long"
        await asyncio.sleep(GLANCE)
    return time.perf_counter() - began


def _told(when: str, awake: Awake, number: int) -> str:
    now = machine.memory_mib(awake.country.process.pid)
    return f"{when}, with {number}: {now['VmRSS']:.0f} MiB, at its highest {now['VmHWM']:.0f} MiB"
