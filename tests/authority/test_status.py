"""Status: what everybody is told about a certificate, from memory or not, by any copy."""

import asyncio
import base64
from datetime import timedelta
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from kiban.identity.authority import crl, store
from kiban.identity.authority.contract import Revocation
from kiban.identity.authority.lifecycle import Reason
from kiban.shared.problems import NotFound, Opaque
from tests.authority.builders import OPERATOR, ORIGIN, TARO, resident
from tests.authority.test_issuance import cut

GOOD, REVOKED, UNKNOWN = (
    ocsp.OCSPCertStatus.GOOD,
    ocsp.OCSPCertStatus.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN,
)


def issuer_of(running, authority="authentication"):
    return running.office.issuers.of(authority)[0].certificate


def asked(running, serial: int, authority="authentication", nonce=None) -> bytes:
    issuer = issuer_of(running, authority)
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        digest(issuer.subject.public_bytes()),
        digest(key_bits(issuer)),
        serial,
        hashes.SHA256(),
    )
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def key_bits(issuer) -> bytes:
    key = issuer.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def digest(data: bytes) -> bytes:
    running = hashes.Hash(hashes.SHA256())
    running.update(data)
    return running.finalize()


async def status(running, card, kind="authentication", **options):
    request = asked(running, card.certificate(kind).serial_number, kind, **options)
    reply = await running.public.ask_status(kind, request)
    return ocsp.load_der_ocsp_response(reply)


def revocation(card, kind="authentication", event="compromise"):
    return Revocation(authority=kind, serial=card.serial(kind), event=event)


async def list_of(running, card, kind="authentication"):
    points = card.certificate(kind).extensions.get_extension_for_class(x509.CRLDistributionPoints)
    address = points.value[0].full_name[0].value
    assert address.startswith(ORIGIN)
    reply = (await running.http.send("GET", address)).raise_problem()
    assert reply.headers["content-type"] == "application/pkix-crl"
    return x509.load_der_x509_crl(reply.content)


async def test_a_certificate_is_good_until_it_has_ended(authority, card):
    await authority.issues(card)
    before = await status(authority, card)

    await authority.registrar.revoke_certificate(revocation(card))

    after = await status(authority, card)
    assert (before.certificate_status, after.certificate_status) == (GOOD, REVOKED)
    assert after.revocation_reason is x509.ReasonFlags.key_compromise
    assert after.revocation_time_utc == authority.clock()


async def test_each_authority_answers_for_its_own(authority, card):
    await authority.issues(card)
    serial = card.certificate("signature").serial_number

    found = ocsp.load_der_ocsp_response(
        await authority.public.ask_status("signature", asked(authority, serial, "signature"))
    )
    wrong_door = ocsp.load_der_ocsp_response(
        await authority.public.ask_status("authentication", asked(authority, serial, "signature"))
    )

    assert found.certificate_status is GOOD
    assert wrong_door.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED


async def test_a_serial_that_was_never_issued_is_unknown(authority):
    reply = await authority.public.ask_status("signature", asked(authority, 12345, "signature"))

    assert ocsp.load_der_ocsp_response(reply).certificate_status is UNKNOWN


async def test_what_was_unknown_is_good_as_soon_as_it_is_issued(start, card):
    running = await start("resident-network")
    await running.registrar.register_resident(resident())
    dying = await start(finish=cut)
    dying.identities = running.identities
    with pytest.raises(Opaque):
        await dying.issues(card)
    serials = [
        int(each.serial, 16)
        for each in (await running.public.list_open_intents(OPERATOR)).intents
        if each.authority == "authentication"
    ]
    request = asked(running, *serials)
    before = await running.public.ask_status("authentication", request)

    await running.issues(card)

    after = await running.public.ask_status("authentication", request)
    assert ocsp.load_der_ocsp_response(before).certificate_status is UNKNOWN
    assert ocsp.load_der_ocsp_response(after).certificate_status is GOOD


async def test_a_serial_of_the_other_authority_is_unknown(authority, card):
    await authority.issues(card)
    request = asked(authority, card.certificate("signature").serial_number, "authentication")

    reply = await authority.public.ask_status("authentication", request)

    assert ocsp.load_der_ocsp_response(reply).certificate_status is UNKNOWN


