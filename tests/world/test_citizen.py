"""A citizen at a browser: speaks as people do, and knows nothing but what the pages show."""

import pytest

from kiban.world import cast
from kiban.world.browser import PageRefused
from kiban.world.citizen import Citizen

PEOPLE = cast.load_checked(cast.shipped_country()).people
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def citizen(same_country):
    def make(name: str) -> Citizen:
        country = same_country
        return Citizen(PEOPLE[name], country.http, country.origin("portal"), country.clock)

    return make


async def test_hanako_applies_and_is_granted(citizen, same_country):
    hanako = citizen("hanako")
    await hanako.logs_in()
    await hanako.opens("child-allowance")
    await hanako.agrees()
    shown = hanako.held()

    await hanako.searches("employer", "あきつ")
    await hanako.fills(from_month="2026-05", confirm=True)
    await hanako.signs()
    await hanako.sends()
    await same_country.settles()

    assert len(shown) == 3
    assert await hanako.outcome() == "granted"
    assert any("児童手当の支給を決定しました" in notice for notice in await hanako.notices())
    seen = [(line["inquirer"], line["provider"], line["item"]) for line in await hanako.history()]
    assert ("kamakura", "tax", "income") in seen
    assert all(line["verified"] == "yes" for line in await hanako.history())


async def test_the_pin_is_typed_only_at_the_cards_page(citizen, same_country):
    taro = citizen("taro")
    typed = []
    send = taro.browser.http.send

    async def listening(method, url, *, content=b"", **more):
        if b"2345" in content or "2345" in url:
            typed.append(url.rpartition("/")[0])
        return await send(method, url, content=content, **more)

    taro.browser.http = type("Ear", (), {"send": staticmethod(listening)})()

    await taro.logs_in()

    assert typed == [same_country.origin("cards")]


async def test_a_wrong_pin_keeps_one_at_the_card(citizen):
    taro = citizen("taro")
    await taro.goes_to_login()

    page = await taro.holds_up_card("0000")

    assert page.status == 403
    assert page.has_form("tap")
    await taro.holds_up_card()
    assert taro.page.status == 200


async def test_another_persons_card_signs_nothing_for_me(citizen):
    maria = citizen("maria")
    await maria.logs_in()
    await maria.opens("child-allowance")
    await maria.browser.submit("agree")

    page = await maria.holds_up_card("1234", card="hanako")

    assert page.status >= 400


@pytest.mark.parametrize("name", ["yoshi", "sota"])
async def test_who_has_no_card_cannot_hold_one_up(citizen, name):
    somebody = citizen(name)
    await somebody.goes_to_login()

    with pytest.raises(LookupError, match="has no card"):
        await somebody.holds_up_card()


async def test_who_is_not_logged_in_sees_nobodys_history(citizen, same_country):
    stranger = citizen("hanako")

    with pytest.raises(PageRefused):
        await stranger.history()
    assert await stranger.is_refused(f"{same_country.origin('portal')}/notices")


async def test_who_logs_out_is_out(citizen, same_country):
    taro = citizen("taro")
    await taro.logs_in()

    await taro.logs_out()

    assert await taro.is_refused(f"{same_country.origin('portal')}/history")


async def test_a_citizen_does_not_show_a_pin(citizen):
    assert repr(citizen("hanako")) == "Citizen(hanako)"
