"""The main job among the real neighbours: each step once, nothing twice, and nothing believed that was typed."""

import asyncio

import pytest

from kiban.world.faults import FaultSetting
from tests.portal.builders import application
from tests.portal.citizens import (
    ANSWERS,
    FORM,
    arrives,
    at_the_form,
    goes,
    kinds,
    number,
    opens_anew,
    operations,
    parts,
    second_window,
    token,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("portal in a country"),
]


# --- the way through ------------------------------------------------------------------------------


async def test_held_values_are_shown_with_provider_day_and_basis_and_cannot_be_typed(country):
    hanako = await at_the_form(country)

    shown = {entry["情報"]: entry for entry in hanako.held()}

    assert set(shown) == {"世帯情報", "所得情報", "公金受取口座"}
    assert "3,460,000円" in shown["所得情報"]["内容"]
    assert "税務署（模擬）" in shown["所得情報"]["出どころ"]
    assert "記録の日： 2025年6月10日" in shown["所得情報"]["出どころ"]
    assert "附則第6条" in shown["所得情報"]["出どころ"]
    asked = {control.name for control in hanako.page.form("answers").controls}
    assert asked == {
        "csrf",
        "from_month",
        "employer-query",
        "child_lives_elsewhere-query",
        "child_lives_elsewhere-rest",
        "confirm",
    }


async def test_what_is_to_be_mended_is_named_beside_its_field_and_above(country):
    hanako = await at_the_form(country)

    page = await hanako.browser.submit("answers", {"from_month": "soon"})

    assert page.status == 422
    assert "年と月を" in page.part("mistakes").text
    assert "チェックを入れて" in page.part("mistakes").text
    assert page.form("answers").control("from_month").value == "soon"


async def test_a_town_is_chosen_from_the_registry_and_signed_as_its_id(country):
    hanako = await at_the_form(country)
    await hanako.searches("child_lives_elsewhere", "材木座")

    await hanako.fills({**ANSWERS, "child_lives_elsewhere-rest": "1丁目2番3号"})

    assert "材木座" in hanako.page.part("said-child_lives_elsewhere").text
    assert "1丁目2番3号" in hanako.page.part("said-child_lives_elsewhere").text


async def test_a_double_click_on_sign_submits_once(country):
    maria = await at_the_form(country, "maria")
    await maria.fills(ANSWERS)
    window = await second_window(country, maria)
    await maria.browser.submit("sign")
    await window.browser.submit("sign")

    await asyncio.gather(maria.holds_up_card(), window.holds_up_card())
    await country.settles()

    assert maria.page.path == window.page.path
    assert await kinds(maria, "submission") == 1
    assert len([each for each in await maria.notices() if "受付" in each]) == 1


async def test_the_back_button_after_signing_leads_to_where_the_application_is(country):
    taro = await at_the_form(country, "taro")
    await taro.fills(ANSWERS)
    check = taro.page
    await taro.signs()
    sent = taro.page.path

    taro.browser.page = check
    again = await taro.browser.submit("sign")

    assert again.path == sent
    assert "二重に行われることはありません" in again.text


async def test_what_the_office_needs_and_nobody_holds_is_said_before_it_is_sent(country):
    taro = await at_the_form(country, "taro")
    said = [taro.page.part("unheld").text]
    await taro.fills(ANSWERS)
    said.append(taro.page.part("unheld").text)
    await taro.browser.submit("discard")

    for text in said:
        assert "公金受取口座：" in text
        assert "口座登録" in text
        assert "先に" in text
        assert "申請は必ず返されます" in text


async def test_of_what_offices_hold_nothing_is_said_to_be_missing(country):
    hanako = await at_the_form(country)

    assert not hanako.page.parts("unheld")


async def test_answers_that_were_changed_in_another_window_are_not_what_was_signed(country):
    hanako = await at_the_form(country)
    await hanako.fills(ANSWERS)
    window = await second_window(country, hanako)
    await hanako.browser.submit("sign")
    await goes(window, f"/applications/{number(window)}/answers")
    await window.fills({**ANSWERS, "from_month": "2026-06"})

    page = await hanako.holds_up_card()

    assert page.status == 409
    assert "二重に行われることはありません" in page.text
    assert window.page.path.endswith("/check")


async def test_two_starts_of_one_procedure_are_one_draft(country):
    hanako = await at_the_form(country)
    first = number(hanako)

    await hanako.opens(FORM)

    assert number(hanako) == first


async def test_a_draft_that_is_thrown_away_takes_its_approvals_with_it(country):
    hanako = await at_the_form(country)

    await hanako.browser.submit("discard")
    await goes(hanako, "/consents")

    assert "いま有効な同意はありません" in hanako.page.text


# --- what is refused ------------------------------------------------------------------------------


