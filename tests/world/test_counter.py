"""The counter's pages: filled already, one button, and a kind word for every mistake."""

import re
from datetime import date
from urllib.parse import urlencode

import pytest

from kiban.shared.http import HttpxHttp
from kiban.shared.settings import Secret
from kiban.world.browser import PageRefused
from kiban.world.clerk import Clerk
from kiban.world.counter.app import PACKAGE
from kiban.world.counter.clerks import SESSION_LASTS
from kiban.world.counter.notices import NoSuchNotice, find, together
from kiban.world.office.counter import MoveToCome
from kiban.world.office.households import HeadNotMoving, HouseholdNotHere, Living
from kiban.world.office.relations import TERMS, RelationNeeded
from tests.world.card_table import PIN, cards_app, renew_anything
from tests.world.counter_table import (
    ALONE,
    CARD_COUNTERS,
    CARDS,
    COUNTER,
    FAMILY,
    GONE,
    GRANDMOTHERS,
    KEY,
    ORIGIN,
    Expecting,
    arrival,
    counter_app_of,
    three_notices,
)


class Town:
    """A counter, with the cards behind it, and clerks at browsers of their own."""

    def __init__(self, http, expecting, renewing, clock, db) -> None:
        self.db, self.http, self.expecting, self.renewing, self.clock = (
            db,
            http,
            expecting,
            renewing,
            clock,
        )

    def clerk(self, key: Secret = KEY) -> Clerk:
        return Clerk(COUNTER, key, self.http, self.clock)

    async def sends(self, clerk: Clerk, path: str, form: dict, headers=None):
        """What a browser with this clerk's cookie might send, from wherever."""
        sent = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "text/html",
            "accept-language": "en",
            "cookie": cookie_of(clerk),
            **(headers or {}),
        }
        content = urlencode(form).encode()
        return await self.http.send("POST", COUNTER + path, content=content, headers=sent)


def cookie_of(clerk: Clerk) -> str:
    jar = clerk.terminal.cookies("town-counter.localhost")
    return "; ".join(f"{name}={value}" for name, value in jar.items())


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
async def town(new_database, card_db, clock):
    renewing, expecting = renew_anything(), three_notices()
    db = await new_database(PACKAGE)
    async with cards_app(card_db, clock, renew=renewing, counter_key=CARD_COUNTERS) as cards:
        app = counter_app_of(expecting, db, clock, HttpxHttp({CARDS: cards}))
        yield Town(HttpxHttp({ORIGIN: app, CARDS: cards}), expecting, renewing, clock, db)


@pytest.fixture
async def clerk(town) -> Clerk:
    clerk = town.clerk()
    await clerk.signs_in()
    return clerk


# --- who may come ---------------------------------------------------------------------------------


async def test_a_clerk_signs_in_and_sees_who_is_expected(clerk) -> None:
    expected = await clerk.expects()

    assert len(expected) == 2
    assert "転入 四" in expected[0]
    assert all(name in expected[1] for name in ("転入 一", "転入 二", "転入 三"))


@pytest.mark.parametrize("key", ["x", "the clerk's keys", "鍵"])
async def test_another_key_is_refused_kindly(town, key) -> None:
    clerk = town.clerk(Secret(key))

    with pytest.raises(PageRefused):
        await clerk.signs_in()

    assert clerk.terminal.shown.status == 403
    assert "窓口の鍵が違います" in clerk.terminal.shown.text
    assert key not in clerk.terminal.shown.text.replace("窓口の鍵", "")


@pytest.mark.parametrize("path", [f"/{FAMILY}", "/no-such-notice"])
async def test_whoever_has_not_signed_in_sees_nobody(town, path) -> None:
    clerk = town.clerk()

    page = await clerk.terminal.open(COUNTER + path)

    assert page.status == 401
    assert "サインインしていない" in page.text
    assert "転入 一" not in page.text
    assert page.link("はじめのページへ戻る").href == "/counter"


@pytest.mark.parametrize("path", ["/sign-out", f"/{FAMILY}/arrival", "/renewals"])
async def test_whoever_has_not_signed_in_does_nothing(town, path) -> None:
    reply = await town.sends(town.clerk(), path, {"csrf": "x.y"})

    assert reply.status == 401
    assert not town.expecting.taken