async def test_members_are_asked_about_too(authority):
    member = x509.load_der_x509_certificate(authority.identities["tax"].member.certificate)
    request = asked(authority, member.serial_number, "organisation")

    reply = await authority.public.ask_status("organisation", request)

    assert ocsp.load_der_ocsp_response(reply).certificate_status is GOOD


async def test_a_question_may_stand_in_the_address(authority, card):
    await authority.issues(card)
    request = asked(authority, card.certificate().serial_number)
    text = base64.b64encode(request).decode()

    for written in (quote(text, safe=""), quote(text)):
        reply = await authority.public.read_status("authentication", written)
        assert ocsp.load_der_ocsp_response(reply).certificate_status is GOOD


@pytest.mark.parametrize("text", ["x", "AAAA", "%E8%8A%B1", "MAA="])
async def test_what_is_no_question_is_answered_as_malformed(authority, text):
    for reply in (
        await authority.public.read_status("authentication", text),
        await authority.public.ask_status("authentication", text.encode()),
    ):
        found = ocsp.load_der_ocsp_response(reply)
        assert found.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


async def test_an_answer_is_signed_by_a_responder_of_the_authority(authority, card):
    await authority.issues(card)

    answer = await status(authority, card)

    [responder] = answer.certificates
    responder.verify_directly_issued_by(issuer_of(authority))


async def test_a_nonce_comes_back_and_no_such_answer_is_remembered(authority, card):
    await authority.issues(card)

    first = await status(authority, card, nonce=b"1" * 16)
    second = await status(authority, card, nonce=b"2" * 16)

    nonces = [
        each.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        for each in (first, second)
    ]
    assert nonces == [b"1" * 16, b"2" * 16]
    assert authority.office.status.memory.answers.kept == {}


async def test_the_same_question_gets_the_remembered_answer(authority, card):
    await authority.issues(card)
    request = asked(authority, card.certificate().serial_number)
    first = await authority.public.ask_status("authentication", request)
    await authority.office.freshness.look()

    again = await authority.public.ask_status("authentication", request)

    assert again == first  # another signature on a curve would differ


async def test_it_is_remembered_however_it_is_asked(authority, card):
    await authority.issues(card)
    request = asked(authority, card.certificate().serial_number)
    first = await authority.public.ask_status("authentication", request)
    await authority.office.freshness.look()
    address = quote(base64.b64encode(request).decode(), safe="")

    again = await authority.http.send("GET", f"{ORIGIN}/ocsp/authentication/{address}")

    assert again.content == first
    assert (again.headers["content-type"], again.headers["cache-control"]) == (
        "application/ocsp-response",
        "no-store",
    )


async def test_nothing_is_remembered_longer_than_five_minutes(authority, card):
    await authority.issues(card)
    first = await status(authority, card)

    authority.clock.advance(timedelta(minutes=5))
    second = await status(authority, card)

    assert second.this_update_utc - first.this_update_utc == timedelta(minutes=5)


async def test_after_the_clock_went_back_nothing_is_from_the_future(authority, card):
    await authority.issues(card)
    authority.clock.advance(timedelta(minutes=2))
    await status(authority, card)
    authority.clock.advance(timedelta(minutes=-1))

    assert (await status(authority, card)).this_update_utc == authority.clock()


async def test_no_copy_answers_good_after_another_has_acknowledged(start, card):
    revoking, answering = await start("resident-network"), await start()
    await revoking.registrar.register_resident(resident())
    await revoking.issues(card)
    assert (await status(answering, card)).certificate_status is GOOD
    assert answering.office.status.memory.answers.kept

    await revoking.registrar.revoke_certificate(revocation(card))

    assert (await status(answering, card)).certificate_status is REVOKED
    assert (await status(revoking, card)).certificate_status is REVOKED
    assert card.certificate().serial_number in {
        each.serial_number for each in await list_of(answering, card)
    }


