"""Issue of pseudonyms: who is given a token about whom, and who is not."""

import pytest

from kiban.identity.authority.contract import AcquisitionRequest, BearerRefused, HolderUnknown
from kiban.shared import points, tokens
from kiban.shared.exchanges import (
    LINE_SEED,
    POINTS,
    SEED,
    TOKEN,
    TokenPayload,
    check_seed,
)
from kiban.shared.problems import Forbidden
from kiban.shared.pseudonyms import MODES
from kiban.shared.sealing import SealBroken
from tests.authority.builders import HANAKO, TARO, resident
from tests.authority.conftest import MEMBERS


@pytest.fixture
def engine() -> str:
    """One is enough: where engines could differ, other tests of this room try both."""
    return "sqlite"


async def sealer(authority):
    """The authority as a member, as everybody can look it up."""
    return await authority.office.enrolment.roll.resolve("authority")


async def read(authority, token) -> TokenPayload:
    key = (await sealer(authority)).signing_key
    assert tokens.signer(token) == "authority"
    return TokenPayload.model_validate(tokens.verify(token, key=key, typ=TOKEN))


async def opened(authority, name, sealed, label, payload) -> bytes:
    return authority.identities[name].open(
        sealed, sender=await sealer(authority), label=label, context=payload.claims.context
    )


async def redeemed(authority, token, *, by, key=7, mode="blind") -> bytes:
    """What the core and the bearer make of a token: the bearer's pseudonym."""
    payload = await read(authority, token)
    point = await opened(authority, "core", payload.points, POINTS, payload)
    converted = MODES[mode].convert(point, source=None, target=key)
    seed = await opened(authority, by, payload.seed, SEED, payload)
    check_seed(seed, payload.claims, payload.commitment)
    return MODES[mode].unblind(converted, seed, payload.claims.context)


def asked(code=HANAKO, bearer="tax") -> AcquisitionRequest:
    return AcquisitionRequest(resident_record_code=code, bearer=bearer)


async def test_an_agency_gets_the_same_pseudonym_whenever_it_asks(authority):
    network = authority.registrar

    first = await network.issue_acquisition(asked())
    second = await network.issue_acquisition(asked())

    assert first.token != second.token
    assert await redeemed(authority, first.token, by="tax") == await redeemed(
        authority, second.token, by="tax"
    )


async def test_people_and_agencies_have_different_pseudonyms(authority):
    await authority.registrar.register_resident(resident(TARO))
    network = authority.registrar
    hanako = (await network.issue_acquisition(asked())).token
    taro = (await network.issue_acquisition(asked(TARO))).token

    found = {
        await redeemed(authority, hanako, by="tax"),
        await redeemed(authority, hanako, by="tax", key=points.draw()),
        await redeemed(authority, taro, by="tax"),
    }

    assert len(found) == 3


async def test_only_the_bearer_opens_the_seed_and_only_the_core_the_point(authority):
    payload = await read(authority, (await authority.registrar.issue_acquisition(asked())).token)

    for name, sealed, label in (
        ("portal", payload.seed, SEED),
        ("core", payload.seed, SEED),
        ("tax", payload.points, POINTS),
        ("login", payload.line_seed, LINE_SEED),
    ):
        with pytest.raises(SealBroken):
            await opened(authority, name, sealed, label, payload)
    line = await opened(authority, "portal", payload.line_seed, LINE_SEED, payload)
    assert line == await opened(authority, "tax", payload.seed, SEED, payload)


async def test_a_token_lasts_five_minutes(authority):
    payload = await read(authority, (await authority.registrar.issue_acquisition(asked())).token)

    assert payload.claims.until == int(authority.clock().timestamp()) + 300


@pytest.mark.parametrize("bearer", ["core", "login", "authority"])
async def test_who_may_not_unblind_bears_nothing(authority, bearer):
    with pytest.raises(BearerRefused):
        await authority.registrar.issue_acquisition(asked(bearer=bearer))


async def test_a_bearer_must_be_a_member(authority):
    with pytest.raises(BearerRefused, match="not a member yet"):
        await authority.registrar.issue_acquisition(asked(bearer="kamakura"))


