"""
Hanako, Mei and Sota move from Kamakura to Fujisawa; Taro stays.  Later they come back to him.

She files one notice with her card and reserves the visit; at the counter of the new city a clerk has everything before
them already.  Whoever needs the new address hears of it, and she sees who did.  One country for all of it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from kiban.gateway.contract import AnnouncementRequest, InquiryRequest
from kiban.shared.exchanges import new_id
from kiban.shared.problems import Problem
from kiban.world.browser import Page, PageRefused
from kiban.world.cast import shipped_country
from kiban.world.citizen import Citizen
from kiban.world.clerk import Clerk
from kiban.world.office.following import LONGEST_DELAY
from kiban.world.office.office import Office
from kiban.world.office.records import NothingToDecide
from kiban.world.people import person_number
from tests.stories.country import Country, moved_in, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("moving"),
]
OUT, WITHDRAWAL = "moving-out", "moving-out-withdrawal"
OLD, NEW = "神奈川県鎌倉市御成町99番99号", "神奈川県藤沢市湘南台1丁目2番3号"
BACK, HOME, REST = OLD, "99番99号", "1丁目2番3号"
KAMAKURA, FUJISAWA = "kamakura", "fujisawa"
NETWORK, TAX, CHANGES = "resident-network", "tax", "change-office"
FOLLOWERS = {
    TAX: "税務署（模擬）が保有",
    "pension": "年金事務所（模擬）が保有",
    "health-insurer": "健康保険組合（模擬）が保有",
    "accounts": "公金受取口座登録機関（模擬）が保有",
    "vehicles": "自動車登録機関（模擬）が保有",
}
"""Offices that hear of a new address from the resident network, and how the page says that they hold it."""
HELD_BY = {
    KAMAKURA: "鎌倉市（模擬）が保有",
    FUJISAWA: "藤沢市（模擬）が保有",
    **FOLLOWERS,
}
RECORDS = (
    f"{KAMAKURA}/resident-record",
    f"{KAMAKURA}/household",
    f"{KAMAKURA}/moving-out",
    f"{FUJISAWA}/resident-record",
    f"{FUJISAWA}/household",
    *(f"{each}/registered-address" for each in FOLLOWERS),
)
NOTHING = "記録がありません"


@dataclass
class Move:
    """What everybody saw of the move, step by step."""

    country: Country
    hanako: Citizen
    clerk: Clerk
    heard: int = 0
    asked: set[str] = field(default_factory=set)
    """What the form asked her."""
    before: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    notice: str = ""
    pages: dict[str, Page] = field(default_factory=dict)
    records: dict[str, dict[str, str]] = field(default_factory=dict)
    followers: dict[str, Page] = field(default_factory=dict)
    """The page of the notice, by what had happened, or in which language."""
    history: list[dict[str, str]] = field(default_factory=list)
    refused: str = ""
    """What the card's page said when she was to sign after the move."""

    async def notes_outcome(self) -> None:
        self.outcomes.append(await self.hanako.outcome())


def office(country: Country, member: str) -> Office:
    found: Office = country.apps[f"gateway:{member}"].state.office
    return found


async def files(
    citizen: Citizen, *, out: str, to: str, movers: dict[str, str | bool], on: str, rest: str = REST
) -> set[str]:
    """Fill a notice of moving out in, up to the signature; what the form asked."""
    await citizen.opens(OUT, out)
    await citizen.agrees()
    asked = {one.name.partition("-")[0] for one in citizen.page.form("answers").controls}
    await citizen.searches("moves_to", to)
    said = {"moves_to-rest": rest, "moves_on": on, "visits_on": "2026-04-03"}
    await citizen.fills({**movers, **said})
    return asked - {"csrf"}


async def signed_in(country: Country, city: str) -> Clerk:
    clerk = country.clerk(city)
    await clerk.signs_in()
    return clerk


async def shown(citizen: Citizen, *records: str) -> dict[str, str]:
    """What own records say, as the page shows them; earlier ones of the visit stay on the page."""
    said: dict[str, str] = {}
    for record in records:
        provider, _, item = record.partition("/")
        page = await citizen.looks_at(record)
        texts = [each.text for each in page.parts(f"record-{item}")]
        [said[record]] = [text for text in texts if HELD_BY[provider] in text]
    return said


