"""Verification: who was at the card, who signed, and what is said of them to whom."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiban.identity.authority.contract import (
    AttributesRequest,
    BearerRefused,
    CertificateExpired,
    CertificateRefused,
    HolderUnknown,
    ProofRefused,
)
from kiban.shared import encoding
from kiban.shared.members import NotAMember
from kiban.shared.problems import Forbidden
from kiban.shared.signatures import SignatureRefused
from tests.authority import orders
from tests.authority.builders import SHA256, TARO, address, attributes, resident


@pytest.fixture
def engine() -> str:
    """One is enough: where engines could differ, other tests of this room try both."""
    return "sqlite"


async def test_login_learns_a_handle_and_nothing_else(authority, card):
    await authority.issues(card)

    reply = await authority.login.verify_authentication(card.authenticates())

    assert len(reply.holder) == 64
    assert reply.serial == card.serial()
    assert reply.token is None


async def test_the_handle_stays_when_the_card_is_renewed(authority, card, other_card):
    await authority.issues(card)
    first = await authority.login.verify_authentication(card.authenticates())
    await authority.issues(other_card)

    second = await authority.login.verify_authentication(other_card.authenticates())

    assert first.holder == second.holder
    assert first.serial != second.serial


async def test_two_verifiers_are_given_different_handles(authority, card):
    await authority.issues(card)

    handles = {
        (await authority.as_member(name).verify_signature(card.signs())).holder
        for name in ("tax", "portal", "login")
    }

    assert len(handles) == 3


async def test_two_people_have_different_handles(authority, card, other_card):
    await authority.issues(card)
    await authority.registrar.register_resident(resident(TARO, name="鎌倉　太郎", sex="male"))
    await authority.issues(other_card, TARO)

    first = await authority.login.verify_authentication(card.authenticates())
    second = await authority.login.verify_authentication(other_card.authenticates())

    assert first.holder != second.holder


@pytest.mark.parametrize(
    "change",
    [
        {"challenge": "6" * 64},
        {"audience": "http://elsewhere.localhost:8702"},
        {"signature": encoding.encode(bytes(256))},
        {"signature": ""},
    ],
)
async def test_an_answer_to_something_else_is_refused(authority, card, change):
    await authority.issues(card)
    answered = card.authenticates().model_copy(update=change)

    with pytest.raises(ProofRefused):
        await authority.login.verify_authentication(answered)


async def test_an_approval_is_no_authentication_and_the_other_way_round(authority, card):
    await authority.issues(card)
    approved, entered = card.approves(), card.authenticates()

    with pytest.raises(ProofRefused):
        await authority.login.verify_authentication(
            entered.model_copy(update={"signature": approved.signature})
        )
    with pytest.raises(ProofRefused):
        await authority.login.approve(approved.model_copy(update={"signature": entered.signature}))


async def test_another_persons_certificate_does_not_fit_the_signature(authority, card, other_card):
    await authority.issues(card)
    await authority.registrar.register_resident(resident(TARO))
    await authority.issues(other_card, TARO)

    with pytest.raises(ProofRefused):
        await authority.login.verify_authentication(
            card.authenticates(certificate=other_card.certificates.authentication)
        )


async def test_a_signature_certificate_lets_nobody_in(authority, card):
    await authority.issues(card)
    signed = card.signature.sign(b"", padding.PKCS1v15(), SHA256)

    with pytest.raises(CertificateRefused, match="another authority"):
        await authority.login.verify_authentication(
            card.authenticates(
                certificate=card.certificates.signature, signature=encoding.encode(signed)
            )
        )


async def test_an_authentication_certificate_signs_nothing(authority, card):
    await authority.issues(card)

    with pytest.raises(CertificateRefused):
        await authority.login.verify_signature(
            card.signs(certificate=card.certificates.authentication)
        )


async def test_another_authoritys_certificate_is_refused(authority, card):
    await authority.issues(card)
    same_name = orders.certificate(orders.signature_order(), orders.issuer("signature", 2))

    with pytest.raises(CertificateRefused):
        await authority.login.verify_signature(
            card.signs(certificate=encoding.encode(same_name.public_bytes(Encoding.DER)))
        )


async def test_what_the_authority_signed_but_never_recorded_is_refused(authority, card):
    await authority.issues(card)
    by = authority.office.issuers.of("signature")[0]
    forged = orders.certificate(orders.signature_order(), by)
    forged.verify_directly_issued_by(by.certificate)

    with pytest.raises(CertificateRefused, match="issued no such"):
        await authority.login.verify_signature(
            card.signs(certificate=encoding.encode(forged.public_bytes(Encoding.DER)))
        )


async def test_a_members_certificate_is_no_holders(authority, card):
    await authority.issues(card)
    certificate = encoding.encode(authority.identities["tax"].member.certificate)

    with pytest.raises(CertificateRefused):
        await authority.login.verify_signature(card.signs(certificate=certificate))


async def test_an_expired_certificate_is_refused(authority, card):
    await authority.issues(card)
    last = card.certificate().not_valid_after_utc

    authority.clock.set_to(last)
    await authority.login.verify_authentication(card.authenticates())
    authority.clock.set_to(last + timedelta(seconds=1))
    with pytest.raises(CertificateExpired):
        await authority.login.verify_authentication(card.authenticates())


async def test_no_bit_of_a_certificate_can_be_changed(authority, card):
    await authority.issues(card)
    der = card.certificate("signature").public_bytes(Encoding.DER)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(0, len(der) * 8 - 1))
    def changed(bit):
        flipped = bytearray(der)
        flipped[bit // 8] ^= 1 << bit % 8
        requests.append(card.signs(certificate=encoding.encode(bytes(flipped))))

    requests = []
    changed()
    for request in requests:
        with pytest.raises(CertificateRefused):
            await authority.login.verify_signature(request)


@pytest.mark.parametrize("sent", ["", "A", "AB", "MAA", "====", "花子"])
async def test_what_is_no_certificate_is_refused(authority, card, sent):
    await authority.issues(card)

    with pytest.raises(CertificateRefused):
        await authority.login.verify_signature(card.signs(certificate=sent))


async def test_a_signature_holds_for_its_digest_alone(authority, card):
    await authority.issues(card)

    reply = await authority.as_member("tax").verify_signature(card.signs())

    assert (reply.certified.name, reply.certified.birth_date) == ("鎌倉　花子", "1990-05-17")
    assert (reply.certified.sex, reply.certified.address) == (
        "female",
        "神奈川県鎌倉市御成町18-10",
    )
    assert reply.checked_at == int(authority.clock().timestamp())
    with pytest.raises(ProofRefused):
        await authority.as_member("tax").verify_signature(
            card.signs().model_copy(update={"digest": "8" * 64})
        )


@pytest.mark.parametrize("member", ["tax", "portal", "resident-network", "core"])
async def test_only_login_passes_on_what_a_card_answered(authority, card, member):
    await authority.issues(card)
    client = authority.as_member(member)

    for refused in (
        client.verify_authentication(card.authenticates()),
        client.approve(card.approves()),
        client.read_attributes(AttributesRequest(holder="0" * 64)),
    ):
        with pytest.raises(Forbidden):
            await refused


async def test_login_reads_the_latest_attributes_of_whom_it_has_verified(authority, card):
    await authority.issues(card)
    holder = (await authority.login.verify_authentication(card.authenticates())).holder
    moved = address("神奈川県鎌倉市大船1-1", rest="1-1")
    await authority.registrar.change_attributes(resident(address=moved))

    read = await authority.login.read_attributes(AttributesRequest(holder=holder))

    assert read == attributes(address=moved)


async def test_each_disclosure_is_recorded(authority, card):
    await authority.issues(card)
    holder = (await authority.login.verify_authentication(card.authenticates())).holder
    before = await authority.count("acts")

    await authority.login.read_attributes(AttributesRequest(holder=holder))

    acts = await authority.public.list_acts(authority.settings.operator_key, before)
    assert [(act.act, act.member) for act in acts.acts] == [("read_attributes", "login")]
    assert acts.next == before + 1


async def test_anothers_handle_opens_nothing(authority, card):
    await authority.issues(card)
    theirs = (await authority.as_member("tax").verify_signature(card.signs())).holder

    for holder in (theirs, "0" * 64):
        with pytest.raises(HolderUnknown):
            await authority.login.read_attributes(AttributesRequest(holder=holder))


async def test_a_bearer_that_is_no_member_gets_no_token(authority, card):
    await authority.issues(card)

    with pytest.raises(BearerRefused, match="not a member"):
        await authority.login.verify_authentication(card.authenticates(bearer="kamakura"))


async def test_whoever_never_enrolled_is_nobody(authority, card):
    await authority.issues(card)
    stranger = replace(
        authority.identities["tax"], member=replace(authority.identities["tax"].member, id="osaka")
    )
    authority.identities["osaka"] = stranger

    with pytest.raises(NotAMember):
        await authority.as_member("osaka").verify_signature(card.signs())


async def test_a_member_who_signs_with_anothers_key_is_refused(authority, card):
    await authority.issues(card)
    authority.identities["core"] = replace(
        authority.identities["tax"], member=authority.identities["core"].member
    )

    with pytest.raises(SignatureRefused):
        await authority.as_member("core").verify_signature(card.signs())
