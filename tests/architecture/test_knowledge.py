"""
Nobody knows more than they may: after the stories, every database, log, trace and wire is searched.

The scanner finds nothing forbidden anywhere, and finds what is planted.
"""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from kiban.world.cast import shipped_country
from tests.architecture.knowledge import (
    HOLDS,
    TRAVELS,
    Wires,
    keeper,
    personal_values,
    points_of,
    stored,
)
from tests.architecture.scanner import Found, Value, scan
from tests.stories.country import Country, moved_in, running
from tests.stories.proxies import acts_for, names_proxy
from tests.stories.test_change_of_address import NEW, RECORDS, moves

pytestmark = pytest.mark.xdist_group("knowledge")
ANSWERS = {"from_month": "2026-05", "confirm": True}


async def lives(country: Country) -> None:
    """Everything that people do in the stories, also what goes wrong."""
    hanako, taro, maria = (country.citizen(name) for name in ("hanako", "taro", "maria"))
    await hanako.logs_in()
    await hanako.applies_for("child-allowance", ANSWERS)
    await country.settles()
    await moves(hanako)
    await country.settles()
    await hanako.looks_at(*RECORDS)
    await hanako.history()
    await hanako.notices()
    await taro.goes_to_login()
    await taro.holds_up_card("9999")
    await taro.logs_in()
    await taro.applies_for("child-allowance", ANSWERS)
    await country.settles()
    await taro.history()
    clerk = country.clerk("kamakura")
    await clerk.signs_in()
    await names_proxy(country, clerk, "taro")
    proxy = await acts_for(country, "taro")
    await proxy.looks_at("kamakura/resident-record")
    await proxy.logs_out()
    await maria.logs_in_at(country.origin("bank"))
    await country.citizen("kenji").goes_to_login()
    for person in (hanako, taro):
        await person.logs_out()
    await country.settles()


async def traces(country: Country) -> dict[str, bytes]:
    return {
        role: json.dumps(await country.operate("GET", role, "/spans"), ensure_ascii=False).encode()
        for role in country.apps
    }


class Evidence:
    """What was found at every party, once the stories were over."""

    def __init__(self, values, databases, traces, log, wires) -> None:
        self.values = values
        self.databases = databases
        self.traces = traces
        self.log = log
        self.wires = wires

    def forbidden(self, allowed: set[str]) -> list[Value]:
        return [value for value in self.values if value.kind not in allowed]


class Heard(logging.Handler):
    """Every line of our own log, whatever its level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


async def gathered(place: Path, lived: Path, postal: Path) -> Evidence:
    log, heard, wires = logging.getLogger("kiban"), Heard(), Wires()
    log.addHandler(heard)
    before, _ = log.level, log.setLevel(logging.DEBUG)
    settled = moved_in(lived, place, shipped_country())
    async with running(settled, postal, wire=wires.wire) as country:
        await lives(country)
        values = [*personal_values(country.people), *await points_of(country)]
        values.append(Value("address", "hanako, moved", NEW))
        seen = await traces(country)
        said = wires.said(
            country.house.premises.origins
            | {"counter:kamakura": country.house.counter_origin("kamakura")}
        )
    log.removeHandler(heard)
    log.setLevel(before)
    return Evidence(values, stored(place), seen, "\n".join(heard.lines).encode(), said)


@pytest.fixture(scope="module")
def evidence(lived_in, postal_data, tmp_path_factory) -> Evidence:
    place = tmp_path_factory.mktemp("evidence") / "data"
    return asyncio.run(gathered(place, lived_in, postal_data))


def named(found: list[Found]) -> set[str]:
    return {f"{each.where}: {each.kind} of {each.whose}" for each in found}


def test_nobody_knows_more_than_they_may(evidence: Evidence) -> None:
    found: list[Found] = []
    for name, content in evidence.databases.items():
        allowed = HOLDS[keeper(name)]
        found += scan([(f"the database {name}", content)], evidence.forbidden(allowed))
    for role, content in evidence.traces.items():
        found += scan([(f"the traces of {role}", content)], evidence.forbidden(set()))
    found += scan([("the log", evidence.log)], evidence.forbidden(set()))
    for pair, content in evidence.wires.items():
        allowed = TRAVELS.get(pair, set())
        found += scan([(f"between {' and '.join(pair)}", content)], evidence.forbidden(allowed))

    assert sorted(named(found)) == []


def test_what_is_planted_is_found(evidence: Evidence) -> None:
    pseudonym = next(each for each in evidence.values if each.kind == "pseudonym")
    number = next(each for each in evidence.values if each.kind == "My Number")

    for value in (pseudonym, number):
        raw = value.raw if isinstance(value.raw, bytes) else value.raw.encode()
        for name, content in evidence.databases.items():
            assert scan([(name, content + raw.hex().encode())], [value]), name


def test_the_parties_do_hold_what_they_are_for(evidence: Evidence) -> None:
    """Else the scanner would look in the wrong places."""
    expected = {
        ("authority", "address"),
        ("vault", "name"),
        ("office-tax", "income"),
        ("office-accounts", "account"),
        ("office-kamakura", "address"),
    }

    for name, kind in expected:
        values = [each for each in evidence.values if each.kind == kind]
        assert scan([(name, evidence.databases[name])], values), f"{name}: {kind}"
