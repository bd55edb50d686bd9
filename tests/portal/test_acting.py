"""Acting for somebody else at the portal, among the real neighbours: what a proxy sees and does, and both find."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest

from kiban.identity.authority.client import AuthorityClient
from kiban.identity.authority.contract import MandateReply
from kiban.identity.login.acting import Acting
from kiban.shared.exchanges import new_id
from kiban.world.citizen import Citizen
from kiban.world.vault.contract import MandateEndNotice, MandateNotice
from kiban.world.vault.mandates import Mandates
from tests.portal.citizens import arrives, goes, parts, token
from tests.stories.country import Country

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("portal in a country"),
]
FAR = 4_000_000_000


@dataclass
class Register:
    """The resident network, as Kamakura tells it of mandates."""

    country: Country
    numbers: list[str] = field(default_factory=list)

    @property
    def mandates(self) -> Mandates:
        network = self.country.apps["gateway:resident-network"].state.network()
        return Mandates(network, {"kamakura": "142042"})

    async def tell(self, principal: str, proxy: str, **different) -> str:
        people, number = self.country.people, new_id()
        notice = MandateNotice(
            **{
                "number": number,
                "principal": people[principal].attributes(),
                "proxy": people[proxy].attributes(),
                "basis": "counter",
                "items": ["household", "resident-record"],
                "affairs": ["moving"],
                "until": FAR,
                **different,
            }
        )
        await self.mandates.tell_mandate("kamakura", notice)
        self.numbers.append(number)
        return number

    async def end(self, number: str) -> MandateReply:
        return await self.mandates.tell_mandate_end("kamakura", MandateEndNotice(number=number))


@pytest.fixture
async def register(country):
    here = Register(country)
    yield here
    for number in here.numbers:
        await here.end(number)


async def acts_for(citizen: Citizen, name: str):
    """Choose from the page for whom to act."""
    await goes(citizen, "/mandates")
    buttons = [form for form in citizen.page.markup.forms if form.name.startswith("act-")]
    [form] = [one for one in buttons if one.name] if len(buttons) == 1 else buttons
    return await citizen.browser.submit(form.name)


async def test_a_proxy_acts_for_a_principal_and_every_page_says_so(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)

    await acts_for(hanako, "taro")

    for path in ("/", "/records", "/procedures/moving-out", "/status", "/about"):
        page = await goes(hanako, path)
        assert "見本 太郎さんの代理をしています" in page.text, path
    english = await goes(hanako, "/?lang=en")
    assert "You are acting for 見本 太郎" in english.text


async def test_a_proxy_reads_what_the_mandate_names_and_nothing_else(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await acts_for(hanako, "taro")

    page = await hanako.looks_at("kamakura/resident-record")

    assert "見本 太郎" in page.part("record-resident-record").text
    offered = set(hanako.page.form("look").control("item").choices)
    assert offered
    assert not {one for one in offered if one.endswith(("/income", "/bank-account"))}
    assert (await posts(hanako, "/records", item="tax/income")).status == 422


async def test_what_is_the_principals_alone_is_shown_to_no_proxy(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await acts_for(hanako, "taro")

    for path in ("/history", "/consents", "/notices", "/operations", "/sessions", "/mandates"):
        page = await goes(hanako, path)
        assert page.status == 403, path
        assert "ご本人だけ" in page.text


async def test_a_page_that_refuses_a_proxy_has_the_button_that_it_names(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await acts_for(hanako, "taro")

    refused = await goes(hanako, "/history")
    own = await hanako.browser.submit("end-acting")

    assert "「代理をやめる」" in refused.text
    assert "見本 太郎さんの代理をしています" in refused.text
    assert own.status == 200
    assert not own.has_form("end-acting")
    assert (await goes(hanako, "/history")).status == 200


async def test_a_procedure_outside_the_mandate_is_opened_for_nobody(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await acts_for(hanako, "taro")
    home = await goes(hanako, "/")
    links = {link.href.rpartition("/")[2] for link in home.markup.links}

    await goes(hanako, "/procedures/child-allowance")
    refused = await hanako.browser.submit("start-child-allowance")

    assert "moving-out" in links
    assert "child-allowance" not in links
    assert refused.status == 403
    assert "任された代理の範囲ではありません" in refused.text


async def test_both_people_find_who_acted_for_whom(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await acts_for(hanako, "taro")
    await hanako.looks_at("kamakura/resident-record")

    await hanako.browser.submit("end-acting")
    hers = await goes(hanako, "/operations")
    taro = await arrives(country, "taro")
    his = await goes(taro, "/operations")

    for page, said in ((hers, "見本 太郎さんの代理で"), (his, "見本 花子さんが代理で")):
        lines = [row[1] for row in page.table("operations").rows if said in row[1]]
        assert any("窓口でのご本人の届出" in line for line in lines)
        assert {"代理を始めました", "代理をやめました"} <= {
            line.split("見本")[0].strip() for line in lines
        }
    assert "住民票" in "".join(row[1] for row in his.table("operations").rows)


async def test_a_mandate_that_ended_stops_at_the_next_click(country, register):
    number = await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await acts_for(hanako, "taro")
    await hanako.looks_at("kamakura/resident-record")
    session = token(hanako).digest

    await register.end(number)
    page = await goes(hanako, "/records")

    assert page.status == 403
    assert "代理での利用を終了しました" in page.text
    assert "神奈川県" not in page.text
    async with parts(country).store.read() as rows:
        assert (await rows.session(session)).ended_at is not None
        assert await rows.consents_of_session(session) == []
    assert (await goes(hanako, "/records")).status == 401


async def test_what_was_approved_under_a_mandate_ends_though_nobody_opens_a_page(country, register):
    number = await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await acts_for(hanako, "taro")
    await hanako.looks_at("kamakura/resident-record")
    session = token(hanako).digest

    await register.end(number)
    await parts(country).visiting.end_what_ended()

    async with parts(country).store.read() as rows:
        assert (await rows.session(session)).ended_at is not None
        assert await rows.consents_of_session(session) == []
    taro = await arrives(country, "taro")
    lines = [row[1] for row in (await goes(taro, "/operations")).table("operations").rows]
    assert any("代理を終了しました" in line and "見本 花子" in line for line in lines)


async def test_a_principal_ends_the_visit_of_a_proxy(country, register):
    await register.tell("taro", "hanako")
    hanako, taro = await arrives(country), await arrives(country, "taro")
    await acts_for(hanako, "taro")

    page = await goes(taro, "/sessions")
    [ending] = [
        form.name for form in page.markup.forms if form.name == f"end-{token(hanako).digest[:12]}"
    ]
    await taro.browser.submit(ending)

    assert "代理の方が利用中" in page.text
    assert (await goes(hanako, "/records")).status == 401


async def test_while_nobody_can_say_whether_a_mandate_holds_nobody_acts(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await acts_for(hanako, "taro")
    before = hanako.page
    login = country.apps["login"].state.office
    there, login.acting = login.acting, Acting(AuthorityClient(country.http, "http://127.0.0.1:9"))

    refused = await goes(hanako, "/records")
    own = await goes(await arrives(country, "maria"), "/records")
    hanako.browser.page = before
    left = await hanako.browser.submit("logout")
    login.acting = there

    assert (refused.status, own.status) == (503, 200)
    assert left.path == "/"
    assert (await goes(hanako, "/records")).status == 401


async def test_what_was_read_for_one_is_not_there_for_the_other(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await hanako.looks_at("kamakura/resident-record")

    await acts_for(hanako, "taro")
    as_proxy = await goes(hanako, "/records")
    await hanako.browser.submit("end-acting")
    back = await goes(hanako, "/records")

    assert not as_proxy.parts("record-resident-record")
    assert not back.parts("record-resident-record")


async def test_a_form_of_another_tab_does_nothing_after_one_began_to_act(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await goes(hanako, "/records")
    before = hanako.page

    await acts_for(hanako, "taro")
    hanako.browser.page = before
    refused = await hanako.browser.submit("look", {"item": ("kamakura/resident-record",)})

    assert refused.status == 403


async def test_nobody_acts_under_a_mandate_that_login_did_not_tell_of(country, register):
    await register.tell("taro", "hanako")
    hanako, maria = await arrives(country), await arrives(country, "maria")
    await goes(hanako, "/mandates")
    [form] = [one for one in hanako.page.markup.forms if one.name.startswith("act-")]
    stolen = form.control("mandate").value

    for mandate in (stolen, "0" * 64, ""):
        page = await posts(maria, "/acting", mandate=mandate)
        assert page.status == 404


async def posts(citizen: Citizen, path: str, **sent: str):
    """A form that no page shows, with the token of one that does."""
    page = await goes(citizen, "/")
    csrf = page.form("logout").control("csrf").value
    content = urlencode({"csrf": csrf, **sent}).encode()
    return await citizen.browser._go("POST", citizen.portal_origin + path, content)


async def test_another_card_than_the_proxys_approves_nothing(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)
    await acts_for(hanako, "taro")
    await goes(hanako, "/records")
    await hanako.browser.submit("look", {"item": ("kamakura/resident-record",)})

    refused = await hanako.holds_up_card(
        country.people["taro"].card.authentication_pin.reveal(), card="taro"
    )

    assert "代理をすることになっている方とは別の方のカード" in refused.text


async def test_the_database_tells_nobodys_name(country, register):
    await register.tell("taro", "hanako")
    hanako = await arrives(country)

    async with parts(country).store.read() as rows:
        session = await rows.session(token(hanako).digest)

    assert session.mandates is not None
    assert "太郎".encode() not in session.mandates