async def test_nothing_is_issued_before_core_and_portal_are_members(start):
    running = await start("resident-network", "tax")
    await running.registrar.register_resident(resident())

    with pytest.raises(BearerRefused, match="core is not a member yet"):
        await running.registrar.issue_acquisition(asked())


async def test_nobody_unknown_has_a_token(authority):
    with pytest.raises(HolderUnknown):
        await authority.registrar.issue_acquisition(asked(TARO))


@pytest.mark.parametrize("member", ["tax", "portal", "login", "core"])
async def test_only_the_resident_network_has_tokens_made(authority, member):
    with pytest.raises(Forbidden):
        await authority.as_member(member).issue_acquisition(asked())


async def test_another_registrar_than_the_resident_network_has_none_made(start):
    running = await start(*MEMBERS, registrars=("resident-network", "tax"))
    await running.as_member("tax").register_resident(resident())

    with pytest.raises(Forbidden):
        await running.as_member("tax").issue_acquisition(asked())


async def test_the_portal_reads_one_nameless_token_for_everybody(authority):
    await authority.registrar.register_resident(resident(TARO))
    portal = authority.as_member("portal")

    feed = await portal.list_registrations()

    pseudonyms = {await redeemed(authority, token, by="portal") for token in feed.tokens}
    hanako = (await authority.registrar.issue_acquisition(asked(bearer="portal"))).token
    assert len(feed.tokens) == len(pseudonyms) == 2
    assert await redeemed(authority, hanako, by="portal") in pseudonyms
    assert feed.next == 2


async def test_the_feed_goes_on_where_it_was_left(authority):
    portal = authority.as_member("portal")
    first = await portal.list_registrations()
    await authority.registrar.register_resident(resident(TARO))

    second = await portal.list_registrations(first.next)
    third = await portal.list_registrations(second.next)

    assert [len(feed.tokens) for feed in (first, second, third)] == [1, 1, 0]
    assert third.next == second.next


async def test_a_page_of_the_feed_has_an_end(authority):
    for number in range(105):
        await authority.registrar.register_resident(resident(f"{number:011}"[::-1]))
    portal = authority.as_member("portal")

    first = await portal.list_registrations()
    second = await portal.list_registrations(first.next)

    assert (len(first.tokens), len(second.tokens)) == (100, 6)


@pytest.mark.parametrize("member", ["tax", "login", "core", "resident-network"])
async def test_only_the_portal_reads_the_feed(authority, member):
    with pytest.raises(Forbidden):
        await authority.as_member(member).list_registrations()


async def test_at_the_card_the_portal_learns_whose_pseudonym_it_is(authority, card):
    await authority.issues(card)

    reply = await authority.login.verify_authentication(card.authenticates(bearer="portal"))

    [nameless] = (await authority.as_member("portal").list_registrations()).tokens
    assert await redeemed(authority, reply.token, by="portal") == await redeemed(
        authority, nameless, by="portal"
    )


async def test_an_approval_gives_a_token_for_each_party(authority, card):
    await authority.issues(card)

    reply = await authority.login.approve(card.approves(parties=3))

    payloads = [await read(authority, token) for token in reply.tokens]
    assert {(each.claims.kind, each.claims.inquirer) for each in payloads} == {
        ("approve", "portal")
    }
    assert {each.claims.terms for each in payloads} == {"7" * 64}
    assert len({each.claims.id for each in payloads}) == 3
    assert len({await redeemed(authority, token, by="portal") for token in reply.tokens}) == 1


@pytest.mark.parametrize("bearer", ["tax", "login", "core"])
async def test_an_approval_is_borne_by_the_portal_alone(authority, card, bearer):
    await authority.issues(card)

    with pytest.raises(BearerRefused):
        await authority.login.approve(card.approves(bearer=bearer))


async def test_in_classic_mode_the_core_is_trusted_with_the_point(start):
    running = await start(*MEMBERS, mode="classic")
    await running.registrar.register_resident(resident())
    reply = await running.registrar.issue_acquisition(asked())

    payload = await read(running, reply.token)

    point = await opened(running, "core", payload.points, POINTS, payload)
    async with running.db.read() as connection:
        [row] = (await connection.exec_driver_sql("SELECT record FROM residents")).all()
    assert point == running.office.issue.persons.point(row.record)
