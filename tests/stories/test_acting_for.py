"""
Hanako acts for her child Mei, and for her grandmother Yoshi, who lives alone and has no card.

At the city's counter a clerk enters her as Mei's guardian, by the household's entry, and as Yoshi's proxy, in what and
until when Yoshi says.  She gives a notice of moving for Yoshi with her own card, and the city takes it as Yoshi's.
Taro has a card and named her too: he sees what she did, and when he ends it at the counter it stops at her next click.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from kiban.shared.clock import day_in_japan
from kiban.shared.mandates import MandateUnknown
from kiban.world.browser import Page
from kiban.world.cast import shipped_country
from kiban.world.citizen import Citizen
from kiban.world.clerk import Clerk
from kiban.world.vault.client import MunicipalityClient
from kiban.world.vault.contract import (
    LivesElsewhere,
    MandateEndNotice,
    MandateNotice,
    NotAMunicipality,
)
from tests.stories.country import Country, moved_in, running
from tests.stories.proxies import acts_for, names_proxy, spoken

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("acting"),
]
RECORD = "kamakura/resident-record"


@dataclass
class Acts:
    """What everybody saw."""

    country: Country
    hanako: Citizen
    clerk: Clerk

    async def tells(self, principal: str, basis: str = "counter", **said) -> Page:
        """Hanako becomes somebody's proxy at the counter."""
        return await names_proxy(self.country, self.clerk, principal, basis=basis, **said)

    async def acts_for(self, name: str) -> None:
        self.hanako = await acts_for(self.country, name)

    async def goes(self, path: str) -> Page:
        return await self.hanako.browser.open(self.hanako.portal_origin + path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def acts(
    lived_in: Path, tmp_path_factory: pytest.TempPathFactory, postal_data: Path
) -> AsyncIterator[Acts]:
    place = tmp_path_factory.mktemp("acting") / "data"
    async with running(moved_in(lived_in, place, shipped_country()), postal_data) as country:
        here = Acts(country, country.citizen("hanako"), country.clerk("kamakura"))
        await here.clerk.signs_in()
        yield here


async def test_the_counter_offers_only_what_a_proxy_could_ever_be_shown(acts):
    page = await acts.clerk.terminal.open(f"{acts.clerk.counter}/mandates")

    controls = page.form("mandate").controls
    offered = {choice for one in controls if one.name == "items" for choice in one.choices}

    assert {"household", "resident-record", "income", "moving-out"} <= offered
    assert not offered & {"history-opened", "history-closed", "four-attributes"}


async def test_a_guardian_reads_for_her_child_what_the_register_lets_her(acts):
    told = await acts.tells("mei", "guardian", until="2190-01-01")
    await acts.acts_for("mei")

    page = await acts.hanako.looks_at(RECORD)

    assert told.status == 200
    assert (
        "2036年2月3日" in told.text
    )  # the first moment of Mei's 18th birthday, whatever the form said
    assert "見本 芽衣" in page.part("record-resident-record").text
    assert "見本 芽衣さんの代理をしています" in page.text


async def test_a_guardian_applies_for_a_child_who_can_sign_nothing(acts):
    await acts.tells("mei", "guardian", items=("resident-record",), affairs=("change-of-address",))
    hanako = acts.hanako = await acts_for(acts.country, "mei", scope="転居")

    await hanako.opens("change-of-address")
    await hanako.agrees()
    await hanako.searches("moved_to", "鎌倉市長谷")
    today = day_in_japan(acts.country.clock()).isoformat()
    await hanako.fills({"moved_to-rest": "1丁目2番3号", "moved_on": today})
    await hanako.signs()
    address = hanako.page.url
    await acts.country.settles()

    await hanako.browser.open(address)
    assert await hanako.outcome() == "granted"
    page = await hanako.looks_at(RECORD)
    assert "神奈川県鎌倉市長谷1丁目2番3号" in page.part("record-resident-record").text
    mei = acts.country.citizen("mei")
    await mei.logs_in()
    lines = (await mei.browser.open(f"{mei.portal_origin}/operations")).table("operations").rows
    signed = [row[1] for row in lines if "カードで署名しました" in row[1]]
    assert signed
    assert all("見本 花子さんが代理で行いました" in line for line in signed)
    assert all("親権者として" in line for line in signed)
    await mei.browser.open(f"{mei.portal_origin}/notices")
    assert mei.page.parts("notice")


async def test_the_register_makes_nobody_guardian_of_somebody_elses_child(acts):
    stranger = acts.country.people["kenji"]

    page = await acts.tells(
        "mei", "guardian", proxy_name=stranger.name, proxy_birth=stranger.birth_date.isoformat()
    )

    assert page.status in {404, 422}
    assert "確かめられません" in page.text or "見つかりません" in page.text


async def test_nobody_is_guardian_of_an_adult(acts):
    page = await acts.tells("taro", "guardian")

    assert page.status == 422


async def test_a_proxy_gives_notice_for_a_grandmother_with_her_own_card(acts):
    await acts.tells("yoshi")
    await acts.acts_for("yoshi")
    hanako, today = acts.hanako, day_in_japan(acts.country.clock()).isoformat()

    await hanako.opens("moving-out", "kamakura")
    await hanako.agrees()
    await hanako.searches("moves_to", "藤沢市湘南台")
    await hanako.fills(
        {"movers-1": True, "moves_to-rest": "1丁目2番3号", "moves_on": today, "visits_on": today}
    )
    await hanako.signs()
    address = hanako.page.url
    await acts.country.settles()

    await hanako.browser.open(address)
    assert await hanako.outcome() == "granted"
    clerk = acts.country.clerk("fujisawa")
    await clerk.signs_in()
    [expected] = await clerk.expects()
    assert "よし" in expected
    assert "花子" not in expected


async def test_a_proxy_does_nothing_outside_of_what_was_named(acts):
    await acts.tells("yoshi")
    await acts.acts_for("yoshi")

    home = await acts.goes("/")
    await acts.goes("/procedures/child-allowance")
    refused = await acts.hanako.browser.submit("start-child-allowance")

    links = {link.href.rpartition("/")[2] for link in home.markup.links}
    assert "moving-out" in links
    assert "child-allowance" not in links
    assert refused.status == 403
    assert (await acts.goes("/history")).status == 403


async def test_the_principal_sees_who_acted_and_ends_it_at_once(acts):
    await acts.tells("taro")
    await acts.acts_for("taro")
    await acts.hanako.looks_at(RECORD)
    taro = acts.country.citizen("taro")
    await taro.logs_in()

    seen = await taro.browser.open(f"{taro.portal_origin}/operations")
    named = await taro.browser.open(f"{taro.portal_origin}/mandates")
    await acts.clerk.ends_mandate("太郎")
    next_click = await acts.goes("/records")

    lines = [row[1] for row in seen.table("operations").rows]
    assert any("見本 花子さんが代理で行いました" in line and "住民票" in line for line in lines)
    assert "見本 花子" in named.part("principal").text
    assert next_click.status == 403
    assert "神奈川県" not in next_click.text
    assert not any("太郎" in each for each in await acts.clerk.mandates())


async def test_a_mandates_time_is_over_by_itself(acts):
    await acts.tells("yoshi")
    await acts.acts_for("yoshi")

    await acts.country.time_passes(timedelta(days=3))

    assert (await acts.goes("/records")).status in {401, 403}
    await acts.hanako.logs_in()
    page = await acts.goes("/mandates")
    assert "見本 よし" in page.text
    assert not [part for part in page.parts("proxy") if "見本 よしさんの代理をする" in part.text]


# --- who may tell of a mandate --------------------------------------------------------------------


def notice(acts: Acts, **different) -> MandateNotice:
    people = acts.country.people
    return MandateNotice(
        **{
            "number": "d" * 32,
            "principal": people["kenji"].attributes(),
            "proxy": people["maria"].attributes(),
            "basis": "counter",
            "items": ["household"],
            "affairs": [],
            "until": 4_000_000_000,
            **different,
        }
    )


def told_by(acts: Acts, member: str) -> MunicipalityClient:
    """What a member of the mesh tells the resident network, in its own signed name."""
    signed = acts.country.apps[f"gateway:{member}"].state.gateway.standing.signed
    return MunicipalityClient(signed, acts.country.origin("gateway:resident-network"))


async def test_only_a_municipality_tells_of_its_own_residents(acts):
    for member in ("tax", "portal"):
        with pytest.raises(NotAMunicipality):
            await told_by(acts, member).tell_mandate(notice(acts))
    with pytest.raises(LivesElsewhere):
        await told_by(acts, "fujisawa").tell_mandate(notice(acts))


async def test_a_mandate_is_ended_by_the_municipality_that_told_of_it(acts):
    await told_by(acts, "kamakura").tell_mandate(notice(acts))
    ending = MandateEndNotice(number="d" * 32)

    for member in ("fujisawa", "tax"):
        with pytest.raises((MandateUnknown, NotAMunicipality)):
            await told_by(acts, member).tell_mandate_end(ending)
    assert (await told_by(acts, "kamakura").tell_mandate_end(ending)).ended_at is not None


async def test_a_form_that_is_sent_twice_tells_of_one_mandate(acts):
    acts.clerk.terminal.forget()
    await acts.clerk.signs_in()
    before = len(await acts.clerk.mandates())
    await acts.clerk.terminal.open(f"{acts.clerk.counter}/mandates")
    form = acts.clerk.terminal.page
    said = spoken(acts.country, "kenji", "taro")

    await acts.clerk.terminal.submit("mandate", said)
    acts.clerk.terminal.page = form
    await acts.clerk.terminal.submit("mandate", said)

    assert len(await acts.clerk.mandates()) == before + 1