async def test_a_value_for_what_an_office_holds_is_refused_and_recorded(country):
    hanako = await at_the_form(country)
    form = hanako.page.form("answers")
    body = f"csrf={form.control('csrf').value}&from_month=2026-05&confirm=yes&income=1".encode()

    page = await hanako.browser._go("POST", country.origin("portal") + form.action, body)

    assert page.status == 422
    assert "urn:kiban:problem:once-only-violated" in page.text
    assert any("受け付けませんでした" in line for line in await operations(hanako))


async def test_another_persons_card_approves_nothing(country):
    hanako = await arrives(country)
    await opens_anew(hanako)
    await hanako.browser.submit("agree")

    page = await hanako.holds_up_card("2345", card="taro")

    assert page.status >= 400
    assert "承認前" in (await goes(hanako, "/")).text


async def test_turning_back_at_the_card_keeps_the_draft(country):
    hanako = await at_the_form(country)
    await hanako.fills(ANSWERS)
    await hanako.browser.submit("sign")

    back = next(link for link in hanako.page.markup.links if "やめて" in link.text)
    page = await hanako.browser.open(back.href)

    assert "カードでの操作が行われなかった" in page.text
    await hanako.opens(FORM)
    assert hanako.page.has_form("sign")


async def test_a_return_in_another_browser_brings_nothing(country):
    thief = country.citizen("taro")
    sent = await country.http.send("GET", f"{country.origin('portal')}/login")
    state = sent.headers["location"].partition("&state=")[2].partition("&")[0]

    page = await goes(thief, f"/callback?state={state}&code=stolen")

    assert page.status == 403
    assert "urn:kiban:problem:errand-refused" in page.text


async def test_one_citizens_application_is_another_ones_nothing(country):
    hanako, taro = await at_the_form(country), await arrives(country, "taro")

    for path in ("", "/terms", "/answers", "/check"):
        assert (await goes(taro, f"/applications/{number(hanako)}{path}")).status == 404


async def test_what_the_gateway_refuses_for_good_is_told_and_not_tried_for_ever(country):
    stranger, at = application("answered", person="nobody-known"), country.clock()
    signed = {"application": "{}", "certificate": "c", "signature": "s", "consents": []}
    async with parts(country).store.begin() as rows:
        await rows.open_application(stranger)
        await rows.seal_signed(stranger.id, signed)
        await rows.advance(stranger.id, "signed", leaving=("answered",), at=at)
        body = {"application": stranger.id, "person": stranger.person}
        await rows.enqueue("submit", stranger.id, body, at=at)

    await country.settles()

    async with parts(country).store.read() as rows:
        found = await rows.application(stranger.id, stranger.person)
        assert (found.state, found.outcome) == ("undeliverable", "person-unknown")
        assert await rows.frozen(stranger.id) is None
        (told,) = [one.what for _, one in await rows.operations(stranger.person)]
    assert told == "application-undeliverable"
    assert await parts(country).outbox.dead() == []


# --- what is missing ------------------------------------------------------------------------------


async def test_an_office_that_is_away_is_named_and_never_replaced_by_a_question(country, faults):
    hanako = await arrives(country)
    await opens_anew(hanako)
    await faults("tax").switch_on("office-away")
    await hanako.agrees()

    assert "税務署" in hanako.page.part("missing").text
    assert hanako.page.part("held-household")
    await hanako.fills(ANSWERS)
    assert hanako.page.path.endswith("/answers")
    assert hanako.page.form("answers").control("from_month").value == "2026-05"

    await faults("tax").switch_off("office-away")
    await hanako.browser.follow("approve-again")
    await hanako.agrees()
    assert not hanako.page.parts("missing")
    await hanako.fills(ANSWERS)
    assert hanako.page.has_form("sign")


async def test_a_forged_answer_is_not_shown(country, faults):
    hanako = await arrives(country)
    await faults("accounts").switch_on("answer-forged", FaultSetting(how="altered"))

    await hanako.looks_at("accounts/bank-account")

    assert "署名を確かめられなかった" in hanako.page.part("record-bank-account").text


async def test_values_that_this_process_no_longer_has_are_read_again(country):
    hanako = await at_the_form(country)
    parts(country).applying.shown.forget(token(hanako).digest)
    await hanako.browser.open(hanako.page.url)
    assert "まだ読み込んでいません" in hanako.page.part("missing").text

    await hanako.browser.submit("prefill")

    assert not hanako.page.parts("missing")
    assert "3,460,000円" in hanako.page.text


async def test_a_draft_is_there_again_after_another_login_and_asks_for_approval(country):
    hanako = await at_the_form(country)
    await hanako.browser.submit("answers", {"from_month": "2026-07"}, button="save")
    await hanako.logs_out()

    await hanako.logs_in()
    await hanako.opens(FORM)

    assert hanako.page.form("answers").control("from_month").value == "2026-07"
    assert "3,460,000円" not in hanako.page.text
    await hanako.browser.follow("approve-again")
    await hanako.agrees()
    assert "3,460,000円" in hanako.page.text
    assert hanako.page.form("answers").control("from_month").value == "2026-07"
