"""
A nation of toy municipalities: somebody moves between two that nobody wrote by hand, and nobody else is woken.

Five municipalities in one in-process country, three of them generated, all behind the one door of the hall.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import pytest_asyncio

from kiban.deploy import house
from kiban.deploy.hall import Opened
from kiban.gateway.contract import AnnouncementRequest
from kiban.mesh.client import read_directory
from kiban.shared import encoding
from kiban.shared.exchanges import new_id
from kiban.world import cast
from kiban.world.citizen import Citizen
from kiban.world.people import person_number
from tests.deploy.test_nation import written
from tests.stories.country import Country, postal_data_of, running
from tests.stories.test_moving import files

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("nation"),
]


@dataclass
class Nation:
    """What was seen of the country, from before the move until after it."""

    country: Country
    towns: list[str]
    asleep_at_first: bool = False
    woken: set[str] = field(default_factory=set)
    outcomes: list[str] = field(default_factory=list)
    history: list[dict[str, str]] = field(default_factory=list)
    record: str = ""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nation]:
    place = tmp_path_factory.mktemp("nation")
    folder = written(place)
    settled = house.settle(place / "data", folder, crowd=3)
    towns = [one for one in settled.asleep if one.startswith("m")]
    async with running(settled, postal_data_of(folder, place)) as country:
        seen = Nation(country, towns, asleep_at_first=not country.hall.awake)
        await somebody_moves(seen)
        yield seen


async def somebody_moves(seen: Nation) -> None:
    """From the first of the generated municipalities to the second."""
    country, (old, new, *_) = seen.country, seen.towns
    persona, clerk = country.citizen(f"{old}-a"), country.clerk(new)
    await persona.logs_in()
    town = cast.load_checked(country.house.settled.folder).people[f"{new}-a"].address
    await files(
        persona,
        out=old,
        to=town.text.removesuffix(town.rest),
        movers={"movers-1": True, "movers-2": True},
        on="2026-03-30",
    )
    await persona.signs()
    await persona.sends()
    await country.settles()
    seen.outcomes.append(await persona.outcome())
    await clerk.signs_in()
    [notice] = await clerk.finds()
    await clerk.takes(notice)
    await country.settles()
    seen.outcomes.append(await persona.outcome())
    seen.history = await persona.history()
    seen.woken = set(country.hall.awake)
    seen.record = await shown(country, persona, new)


async def shown(country: Country, persona: Citizen, town: str) -> str:
    """What the municipality holds of somebody, as their own page shows it."""
    page = await persona.looks_at(f"{town}/resident-record")
    name = country.house.country.agencies[town].name["ja"]
    [text] = [one.text for one in page.parts("record-resident-record") if name in one.text]
    return text


async def rest(country: Country) -> None:
    """Let everything arrive, and be proven, as some minutes do."""
    for _ in range(2):
        await country.settles()
        await country.time_passes(timedelta(minutes=1))
    await country.settles()


async def test_somebody_moves_between_two_that_nobody_wrote_by_hand(here: Nation) -> None:
    assert here.outcomes == ["granted", "completed"]
    town = cast.load_checked(here.country.house.settled.folder).people[f"{here.towns[1]}-a"]
    assert town.address.text.removesuffix(town.address.rest) in here.record
    assert all(line["verified"] == "yes" for line in here.history)


async def test_only_the_two_municipalities_of_a_move_are_woken(here: Nation) -> None:
    assert here.asleep_at_first
    assert here.woken == set(here.towns[:2])
    told = {(line["inquirer"], line["provider"]) for line in here.history}
    assert not {one for pair in told for one in pair} & {here.towns[2], "kamakura", "fujisawa"}


# --- sleeping ---------------------------------------------------------------------------------------


async def test_whoever_is_left_alone_sleeps_again_and_has_forgotten_nothing(here: Nation) -> None:
    country, new = here.country, here.towns[1]
    usual, country.hall.idle = country.hall.idle, 0.0
    async with asyncio.timeout(60):
        while country.hall.awake:
            await rest(country)
            await country.hall.look_around()
    country.hall.idle = usual

    assert not list(country.hall.marks.iterdir())
    mover = country.citizen(f"{here.towns[0]}-a")
    await mover.logs_in()
    assert await shown(country, mover, new) == here.record
    assert set(country.hall.awake) == {new}


async def test_who_has_something_left_to_do_does_not_sleep(here: Nation) -> None:
    country, old = here.country, here.towns[2]
    room = country.hall.rooms[old]
    app = await country.hall.wake(room)
    request = AnnouncementRequest(
        id=new_id(),
        to=here.towns[1],
        affair="moving",
        item="moving-out",
        people=[person_number(old, f"{old}-a")],
    )
    await app.state.gateway.announce(request)

    slept = await country.hall.sleep(room)

    assert not slept
    async with asyncio.timeout(60):
        while not await country.hall.sleep(room):
            await rest(country)
    assert old not in country.hall.awake


async def test_many_who_speak_at_once_wake_a_member_once(here: Nation) -> None:
    country, town = here.country, here.towns[2]
    await country.hall.sleep(country.hall.rooms[town])
    opened: list[str] = []
    built = country.hall.open
    country.hall.open = lambda member: (opened.append(member), built(member))[1]

    url = country.origin(f"gateway:{town}") + "/health"
    replies = await asyncio.gather(*(country.http.send("GET", url) for _ in range(8)))

    country.hall.open = built
    assert {reply.json()["role"] for reply in replies} == {f"gateway:{town}"}
    assert opened == [town]


async def test_who_was_awake_when_the_power_failed_is_woken_at_the_next_start(here: Nation) -> None:
    country, town = here.country, here.towns[2]
    await country.hall.wake(country.hall.rooms[town])
    before = set(country.hall.awake)
    await country.hall.close()
    assert not country.hall.awake

    await country.hall.wake_marked()

    assert set(country.hall.awake) == before


async def test_a_member_that_cannot_wake_says_so_and_can_later(here: Nation) -> None:
    country, town = here.country, here.towns[2]
    await country.hall.sleep(country.hall.rooms[town])
    built, url = country.hall.open, country.origin(f"gateway:{town}") + "/health"

    def broken(member: str) -> Opened:
        raise OSError(member)

    country.hall.open = broken
    reply = await country.http.send("GET", url)
    country.hall.open = built
    later = await country.http.send("GET", url)

    assert (reply.status, reply.json()["type"]) == (503, "urn:kiban:problem:unavailable")
    assert later.status == 200


# --- whom she writes to -----------------------------------------------------------------------------


@pytest.mark.parametrize("office", ["tax", "nobody", "portal"])
async def test_a_notice_goes_to_no_office_that_does_not_take_it(here: Nation, office: str) -> None:
    mover = here.country.citizen("taro")
    await mover.logs_in()
    page = await mover.opens("moving-out", "kamakura")
    assert page.parts("self-household")

    address = f"{here.country.origin('portal')}/procedures/moving-out?office={office}"

    assert (await mover.browser.open(address)).status == 422


async def test_an_own_key_and_certificate_are_the_same_asleep_and_awake(here: Nation) -> None:
    country, town = here.country, here.towns[2]
    directory = await read_directory(country.http, country.origin("core"))
    [entry] = [one for one in directory.members if one.id == town]

    app = await country.hall.wake(country.hall.rooms[town])

    identity = app.state.gateway.standing.identity
    assert encoding.encode(identity.member.certificate) == entry.certificate
