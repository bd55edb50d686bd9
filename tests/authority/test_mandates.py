"""Mandates: who may act for whom, who may say so, and who is told."""

from datetime import UTC, datetime, timedelta

import pytest

from kiban.identity.authority.contract import (
    HolderUnknown,
    MandateEnd,
    MandateEntry,
    MandateListing,
    MandateRefused,
    NotARegistrar,
)
from kiban.identity.authority.mandates import comes_of_age
from kiban.shared.mandates import MandateUnknown
from kiban.shared.members import NotAMember
from kiban.shared.problems import Forbidden
from tests.authority.builders import HANAKO, MEI, TARO, resident

FAR = 4_000_000_000


@pytest.fixture
def engine() -> str:
    """One is enough: that both have these tables is tested with the store."""
    return "sqlite"


def guardianship(authority, **changes) -> MandateEntry:
    return MandateEntry(
        **{
            "number": "a" * 32,
            "principal": MEI,
            "proxy": HANAKO,
            "basis": "guardian",
            "items": ["vaccinations"],
            "affairs": ["child-health"],
            "starts": int(authority.clock().timestamp()),
            "until": FAR,
        }
        | changes
    )


@pytest.fixture
async def family(authority, card, other_card):
    """Hanako and Taro have cards; Mei is a child."""
    await authority.registrar.register_resident(resident(MEI, birth_date="2018-06-03"))
    await authority.registrar.register_resident(resident(TARO, name="鎌倉　太郎", sex="male"))
    await authority.issues(card)
    await authority.issues(other_card, TARO)
    return authority


async def listed(authority, card, member="portal"):
    holder = (await authority.login.verify_authentication(card.authenticates())).holder
    asked = MandateListing(holder=holder, member=member)
    return (await authority.login.list_mandates(asked)).mandates


async def test_a_guardian_sees_for_whom_she_may_act(family, card):
    await family.registrar.enter_mandate(guardianship(family))

    [line] = await listed(family, card)

    assert (line.part, line.basis, line.in_force) == ("proxy", "guardian", True)
    assert (line.items, line.affairs) == (["vaccinations"], ["child-health"])


async def test_a_principal_sees_who_may_act_for_him(family, card, other_card):
    asked = guardianship(family, principal=TARO, basis="counter")
    await family.registrar.enter_mandate(asked)

    [hers], [his] = await listed(family, card), await listed(family, other_card)

    assert (hers.part, his.part) == ("proxy", "principal")
    assert (hers.other, his.other) == ("鎌倉　太郎", "鎌倉　花子")


async def test_nobody_else_sees_a_mandate(family, other_card):
    await family.registrar.enter_mandate(guardianship(family))

    assert await listed(family, other_card) == []


async def test_guardianship_ends_on_the_eighteenth_birthday_whatever_was_said(family, card):
    reply = await family.registrar.enter_mandate(guardianship(family))

    assert reply.until == int(datetime(2036, 6, 2, 15, tzinfo=UTC).timestamp()) < FAR


def test_who_was_born_on_a_leap_day_comes_of_age_on_a_day_that_is_there():
    assert comes_of_age(datetime(2008, 2, 29, tzinfo=UTC).date()).year == 2026


async def test_a_mandate_ends_at_once_and_stays_on_record(family, card):
    await family.registrar.enter_mandate(guardianship(family))

    first = await family.registrar.end_mandate(MandateEnd(number="a" * 32))
    family.clock.advance(timedelta(minutes=5))
    again = await family.registrar.end_mandate(MandateEnd(number="a" * 32))

    assert first.ended_at == again.ended_at is not None
    [line] = await listed(family, card)
    assert not line.in_force
    assert await family.count("mandates") == 1


async def test_an_ended_mandate_does_not_come_back_by_being_entered_again(family, card):
    await family.registrar.enter_mandate(guardianship(family))
    await family.registrar.end_mandate(MandateEnd(number="a" * 32))

    assert (await family.registrar.enter_mandate(guardianship(family))).ended_at is not None

    [line] = await listed(family, card)
    assert not line.in_force


async def test_a_mandate_does_not_hold_before_it_begins_nor_when_its_time_is_over(family, card):
    now = int(family.clock().timestamp())
    asked = guardianship(family, principal=TARO, basis="counter", starts=now + 60, until=now + 120)
    await family.registrar.enter_mandate(asked)

    held = []
    for _ in range(3):
        [line] = await listed(family, card)
        held.append(line.in_force)
        family.clock.advance(timedelta(seconds=60))

    assert held == [False, True, False]


async def test_a_mandate_told_again_when_it_is_over_is_the_one_that_was(family):
    tomorrow = int((family.clock() + timedelta(days=1)).timestamp())
    asked = guardianship(family, until=tomorrow)
    first = await family.registrar.enter_mandate(asked)
    family.clock.advance(timedelta(days=2))

    assert await family.registrar.enter_mandate(asked) == first


async def test_the_same_mandate_twice_is_one(family):
    asked = guardianship(family)

    assert await family.registrar.enter_mandate(asked) == await family.registrar.enter_mandate(
        asked
    )
    assert await family.count("mandates") == 1


@pytest.mark.parametrize(
    "changes",
    [{"items": ["vaccinations", "income"]}, {"affairs": ["passport"]}, {"proxy": TARO}],
)
async def test_a_mandate_is_not_widened_by_entering_it_again(family, changes):
    await family.registrar.enter_mandate(guardianship(family))

    with pytest.raises(MandateRefused) as refused:
        await family.registrar.enter_mandate(guardianship(family, **changes))

    assert refused.value.members["rule"] == "number"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"proxy": MEI}, "proxy"),
        ({"items": [], "affairs": []}, "scope"),
        ({"principal": TARO}, "of-age"),
        ({"until": 0}, "until"),
        ({"until": 2**40}, "until"),
        ({"starts": FAR}, "until"),
    ],
)
async def test_there_can_be_no_such_mandate(family, changes, rule):
    with pytest.raises(MandateRefused) as refused:
        await family.registrar.enter_mandate(guardianship(family, **changes))

    assert refused.value.members["rule"] == rule


async def test_neither_portal_nor_login_can_invent_a_mandate(family):
    for name in ("portal", "login", "tax", "core"):
        with pytest.raises(NotARegistrar):
            await family.as_member(name).enter_mandate(guardianship(family))
        with pytest.raises(NotARegistrar):
            await family.as_member(name).end_mandate(MandateEnd(number="a" * 32))
    assert await family.count("mandates") == 0


async def test_only_login_reads_mandates_and_only_of_whom_it_has_verified(family, card):
    holder = (await family.login.verify_authentication(card.authenticates())).holder

    with pytest.raises((Forbidden, NotAMember)):
        await family.as_member("portal").list_mandates(
            MandateListing(holder=holder, member="portal")
        )
    with pytest.raises(HolderUnknown):
        await family.login.list_mandates(MandateListing(holder="0" * 64, member="portal"))


async def test_what_nobody_entered_cannot_end(family):
    with pytest.raises(MandateUnknown):
        await family.registrar.end_mandate(MandateEnd(number="b" * 32))


async def test_who_is_not_registered_has_no_mandate(family):
    with pytest.raises(HolderUnknown):
        await family.registrar.enter_mandate(guardianship(family, proxy="00000000999"))
