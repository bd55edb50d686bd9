"""Acting for somebody else: what a card may approve and sign under a mandate, and what nobody may."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from kiban.identity.authority.contract import (
    AcquisitionRequest,
    ActingClaim,
    MandateEnd,
    MandateQuestion,
    ProofRefused,
)
from kiban.shared.mandates import (
    MandateEnded,
    MandateInForce,
    MandateNotYours,
    MandateScope,
    MandateUnknown,
)
from kiban.shared.problems import Forbidden
from tests.authority.builders import HANAKO, MEI, TARO, Card, resident
from tests.authority.test_issue import redeemed
from tests.authority.test_mandates import guardianship, listed


@pytest.fixture
def engine() -> str:
    """One is enough: that both have these tables is tested with the store."""
    return "sqlite"


@dataclass
class Family:
    """Hanako is Mei's guardian and has a card; Taro has one too, and no mandate."""

    authority: object
    hanako: Card
    taro: Card
    mandate: str = ""
    known: dict[tuple[str, str], bytes] = field(default_factory=dict)

    async def check(self, mandate: str = "", member: str = "portal") -> MandateInForce:
        asked = MandateQuestion(mandate=mandate or self.mandate, member=member)
        return await self.authority.login.check_mandate(asked)

    async def approves(self, card: Card, mandate: str | None) -> bytes:
        """Whose pseudonym the portal gets of what this card approves."""
        reply = await self.authority.login.approve(card.approves(mandate=mandate))
        return await redeemed(self.authority, reply.tokens[0], by="portal")

    async def signs(self, card: Card, reference: str, affair: str = "child-health") -> str:
        """What the tax office learns of a signature that was made under a mandate."""
        acting = ActingClaim(reference=reference, affair=affair)
        reply = await self.authority.as_member("tax").verify_signature(card.signs(acting=acting))
        assert reply.principal
        return reply.principal

    async def pseudonym(self, code: str, member: str) -> bytes:
        asked = AcquisitionRequest(resident_record_code=code, bearer=member)
        token = (await self.authority.registrar.issue_acquisition(asked)).token
        return await redeemed(self.authority, token, by=member)


@pytest.fixture
async def family(authority, card, other_card) -> Family:
    await authority.registrar.register_resident(resident(MEI, birth_date="2018-06-03"))
    await authority.registrar.register_resident(resident(TARO, name="鎌倉　太郎", sex="male"))
    here = Family(authority, await authority.issues(card), await authority.issues(other_card, TARO))
    await authority.registrar.enter_mandate(guardianship(authority))
    [line] = await listed(authority, card)
    here.mandate = line.mandate
    return here


async def test_what_a_guardian_approves_is_about_the_child(family):
    about = await family.approves(family.hanako, family.mandate)

    assert about == await family.pseudonym(MEI, "portal")
    assert await family.approves(family.hanako, None) == await family.pseudonym(HANAKO, "portal")


async def test_the_portal_learns_at_login_which_of_its_pseudonyms_is_meant(family):
    [line] = await listed(family.authority, family.hanako)

    assert await redeemed(family.authority, line.token, by="portal") == await family.pseudonym(
        MEI, "portal"
    )


async def test_a_principal_is_given_no_token_about_the_proxy(family):
    asked = guardianship(family.authority, number="b" * 32, principal=TARO, basis="counter")
    await family.authority.registrar.enter_mandate(asked)

    [line] = await listed(family.authority, family.taro)

    assert (line.part, line.token) == ("principal", None)


async def test_anothers_card_approves_nothing_under_a_mandate(family):
    with pytest.raises(MandateNotYours):
        await family.approves(family.taro, family.mandate)


async def test_nobody_invents_a_mandate(family):
    with pytest.raises(MandateUnknown):
        await family.approves(family.hanako, "0" * 64)
    with pytest.raises(MandateUnknown):
        await family.check("0" * 64)
    with pytest.raises(MandateUnknown):
        await family.signs(family.hanako, "0" * 96)


async def test_an_approval_for_oneself_is_none_for_another(family):
    own = family.hanako.approves()
    hers = family.hanako.approves(mandate=family.mandate)

    for forged in (
        own.model_copy(update={"mandate": family.mandate}),
        hers.model_copy(update={"mandate": None}),
    ):
        with pytest.raises(ProofRefused):
            await family.authority.login.approve(forged)


async def test_a_mandate_is_called_otherwise_by_every_member(family):
    [elsewhere] = await listed(family.authority, family.hanako, member="tax")

    assert elsewhere.mandate != family.mandate
    with pytest.raises(MandateUnknown):
        await family.check(elsewhere.mandate)


async def test_a_mandate_that_ended_lets_nothing_more_be_done(family):
    reference = (await family.check()).reference
    await family.authority.registrar.end_mandate(MandateEnd(number="a" * 32))

    with pytest.raises(MandateEnded):
        await family.approves(family.hanako, family.mandate)
    with pytest.raises(MandateEnded):
        await family.check()
    with pytest.raises(MandateEnded):
        await family.signs(family.hanako, reference)
    [line] = await listed(family.authority, family.hanako)
    assert (line.in_force, line.token) == (False, None)


async def test_a_mandate_holds_in_its_time_alone(family):
    now = int(family.authority.clock().timestamp())
    asked = guardianship(
        family.authority, number="c" * 32, principal=TARO, basis="counter", starts=now + 60
    )
    await family.authority.registrar.enter_mandate(asked.model_copy(update={"until": now + 120}))
    [later] = [
        line for line in await listed(family.authority, family.hanako) if line.basis == "counter"
    ]

    with pytest.raises(MandateEnded):
        await family.check(later.mandate)
    family.authority.clock.advance(timedelta(seconds=60))
    assert (await family.check(later.mandate)).principal == "鎌倉　太郎"
    family.authority.clock.advance(timedelta(seconds=60))
    with pytest.raises(MandateEnded):
        await family.check(later.mandate)


async def test_an_office_learns_in_its_own_words_for_whom_was_signed(family):
    token = await family.signs(family.hanako, (await family.check()).reference)

    about = await redeemed(family.authority, token, by="tax")
    assert about == await family.pseudonym(MEI, "tax")


async def test_two_references_to_one_mandate_have_nothing_in_common(family):
    first, second = [(await family.check()).reference for _ in range(2)]

    assert not {first[place : place + 8] for place in range(0, 96, 8)} & {
        second[place : place + 8] for place in range(0, 96, 8)
    }


async def test_an_office_is_told_of_no_affair_outside_the_mandate(family):
    with pytest.raises(MandateScope):
        await family.signs(family.hanako, (await family.check()).reference, "moving")


async def test_a_reference_in_other_hands_is_worth_nothing(family):
    reference = (await family.check()).reference

    with pytest.raises(MandateNotYours):
        await family.signs(family.taro, reference)


async def test_only_login_asks_what_a_mandate_allows(family):
    asked = MandateQuestion(mandate=family.mandate, member="portal")

    for name in ("portal", "tax"):
        with pytest.raises(Forbidden):
            await family.authority.as_member(name).check_mandate(asked)


async def test_both_people_find_the_act_in_the_authoritys_record(family):
    before = await family.authority.count("acts")

    await family.approves(family.hanako, family.mandate)

    assert await family.authority.count("acts") == before + 2
