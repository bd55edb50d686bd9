"""Blinding: the right person at both ends, nobody anywhere else, and every twist of it refused."""

import random

import pytest

from kiban.gateway import blinding
from kiban.gateway.contract import EpochMissed, PermitRefused
from kiban.mesh.contract import (
    PERMIT,
    EpochPassed,
    ExchangeExpired,
    ExchangeKnown,
    NotPermitted,
    NotTheBearer,
)
from kiban.shared import points, tokens
from kiban.shared.exchanges import POINTS, SeedRefused
from kiban.shared.points import NotAPoint
from kiban.shared.sealing import SealBroken
from kiban.shared.tokens import TokenRefused
from tests.parties import UNTIL, Parties


@pytest.fixture(params=["blind", "classic"])
def parties(request):
    return Parties(request.param)


@pytest.fixture
def blind():
    return Parties()


async def test_the_provider_finds_the_person_whom_the_inquirer_asked_about(parties):
    opened = parties.open(await parties.permit())

    assert opened.codes == (parties.code["pension"]["hana"],)


async def test_a_bulk_keeps_everybody_in_their_place(parties):
    people = ("mei", "hana", "taro")

    opened = parties.open(await parties.permit(parties.blinded(people=people)))

    assert list(opened.codes) == [parties.code["pension"][name] for name in people]


async def test_a_bearer_of_a_token_takes_its_own_pseudonym(parties):
    permit = await parties.redeem(parties.token("mei"))

    assert parties.open(permit, at="tax").codes == (parties.code["tax"]["mei"],)


async def test_a_gateway_that_reuses_its_seed_still_shows_the_core_fresh_points(blind):
    seen = set()
    for _ in range(20):
        blinded = blind.blinded(seed=b"s" * 32)
        seen.add(
            blind.member["core"].open(
                blinded.points,
                sender=blind.member["tax"].member,
                label=POINTS,
                context=blinded.claims.context,
            )
        )

    assert len(seen) == 20
    assert not seen & {code.value for codes in blind.code.values() for code in codes.values()}


async def test_in_classic_the_core_reads_the_pseudonym_itself():
    """What `blind` prevents: a trusted converter can link whatever it converts."""
    parties = Parties("classic")
    blinded = parties.blinded()

    seen = parties.member["core"].open(
        blinded.points,
        sender=parties.member["tax"].member,
        label=POINTS,
        context=blinded.claims.context,
    )

    assert seen == parties.code["tax"]["hana"].value


async def test_another_seed_for_the_provider_is_refused(parties):
    claims = parties.claims()
    honest, other = parties.blinded(claims), parties.blinded(claims)

    permit = await parties.permit(honest.model_copy(update={"seed": other.seed}))

    with pytest.raises(SeedRefused):
        parties.open(permit)


async def test_a_permit_with_another_exchanges_conversion_is_refused(parties):
    permit, other = await parties.permit(), await parties.permit(parties.blinded(people=("mei",)))

    with pytest.raises(SealBroken):
        parties.open(permit.model_copy(update={"conversion": other.conversion}))


async def test_a_permit_that_is_not_what_was_logged_is_refused(parties):
    permit = (await parties.permit()).model_copy(update={"leaf": "0" * 64})
    core = parties.member["core"]
    token = tokens.sign(
        permit.model_dump(mode="json"), key=core.signing_key, kid="core", typ=PERMIT
    )

    with pytest.raises(PermitRefused, match="leaf"):
        blinding.read_permit(token, core.member)


async def test_a_permit_that_another_signed_is_refused(parties):
    permit = await parties.permit()
    tax = parties.member["tax"]
    token = tokens.sign(permit.model_dump(mode="json"), key=tax.signing_key, kid="core", typ=PERMIT)

    with pytest.raises(TokenRefused):
        blinding.read_permit(token, parties.member["core"].member)


async def test_a_permit_for_another_provider_is_refused(parties):
    with pytest.raises(PermitRefused, match="another provider"):
        parties.open(await parties.permit(), at="bank")


async def test_a_receiver_of_another_epoch_says_so_and_finds_nobody(parties):
    with pytest.raises(EpochMissed):
        parties.open(await parties.permit(), epoch=1)


