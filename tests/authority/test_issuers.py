"""The authorities themselves: made once, renewed with the same name, kept."""

from datetime import timedelta

import pytest
from cryptography import x509

from kiban.identity.authority.issuers import AUTHORITIES
from kiban.shared.keyring import KeyringLocked
from kiban.shared.settings import Secret
from tests.authority.builders import resident


@pytest.fixture
def engine() -> str:
    """One is enough: where engines could differ, other tests of this room try both."""
    return "sqlite"


def certificates(running):
    return {
        name: [each.certificate for each in running.office.issuers.of(name)] for name in AUTHORITIES
    }


async def test_three_authorities_certify_themselves(start):
    running = await start()

    for name, [root] in certificates(running).items():
        root.verify_directly_issued_by(root)
        assert "KIBAN SIMULATED" in root.subject.rfc4514_string()
        assert root.not_valid_after_utc.year == 2036, name


async def test_an_authority_stays_the_same_when_the_role_starts_again(start):
    first, second = await start(), await start()

    assert certificates(first) == certificates(second)


async def test_without_its_secret_the_role_does_not_start(start):
    await start()

    with pytest.raises(KeyringLocked):
        await start(secret=Secret("another"))


async def test_no_key_stands_in_the_database_in_the_clear(start):
    running = await start()
    key = running.office.issuers.of("signature")[0].key.private_numbers()
    secret = key.d.to_bytes(256, "big")

    async with running.db.read() as connection:
        rows = (await connection.exec_driver_sql("SELECT name, wrapped FROM keyring")).all()

    assert {row.name for row in rows} >= {"authority signature 1", "person points", "handles"}
    assert all(secret not in bytes(row.wrapped) for row in rows)


async def test_when_the_newest_would_end_too_early_a_new_generation_is_made(
    start, card, other_card
):
    running = await start("resident-network")
    await running.registrar.register_resident(resident())
    await running.issues(card)

    running.clock.advance(timedelta(days=365 * 5 + 100))
    running = await start("resident-network", "login")
    await running.issues(other_card, expires="2041-01-01")

    generations = running.office.issuers.of("authentication")
    assert [each.generation for each in generations] == [2, 1]
    assert len({each.certificate.subject.public_bytes() for each in generations}) == 1
    other_card.certificate().verify_directly_issued_by(generations[0].certificate)
    card.certificate().verify_directly_issued_by(generations[1].certificate)
    await running.login.verify_authentication(other_card.authenticates())


async def test_another_copy_knows_a_new_generation_when_it_meets_it(start, card):
    making, other = await start("resident-network", "login"), await start()
    await making.registrar.register_resident(resident())
    making.clock.advance(timedelta(days=365 * 4))
    await making.issues(card, expires="2036-05-01")
    making.clock.advance(timedelta(days=250))
    assert len(other.office.issuers.of("organisation")) == 1

    again = await start("tax")
    other.identities.update(again.identities)
    read = await other.public.read_member("tax")

    assert read.certificate


async def test_anchors_and_issuers_are_there_for_everybody(authority):
    anchors = await authority.public.read_anchors()

    for name in AUTHORITIES:
        [pem] = getattr(anchors, name)
        root = x509.load_pem_x509_certificate(pem.encode())
        der = await authority.public.read_issuer(name)
        assert x509.load_der_x509_certificate(der) == root
