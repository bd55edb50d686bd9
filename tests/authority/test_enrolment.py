"""Enrolment: who becomes a member, with which keys."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from kiban.identity.authority.client import signing_request
from kiban.identity.authority.contract import EnrolmentRefused, KeyRefused, MemberRequest
from kiban.identity.authority.enrolment import member_secret
from kiban.shared import encoding, members
from kiban.shared.members import NotAMember
from tests.authority.builders import new_rsa, request_for


@pytest.fixture
def engine() -> str:
    """One is enough: where engines could differ, other tests of this room try both."""
    return "sqlite"


SEALING = "0900000000000000000000000000000000000000000000000000000000000000"


def asked(running, name="kamakura", key=None, **changes) -> MemberRequest:
    key = key or ec.generate_private_key(ec.SECP256R1())
    return MemberRequest(
        **{
            "member": name,
            "secret": member_secret(running.settings.enrolment_secret, name),
            "signing_request": encoding.encode(signing_request(name, key)),
            "sealing_key": SEALING,
        }
        | changes
    )


def read(running, reply):
    anchors = [x509.load_pem_x509_certificate(each.encode()) for each in reply.anchors]
    return members.read(members.load(reply.certificate), anchors=anchors, at=running.clock())


async def test_whoever_shows_the_secret_becomes_a_member(start):
    running = await start()

    member = read(running, await running.public.certify_member(asked(running)))

    assert (member.id, member.sealing_key.hex()) == ("kamakura", SEALING)


@pytest.mark.parametrize("secret", ["", "guess", "0" * 64, "花子"])
async def test_a_wrong_secret_is_refused(start, secret):
    running = await start()

    with pytest.raises(EnrolmentRefused):
        await running.public.certify_member(asked(running, secret=secret))


async def test_one_members_secret_is_no_others(start):
    running = await start()
    theirs = member_secret(running.settings.enrolment_secret, "tax")

    with pytest.raises(EnrolmentRefused):
        await running.public.certify_member(asked(running, secret=theirs))


async def test_nobody_else_becomes_the_authority(start):
    running = await start()

    with pytest.raises(EnrolmentRefused, match="itself"):
        await running.public.certify_member(asked(running, "authority"))


async def test_the_same_keys_get_the_same_certificate(start):
    running, key = await start(), ec.generate_private_key(ec.SECP256R1())

    first = await running.public.certify_member(asked(running, key=key))
    second = await running.public.certify_member(asked(running, key=key))

    assert first == second


async def test_the_newest_certificate_counts(start):
    running = await start()
    await running.public.certify_member(asked(running))

    newest = await running.public.certify_member(asked(running))

    assert (await running.public.read_member("kamakura")).certificate == newest.certificate


async def test_a_new_sealing_key_is_certified_for_the_same_signing_key(start):
    running, key = await start(), ec.generate_private_key(ec.SECP256R1())
    await running.public.certify_member(asked(running, key=key))

    reply = await running.public.certify_member(
        asked(running, key=key, sealing_key="0" * 62 + "77")
    )

    assert read(running, reply).sealing_key[-1] == 0x77


async def test_near_its_end_a_certificate_is_renewed(start):
    running, key = await start(), ec.generate_private_key(ec.SECP256R1())
    first = await running.public.certify_member(asked(running, key=key))

    running.clock.set_to(read(running, first).not_after - timedelta(days=59))
    second = await running.public.certify_member(asked(running, key=key))

    assert second.certificate != first.certificate
    assert read(running, second).not_after > running.clock() + timedelta(days=1800)


async def test_a_key_of_another_member_is_refused(start):
    running, key = await start(), ec.generate_private_key(ec.SECP256R1())
    await running.public.certify_member(asked(running, key=key))

    with pytest.raises(KeyRefused):
        await running.public.certify_member(asked(running, "tax", key=key))


async def test_keys_that_are_no_members_keys_are_refused(start):
    running = await start()
    curve = ec.generate_private_key(ec.SECP384R1())

    for change in (
        {"signing_request": request_for(new_rsa())},
        {"signing_request": request_for(curve)},
        {"signing_request": "AAAA"},
        {"sealing_key": "0" * 64},
    ):
        with pytest.raises(KeyRefused):
            await running.public.certify_member(asked(running, **change))


async def test_the_authority_is_a_member_and_can_be_looked_up(start):
    running = await start()

    member = read(running, await running.public.read_member("authority"))

    assert member.id == "authority"
    assert member == (await running.office.enrolment.identity()).member


async def test_the_authority_keeps_its_keys_when_it_starts_again(start):
    first, second = await start(), await start()

    assert (await first.office.enrolment.identity()).member == (
        await second.office.enrolment.identity()
    ).member


async def test_who_is_no_member_cannot_be_looked_up(start):
    running = await start()

    with pytest.raises(NotAMember):
        await running.public.read_member("kamakura")


async def test_an_expired_member_is_none(start):
    running = await start()
    await running.public.certify_member(asked(running))

    running.clock.advance(timedelta(days=366 * 5))

    with pytest.raises(NotAMember):
        await running.public.read_member("kamakura")