@pytest.mark.parametrize(
    "wrong",
    [bytes(31) + b"\1", b"\xff" * 32, b"\0" * 33],
    ids=["the twist", "x >= p", "33 bytes"],
)
async def test_the_core_multiplies_points_of_the_curve_only(blind, wrong):
    blinded = blind.blinded()
    sealed = blind.member["tax"].seal(
        wrong, to=blind.member["core"].member, label=POINTS, context=blinded.claims.context
    )

    with pytest.raises(NotAPoint):
        await blind.permit(blinded.model_copy(update={"points": sealed}))

    assert not blind.log


async def test_more_people_in_the_points_than_in_the_claims_are_refused(parties):
    claims = parties.claims(people=1)

    with pytest.raises(NotAPoint, match="as many"):
        await parties.permit(parties.blinded(claims, people=("hana", "mei")))


async def test_an_exchange_is_taken_once(parties):
    blinded = parties.blinded()
    await parties.permit(blinded)

    with pytest.raises(ExchangeKnown):
        await parties.permit(blinded)


async def test_what_is_sealed_for_one_exchange_opens_in_no_other(parties):
    first, second = parties.blinded(), parties.blinded(people=("mei",))

    with pytest.raises(SealBroken):
        await parties.permit(second.model_copy(update={"points": first.points}))


async def test_an_exchange_is_sent_by_its_inquirer_alone(parties):
    with pytest.raises(NotTheBearer):
        await parties.permit(parties.blinded(), caller="bank")


@pytest.mark.parametrize("until", [UNTIL - 61, UNTIL + 3600])
async def test_an_exchange_of_another_time_is_refused(parties, until):
    with pytest.raises(ExchangeExpired):
        await parties.permit(parties.blinded(parties.claims(until=until)))


async def test_without_a_row_of_the_law_nothing_is_converted_or_logged(parties):
    with pytest.raises(NotPermitted):
        await parties.permit(parties.blinded(parties.claims(provider="bank")))

    assert not parties.log


async def test_pseudonyms_of_two_epochs_ago_are_not_converted(parties):
    for epoch in (1, 2):
        parties.keys.put("tax", epoch, points.draw())

    with pytest.raises(EpochPassed):
        await parties.permit()


async def test_pseudonyms_of_the_epoch_before_still_reach_the_right_person(parties):
    parties.keys.put("tax", 1, points.draw())

    assert parties.open(await parties.permit()).codes == (parties.code["pension"]["hana"],)


async def test_a_token_is_its_bearers_alone(parties):
    with pytest.raises(NotTheBearer):
        await parties.redeem(parties.token(), caller="bank", party="bank")


async def test_a_token_is_redeemed_once(parties):
    token = parties.token()
    await parties.redeem(token)

    with pytest.raises(ExchangeKnown):
        await parties.redeem(token)


async def test_a_token_is_not_aimed_at_anothers_key(parties):
    with pytest.raises(NotTheBearer):
        await parties.redeem(parties.token(), party="pension")


async def test_a_token_that_somebody_altered_is_refused(parties):
    header, _, signature = parties.token().split(".")
    _, payload, _ = parties.token("mei").split(".")

    with pytest.raises(TokenRefused):
        await parties.redeem(f"{header}.{payload}.{signature}")


async def test_a_member_cannot_issue_tokens(parties):
    """A token must be sealed and signed by the authority; a member's own name does not help."""
    payload = tokens.verify(
        parties.token(), key=parties.member["authority"].member.signing_key, typ="kiban-token"
    )
    forged = tokens.sign(
        payload | {"sealer": "tax"},
        key=parties.member["tax"].signing_key,
        kid="tax",
        typ="kiban-token",
    )

    with pytest.raises(NotPermitted):
        await parties.redeem(forged)


def test_a_bulk_travels_in_a_fresh_order_and_a_size_class():
    orders = [blinding.shuffle(5, randomness=random.Random(seed)).places for seed in range(20)]

    assert all(len(places) == 8 and set(places) == set(range(5)) for places in orders)
    assert len(set(orders)) > 1


@pytest.mark.parametrize("people", [1, 2, 3, 64, 65, 1000])
def test_answers_come_back_in_the_askers_own_order(people):
    order = blinding.shuffle(people)
    sent = [f"answer about {place}" for place in order.places]

    assert order.restore(sent, people) == [f"answer about {place}" for place in range(people)]
