"""
Hanako flees with her daughter, and whoever stayed finds out nothing about where to.

Everything that an adversary can see must be the same in a country where she is in Fujisawa and in one where she is in
Zushi (non-interference).  The stateful test draws what is done; with KIBAN_ADVERSARY=200 it draws for longer.
"""

import asyncio
import difflib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from unittest.mock import ANY

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from kiban.gateway.contract import HISTORY_CLOSED, HISTORY_OPENED
from kiban.world.browser import PageRefused
from tests.stories.architect import add_municipality, copied_country
from tests.stories.country import postal_data_of
from tests.stories.shelters import FLAGS, FLED, OLD, Flight, Step, fled, lived, observed, steps
from tests.stories.test_moving import FOLLOWERS

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("protection"),
]
DRAWN = int(os.environ.get("KIBAN_ADVERSARY", "12"))


@dataclass
class Flights:
    one: Flight
    other: Flight
    steps: dict[str, Step]

    async def compare(self, name: str) -> None:
        """Do one thing in both countries: what is seen must be the same."""
        one = await observed(self.steps[name], self.one)
        other = await observed(self.steps[name], self.other)
        found = difflib.unified_diff(*map(_lines, (one, other)), n=0, lineterm="")
        assert one == other, "\n".join([name, *found])


def _lines(seen: tuple[object, list[str]]) -> list[str]:
    shown, logged = seen
    return [*(shown if isinstance(shown, list) else [str(shown)]), *logged]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flights(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Flights]:
    place = tmp_path_factory.mktemp("flights")
    folder = copied_country(place)
    add_municipality(folder)
    postal = postal_data_of(folder, place)
    await lived(place / "data", folder, postal)
    async with (
        fled(place / "data", place / "one", folder, postal, "fujisawa") as one,
        fled(place / "data", place / "other", folder, postal, "zushi") as other,
    ):
        yield Flights(one, other, steps(folder))


async def test_whoever_must_know_where_she_is_does_and_the_marks_came_with_it(
    flights: Flights,
) -> None:
    for flight in (flights.one, flights.other):
        for member in (flight.to, "resident-network", *FOLLOWERS):
            values, marks = await flight.held(member, "hanako")
            assert values["address"] == flight.address, member
            assert set(marks) == set(FLAGS), member


async def test_the_old_municipality_knows_that_she_has_gone(flights: Flights) -> None:
    for flight in (flights.one, flights.other):
        assert await flight.held(OLD, "hanako") is None
        taro = await flight.card_of("taro")
        page = await taro.looks_at(f"{OLD}/household")
        assert "蒼太" in page.text
        assert "花子" not in page.text


async def test_each_thing_that_can_be_done_shows_the_same(flights: Flights) -> None:
    for name in flights.steps:
        await flights.compare(name)


async def test_whatever_is_done_in_whatever_order_shows_the_same(flights: Flights) -> None:
    await asyncio.to_thread(attack, flights, asyncio.get_running_loop())


def attack(flights: Flights, loop: asyncio.AbstractEventLoop) -> None:
    names = list(flights.steps)

    class Adversary(RuleBasedStateMachine):
        @rule(name=st.sampled_from(names))
        def does(self, name: str) -> None:
            asyncio.run_coroutine_threadsafe(flights.compare(name), loop).result()

    run_state_machine_as_test(
        Adversary,
        settings=settings(
            max_examples=max(1, DRAWN // 6),
            stateful_step_count=6,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def test_the_line_that_closes_her_history_comes_before_any_that_names_the_new_city(
    flights: Flights,
) -> None:
    for flight in (flights.one, flights.other):
        histories = await flight.closed_histories()
        assert len(histories) == len(FLED)
        for lines in histories:
            closed = min(line.index for line in lines if line.item == HISTORY_CLOSED)
            named = [one.index for one in lines if flight.to in (one.inquirer, one.provider)]
            assert named
            assert closed < min(named)


async def test_it_ends_where_it_was_asked_for_each_flag_by_itself(flights: Flights) -> None:
    """The last of the tests: what was secret is shown afterwards."""
    flight = flights.one
    clerk, hanako = flight.country.clerk(flight.to), await flight.card_of("hanako")
    await clerk.signs_in()

    with pytest.raises(PageRefused, match="前のカードがまだ有効です"):
        await clerk.changes_protection("花子", "undisclosed")
    await clerk.changes_protection("花子", "no-own-information")
    await flight.country.settles()

    assert {line["item"] for line in await hanako.history()} >= {HISTORY_CLOSED, HISTORY_OPENED}
    page = await flight.country.citizen("hanako").logs_in_at(flight.country.origin("bank"))
    assert page.part("address").text == flight.address
    assert flight.address not in (await hanako.looks_at("tax/registered-address")).text
    await flight.country.apps["gateway:resident-network"].state.network().report_loss("hanako")
    await clerk.changes_protection("花子")
    await flight.country.settles()
    for member in (flight.to, "resident-network", *FOLLOWERS):
        assert await flight.held(member, "hanako") == (ANY, [])