async def until_it_heard(country: Country, member: str) -> int:
    """Let what is on its way go on until the member's gateway has heard something; the clock stands meanwhile."""
    async with asyncio.timeout(30):
        while True:
            for outbox in country._outboxes():
                await outbox.drain()
            feed = await country.apps[f"gateway:{member}"].state.gateway.read_changes(0)
            if feed.changes:
                await office(country, member).following.keep_up()
                return len(feed.changes)
            await asyncio.sleep(0.005)


async def they_are_expected(move: Move) -> None:
    """She files for herself and the children; the new city hears, and then asks."""
    fujisawa = office(move.country, FUJISAWA)
    drawn, fujisawa.following.delay = fujisawa.following.delay, lambda: LONGEST_DELAY
    hanako = move.hanako
    await hanako.logs_in()
    movers = {"movers-2": True, "movers-3": True, "movers-4": True}
    move.asked = await files(
        hanako, out=KAMAKURA, to="藤沢市湘南台", movers=movers, on="2026-03-30"
    )
    await hanako.signs()
    await hanako.sends()
    move.heard = await until_it_heard(move.country, FUJISAWA)
    move.before = await move.clerk.expects()
    await move.country.settles()
    fujisawa.following.delay = drawn
    await move.notes_outcome()
    move.followers["expected"] = hanako.page


async def they_arrive(move: Move) -> None:
    """Everybody is at the counter; the clerk has the page before them, and presses one button."""
    move.expected = await move.clerk.expects()
    [move.notice] = await move.clerk.finds()
    move.pages["filled"] = await move.clerk.opens(move.notice)
    move.pages["taken"] = await move.clerk.takes(move.notice)
    await move.country.settles()
    await move.notes_outcome()
    address = move.hanako.page.url
    for language in ("en", "ja"):
        move.followers[language] = await move.hanako.browser.open(f"{address}?lang={language}")
    move.history = await move.hanako.history()
    taro = move.country.citizen("taro")
    await taro.logs_in()
    move.records["hanako"] = await shown(move.hanako, *RECORDS)
    move.records["taro"] = await shown(taro, *RECORDS[:2])


