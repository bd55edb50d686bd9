"""Consents: a person lets a relying party know some attributes, and can end it."""

import re
from datetime import timedelta

import pytest

from kiban.identity.login.contract import AccessTokenRefused, ScopeMissing
from kiban.shared.oauth import OAuthProblem
from tests.login.house import HANAKO, TARO, at_bank, at_portal
from tests.login.parties import LOGIN, PORTAL

NEW_ADDRESS = "神奈川県鎌倉市大船1丁目1番1号"
ALL = "openid name address birthdate gender"


@pytest.fixture
def engine() -> str:
    return "sqlite"


async def consents_page(browser, person=HANAKO):
    page = await browser.open(f"{LOGIN}/consents/enter")
    return await browser.tap(page, person)


async def test_the_attributes_arrive_as_openid_connect_writes_them(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in(ALL)

    info = await bank.client.userinfo(person.access_token)

    assert info.model_dump(by_alias=True) == {
        "sub": person.sub,
        "name": "見本　花子",
        "name#ja-Kana-JP": "ミホン　ハナコ",
        "birthdate": "1985-05-15",
        "gender": "female",
        "address": {"formatted": "神奈川県鎌倉市御成町18番10号"},
    }


async def test_only_what_was_asked_is_given(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid birthdate")

    info = await bank.client.userinfo(person.access_token)

    assert info.model_dump(exclude_none=True) == {"sub": person.sub, "birthdate": "1985-05-15"}


async def test_without_attributes_there_is_nothing_to_consent_to(house) -> None:
    bank = at_bank(house)
    attempt = bank.begin("openid")

    page = await bank.tap(attempt, HANAKO)

    person = await bank.client.redeem(bank.client.returned(attempt, page.query), attempt)
    info = await bank.client.userinfo(person.access_token)
    assert info.model_dump(exclude_none=True) == {"sub": person.sub}


async def test_the_person_sees_what_whom_and_that_it_can_be_ended(house) -> None:
    bank = at_bank(house)

    page = await bank.tap(bank.begin("openid name address"), HANAKO)

    assert "Give information to Akitsu Bank (SIMULATED)?" in page.html
    assert "<li>Name</li>" in page.html
    assert "<li>Address</li>" in page.html
    assert "Date of birth" not in page.html


async def test_a_consent_that_stands_is_not_asked_for_again(house) -> None:
    bank = at_bank(house)
    await bank.log_in("openid name address")
    attempt = bank.begin("openid name")

    page = await bank.tap(attempt, HANAKO)

    assert bank.client.returned(attempt, page.query)


async def test_more_is_asked_for_again_and_so_is_what_is_wanted_anew(house) -> None:
    bank = at_bank(house)
    await bank.log_in("openid name")

    more = await bank.tap(bank.begin("openid name gender"), HANAKO)
    again = await bank.tap(bank.begin("openid name"), HANAKO, prompt="consent")

    assert "agree" in more.html
    assert "agree" in again.html


async def test_another_persons_consent_is_nobodys(house) -> None:
    bank = at_bank(house)
    await bank.log_in("openid name")

    page = await bank.tap(bank.begin("openid name"), TARO)

    assert "agree" in page.html


async def test_who_does_not_agree_goes_back_without_a_code(house) -> None:
    bank = at_bank(house)
    attempt = bank.begin("openid name")
    page = await bank.tap(attempt, HANAKO)

    back = await bank.browser.submit(page, "refuse")

    with pytest.raises(OAuthProblem) as refused:
        bank.client.returned(attempt, back.query)
    assert refused.value.error == "access_denied"


async def test_after_a_move_the_bank_gets_the_new_address_and_nobody_is_asked(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid address")
    await bank.client.userinfo(person.access_token)

    await house.registrar.change_attributes(HANAKO.resident(NEW_ADDRESS))

    info = await bank.client.userinfo(person.access_token)
    assert info.address.formatted == NEW_ADDRESS


async def test_an_ended_consent_ends_with_the_next_call(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid name")
    await bank.client.userinfo(person.access_token)
    page = await consents_page(bank.browser)

    ended = await bank.browser.submit(page, "end")

    assert "Ended on" in ended.html
    with pytest.raises(ScopeMissing, match="consent has ended"):
        await bank.client.userinfo(person.access_token)


async def test_who_was_let_in_for_later_gets_the_new_address_when_nobody_is_there(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid address offline_access")
    first = await bank.client.userinfo_since(person.access_token, "")
    house.clock.advance(timedelta(days=100))

    later = await bank.client.refresh(person.refresh_token)
    unchanged = await bank.client.userinfo_since(later, first.tag)
    await house.registrar.change_attributes(HANAKO.resident(NEW_ADDRESS))
    changed = await bank.client.userinfo_since(later, first.tag)

    assert unchanged is None
    assert changed.info.sub == person.sub
    assert changed.info.address.formatted == NEW_ADDRESS
    page = await consents_page(bank.browser)
    assert page.html.count("<td>Address</td>") == 2, "what was not given is not disclosed"


async def test_the_person_is_asked_whether_somebody_may_come_back_later(house) -> None:
    bank = at_bank(house)
    await bank.log_in("openid name")

    page = await bank.tap(bank.begin("openid name offline_access"), HANAKO)

    assert "also after you have left" in page.html


async def test_with_the_consent_ends_what_opened_later_calls(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid name offline_access")
    await bank.browser.submit(await consents_page(bank.browser), "end")

    with pytest.raises(OAuthProblem, match="has ended"):
        await bank.client.refresh(person.refresh_token)
    await bank.log_in("openid name")
    with pytest.raises(OAuthProblem, match="has ended"):
        await bank.client.refresh(person.refresh_token)


async def test_a_code_that_was_not_redeemed_yet_outlives_no_consent(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid name offline_access")
    await bank.browser.submit(await consents_page(bank.browser), "end")

    person = await bank.client.redeem(code, attempt)

    with pytest.raises(OAuthProblem, match="has ended"):
        await bank.client.refresh(person.refresh_token)


async def test_a_refresh_token_is_its_clients_alone_and_lasts_a_year(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid name offline_access")

    with pytest.raises(OAuthProblem, match="never given to you"):
        await house.client(PORTAL).refresh(person.refresh_token)
    with pytest.raises(OAuthProblem, match="never given to you"):
        await bank.client.refresh(person.access_token)
    with pytest.raises(AccessTokenRefused):
        await bank.client.userinfo(person.refresh_token)
    house.clock.advance(timedelta(days=365))
    with pytest.raises(OAuthProblem, match="has ended"):
        await bank.client.refresh(person.refresh_token)


async def test_later_there_is_never_more_than_was_given(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid name address offline_access")

    less = await bank.client.refresh(person.refresh_token, scope="openid name")

    assert (await bank.client.userinfo(less)).address is None
    with pytest.raises(OAuthProblem, match="did not let you") as refused:
        await bank.client.refresh(person.refresh_token, scope="openid birthdate")
    assert refused.value.error == "invalid_scope"


async def test_a_code_used_twice_ends_what_it_opened_for_later(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid name offline_access")
    person = await bank.client.redeem(code, attempt)

    with pytest.raises(OAuthProblem, match="used before"):
        await bank.client.redeem(code, attempt)

    with pytest.raises(OAuthProblem, match="has ended"):
        await bank.client.refresh(person.refresh_token)


async def test_later_without_anything_to_read_is_not_asked_for(house) -> None:
    bank = at_bank(house)
    attempt = bank.begin("openid offline_access")

    page = await bank.browser.open(bank.client.authorization_url(attempt))

    with pytest.raises(OAuthProblem) as refused:
        bank.client.returned(attempt, page.query)
    assert refused.value.error == "invalid_scope"


async def test_a_consent_that_ended_is_asked_for_anew(house) -> None:
    bank = at_bank(house)
    await bank.log_in("openid name")
    await bank.browser.submit(await consents_page(bank.browser), "end")

    page = await bank.tap(bank.begin("openid name"), HANAKO)

    assert "agree" in page.html


async def test_every_disclosure_is_shown_to_the_person(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid name address")
    for _ in range(2):
        await bank.client.userinfo(person.access_token)
        house.clock.advance(timedelta(minutes=1))

    page = await consents_page(house.browser())

    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>", page.html)
    assert rows == [
        ("1 April 2026, 09:01", "Akitsu Bank (SIMULATED)", "Name, Address"),
        ("1 April 2026, 09:00", "Akitsu Bank (SIMULATED)", "Name, Address"),
    ]


async def test_the_page_shows_ones_own_consents_alone(house) -> None:
    bank = at_bank(house)
    await bank.log_in("openid name")

    page = await consents_page(house.browser(), TARO)

    assert "You have not consented to anything." in page.html


async def test_the_page_shows_nothing_without_a_card(house) -> None:
    bank = at_bank(house)
    await bank.log_in("openid name")

    page = await bank.browser.open(f"{LOGIN}/consents")

    assert "Hold up your card" in page.html
    assert "Akitsu Bank" not in page.html


async def test_a_visit_ends_by_itself_and_by_leaving(house) -> None:
    bank = at_bank(house)
    await bank.log_in("openid name")
    visitor = house.browser()
    page = await consents_page(visitor)

    left = await visitor.submit(page, "leave")
    after = await visitor.open(f"{LOGIN}/consents")
    other = house.browser()
    await consents_page(other)
    house.clock.advance(timedelta(minutes=15))

    assert left.status == 200
    assert "Hold up your card" in after.html
    assert "Hold up your card" in (await other.open(f"{LOGIN}/consents")).html


async def test_nobody_ends_another_persons_consent(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid name")
    hanako = await consents_page(house.browser())
    consent = re.search(r"/consents/([0-9a-f]{32})/end", hanako.html)[1]
    taro = house.browser()
    page = await consents_page(taro, TARO)

    page.html += f'<form method="post" action="/consents/{consent}/end" name="end"></form>'
    refused = await taro.submit(page, "end", csrf=page.form("leave")["csrf"])

    assert refused.status == 404
    assert (await bank.client.userinfo(person.access_token)).name


async def test_a_decision_counts_only_from_our_own_page(house) -> None:
    bank = at_bank(house)
    page = await bank.tap(bank.begin("openid name"), HANAKO)

    forged = await bank.browser.submit(page, "agree", csrf="x.y")
    from_another_browser = await house.browser().submit(page, "agree")

    assert forged.status == from_another_browser.status == 403


async def test_a_decision_is_made_once(house) -> None:
    bank = at_bank(house)
    page = await bank.tap(bank.begin("openid name"), HANAKO)

    await bank.browser.submit(page, "agree")
    again = await bank.browser.submit(page, "agree")

    assert again.status == 404


async def test_nobody_decides_before_the_card_was_held_up(house) -> None:
    bank = at_bank(house)
    attempt = bank.begin("openid name")
    page = await bank.browser.open(bank.client.authorization_url(attempt))

    early = await bank.browser.open(f"{LOGIN}/consent?request={page.query['request']}")

    assert early.status == 404


async def test_the_form_may_end_at_the_relying_party_and_nowhere_else(house) -> None:
    bank = at_bank(house)
    attempt = bank.begin("openid name")
    page = await bank.browser.open(bank.client.authorization_url(attempt))
    page = await bank.browser.tap(page, HANAKO)

    reply = await bank.browser._send("GET", page.url)

    policy = reply.headers["content-security-policy"]
    assert "form-action 'self' http://bank.localhost:8703;" in policy
    assert "default-src 'none'" in policy


async def test_the_portal_asks_for_no_attribute_and_gets_none(house) -> None:
    portal = at_portal(house)
    person = await portal.log_in("openid pseudonym")

    info = await portal.client.userinfo(person.access_token)

    assert info.model_dump(exclude_none=True) == {"sub": person.sub}
