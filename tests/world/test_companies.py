"""A company knows its customers by a name of its own, and what they agreed to; nothing else."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from kiban.world import cast
from kiban.world.browser import Browser
from kiban.world.citizen import Citizen
from kiban.world.companies import customers
from kiban.world.companies.catalogue import COMPANIES
from kiban.world.companies.following import EVERY

PEOPLE = cast.load_checked(cast.shipped_country()).people
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def bank(same_country):
    return same_country.origin("bank")


@pytest.fixture
def citizen(same_country):
    def make(name: str) -> Citizen:
        country = same_country
        return Citizen(PEOPLE[name], country.http, country.origin("portal"), country.clock)

    return make


async def test_a_customer_logs_in_with_a_card_and_sees_what_the_bank_was_given(citizen, bank):
    maria = citizen("maria")

    page = await maria.logs_in_at(bank)

    assert page.part("name").text == "SAMPLE MARIA"
    assert page.part("address").text == "神奈川県鎌倉市大船9丁目99番99号"
    assert "SIMULATED" in page.text
    assert not any("4567" in address or "MARIA1224" in address for address in maria.browser.visited)


async def test_the_bank_has_another_name_for_the_person_than_the_portal(
    citizen, bank, same_country
):
    taro = citizen("taro")
    await taro.logs_in()

    subject = (await taro.logs_in_at(bank)).part("subject").text

    files = same_country.house.premises.place.glob("portal*")
    assert not any(subject.encode() in file.read_bytes() for file in files)


async def test_who_comes_again_is_the_same_customer(citizen, bank, same_country):
    first = (await citizen("hanako").logs_in_at(bank)).part("subject").text
    second = (await citizen("hanako").logs_in_at(bank)).part("subject").text

    assert first == second
    async with same_country.house.database("bank").read() as connection:
        rows = await connection.execute(
            sa.select(customers.customers).where(customers.customers.c.sub == first)
        )
        assert len(rows.all()) == 1


async def test_who_leaves_is_no_longer_seen(citizen, bank):
    hanako = citizen("hanako")
    await hanako.logs_in_at(bank)

    page = await hanako.browser.submit("leave")

    assert page.link("login")
    assert (await hanako.browser.open(f"{bank}/")).link("login")


async def test_a_visit_ends_by_itself(citizen, bank, same_country):
    hanako = citizen("hanako")
    await hanako.logs_in_at(bank)
    same_country.clock.advance(timedelta(minutes=21))

    assert (await hanako.browser.open(f"{bank}/")).link("login")


async def test_who_does_not_agree_gives_the_bank_nothing(citizen, bank):
    mei = citizen("mei")
    await mei.browser.open(f"{bank}/")
    await mei.browser.follow("login")
    await mei.holds_up_card()

    page = await mei.browser.submit("refuse")

    assert page.status == 400
    assert "芽衣" not in page.text
    assert (await mei.browser.open(f"{bank}/")).link("login")


async def test_a_return_that_this_browser_did_not_begin_is_refused(same_country, bank):
    stranger = Browser(same_country.http, same_country.clock)

    page = await stranger.open(f"{bank}/callback?code=stolen&state=stolen&iss=anybody")

    assert page.status == 403
    assert "このブラウザー" in page.text


async def test_a_return_is_taken_once(citizen, bank):
    hanako = citizen("hanako")
    await hanako.browser.open(f"{bank}/")
    await hanako.browser.follow("login")
    begun = hanako.browser.cookies("bank.localhost")

    wrong = await hanako.browser.open(f"{bank}/callback?code=x&state=wrong")
    again = await hanako.browser.open(f"{bank}/callback?code=x&state=wrong")

    assert begun
    assert (wrong.status, again.status) == (403, 403)


async def test_a_form_from_elsewhere_logs_nobody_out(citizen, bank):
    hanako = citizen("hanako")
    await hanako.logs_in_at(bank)

    page = await hanako.browser.submit("leave", {"csrf": "guessed"})

    assert page.status == 403
    assert (await hanako.browser.open(f"{bank}/")).parts("customer")


async def test_the_bank_keeps_no_secret_of_a_login_in_the_clear(citizen, bank, same_country):
    hanako = citizen("hanako")
    await hanako.browser.open(f"{bank}/")
    await hanako.browser.follow("login")
    token = next(iter(hanako.browser.cookies("bank.localhost").values()))

    for file in same_country.house.premises.place.glob("bank*"):
        content = file.read_bytes()
        assert token.encode() not in content
        assert b"verifier" not in content


async def test_a_login_that_takes_too_long_is_begun_anew(citizen, bank, same_country):
    hanako = citizen("hanako")
    await hanako.browser.open(f"{bank}/")
    await hanako.browser.follow("login")
    same_country.clock.advance(timedelta(minutes=11))

    page = await hanako.browser.open(f"{bank}/callback?code=x&state=y")

    assert page.status == 403


async def test_each_company_has_its_own_name_for_the_person(citizen, same_country):
    hanako = citizen("hanako")

    subjects = {
        (await hanako.logs_in_at(same_country.origin(kind))).part("subject").text
        for kind in COMPANIES
    }

    assert len(subjects) == len(COMPANIES)


async def test_who_ends_the_consent_is_followed_no_more(citizen, same_country):
    maria = citizen("maria")
    water = same_country.origin("water")
    await maria.logs_in_at(water)
    await maria.browser.open(f"{same_country.origin('login')}/consents/enter")
    await maria.holds_up_card()
    await maria.browser.submit("end")
    same_country.clock.advance(EVERY)

    await same_country.settles()

    page = await maria.browser.open(f"{water}/")
    assert page.part("ended")
    assert not page.parts("follows")