async def they_come_back(move: Move) -> None:
    """Her card signs no more; the counter has it renewed, and she signs that they move back."""
    hanako = move.hanako
    movers = {"movers-1": True, "movers-2": True, "movers-3": True}
    await files(hanako, out=FUJISAWA, to="鎌倉市御成町", movers=movers, on="2026-04-01", rest=HOME)
    with pytest.raises(PageRefused) as refused:
        await hanako.signs()
    move.refused = str(refused.value)
    person = next(each for each in move.pages["taken"].parts("person") if "花子" in each.text)
    page = await move.clerk.opens(move.notice)
    place = [each.text for each in page.parts("person")].index(person.text)
    [form] = [one for one in page.markup.forms if one.name.startswith("renew-")][place : place + 1]
    await move.clerk.begins_renewal(move.notice, int(form.name.removeprefix("renew-")))
    move.pages["renewed"] = await hanako.renews_signature(move.clerk.terminal, "FUJI2026")
    await hanako.opens(OUT, FUJISAWA)
    await hanako.signs()
    await hanako.sends()
    await move.country.settles()
    clerk = await signed_in(move.country, KAMAKURA)
    [notice] = await clerk.finds()
    await clerk.joins(notice, ("妻", "子", "子"))
    await move.country.settles()
    await move.notes_outcome()
    move.records["back"] = await shown(hanako, *RECORDS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def move(
    lived_in: Path, postal_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Move]:
    settled = moved_in(lived_in, tmp_path_factory.mktemp("moving") / "data", shipped_country())
    async with running(settled, postal_data) as country:
        here = Move(country, country.citizen("hanako"), await signed_in(country, FUJISAWA))
        await they_are_expected(here)
        await they_arrive(here)
        await they_come_back(here)
        yield here


# --- moving ---------------------------------------------------------------------------------------


async def test_she_is_asked_only_what_no_office_holds(move: Move) -> None:
    assert move.asked == {"movers", "moves_to", "moves_on", "visits_on"}


async def test_the_new_city_expects_them_and_knows_nothing_before_it_asked(move: Move) -> None:
    assert (move.heard, move.before) == (3, [])
    [expected] = move.expected
    for said in ("花子", "芽衣", "蒼太", "鎌倉市（模擬）", "2026年4月3日"):
        assert said in expected
    assert "太郎" not in expected


async def test_the_clerk_has_everything_already_and_one_button(move: Move) -> None:
    page = move.pages["filled"]

    for said in ("ミホン ハナコ", OLD, NEW, "2026年3月30日", "2026年4月3日", "2018年2月3日"):
        assert said in page.text, said
    csrf, head = [one for one in page.form("arrive").controls if one.name]
    assert (csrf.name, head.name) == ("csrf", "head")
    assert head.value in head.choices
    assert "転入届を受け付けました" in move.pages["taken"].part("taken").text


async def test_the_notice_is_granted_and_then_completed(move: Move) -> None:
    assert move.outcomes == ["granted", "completed", "completed"]


async def test_they_come_to_the_counter_once_and_every_office_knows(move: Move) -> None:
    records = move.records["hanako"]

    for record in RECORDS[3:4] + RECORDS[5:]:
        assert NEW in records[record], record
        assert OLD not in records[record], record
        assert "2026年3月30日" in records[record], record
    for record in RECORDS[:3]:
        assert NOTHING in records[record], record


async def test_each_city_holds_the_household_that_lives_there(move: Move) -> None:
    stayed, left = move.records["taro"][RECORDS[1]], move.records["hanako"][RECORDS[4]]

    assert "見本 太郎" in stayed
    assert "見本 太郎" not in left
    for name in ("見本 花子", "見本 芽衣", "見本 蒼太"):
        assert name not in stayed
        assert name in left
    assert "世帯主" in left
    assert OLD in move.records["taro"][RECORDS[0]]


async def test_she_sees_who_told_whom_and_nobody_else_does(move: Move) -> None:
    told = [(one["kind"], one["inquirer"], one["provider"], one["item"]) for one in move.history]

    for expected in (
        ("announce", KAMAKURA, FUJISAWA, "moving-out"),
        ("inquiry", FUJISAWA, KAMAKURA, "moving-out"),
        ("announce", FUJISAWA, KAMAKURA, "moved-in"),
        ("inquiry", KAMAKURA, FUJISAWA, "moved-in"),
        ("announce", FUJISAWA, CHANGES, "resident-record"),
        ("announce", KAMAKURA, CHANGES, "resident-record"),
        ("announce", NETWORK, CHANGES, "four-attributes"),
        *(("inquiry", each, NETWORK, "four-attributes") for each in FOLLOWERS),
    ):
        assert told.count(expected) == 1, expected
    assert ("inquiry", NETWORK, FUJISAWA, "resident-record") in told
    assert all(line["verified"] == "yes" for line in move.history)
    taro = move.country.citizen("taro")
    await taro.logs_in()
    others = {(line["kind"], line["affair"]) for line in await taro.history()}
    assert not others & {("announce", "record-upkeep"), ("inquiry", "record-upkeep")}


async def test_one_page_says_which_offices_know_of_it(move: Move) -> None:
    assert "ほかの機関には、これから伝わります" in move.followers["expected"].text
    for language, law in (("ja", "模擬番号利用法別表 第22の項"), ("en", "schedule, row 22")):
        page = move.followers[language]
        lines = {each.attributes["data-office"]: each for each in page.parts("follower")}
        assert set(lines) == {NETWORK, *FOLLOWERS}, language
        assert {each.attributes["data-verified"] for each in lines.values()} == {"yes"}
        assert law in lines[TAX].text
        assert "2026" in lines[TAX].text
        proofs = [one.href for one in page.markup.links if "/history/" in one.href]
        assert len(set(proofs)) == len(lines) + 1  # that of the notice's own sending is there, too


async def test_the_move_ends_her_signature_alone_and_the_counter_renews_it(move: Move) -> None:
    """She was logged in by her card after the move, too: or she could not have opened a form."""
    assert "このカードの証明書は失効しています" in move.refused
    assert move.pages["renewed"].parts("renewed")


async def test_they_can_come_back_the_same_way(move: Move) -> None:
    records = move.records["back"]

    for record in RECORDS[:1] + RECORDS[5:]:
        assert BACK in records[record], record
        assert "2026年4月1日" in records[record], record
    for record in RECORDS[3:5]:
        assert NOTHING in records[record], record
    together = records[RECORDS[1]]
    assert together.count("世帯主") == 1
    assert "見本 太郎" in together
    assert "見本 芽衣" in together


async def test_a_second_click_and_a_repeated_announcement_change_nothing(move: Move) -> None:
    fujisawa = office(move.country, FUJISAWA)
    before = await fujisawa.counter.arrivals()

    with pytest.raises(NothingToDecide):
        await fujisawa.counter.arrive(move.notice)
    [hanako] = [each for each in before if each.values["name"] == "見本　花子"]
    await tells(move.country, FUJISAWA, KAMAKURA, "moved-in", hanako.person)
    await tells(move.country, KAMAKURA, FUJISAWA, "moving-out", person_number(KAMAKURA, "hanako"))

    assert await fujisawa.counter.arrivals() == before
    assert await shown(move.hanako, *RECORDS) == move.records["back"]


async def tells(country: Country, who: str, to: str, item: str, person: str) -> None:
    """One member tells another alone, outside of any office's work."""
    request = AnnouncementRequest(id=new_id(), to=to, affair="moving", item=item, people=[person])
    await country.apps[f"gateway:{who}"].state.gateway.announce(request)
    await country.settles()


# --- who is not told ------------------------------------------------------------------------------


async def test_a_city_learns_and_ends_nothing_of_whose_move_it_was_not_told(move: Move) -> None:
    """The law lets Fujisawa ask; it calls Taro by a number only because somebody told it of him."""
    country = move.country
    arrivals = await office(country, FUJISAWA).counter.arrivals()
    await tells(country, KAMAKURA, FUJISAWA, "moving-out", person_number(KAMAKURA, "taro"))
    gateway = country.apps[f"gateway:{FUJISAWA}"].state.gateway
    taro = (await gateway.read_changes(0)).changes[-1].person

    reply = await gateway.inquire(
        InquiryRequest(provider=KAMAKURA, affair="moving", item="moving-out", people=[taro])
    )
    await tells(country, FUJISAWA, KAMAKURA, "moved-in", taro)

    assert reply.statements == [None]
    assert await office(country, FUJISAWA).counter.arrivals() == arrivals
    himself = country.citizen("taro")
    await himself.logs_in()
    assert OLD in (await shown(himself, RECORDS[0]))[RECORDS[0]]


@pytest.mark.parametrize("member", [NETWORK, *FOLLOWERS])
async def test_a_third_member_gets_nothing(move: Move, member: str) -> None:
    gateway = move.country.apps[f"gateway:{member}"].state.gateway
    person = person_number(member, "hanako")
    request = InquiryRequest(provider=KAMAKURA, affair="moving", item="moving-out", people=[person])

    with pytest.raises(Problem) as refused:
        await gateway.inquire(request)

    assert refused.value.slug == "not-permitted"


# --- staying after all ----------------------------------------------------------------------------


async def test_a_move_that_stays_in_the_city_is_refused(move: Move) -> None:
    taro = move.country.citizen("taro")
    await taro.logs_in()

    await files(taro, out=KAMAKURA, to="鎌倉市長谷", movers={"movers-1": True}, on="2026-03-30")
    await taro.signs()
    await taro.sends()
    await move.country.settles()

    assert await taro.outcome() == "refused"


async def test_who_stays_after_all_withdraws_and_can_file_again(move: Move) -> None:
    maria, clerk = move.country.citizen("maria"), move.clerk
    await maria.logs_in()
    seen = set(await clerk.finds())
    first, notice = await notified(move, maria, clerk, seen)

    await maria.applies_for(WITHDRAWAL, {"stays": True}, KAMAKURA)
    await move.country.settles()

    assert await maria.outcome() == "granted"
    page = await maria.browser.open(first)
    assert page.part("outcome").attributes["data-outcome"] == "withdrawn"
    assert page.parts("event-withdrawn")
    assert "受け付けることはできません" in (await clerk.opens(notice)).part("withdrawn").text
    assert notice not in await clerk.finds()
    with pytest.raises(NothingToDecide):
        await office(move.country, FUJISAWA).counter.arrive(notice)
    _, again = await notified(move, maria, clerk, seen)
    assert again != notice


async def notified(move: Move, citizen: Citizen, clerk: Clerk, seen: set[str]) -> tuple[str, str]:
    """Give notice for oneself: the page that says so, and the notice on the new city's list."""
    await files(
        citizen, out=KAMAKURA, to="藤沢市湘南台", movers={"movers-1": True}, on="2026-04-02"
    )
    await citizen.signs()
    await citizen.sends()
    await move.country.settles()
    [notice] = set(await clerk.finds()) - seen
    return citizen.page.url, notice
