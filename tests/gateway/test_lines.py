"""Lines: the citizen's line finds its person even when one end lies, and a lie is named."""

import pytest

from kiban.gateway import lines
from kiban.mesh.contract import Outcome
from kiban.shared.exchanges import LINE, LINE_SEED
from tests.parties import Parties


@pytest.fixture(params=["blind", "classic"])
def parties(request):
    return Parties(request.param)


def outcome(parties, permit, seed, by="pension"):
    claims = permit.record.claims
    sealed = parties.member[by].seal(
        seed, to=parties.member["portal"].member, label=LINE_SEED, context=claims.context
    )
    return Outcome(exchange=claims.id, provider=by, answered=True, line_seed=sealed)


def read(parties, record, told=None):
    known = {name: identity.member for name, identity in parties.member.items()}
    return lines.read(parties.member["portal"], parties.mode, record, told, known)


def lying(parties, seed):
    """A request whose line seed the inquirer falsified."""
    blinded = parties.blinded()
    sealed = parties.member["tax"].seal(
        seed,
        to=parties.member["portal"].member,
        label=LINE_SEED,
        context=blinded.claims.context,
    )
    return blinded.model_copy(update={"line_seed": sealed})


async def test_the_line_is_filed_under_the_portals_own_pseudonym(parties):
    permit = await parties.permit()

    reading = read(parties, permit.record)

    assert reading.people == (parties.code["portal"]["hana"],)
    assert not reading.false_seeds


async def test_a_pseudonym_that_was_taken_leaves_a_line(parties):
    permit = await parties.redeem(parties.token("mei"))

    assert read(parties, permit.record).people == (parties.code["portal"]["mei"],)


@pytest.mark.parametrize(
    "rubbish",
    [b"", b"short", bytes(32), bytes(range(32))],
    ids=["nothing", "short", "zeros", "another seed"],
)
async def test_an_inquirer_who_sealed_rubbish_hides_nothing_and_is_named(parties, rubbish):
    permit = await parties.permit(lying(parties, rubbish))
    seed = parties.open(permit).seed

    reading = read(parties, permit.record, outcome(parties, permit, seed))

    assert reading.people == (parties.code["portal"]["hana"],)
    assert reading.false_seeds == ["tax"]
    assert not reading.unreadable


async def test_a_provider_who_sealed_rubbish_is_named(parties):
    permit = await parties.permit()

    reading = read(parties, permit.record, outcome(parties, permit, bytes(32)))

    assert reading.people == (parties.code["portal"]["hana"],)
    assert reading.false_seeds == ["pension"]


async def test_a_line_that_both_ends_spoilt_is_unreadable_and_both_are_named(parties):
    permit = await parties.permit(lying(parties, bytes(32)))

    reading = read(parties, permit.record, outcome(parties, permit, bytes(32)))

    assert reading.unreadable
    assert reading.false_seeds == ["tax", "pension"]


async def test_a_line_that_the_core_spoilt_opens_to_nobody(parties):
    permit = await parties.permit()
    context = permit.record.claims.context
    other = parties.mode.convert(
        parties.code["tax"]["hana"].value,
        source=parties.keys.scalar("tax", 0),
        target=parties.keys.scalar("bank", 0),
    )
    spoilt = parties.member["core"].seal(
        other, to=parties.member["portal"].member, label=LINE, context=context
    )

    reading = read(parties, permit.record.model_copy(update={"line": spoilt}))

    assert reading.people[0] not in parties.code["portal"].values()


async def test_a_line_that_the_core_did_not_seal_is_unreadable(parties):
    permit, other = await parties.permit(), await parties.permit()

    reading = read(parties, permit.record.model_copy(update={"line": other.record.line}))

    assert reading.unreadable
