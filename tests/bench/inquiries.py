"""
Complete inquiries: Kamakura asks the tax office for an income, through the core, in separate processes.

Each is whole: signed and verified at every hop, permitted by the law, blinded and converted, logged durably before the
permit leaves, kept by both gateways, answered, signed and sealed; the answer is compared with what the tax office
holds about that very person.  At the end every one of them must stand in the core's log twice: record and outcome.

The load is made by this process, on the same cores.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kiban.deploy.house import CHANGES
from kiban.deploy.premises import file_name, port_of
from tests.bench import limits, machine, wire
from tests.bench.measure import Loop, Row, Section, loop
from tests.bench.newcomers import AFFAIR, ASKER, ITEM, PROVIDER, Newcomer, move_in
from tests.bench.plan import Plan
from tests.bench.processes import Deployment, Postgres, deployment

GATEWAYS = (f"gateway:{ASKER}", f"gateway:{PROVIDER}")
NETWORK = "gateway:resident-network"
OFFICES = ("authority", "registry", "core")
UNSENT = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
LOGGED = "SELECT count(*) FILTER (WHERE kind = 'record'), count(*) FILTER (WHERE kind = 'outcome')"
UNFILED = "SELECT (SELECT max(tree_index) + 1 FROM log_leaves)"
FILED = "SELECT next FROM cursors WHERE name = 'log'"


class WrongAnswer(Exception):  # noqa: N818  what came
    """The answer is not the one that this person's record gives."""


@dataclass(slots=True)
class Desk:
    """Kamakura's own system: asks its gateway, on the inner side."""

    line: wire.Line
    key: str
    people: Sequence[Newcomer]
    at_once: int = 1
    answered: list[str] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(20260401))

    async def ask(self, _: int) -> None:
        asked = self._random.choices(self.people, k=self.at_once)
        body = {
            "provider": PROVIDER,
            "affair": AFFAIR,
            "item": ITEM,
            "people": [each.number for each in asked],
            "consent": None,
        }
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        heard = await self.line.ask(
            wire.request(
                "POST", "/inner/inquiries", self.line.host, json.dumps(body).encode(), headers
            )
        )
        if heard.status != 200:
            raise WrongAnswer(heard.status, heard.body[:200])
        reply = json.loads(heard.body)
        said = [each and each["values"]["total_income_yen"] for each in reply["statements"]]
        if said != [each.income for each in asked]:
            raise WrongAnswer("another income than this person's")
        self.answered.append(reply["exchange"])


async def run(plan: Plan, server: Postgres, place: Path) -> list[Section]:
    async with deployment(place, server, profiled=plan.profiled) as country:
        await country.start(*OFFICES)
        await country.start("gateway:portal", NETWORK, CHANGES)
        await country.population(NETWORK)
        await country.start(*GATEWAYS)
        await country.population(*GATEWAYS)
        people = await move_in(country.house, plan.pick(2000, 300))
        # What only moving in needs, and the portal's reading of the log, are measured for themselves.
        country.stop("registry", NETWORK, "gateway:portal", CHANGES)
        async with wire.line(country.house.origin(GATEWAYS[0])) as line:
            key = country.house.premises.secret(f"agency-{ASKER}").reveal()
            desk = Desk(line, key, people)
            sections = [await _single(plan, country, desk), await _bulk(plan, country, desk)]
        sections[0].notes += await _logged(country, desk.answered)
        sections[1].rows.append(await _filed(country))
        sections[1].notes += _memory(country)
        await _beside(plan, country, sections[0])
        return sections


async def _single(plan: Plan, country: Deployment, desk: Desk) -> Section:
    section = Section("complete inquiries, each about one person")
    for tasks in (1, 16, 64, 192, 256):
        with country.recording():
            found = await _measured(plan, country, desk, tasks)
        section.rows.append(found.row(f"{tasks} at a time"))
        section.notes += found.errors[:3]
    return section


