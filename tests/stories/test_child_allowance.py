"""
The main job, as Hanako would tell it.

She lives in Kamakura with Taro, Mei and Sota, and applies for child allowance.  The numbers are those of docs/story.md.
"""

from tests.stories.country import Country

ANSWERS = {"from_month": "2026-05", "confirm": True}


async def test_hanako_applies_for_child_allowance(country: Country) -> None:
    hanako = country.citizen("hanako")

    await hanako.logs_in()  # 1
    await hanako.opens("child-allowance")  # 2
    await hanako.agrees()  # 3
    held = " ".join(text for entry in hanako.held() for text in entry.values())  # 4
    await hanako.fills(ANSWERS)
    await hanako.signs()  # 5
    await hanako.sends()  # 6
    await country.settles()  # 7

    assert "見本 芽衣" in held
    assert "3,460,000円" in held
    assert "9990512" in held
    assert await hanako.outcome() == "granted"
    assert "児童手当の支給を決定しました" in (await hanako.notices())[0]


async def test_hanako_sees_who_read_what(country: Country) -> None:
    hanako = country.citizen("hanako")
    await hanako.logs_in()
    await hanako.applies_for("child-allowance", ANSWERS)
    await country.settles()

    history = await hanako.history()  # 8

    asked = [(line["inquirer"], line["provider"], line["item"]) for line in history]
    assert asked.count(("kamakura", "tax", "income")) == 1
    assert asked.count(("kamakura", "accounts", "bank-account")) == 1
    assert asked.count(("portal", "kamakura", "child-allowance")) == 1
    assert asked.count(("portal", "tax", "income")) == 1
    assert all(line["verified"] == "yes" for line in history)


async def test_nobody_else_sees_her_history(country: Country) -> None:
    hanako, taro = country.citizen("hanako"), country.citizen("taro")
    await hanako.logs_in()
    await hanako.applies_for("child-allowance", ANSWERS)
    await country.settles()
    await taro.logs_in()

    asked = {(line["inquirer"], line["item"]) for line in await taro.history()}

    assert ("kamakura", "income") not in asked
    assert await taro.notices() == []
    assert await taro.is_refused(hanako.page.url)


async def test_she_is_never_asked_what_an_office_holds(country: Country) -> None:
    hanako = country.citizen("hanako")
    await hanako.logs_in()
    await hanako.opens("child-allowance")

    await hanako.agrees()

    asked = {control.name for control in hanako.page.form("answers").controls}
    assert not asked & {"household", "income", "account", "name", "address", "birth_date"}


async def test_an_application_that_is_sent_twice_is_one_application(country: Country) -> None:
    hanako = country.citizen("hanako")
    await hanako.logs_in()
    await hanako.applies_for("child-allowance", ANSWERS)

    await hanako.sends()
    await hanako.browser.open(hanako.page.url)
    await country.settles()

    decisions = [each for each in await hanako.notices() if "決定" in each]
    assert len(decisions) == 1
