"""
Hanako moves from Onarimachi to Hase, within Kamakura, and tells the city alone.

Whoever else needs her address hears that it changed, asks for it under the law, and she sees who did.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kiban.world.browser import PageRefused
from kiban.world.cast import shipped_country
from kiban.world.citizen import Citizen
from tests.stories.country import Country, moved_in, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROCEDURE = "change-of-address"
OLD, NEW = "神奈川県鎌倉市御成町99番99号", "神奈川県鎌倉市長谷1丁目2番3号"
CITY, NETWORK, OFFICE = "kamakura", "resident-network", "change-office"
FOLLOWERS = ("tax", "pension", "health-insurer", "accounts", "vehicles")
RECORDS = ("kamakura/resident-record", *(f"{each}/registered-address" for each in FOLLOWERS))


async def moves(hanako: Citizen, *, to: str = "鎌倉市長谷", on: str = "2026-03-28") -> None:
    """File the change of address, to the end."""
    await hanako.opens(PROCEDURE)
    await hanako.agrees()
    await hanako.searches("moved_to", to)
    await hanako.fills({"moved_to-rest": "1丁目2番3号", "moved_on": on})
    await hanako.signs()
    await hanako.sends()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(
    lived_in: Path, tmp_path_factory: pytest.TempPathFactory, postal_data: Path
) -> AsyncIterator[tuple[Country, Citizen, str]]:
    """A country in which Hanako has moved, she herself, and where her application stands."""
    place = tmp_path_factory.mktemp("told") / "data"
    async with running(moved_in(lived_in, place, shipped_country()), postal_data) as country:
        hanako = country.citizen("hanako")
        await hanako.logs_in()
        await moves(hanako)
        await country.settles()
        yield country, hanako, hanako.page.url


@pytest.fixture
def changed(told: tuple[Country, Citizen, str]) -> Country:
    return told[0]


@pytest_asyncio.fixture(loop_scope="module")
async def hanako(told: tuple[Country, Citizen, str]) -> Citizen:
    """Hanako, logged in, after her move."""
    _, hanako, application = told
    await hanako.browser.open(application)
    return hanako


async def test_she_tells_one_office_and_every_office_knows(hanako: Citizen) -> None:
    assert await hanako.outcome() == "granted"

    shown = await hanako.looks_at(*RECORDS)

    records = [
        part.text
        for item in ("resident-record", "registered-address")
        for part in shown.parts(f"record-{item}")
    ]
    assert len(records) == len(RECORDS)
    assert all(NEW in record and OLD not in record for record in records)
    assert sum("2026年3月28日" in record for record in records) == len(RECORDS)


async def test_she_sees_who_told_and_who_asked(hanako: Citizen) -> None:
    history = await hanako.history()

    told = [(line["kind"], line["inquirer"], line["provider"], line["item"]) for line in history]
    for expected in (
        ("announce", CITY, OFFICE, "resident-record"),
        ("inquiry", NETWORK, CITY, "resident-record"),
        ("announce", NETWORK, OFFICE, "four-attributes"),
        *(("inquiry", each, NETWORK, "four-attributes") for each in FOLLOWERS),
    ):
        assert told.count(expected) == 1, expected
    assert {provider for kind, _, provider, _ in told if kind == "inquiry"}.isdisjoint({"fujisawa"})
    assert all(line["verified"] == "yes" for line in history)


async def test_the_page_of_the_notice_says_which_offices_know(hanako: Citizen) -> None:
    page = await hanako.browser.open(hanako.page.url)

    followers = page.parts("follower")
    offices = [each.attributes["data-office"] for each in followers]
    assert (offices[0], sorted(offices)) == (NETWORK, sorted((NETWORK, *FOLLOWERS)))
    assert {each.attributes["data-verified"] for each in followers} == {"yes"}


async def test_nobody_elses_history_tells_of_it(changed: Country) -> None:
    taro = changed.citizen("taro")
    await taro.logs_in()

    history = await taro.history()

    kinds = {(line["kind"], line["affair"]) for line in history}
    assert ("announce", "record-upkeep") not in kinds
    assert ("inquiry", "record-upkeep") not in kinds
    assert OLD in (await taro.looks_at("kamakura/resident-record")).text


async def test_her_card_signs_no_more_until_it_learns_to_at_the_counter(changed: Country) -> None:
    again, clerk = changed.citizen("hanako"), changed.clerk(CITY)

    await again.logs_in()
    await again.opens("child-allowance")
    await again.agrees()
    await again.fills({"from_month": "2026-05", "confirm": True})
    filled = again.page.url
    with pytest.raises(PageRefused, match="このカードの証明書は失効しています"):
        await again.signs()

    await clerk.signs_in()
    await clerk.begins_renewal()
    await again.renews_signature(clerk.terminal, "HASE2026")

    await again.browser.open(filled)
    await again.signs()
    await again.sends()
    await changed.settles()
    assert await again.outcome() == "granted"


async def test_a_move_to_another_city_is_not_entered_here(changed: Country) -> None:
    taro = changed.citizen("taro")
    await taro.logs_in()

    await moves(taro, to="千代田区大手町")
    await changed.settles()

    assert await taro.outcome() == "refused"
    assert OLD in (await taro.looks_at("kamakura/resident-record")).text


async def test_nobody_is_asked_what_the_city_holds(changed: Country) -> None:
    maria = changed.citizen("maria")
    await maria.logs_in()
    await maria.opens(PROCEDURE)

    await maria.agrees()

    asked = {control.name.partition("-")[0] for control in maria.page.form("answers").controls}
    assert asked - {"csrf"} == {"moved_to", "moved_on"}
    held = " ".join(text for entry in maria.held() for text in entry.values())
    assert changed.people["maria"].attributes().address in held