async def test_under_way_or_not_no_answer_after_an_acknowledgement_is_good(start, card):
    revoking, answering = await start("resident-network"), await start()
    await revoking.registrar.register_resident(resident())
    await revoking.issues(card)
    acknowledged = asyncio.Event()
    late = []

    async def asks():
        while not acknowledged.is_set():
            await status(answering, card)
            await asyncio.sleep(0)  # an answer from memory waits for nothing
        late.append((await status(answering, card)).certificate_status)

    asking = [asyncio.create_task(asks()) for _ in range(3)]
    await asyncio.sleep(0.1)
    await revoking.registrar.revoke_certificate(revocation(card))
    acknowledged.set()
    await asyncio.gather(*asking)

    assert set(late) == {REVOKED}


async def test_a_copy_that_has_not_looked_asks_the_register(authority, card):
    await authority.issues(card)
    assert (await status(authority, card)).certificate_status is GOOD
    assert authority.office.status.memory.answers.kept

    await authority.office.freshness.leave()
    async with authority.db.begin() as connection:
        found = await store.find_by_serial(connection, "authentication", card.serial())
        await store.add_revocation(
            connection, found.intent, "loss", Reason.CERTIFICATE_HOLD, authority.clock()
        )

    assert (await status(authority, card)).certificate_status is REVOKED


async def test_the_list_named_in_a_certificate_says_that_it_has_ended(authority, card):
    await authority.issues(card)
    before = await list_of(authority, card, "signature")

    await authority.registrar.revoke_certificate(revocation(card, "signature", "loss"))

    after = await list_of(authority, card, "signature")
    serial = card.certificate("signature").serial_number
    assert before.get_revoked_certificate_by_serial_number(serial) is None
    entry = after.get_revoked_certificate_by_serial_number(serial)
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.certificate_hold
    assert crl.number_of(after) == crl.number_of(before) + 1
    assert after.is_signature_valid(issuer_of(authority, "signature").public_key())


async def test_a_list_stays_for_a_day_and_is_then_made_anew(authority, card):
    await authority.issues(card)
    first = await list_of(authority, card)
    authority.clock.advance(timedelta(hours=23))
    same = await list_of(authority, card)
    authority.clock.advance(timedelta(hours=1))
    next_day = await list_of(authority, card)

    assert same == first
    assert crl.number_of(next_day) == crl.number_of(first) + 1
    assert next_day.last_update_utc == authority.clock()


async def test_another_shards_list_does_not_change(start, card, other_card):
    running = await start("resident-network", crl_shards=1000)
    for code, each in ((resident().resident_record_code, card), (TARO, other_card)):
        await running.registrar.register_resident(resident(code))
        await running.issues(each, code)
    before = await list_of(running, other_card)

    await running.registrar.revoke_certificate(revocation(card))

    assert await list_of(running, other_card) == before
    assert len(await list_of(running, card)) == 1


async def test_a_list_that_two_copies_make_at_once_has_one_number(start, card):
    one, two = await start("resident-network"), await start()
    await one.registrar.register_resident(resident())
    await one.issues(card)

    lists = await asyncio.gather(*(list_of(each, card) for each in (one, two, one, two)))

    assert {crl.number_of(each) for each in lists} == {1}
    assert len({each.signature for each in lists}) == 1


@pytest.mark.parametrize("shard", ["1-4", "2-0", "1-00", "x", "1", "-", "1-x", "１-0"])
async def test_a_list_of_no_shard_is_not_found(authority, shard):
    with pytest.raises(NotFound):
        await authority.public.read_crl("signature", quote(shard))


async def test_an_unknown_authority_is_not_found(authority):
    with pytest.raises(NotFound):
        await authority.public.read_crl("somebody", "1-0")
    with pytest.raises(NotFound):
        await authority.public.ask_status("somebody", b"")


async def test_a_responder_is_kept_and_renewed_each_year(start, card):
    running = await start("resident-network")
    await running.registrar.register_resident(resident())
    await running.issues(card)
    first = await status(running, card)
    again = await status(await start(), card)

    running.clock.advance(timedelta(days=366))
    later = await status(running, card)

    assert first.certificates == again.certificates != later.certificates
    assert later.certificates[0].not_valid_after_utc > running.clock()


async def test_no_answer_may_be_stored_on_the_way(authority, card):
    await authority.issues(card)
    request = asked(authority, card.certificate().serial_number)

    reply = await authority.http.send("POST", f"{ORIGIN}/ocsp/authentication", content=request)

    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-type"] == "application/ocsp-response"