async def test_a_session_ends_with_the_working_day(town, clerk) -> None:
    town.clock.advance(SESSION_LASTS)

    page = await clerk.terminal.open(f"{COUNTER}/{FAMILY}")

    assert page.status == 401
    assert (await clerk.terminal.open(COUNTER)).has_form("sign-in")


async def test_whoever_signs_out_is_out_wherever_the_cookie_went(town, clerk) -> None:
    stolen = cookie_of(clerk)

    await clerk.signs_out()

    headers = {"cookie": stolen, "accept": "text/html"}
    reply = await town.http.send("GET", f"{COUNTER}/{FAMILY}", headers=headers)
    assert stolen
    assert reply.status == 401


async def test_the_cookie_is_for_this_counter_alone_and_for_no_script(town) -> None:
    page = await town.http.send("GET", COUNTER, headers={"accept": "text/html"})
    token = re.search(r'name="csrf" value="([^"]+)"', page.content.decode())[1]

    reply = await town.sends(town.clerk(), "", {"csrf": token, "key": KEY.reveal()})

    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("counter-town=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


# --- a family comes -------------------------------------------------------------------------------


async def test_a_notice_is_filled_already_and_says_whose_word_it_is(clerk) -> None:
    page = await clerk.opens(FAMILY)

    for said in (
        "転入 一",
        "山梨県手本村",
        "神奈川県鎌倉市長谷1丁目2番3号",
        "2026年3月31日",
        "世帯主",
    ):
        assert said in page.text, said
    assert page.text.count("手本村（模擬）の住民票から") == 3
    asked = [control for control in page.form("arrive").controls if control.name]
    assert [(each.name, each.value) for each in asked[1:]] == [("head", "0")]
    assert asked[0].name == "csrf"


async def test_one_button_takes_the_notice_for_all_of_the_family(town, clerk) -> None:
    page = await clerk.takes(FAMILY)

    assert town.expecting.taken == [FAMILY]
    assert "転入届を受け付けました" in page.part("taken").text
    assert not page.has_form("arrive")
    assert len(await clerk.expects()) == 1


async def test_a_household_at_the_address_can_be_joined(town, clerk) -> None:
    town.expecting.households = (GRANDMOTHERS,)
    page = await clerk.opens(ALONE)
    assert "手本 とめ（世帯主）" in page.text

    await clerk.terminal.submit("join-1", {"relation": "3 孫"})

    assert town.expecting.lives == [Living(joins=GRANDMOTHERS.id, relations={3: "孫"})]


@pytest.mark.parametrize("problem", [RelationNeeded(), HeadNotMoving(), HouseholdNotHere()])
async def test_a_refused_notice_comes_back_as_it_was_filled_in(town, clerk, problem) -> None:
    await clerk.opens(FAMILY)
    town.expecting.refuses = problem

    page = await clerk.terminal.submit("arrive", {"head": "1"})

    assert page.status == problem.status
    assert "世帯" in page.part("problem").text
    assert page.form("arrive").control("head").value == "1"
    assert page.form("arrive").control("relation").choices[1:] == [f"2 {one}" for one in TERMS]
    page = await clerk.terminal.submit("arrive", {"relation": "2 母"})
    assert page.form("arrive").control("relation").value == "2 母"
    assert not town.expecting.taken


async def test_a_move_that_is_still_to_come_is_said_and_has_no_button(town, clerk) -> None:
    token = (await clerk.opens(FAMILY)).form("arrive").control("csrf").value
    town.expecting.households = (GRANDMOTHERS,)
    town.expecting.moves_on, town.expecting.refuses = date(2026, 4, 3), MoveToCome()

    page = await clerk.opens(FAMILY)
    sent = await town.sends(clerk, f"/{FAMILY}/arrival", {"csrf": token})

    assert "引越しの日は2026年4月3日です" in page.part("to-come").text
    assert not page.has_form("arrive")
    assert not page.has_form("join-1")
    assert sent.status == MoveToCome.status
    assert "still to come" in sent.content.decode()
    assert not town.expecting.taken


@pytest.mark.parametrize(
    "form",
    [{"head": "x"}, {"relation": "x" * 30}, {"joins": "x" * 200}, {"relation": "9" * 5000 + " 子"}],
)
async def test_a_malformed_household_takes_nothing(town, clerk, form) -> None:
    token = (await clerk.opens(FAMILY)).form("arrive").control("csrf").value

    reply = await town.sends(clerk, f"/{FAMILY}/arrival", {"csrf": token, **form})

    assert reply.status == 422
    assert not town.expecting.taken


async def test_a_second_click_takes_nothing_twice(town, clerk) -> None:
    page = await clerk.opens(FAMILY)
    token = page.form("arrive").control("csrf").value

    replies = [await town.sends(clerk, f"/{FAMILY}/arrival", {"csrf": token}) for _ in range(2)]

    assert [reply.status for reply in replies] == [303, 303]
    assert town.expecting.taken == [FAMILY]


async def test_what_was_withdrawn_is_said_and_has_no_button(town, clerk) -> None:
    page = await clerk.opens(GONE)

    assert "取り下げられました" in page.part("withdrawn").text
    assert not page.has_form("arrive")


async def test_what_was_withdrawn_meanwhile_is_not_taken(town, clerk) -> None:
    token = (await clerk.opens(ALONE)).form("arrive").control("csrf").value
    town.expecting.people = [arrival(3, ALONE, "withdrawn")]

    reply = await town.sends(clerk, f"/{ALONE}/arrival", {"csrf": token})

    assert reply.status == 303
    assert not town.expecting.taken


@pytest.mark.parametrize("name", ["d" * 32, "転入", "%2e%2e", "x" * 3000, "<script>"])
async def test_a_notice_that_is_not_there_is_a_kind_page(town, clerk, name) -> None:
    page = await clerk.terminal.open(f"{COUNTER}/{name}")

    assert page.status in {404, 422}
    assert "手続を進められませんでした" in page.text
    assert name == "転入" or name not in page.markup.text


@pytest.mark.parametrize("token", ["", "x", "x.y", "ü.ü", "a" * 300])
@pytest.mark.parametrize("path", ["/sign-out", f"/{FAMILY}/arrival", "/renewals", ""])
async def test_a_form_without_our_token_does_nothing(town, clerk, path, token) -> None:
    reply = await town.sends(clerk, path, {"csrf": token, "key": KEY.reveal()})

    assert reply.status in {403, 422}
    assert not town.expecting.taken
    assert (await clerk.looks()).has_form("sign-out")


async def test_another_clerks_token_does_nothing(town, clerk) -> None:
    other = town.clerk()
    await other.signs_in()
    token = (await other.opens(FAMILY)).form("arrive").control("csrf").value

    reply = await town.sends(clerk, f"/{FAMILY}/arrival", {"csrf": token})

    assert reply.status == 403
    assert not town.expecting.taken


async def test_a_form_from_another_site_does_nothing(town, clerk) -> None:
    token = (await clerk.opens(FAMILY)).form("arrive").control("csrf").value

    reply = await town.sends(
        clerk, f"/{FAMILY}/arrival", {"csrf": token}, {"sec-fetch-site": "cross-site"}
    )

    assert reply.status == 403
    assert not town.expecting.taken


async def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing(town, clerk) -> None:
    headers = {"accept": "text/html", "cookie": cookie_of(clerk)}
    for path in ("", f"/{FAMILY}", "/none"):
        reply = await town.http.send("GET", COUNTER + path, headers=headers)

        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "SIMULATED" in reply.content.decode()
        assert reply.headers["cache-control"] == "no-store"


async def test_a_refused_form_of_protection_comes_back_as_it_was_filled_in(town, clerk) -> None:
    await town.db.migrate("kiban.world.office")
    said = {
        "name": "見本　花子",
        "name_kana": "ミホン",
        "birth_date": "1990-05-12",
        "sex": "female",
    }

    with pytest.raises(PageRefused):
        await clerk.protects({**said, "address": "火星1番", "marks": ("undisclosed",)})

    page = clerk.terminal.shown
    assert page.status == 422
    assert "この住所は、この市区町村にありません" in page.part("problem").text
    kept = {each.name: each.value for each in page.form("protect").controls if each.value}
    assert {**said, "address": "火星1番"}.items() <= kept.items()
    assert kept["marks"] == "undisclosed"


async def test_a_day_that_no_calendar_has_protects_nobody(town, clerk) -> None:
    await town.db.migrate("kiban.world.office")
    page = await clerk.terminal.open(f"{COUNTER}/protection")
    said = {each.name: each.value for each in page.form("protect").controls if each.value}
    known = {"name": "見本　花子", "birth_date": "1990-05-12", "address": "鎌倉市", "sex": "female"}
    form = {**said, **known, "moving_day": "2026-02-30"}

    assert (await town.sends(clerk, "/protection", form)).status == 422


# --- renewal --------------------------------------------------------------------------------------


async def test_whoever_has_arrived_is_led_to_the_cards_page(town, clerk) -> None:
    await clerk.takes(FAMILY)

    page = await clerk.begins_renewal(FAMILY, 2)

    assert page.url.startswith(f"{CARDS}/renewals/")
    assert page.link("やめて窓口へ戻る").href == f"{COUNTER}/{FAMILY}"


async def test_a_renewal_of_a_notice_is_for_the_one_whom_it_names(town, clerk) -> None:
    await clerk.takes(FAMILY)
    await clerk.begins_renewal(FAMILY, 2)

    await clerk.terminal.submit(
        "renew", {"persona": "hanako", "pin": PIN, "password": "TOWN2026", "again": "TOWN2026"}
    )

    ((_, order, _),) = town.renewing.asked
    visitor = order.visitor
    assert (visitor.name, visitor.sex) == ("転入　三", "female")
    assert visitor.address == "神奈川県鎌倉市長谷1丁目2番3号"


async def test_a_renewal_from_the_list_names_nobody(town, clerk) -> None:
    page = await clerk.begins_renewal()

    assert page.has_form("renew")
    assert page.link("やめて窓口へ戻る").href == COUNTER


@pytest.mark.parametrize(
    "form", [{"notice": FAMILY}, {"notice": "none"}, {"notice": FAMILY, "number": "x"}]
)
async def test_nobody_is_renewed_who_has_not_arrived(town, clerk, form) -> None:
    token = (await clerk.looks()).form("renew").control("csrf").value

    reply = await town.sends(clerk, "/renewals", {"csrf": token, **form})

    assert reply.status in {404, 422}
    assert reply.headers["content-type"].startswith("text/html")


# --- notices --------------------------------------------------------------------------------------


def test_a_family_stands_together_in_its_order() -> None:
    people = [arrival(2), arrival(3, ALONE), arrival(0), arrival(1)]

    notices = together(people)

    assert [[each.number for each in notice.people] for notice in notices] == [[0, 1, 2], [3]]


def test_whoever_comes_first_stands_first() -> None:
    people = [arrival(0, visit_day="2026-04-09"), arrival(1, ALONE, visit_day="2026-04-01")]

    assert [notice.id for notice in together(people)] == [ALONE, FAMILY]


def test_a_notice_that_nobody_sent_is_none() -> None:
    with pytest.raises(NoSuchNotice):
        find([arrival(0)], ALONE)


@pytest.mark.parametrize(
    ("states", "notice", "shown"),
    [
        (["expected", "expected"], "expected", [0, 1]),
        (["arrived", "expected"], "expected", [0, 1]),
        (["withdrawn", "expected"], "expected", [1]),
        (["withdrawn", "arrived"], "arrived", [1]),
        (["withdrawn", "withdrawn"], "withdrawn", [0, 1]),
    ],
)
def test_a_notice_waits_as_long_as_anybody_is_expected(states, notice, shown) -> None:
    (found,) = together(arrival(number, state=state) for number, state in enumerate(states))

    assert found.state == notice
    assert [each.number for each in found.people] == shown
    assert [each.state for each in found.coming] == [each for each in states if each == "expected"]


def test_a_value_that_is_not_there_is_shown_as_nothing() -> None:
    (notice,) = together([arrival(0, visit_day=None)])

    assert notice.said("visit_day") == ""


def test_a_clerk_does_not_show_the_key() -> None:
    assert KEY.reveal() not in repr(Clerk(COUNTER, KEY, None))
    assert Expecting().people == []
