"""The whole country on PostgreSQL, which is restarted without a goodbye in the middle of everything."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from kiban.deploy import house
from kiban.deploy.premises import file_name
from kiban.world.cast import shipped_country
from tests.conftest import embedded
from tests.stories.country import running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.postgres,
    pytest.mark.slow,
]
LEASE = timedelta(seconds=11)
"""After which what a courier had claimed, and could not say that it had delivered, is tried again."""
ANSWERS = {"from_month": "2026-05", "confirm": True}


@pytest.fixture(scope="module")
def server():
    with embedded() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(server, tmp_path_factory, postal_data):
    settled = house.settle(tmp_path_factory.mktemp("postgres") / "data", shipped_country())
    offices = [f"office:{member}" for member in settled.country.agencies]
    admin = await asyncpg.connect(server.url.format("postgres").replace("+asyncpg", ""))
    for role in (*settled.roles, *offices, "vault"):
        await admin.execute(f'CREATE DATABASE "{file_name(role)}"')
    await admin.close()
    database = server.url.format("{role}")
    async with running(settled, postal_data, database=database) as here:
        yield here


async def test_a_database_that_is_restarted_loses_nothing(country, server):
    hanako = country.citizen("hanako")
    await hanako.logs_in()
    await hanako.opens("child-allowance")
    for step in (hanako.agrees, lambda: hanako.fills(ANSWERS), hanako.signs, hanako.sends):
        await step()
        await asyncio.to_thread(server.restart)
        country.clock.advance(LEASE)

    await country.settles()

    assert await hanako.outcome() == "granted"
    assert sum("支給を決定しました" in each for each in await hanako.notices()) == 1
    history = await hanako.history()
    assert {line["verified"] for line in history} == {"yes"}
    # One application: a carrying whose reply was lost is permitted, and so logged, anew.
    page = await hanako.browser.open(f"{hanako.portal_origin}/")
    assert len({link.href for link in page.markup.links if "/applications/" in link.href}) == 1
    assert any(line["kind"] == "submission" for line in history)


async def test_who_comes_while_the_database_is_away_is_told_so_and_goes_on_later(country, server):
    taro = country.citizen("taro")
    await taro.logs_in()
    restarting = asyncio.create_task(asyncio.to_thread(server.restart))

    told = set()
    while not restarting.done():
        told.add((await taro.browser.open(f"{taro.portal_origin}/")).status)
        await asyncio.sleep(0.02)
    await restarting

    country.clock.advance(LEASE)
    assert 503 in told <= {200, 503}
    await taro.applies_for("child-allowance", ANSWERS)
    await country.settles()
    assert await taro.outcome() == "returned"  # the register has no account of his
