"""When something goes wrong: what people are told, and what does not happen.  One country for all of it."""

from datetime import timedelta

import pytest
import pytest_asyncio

from kiban.gateway.contract import Acquisition, InquiryRequest
from kiban.mesh.contract import DomainExcluded
from kiban.shared.problems import Unavailable
from kiban.shared.tokens import TokenRefused
from kiban.world.browser import PageRefused
from kiban.world.cast import shipped_country
from kiban.world.people import person_number
from tests.stories.country import moved_in, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
ANSWERS = {"from_month": "2026-05", "confirm": True}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(lived_in, postal_data, tmp_path_factory):
    settled = moved_in(lived_in, tmp_path_factory.mktemp("trouble") / "data", shipped_country())
    async with running(settled, postal_data) as here:
        yield here


def income_of(name: str) -> InquiryRequest:
    return InquiryRequest(
        provider="tax",
        affair="child-allowance",
        item="income",
        people=[person_number("kamakura", name)],
    )


async def gives_up(citizen) -> None:
    """Leave no draft behind."""
    page = await citizen.browser.open(f"{citizen.portal_origin}/")
    await citizen.browser.open(
        next(e.href for e in page.markup.links if "/applications/" in e.href)
    )
    await citizen.browser.submit("discard")


async def test_a_wrong_pin_is_counted_and_the_third_locks_the_card(country):
    mei = country.citizen("mei")
    await mei.goes_to_login()

    told = [(await mei.holds_up_card("9999")).text for _ in range(3)]
    right = await mei.holds_up_card()

    assert "残り2回" in told[0].replace(" ", "") or "2" in told[0]
    assert right.status >= 400
    assert not right.path.startswith("/procedures")
    assert right.has_form("tap")


async def test_a_revoked_card_opens_nothing(country):
    kenji = country.citizen("kenji")
    await kenji.goes_to_login()

    page = await kenji.holds_up_card()

    assert page.status == 403
    assert page.has_form("tap")


async def test_somebody_elses_card_signs_nothing(country):
    hanako = country.citizen("hanako")
    await hanako.logs_in()
    await hanako.opens("child-allowance")
    await hanako.agrees()
    await hanako.fills(ANSWERS)
    await hanako.browser.submit("sign")

    taro = country.people["taro"].card
    page = await hanako.holds_up_card(taro.signature_pin.reveal(), card="taro")

    assert page.status == 403
    assert page.has_form("tap")
    await gives_up(hanako)


async def test_an_office_that_is_away_is_named_and_its_record_is_not_asked_for(country):
    hanako = country.citizen("hanako")
    await hanako.logs_in()
    await hanako.opens("child-allowance")
    await country.operate("PUT", "gateway:tax", "/faults/office-away")

    try:
        await hanako.agrees()
    finally:
        await country.operate("DELETE", "gateway:tax", "/faults/office-away")
    missing = hanako.page.part("missing").text
    asked = {control.name for control in hanako.page.form("answers").controls}
    country.clock.advance(timedelta(minutes=1))
    await country.settles()
    await hanako.browser.open(hanako.page.url)
    if hanako.page.has_form("prefill"):
        await hanako.browser.submit("prefill")
    else:
        await hanako.browser.follow("approve-again")
        await hanako.agrees()

    held = " ".join(text for entry in hanako.held() for text in entry.values())
    await gives_up(hanako)
    assert "税務署" in missing
    assert "income" not in asked
    assert "3,460,000円" in held


async def test_a_forged_answer_is_refused_and_named(country):
    await country.operate("PUT", "gateway:tax", "/faults/answer-forged", {"how": "altered"})
    try:
        with pytest.raises(TokenRefused, match="kiban-answer"):
            await country.gateway("kamakura").inquire(income_of("taro"))
    finally:
        await country.operate("DELETE", "gateway:tax", "/faults/answer-forged")


async def test_an_office_that_is_away_answers_nothing_and_says_so(country):
    await country.operate("PUT", "gateway:tax", "/faults/office-away")
    try:
        with pytest.raises(Unavailable):
            await country.gateway("kamakura").inquire(income_of("taro"))
    finally:
        await country.operate("DELETE", "gateway:tax", "/faults/office-away")


async def test_the_police_are_refused_by_rule(country):
    police = country.gateway("police")
    taro = country.people["taro"].attributes()
    await police.acquire(Acquisition(person="P1", attributes=taro))

    with pytest.raises(DomainExcluded):
        await police.inquire(income_of("taro").model_copy(update={"people": ["P1"]}))


async def test_without_a_card_there_is_no_way_in(country):
    yoshi = country.citizen("yoshi")
    await yoshi.goes_to_login()

    with pytest.raises(LookupError, match="no card"):
        await yoshi.holds_up_card()


async def test_an_ended_session_shows_nothing(country):
    taro = country.citizen("taro")
    await taro.logs_in()
    country.clock.advance(timedelta(hours=9))

    page = await taro.browser.open(f"{country.origin('portal')}/records")

    assert "5,120,000" not in page.text
    with pytest.raises((PageRefused, LookupError)):
        page.table("held")
