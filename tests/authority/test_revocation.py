"""Revocation: what has ended stays ended, and everybody hears of it."""

from datetime import timedelta

import pytest

from kiban.identity.authority.contract import CertificateRevoked, NotARegistrar, Revocation
from kiban.shared.problems import Malformed, NotFound


def revocation(card, kind="authentication", event="compromise") -> Revocation:
    return Revocation(authority=kind, serial=card.serial(kind), event=event)


async def test_a_revoked_certificate_is_refused_from_then_on(authority, card):
    await authority.issues(card)

    reply = await authority.registrar.revoke_certificate(revocation(card))

    assert reply.revoked_at == int(authority.clock().timestamp())
    with pytest.raises(CertificateRevoked):
        await authority.login.verify_authentication(card.authenticates())
    await authority.login.verify_signature(card.signs())


@pytest.mark.parametrize("event", ["loss", "death"])
async def test_loss_and_death_end_both(authority, card, event):
    await authority.issues(card)

    await authority.registrar.revoke_certificate(revocation(card, "signature", event))

    for refused in (
        authority.login.verify_authentication(card.authenticates()),
        authority.login.verify_signature(card.signs()),
    ):
        with pytest.raises(CertificateRevoked):
            await refused


async def test_the_first_end_stays(authority, card):
    await authority.issues(card)
    first = await authority.registrar.revoke_certificate(revocation(card, event="loss"))

    authority.clock.advance(timedelta(days=1))
    again = await authority.registrar.revoke_certificate(revocation(card))

    assert again == first
    with pytest.raises(CertificateRevoked) as refused:
        await authority.login.verify_authentication(card.authenticates())
    assert refused.value.members["reason"] == "certificate_hold"


async def test_a_change_of_attributes_cannot_end_an_authentication_certificate(authority, card):
    await authority.issues(card)

    with pytest.raises(Malformed):
        await authority.registrar.revoke_certificate(
            revocation(card, "authentication", "attributes-changed")
        )


async def test_a_serial_may_be_sent_with_leading_zeros(authority, card):
    await authority.issues(card)
    padded = Revocation(
        authority="signature", serial=card.serial("signature").zfill(40), event="not-needed"
    )

    await authority.registrar.revoke_certificate(padded)

    with pytest.raises(CertificateRevoked):
        await authority.login.verify_signature(card.signs())


async def test_an_unknown_serial_is_refused(authority, card):
    await authority.issues(card)
    for serial in ("0", "1234", card.serial("signature")):
        with pytest.raises(NotFound):
            await authority.registrar.revoke_certificate(
                Revocation(authority="authentication", serial=serial, event="compromise")
            )


@pytest.mark.parametrize("member", ["tax", "portal", "login"])
async def test_only_registrars_revoke(authority, card, member):
    await authority.issues(card)

    with pytest.raises(NotARegistrar):
        await authority.as_member(member).revoke_certificate(revocation(card))
