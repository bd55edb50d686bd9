"""Registration: people, cards and changes, as the resident network reports them."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from kiban.identity.authority import store
from kiban.identity.authority.contract import (
    CertificateRevoked,
    HolderUnknown,
    KeyRefused,
    NotARegistrar,
)
from kiban.shared.problems import Malformed
from tests.authority.builders import (
    HANAKO,
    MEI,
    TARO,
    address,
    attributes,
    new_rsa,
    request_for,
    resident,
)


async def test_a_person_is_known_from_the_second_time_on(authority):
    assert not (await authority.registrar.register_resident(resident(TARO))).known
    assert (await authority.registrar.register_resident(resident(TARO))).known
    assert await authority.count("residents") == 2


async def test_who_is_known_stays_as_recorded(authority):
    await authority.registrar.register_resident(resident(name="別　人"))

    assert await authority.count("attributes") == 1


async def test_the_resident_record_code_itself_is_not_kept(authority):
    async with authority.db.read() as connection:
        for table in store.METADATA.sorted_tables:
            rows = (await connection.execute(table.select())).all()
            assert HANAKO not in str(rows)


async def test_a_card_gets_both_certificates(authority, card):
    await authority.issues(card)

    assert card.certificate().public_key() == card.authentication.public_key()
    assert card.certificate("signature").public_key() == card.signature.public_key()
    names = card.certificate("signature").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "鎌倉　花子".encode() in names.value[0].value


async def test_a_certificate_ends_on_the_fifth_birthday_or_with_the_card(
    authority, card, other_card
):
    await authority.issues(card)
    ends = card.certificate().not_valid_after_utc
    await authority.registrar.register_resident(resident(TARO))
    await authority.issues(other_card, TARO, expires="2027-01-02")

    assert ends == datetime(2030, 5, 17, 14, 59, 59, tzinfo=UTC)
    assert other_card.certificate().not_valid_after_utc == datetime(
        2027, 1, 2, 14, 59, 59, tzinfo=UTC
    )


async def test_a_child_gets_no_signature_certificate(authority, card):
    await authority.registrar.register_resident(resident(MEI, birth_date="2018-06-03"))

    await authority.issues(card, MEI)

    assert card.certificates.signature is None


async def test_a_child_that_has_grown_gets_one_for_the_same_card(authority, card):
    await authority.registrar.register_resident(resident(MEI, birth_date="2011-06-03"))
    await authority.issues(card, MEI)
    first = card.certificates

    authority.clock.advance(timedelta(days=64))
    await authority.issues(card, MEI)

    assert card.certificates.authentication == first.authentication
    assert card.certificates.signature is not None
    await authority.login.verify_authentication(card.authenticates())


async def test_whoever_wants_no_signature_certificate_gets_none(authority, card):
    await authority.issues(card, signature_request=None)

    assert card.certificates.signature is None


async def test_the_same_keys_again_get_the_same_certificates(authority, card):
    await authority.issues(card)
    first = card.certificates

    await authority.issues(card)

    assert card.certificates == first
    # Hanako's two, and one for each member and for the authority itself.
    assert await authority.count("intents") == await authority.count("certificates") == 2 + 6


async def test_a_new_card_ends_the_certificates_of_the_one_before(authority, card, other_card):
    await authority.issues(card)

    await authority.issues(other_card)

    with pytest.raises(CertificateRevoked) as refused:
        await authority.login.verify_authentication(card.authenticates())
    assert refused.value.members["reason"] == "superseded"
    await authority.login.verify_authentication(other_card.authenticates())
    await authority.login.verify_signature(other_card.signs())


async def test_a_new_card_without_signature_ends_the_earlier_signature(authority, card, other_card):
    await authority.issues(card)

    await authority.issues(other_card, signature_request=None)

    with pytest.raises(CertificateRevoked):
        await authority.login.verify_signature(card.signs())


async def test_an_old_serial_leads_to_the_new_one(authority, card, other_card):
    await authority.issues(card)
    await authority.issues(other_card)

    async with authority.db.read() as connection:
        for kind in ("authentication", "signature"):
            found = await store.find_successor(connection, kind, card.serial(kind))
            assert found == other_card.serial(kind)
        assert await store.find_successor(connection, "signature", found) is None


async def test_a_key_of_somebody_else_is_refused(authority, card):
    await authority.issues(card)
    await authority.registrar.register_resident(resident(TARO))

    with pytest.raises(KeyRefused, match="somebody"):
        await authority.registrar.register_card(card.registration(TARO))


async def test_a_key_for_one_use_is_refused_for_the_other(authority, card):
    await authority.issues(card)
    swapped = card.registration(
        authentication_request=request_for(card.signature),
        signature_request=request_for(card.authentication),
    )

    with pytest.raises(KeyRefused, match="something else"):
        await authority.registrar.register_card(swapped)


async def test_one_key_for_both_uses_is_refused(authority, card):
    both = card.registration(signature_request=request_for(card.authentication))

    with pytest.raises(KeyRefused, match="one key"):
        await authority.registrar.register_card(both)


async def test_a_key_whose_certificate_has_ended_is_refused(authority, card, other_card):
    await authority.issues(card)
    await authority.issues(other_card)

    with pytest.raises(KeyRefused, match="ended"):
        await authority.registrar.register_card(card.registration())


async def test_a_weak_key_is_refused_and_leaves_nothing(authority, card):
    before = await authority.count("intents")
    weak = card.registration(signature_request=request_for(new_rsa(1024)))

    with pytest.raises(KeyRefused):
        await authority.registrar.register_card(weak)

    assert await authority.count("intents") == before
    await authority.issues(card)


async def test_nobody_unknown_gets_a_card(authority, card):
    with pytest.raises(HolderUnknown):
        await authority.registrar.register_card(card.registration(TARO))


async def test_an_expired_card_gets_no_certificate(authority, card):
    with pytest.raises(Malformed, match="expired"):
        await authority.registrar.register_card(card.registration(expires="2026-03-31"))


async def test_a_move_ends_the_signature_certificate_and_nothing_else(authority, card):
    await authority.issues(card)
    moved = resident(address=address("神奈川県鎌倉市大船1-1", rest="1-1"))

    reply = await authority.registrar.change_attributes(moved)

    assert reply.revoked == [card.serial("signature")]
    await authority.login.verify_authentication(card.authenticates())
    with pytest.raises(CertificateRevoked) as refused:
        await authority.login.verify_signature(card.signs())
    assert refused.value.members["reason"] == "affiliation_changed"


async def test_a_report_of_no_change_changes_nothing(authority, card):
    await authority.issues(card)

    assert (await authority.registrar.change_attributes(resident())).revoked == []

    await authority.login.verify_signature(card.signs())


async def test_after_a_move_a_new_signature_certificate_says_the_new_address(
    authority, card, other_card
):
    await authority.issues(card)
    moved = resident(address=address("神奈川県鎌倉市大船1-1", rest="1-1"))
    await authority.registrar.change_attributes(moved)
    renewed = card.registration(signature_request=request_for(other_card.signature))

    other_card.certificates = await authority.registrar.register_card(renewed)

    reply = await authority.login.verify_signature(other_card.signs())
    assert reply.certified.address == "神奈川県鎌倉市大船1-1"
    assert other_card.certificates.authentication == card.certificates.authentication


async def test_changes_of_nobody_are_refused(authority):
    with pytest.raises(HolderUnknown):
        await authority.registrar.change_attributes(resident(TARO))


async def test_a_certificate_that_ended_is_not_ended_again(authority, card):
    await authority.issues(card)
    for place in ("大船1-1", "大船2-2"):
        moved = resident(address=address(f"神奈川県鎌倉市{place}"))
        await authority.registrar.change_attributes(moved)

    assert await authority.count("revocations") == 1


@pytest.mark.parametrize("member", ["tax", "login", "portal", "core"])
async def test_only_registrars_register(authority, card, member):
    with pytest.raises(NotARegistrar):
        await authority.as_member(member).register_resident(resident(TARO))
    with pytest.raises(NotARegistrar):
        await authority.as_member(member).register_card(card.registration())
    with pytest.raises(NotARegistrar):
        await authority.as_member(member).change_attributes(resident(name="別　人"))


async def test_people_whom_nobody_can_be_are_refused(authority):
    with pytest.raises(Malformed):
        await authority.registrar.register_resident(
            resident(TARO, birth_date=attributes().birth_date.replace("1990", "2090"))
        )


async def test_each_act_is_recorded_with_the_members_evidence(authority, card):
    await authority.issues(card)

    acts = (await authority.public.list_acts(authority.settings.operator_key)).acts

    assert [(act.number, act.act, act.member) for act in acts] == [
        (1, "register_resident", "resident-network"),
        (2, "register_card", "resident-network"),
    ]
    assert len({act.evidence for act in acts}) == 2
