"""
The main job, as Hanako would tell it.

She lives in Kamakura with Taro, Mei and Sota, and applies for child allowance.  The numbers are those of docs/story.md.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from kiban.world.cast import shipped_country
from kiban.world.citizen import Citizen
from tests.stories.country import Country, moved_in, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
ANSWERS = {"from_month": "2026-05", "confirm": True}


@dataclass
class Applied:
    """Hanako, who has applied; what she was shown, and where her application stands."""

    country: Country
    hanako: Citizen
    asked: set[str]
    held: str
    application: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def applied(
    lived_in: Path, tmp_path_factory: pytest.TempPathFactory, postal_data: Path
) -> AsyncIterator[Applied]:
    settled = moved_in(lived_in, tmp_path_factory.mktemp("applied") / "data", shipped_country())
    async with running(settled, postal_data) as country:
        hanako = country.citizen("hanako")

        await hanako.logs_in()  # 1
        await hanako.opens("child-allowance")  # 2
        await hanako.agrees()  # 3
        asked = {control.name for control in hanako.page.form("answers").controls}
        held = " ".join(text for entry in hanako.held() for text in entry.values())  # 4
        await hanako.fills(ANSWERS)
        await hanako.signs()  # 5
        await hanako.sends()  # 6
        await country.settles()  # 7

        yield Applied(country, hanako, asked, held, hanako.page.url)


async def test_hanako_applies_for_child_allowance(applied: Applied) -> None:
    await applied.hanako.browser.open(applied.application)

    assert await applied.hanako.outcome() == "granted"
    assert "児童手当の支給を決定しました" in (await applied.hanako.notices())[0]


async def test_what_offices_hold_is_shown_to_her(applied: Applied) -> None:
    assert "見本 芽衣" in applied.held
    assert "3,460,000円" in applied.held
    assert "9990512" in applied.held


async def test_she_is_never_asked_what_an_office_holds(applied: Applied) -> None:
    held = {"household", "income", "account", "name", "address", "birth_date"}

    assert not applied.asked & held
    assert ANSWERS.keys() <= applied.asked


async def test_hanako_sees_who_read_what(applied: Applied) -> None:
    history = await applied.hanako.history()  # 8

    asked = [(line["inquirer"], line["provider"], line["item"]) for line in history]
    assert asked.count(("kamakura", "tax", "income")) == 1
    assert asked.count(("kamakura", "accounts", "bank-account")) == 1
    assert asked.count(("portal", "kamakura", "child-allowance")) == 1
    assert asked.count(("portal", "tax", "income")) == 1
    assert all(line["verified"] == "yes" for line in history)


async def test_her_husband_sees_that_his_own_income_was_asked_for_and_as_whose(
    applied: Applied,
) -> None:
    taro = applied.country.citizen("taro")
    await taro.logs_in()

    lines = [line for line in await taro.history() if line["inquirer"] == "kamakura"]

    assert [(line["provider"], line["item"]) for line in lines if line["item"]] == [
        ("tax", "income")
    ]
    assert "請求者の配偶者の所得" in taro.browser.page.text
    assert "3,120,000" not in applied.held


async def test_nobody_else_sees_her_history(applied: Applied) -> None:
    taro = applied.country.citizen("taro")
    await taro.logs_in()

    asked = {(line["inquirer"], line["item"]) for line in await taro.history()}

    assert ("kamakura", "bank-account") not in asked
    assert await taro.notices() == []
    assert await taro.is_refused(applied.application)


async def test_an_application_that_is_sent_twice_is_one_application(applied: Applied) -> None:
    hanako = applied.hanako
    before = await hanako.notices()
    await hanako.applies_for("child-allowance", ANSWERS)

    await hanako.sends()
    await hanako.browser.open(hanako.page.url)
    await applied.country.settles()

    assert sum("決定" in each for each in before) == 1
    assert sum("決定" in each for each in await hanako.notices()) == 2
