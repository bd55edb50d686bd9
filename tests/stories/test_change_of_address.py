"""
Hanako moves from Onarimachi to Hase, within Kamakura, and tells the city alone.

Whoever else needs her address hears that it changed, asks for it under the law, and she sees who did.
"""

import pytest

from kiban.world.browser import PageRefused
from kiban.world.citizen import Citizen
from tests.stories.country import Country

PROCEDURE = "change-of-address"
OLD, NEW = "神奈川県鎌倉市御成町99番99号", "神奈川県鎌倉市長谷1丁目2番3号"
CITY, NETWORK, TAX, ACCOUNTS = "kamakura", "resident-network", "tax", "accounts"
OFFICE = "change-office"
RECORDS = ("kamakura/resident-record", "tax/registered-address", "accounts/registered-address")


async def moves(hanako: Citizen, *, to: str = "鎌倉市長谷", on: str = "2026-03-28") -> None:
    """File the change of address, to the end."""
    await hanako.opens(PROCEDURE)
    await hanako.agrees()
    await hanako.searches("moved_to", to)
    await hanako.fills({"moved_to-rest": "1丁目2番3号", "moved_on": on})
    await hanako.signs()
    await hanako.sends()


@pytest.fixture
async def hanako(country: Country) -> Citizen:
    """Hanako, logged in, after her move."""
    hanako = country.citizen("hanako")
    await hanako.logs_in()
    await moves(hanako)
    await country.settles()
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


async def test_she_is_asked_nothing_that_the_city_holds(country: Country) -> None:
    hanako = country.citizen("hanako")
    await hanako.logs_in()
    await hanako.opens(PROCEDURE)

    await hanako.agrees()

    asked = {control.name.partition("-")[0] for control in hanako.page.form("answers").controls}
    assert asked - {"csrf"} == {"moved_to", "moved_on"}
    assert OLD in " ".join(text for entry in hanako.held() for text in entry.values())


async def test_she_sees_who_told_and_who_asked(hanako: Citizen) -> None:
    history = await hanako.history()

    told = [(line["kind"], line["inquirer"], line["provider"], line["item"]) for line in history]
    for expected in (
        ("announce", CITY, OFFICE, "resident-record"),
        ("inquiry", NETWORK, CITY, "resident-record"),
        ("announce", NETWORK, OFFICE, "four-attributes"),
        ("inquiry", TAX, NETWORK, "four-attributes"),
        ("inquiry", ACCOUNTS, NETWORK, "four-attributes"),
    ):
        assert told.count(expected) == 1, expected
    assert all(line["verified"] == "yes" for line in history)


async def test_the_page_of_the_notice_says_which_offices_know(
    country: Country, hanako: Citizen
) -> None:
    page = await hanako.browser.open(hanako.page.url)

    followers = page.parts("follower")
    offices = [each.attributes["data-office"] for each in followers]
    assert (offices[0], sorted(offices)) == (NETWORK, sorted((NETWORK, TAX, ACCOUNTS)))
    assert {each.attributes["data-verified"] for each in followers} == {"yes"}


async def test_nobody_elses_history_tells_of_it(country: Country, hanako: Citizen) -> None:
    taro = country.citizen("taro")
    await taro.logs_in()

    history = await taro.history()

    kinds = {(line["kind"], line["affair"]) for line in history}
    assert ("announce", "record-upkeep") not in kinds
    assert ("inquiry", "record-upkeep") not in kinds
    assert OLD in (await taro.looks_at("kamakura/resident-record")).text


async def test_her_card_signs_no_more_and_still_logs_her_in(
    country: Country, hanako: Citizen
) -> None:
    again = country.citizen("hanako")

    await again.logs_in()
    await again.opens("child-allowance")
    await again.agrees()
    await again.fills({"from_month": "2026-05", "confirm": True})
    with pytest.raises(PageRefused, match="このカードの証明書は失効しています"):
        await again.signs()


async def test_at_the_counter_her_card_learns_to_sign_again(
    country: Country, hanako: Citizen
) -> None:
    clerk = country.clerk(CITY)
    await clerk.signs_in()
    await clerk.begins_renewal()

    await hanako.renews_signature(clerk.terminal, "HASE2026")

    await hanako.applies_for("child-allowance", {"from_month": "2026-05", "confirm": True})
    await country.settles()
    assert await hanako.outcome() == "granted"


async def test_a_move_to_another_city_is_not_entered_here(country: Country) -> None:
    hanako = country.citizen("hanako")
    await hanako.logs_in()

    await moves(hanako, to="千代田区大手町")
    await country.settles()

    assert await hanako.outcome() == "refused"
    assert OLD in (await hanako.looks_at("kamakura/resident-record")).text