async def _bulk(plan: Plan, country: Deployment, desk: Desk) -> Section:
    section = Section("inquiries about many people at once")
    for people in (64, plan.pick(1024, 256)):
        desk.at_once = people
        found = await _measured(plan, country, desk, 2)
        section.rows.append(
            found.row(f"{people} in one, 2 at a time", unit=" people/s", times=people)
        )
        section.notes += found.errors[:3]
    desk.at_once = 1
    return section


async def _measured(plan: Plan, country: Deployment, desk: Desk, tasks: int) -> Loop:
    seconds = plan.pick(6.0, 2.0)
    return await loop(desk.ask, tasks=tasks, seconds=seconds, warm_up=1.0, pids=country.pids())


async def _logged(country: Deployment, exchanges: Sequence[str]) -> list[str]:
    """No log, no data: what was answered is in the log, record and outcome."""
    began, behind = time.monotonic(), await _unsent(country)
    while await _unsent(country):
        await asyncio.sleep(0.1)
    took = time.monotonic() - began
    names = ",".join(f"'{each}'" for each in exchanges)
    query = f"{LOGGED} FROM log_entries WHERE exchange IN ({names})"
    [(records, outcomes)] = await country.server.say(query, "core")
    assert records == outcomes == len(set(exchanges)), (records, outcomes, len(exchanges))
    return [
        f"{len(exchanges)} answers were right; the log holds {records} records and {outcomes} outcomes",
        f"{behind} outcomes were still on their way at the end, and had arrived {took:.1f} s later",
    ]


async def _unsent(country: Deployment) -> int:
    [(open_,)] = await country.server.say(UNSENT, file_name(GATEWAYS[1]))
    return int(open_)


async def _filed(country: Deployment) -> Row:
    """How fast the portal's gateway files the lines of all that was logged."""
    [(size,)] = await country.server.say(UNFILED, "core")
    [(before,)] = await country.server.say(FILED, "gateway-portal")
    await country.start("gateway:portal")
    began = time.monotonic()
    while (await country.server.say(FILED, "gateway-portal"))[0][0] < size:
        await asyncio.sleep(0.05)
    return Row("log entries filed by the portal", (size - before) / (time.monotonic() - began))


def _memory(country: Deployment) -> list[str]:
    return [
        f"memory of {name}: {found['VmRSS']:.0f} MiB, at its highest {found['VmHWM']:.0f} MiB"
        for name, found in country.memory().items()
    ]


async def _beside(plan: Plan, country: Deployment, section: Section) -> None:
    """The bare limits, in the same run."""
    parts = limits.arithmetic(plan.pick(0.6, 0.2))
    whole, cores = limits.core_seconds(parts), len(os.sched_getaffinity(0))
    ceiling = Row(
        f"bare: its arithmetic alone, {cores} cores",
        cores / whole,
        cpu_us={"arithmetic": 1e6 * whole},
    )
    for name in list(country.served):
        country.stop(name)
    port = port_of(country.house.origin("core"))
    chain = await _chain(plan, country.server, port)
    rates = [row.rate for row in section.rows]
    section.notes.append(
        f"the best rate is {max(rates) / chain.rate:.2f} of the bare chain's "
        f"and {max(rates) / ceiling.rate:.2f} of the arithmetic's"
    )
    section.rows += [chain, ceiling]


async def _chain(plan: Plan, server: Postgres, port: int) -> Row:
    body = json.dumps({"number": 1, "text": "x" * limits.BODY}).encode()
    async with (
        limits.three_hops(server, port) as chain,
        wire.line(f"http://127.0.0.1:{port}") as line,
    ):
        asked = wire.request("POST", "/hop", line.host, body, {"content-type": "application/json"})

        async def ask(_: int) -> None:
            heard = await line.ask(asked)
            if heard.status != 200:
                raise WrongAnswer(heard.status)

        pids = {
            "hops": lambda: [each.process.pid for each in chain],
            "postgres": server.pids,
            **machine.ourselves(),
        }
        found = await loop(ask, tasks=16, seconds=plan.pick(5.0, 2.0), pids=pids)
    return found.row("bare: three hops, each keeps one row; 16 at a time")
