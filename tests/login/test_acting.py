"""Acting for somebody else: what a relying party may put to a proxy's card, and what it may not."""

from dataclasses import dataclass

import jwt
import pytest

from kiban.identity.authority.contract import MandateEnd, MandateEntry
from kiban.identity.login.client import LoginForCards
from kiban.identity.login.contract import MandateCheck, TermsRecord
from kiban.shared.mandates import MandateEnded, MandateLine, MandateScope, MandateUnknown
from kiban.shared.oauth import OAuthProblem
from kiban.shared.problems import Malformed
from tests.login.house import HANAKO, MEI, TARO, House, Person, at_bank, at_portal
from tests.login.parties import LOGIN
from tests.login.test_transactions import approving, at_the_card, finished, record, signing

NUMBER = "a" * 32
UNTIL = 1_776_000_000


@pytest.fixture
def engine() -> str:
    return "sqlite"


@dataclass
class Proxy:
    """Hanako at the portal, who may act for Mei."""

    house: House
    portal: object
    subject: str
    line: MandateLine

    async def put(self, *records: TermsRecord, **different) -> str:
        """Terms that are put to her for Mei."""
        said = {"mandate": self.line.mandate, "subject": self.subject, **different}
        asked = approving(records=list(records), **said)
        return (await self.portal.client.open_approval_transaction(asked)).id

    async def approved(self, transaction: str, person: Person = HANAKO):
        attempt, page = await at_the_card(self.portal, "approve", transaction)
        return await finished(self.portal, attempt, await self.portal.browser.tap(page, person))


async def enter(house: House, proxy: Person = HANAKO, **different) -> None:
    await house.registrar.enter_mandate(
        MandateEntry(
            **{
                "number": NUMBER,
                "principal": MEI.code,
                "proxy": proxy.code,
                "basis": "counter",
                "items": ["bank-account"],
                "affairs": ["child-allowance"],
                "starts": int(house.clock().timestamp()),
                "until": UNTIL,
            }
            | different
        )
    )


@pytest.fixture
async def proxy(house: House) -> Proxy:
    await enter(house)
    portal = at_portal(house)
    person = await portal.log_in("openid pseudonym mandates")
    [line] = person.mandates
    return Proxy(house, portal, person.sub, line)


def in_scope(**different) -> TermsRecord:
    return record(**{"until": UNTIL, **different})


async def test_who_logs_in_hears_for_whom_she_may_act(proxy) -> None:
    assert (proxy.line.part, proxy.line.other, proxy.line.in_force) == ("proxy", MEI.name, True)
    payload = jwt.decode(proxy.line.token, options={"verify_signature": False})
    assert (payload["claims"]["inquirer"], payload["claims"]["kind"]) == ("portal", "acquire")
    assert MEI.name not in repr(proxy.line)


async def test_a_principal_hears_who_may_act_for_her(proxy) -> None:
    [line] = (await at_portal(proxy.house).log_in("openid mandates", MEI)).mandates

    assert (line.part, line.other, line.token) == ("principal", HANAKO.name, None)


async def test_who_does_not_ask_is_not_told(proxy) -> None:
    assert (await proxy.portal.log_in("openid pseudonym")).mandates == ()


async def test_a_private_service_hears_of_no_mandate(proxy) -> None:
    bank = at_bank(proxy.house)

    page = await bank.browser.open(bank.client.authorization_url(bank.begin("openid mandates")))

    assert page.query["error"] == "invalid_scope"
    with pytest.raises(OAuthProblem):
        await bank.client.check_mandate(MandateCheck(mandate=proxy.line.mandate))


async def test_a_proxy_approves_in_scope_and_sees_for_whom(proxy) -> None:
    transaction = await proxy.put(in_scope(), parties=2)

    _, page = await at_the_card(proxy.portal, "approve", transaction)
    person = await proxy.approved(transaction)

    assert f"You do this for {MEI.name}" in page.html
    result = await proxy.portal.client.approval_result(transaction, person.access_token)
    assert len(result.tokens) == 2


async def test_the_page_of_a_signature_names_the_principal_too(proxy) -> None:
    asked = signing(proxy.subject, mandate=proxy.line.mandate)
    transaction = await proxy.portal.client.open_sign_transaction(asked)

    _, page = await at_the_card(proxy.portal, "sign", transaction.id)

    assert f"You do this for {MEI.name}" in page.html


@pytest.mark.parametrize(
    "beyond",
    [
        {"item": "income"},
        {"affair": "moving"},
        {"until": UNTIL + 1},
        {"kind": "self", "affair": "self-information", "item": "income"},
    ],
)
async def test_terms_outside_the_mandate_are_put_to_nobody(proxy, beyond) -> None:
    with pytest.raises(MandateScope):
        await proxy.put(in_scope(), in_scope(id="2" * 32, **beyond))


async def test_what_is_no_record_is_approved_by_no_proxy(proxy) -> None:
    with pytest.raises(Malformed):
        await proxy.put(
            TermsRecord(
                canonical="{}",
                digest="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            )
        )


async def test_the_portal_cannot_invent_a_mandate(proxy) -> None:
    asked = approving(proxy.subject, records=[in_scope()], mandate="0" * 64)

    with pytest.raises(MandateUnknown):
        await proxy.portal.client.open_approval_transaction(asked)


async def test_anothers_card_is_refused_kindly_and_the_right_one_may_still_come(proxy) -> None:
    transaction = await proxy.put(in_scope())
    attempt, page = await at_the_card(proxy.portal, "approve", transaction)

    refused = await proxy.portal.browser.tap(page, TARO)
    page = await proxy.portal.browser.tap(refused, HANAKO)

    assert refused.status == 403
    assert "not that of the person who may act here" in refused.html
    assert (await finished(proxy.portal, attempt, page)).sub == proxy.subject


async def test_another_person_with_the_portals_help_acts_under_no_mandate_of_hers(proxy) -> None:
    taro = (await proxy.portal.log_in("openid", TARO)).sub
    transaction = await proxy.put(in_scope(), subject=taro)

    _, page = await at_the_card(proxy.portal, "approve", transaction)

    assert (await proxy.portal.browser.tap(page, TARO)).status == 403


async def test_a_mandate_that_ends_meanwhile_is_not_approved_under(proxy) -> None:
    transaction = await proxy.put(in_scope())
    _, page = await at_the_card(proxy.portal, "approve", transaction)
    await proxy.house.registrar.end_mandate(MandateEnd(number=NUMBER))

    told = await proxy.portal.browser.tap(page, HANAKO)

    assert told.status == 403
    with pytest.raises(MandateEnded):
        await LoginForCards(proxy.house.http, LOGIN).read_card_request(page.query["request"])
    with pytest.raises(MandateEnded):
        await proxy.put(in_scope())
    with pytest.raises(MandateEnded):
        await proxy.portal.client.check_mandate(MandateCheck(mandate=proxy.line.mandate))


async def test_nobody_else_hears_items_or_names_of_the_other_person(proxy) -> None:
    transaction = await proxy.put(in_scope())
    await proxy.approved(transaction)

    heard = b" ".join(bytes(each.body) for each in proxy.house.tape if each.role == "authority")
    assert b"accounts" not in heard
    assert b"bank-account" not in heard.replace(b'"items":["bank-account"]', b"")
