"""Clerks: where an office answers nobody by machine, a citizen waits, hears of it, and gets a decision in the end."""

from datetime import timedelta

import pytest

from kiban.world import cast
from kiban.world.citizen import Citizen
from kiban.world.office.records import Entry
from kiban.world.people import person_number

PEOPLE = cast.load_checked(cast.shipped_country()).people
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def tax(same_country):
    return same_country.apps["gateway:tax"].state.office


async def mark(office, name: str, flag: str) -> None:
    """Let the tax office look at each inquiry about this person, or not."""
    persona = PEOPLE[name]
    (income,) = [each for each in persona.records if each.item == "income"]
    entry = Entry(income.item, income.values, income.as_of, flag)
    await office.records.load(person_number("tax", name), persona.attributes(), [entry])


async def test_a_citizen_waits_for_a_clerk_elsewhere_and_is_decided_then(same_country, tax):
    hanako = Citizen(
        PEOPLE["hanako"], same_country.http, same_country.origin("portal"), same_country.clock
    )
    await hanako.logs_in()
    await hanako.opens("child-allowance")
    await hanako.agrees()
    await hanako.fills(from_month="2026-05", confirm=True)
    await mark(tax, "hanako", "no-automatic-answer")

    await hanako.signs()
    await same_country.some_time_passes()

    (waiting,) = await tax.records.waiting()
    assert (waiting.item, waiting.inquirer) == ("income", "kamakura")
    assert any("待っています" in notice for notice in await hanako.notices())

    await tax.records.decide(waiting, allowed=True)
    await same_country.time_passes(timedelta(minutes=5))
    await same_country.some_time_passes()

    granted = await hanako.notices()
    assert any("支給を決定しました" in notice for notice in granted)
    assert not any("変わった情報" in notice for notice in granted)
    inquiries = [
        line
        for line in await hanako.history()
        if (line["inquirer"], line["item"]) == ("kamakura", "income")
    ]
    assert len(inquiries) == 1


async def test_a_protected_record_looks_like_nothing_held(same_country, tax):
    await mark(tax, "taro", "withheld")
    taro = Citizen(
        PEOPLE["taro"], same_country.http, same_country.origin("portal"), same_country.clock
    )
    await taro.logs_in()
    await taro.opens("child-allowance")

    page = await taro.agrees()

    assert page.part("held-income").attributes["data-outcome"] == "not-held"
