"""Signing and approving: one person's act, for one relying party, of exactly this."""

import hashlib
from datetime import timedelta

import jwt
import pytest

from kiban.gateway.contract import ConsentRecord, terms_digest
from kiban.identity.authority.contract import ProofRefused, approval_message
from kiban.identity.login import store
from kiban.identity.login.client import LoginForCards
from kiban.identity.login.contract import (
    ApprovalTransaction,
    CardResponse,
    OtherPersonsCard,
    ScopeMissing,
    SignTransaction,
    TermsRecord,
    TransactionOpen,
    TransactionUnknown,
)
from kiban.shared import canonical, encoding
from kiban.shared.exchanges import new_id
from kiban.shared.oauth import OAuthProblem
from kiban.shared.problems import Forbidden, Malformed
from tests.login.house import HANAKO, TARO, at_bank, at_portal
from tests.login.parties import LOGIN

APPLICATION = canonical.encode({"procedure": "child-allowance", "from": "2026-05"})
DIGEST = hashlib.sha256(APPLICATION).hexdigest()
TITLE = {"ja": "児童手当の認定請求", "en": "Application for child allowance"}


def signing(subject: str, **different) -> SignTransaction:
    return SignTransaction(**{"digest": DIGEST, "title": TITLE, "subject": subject, **different})


def record(**different) -> TermsRecord:
    consent = ConsentRecord(
        **{
            "id": "1" * 32,
            "kind": "consent",
            "reader": "kamakura",
            "provider": "accounts",
            "affair": "child-allowance",
            "item": "bank-account",
            "purpose": {"ja": "児童手当の認定のため", "en": "To decide on child allowance"},
            "starts": 1_775_000_000,
            "until": 1_777_000_000,
            "uses": "once",
            **different,
        }
    )
    return TermsRecord(
        digest=consent.digest, canonical=canonical.encode(consent.model_dump()).decode()
    )


def approving(subject: str, **different) -> ApprovalTransaction:
    return ApprovalTransaction(
        **{
            "records": [record(), record(id="2" * 32, item="income", provider="tax")],
            "parties": 3,
            "bearer": "portal",
            "title": {"ja": "情報の提供", "en": "Who may read what"},
            "subject": subject,
            **different,
        }
    )


@pytest.fixture
def engine() -> str:
    return "sqlite"


async def logged_in(house, person=HANAKO, party=at_portal):
    """The portal with a person who is logged in, and the person's name there."""
    portal = party(house)
    return portal, (await portal.log_in("openid", person)).sub


async def at_the_card(portal, kind: str, transaction: str):
    attempt = portal.begin(f"openid {kind}", transaction)
    return attempt, await portal.browser.open(portal.client.authorization_url(attempt))


async def finished(portal, attempt, page):
    code = portal.client.returned(attempt, page.query)
    return await portal.client.redeem(code, attempt)


async def signed(portal, subject: str, person=HANAKO):
    transaction = await portal.client.open_sign_transaction(signing(subject))
    attempt, page = await at_the_card(portal, "sign", transaction.id)
    page = await portal.browser.tap(page, person, person.password)
    return transaction.id, await finished(portal, attempt, page)


async def test_a_person_signs_with_the_longer_password(house) -> None:
    portal, subject = await logged_in(house)

    transaction, person = await signed(portal, subject)

    result = await portal.client.sign_result(transaction, person.access_token)
    certificate = await house.cards.signature_certificate("hanako", HANAKO.password)
    assert encoding.decode(result.certificate) == certificate
    assert person.sub == subject


async def test_the_page_says_who_asks_and_for_what(house) -> None:
    portal, subject = await logged_in(house)
    transaction = await portal.client.open_sign_transaction(signing(subject))

    _, page = await at_the_card(portal, "sign", transaction.id)

    assert "Application for child allowance" in page.html
    assert DIGEST in page.html


async def test_a_person_approves_and_the_portal_gets_a_token_for_each_party(house) -> None:
    portal, subject = await logged_in(house)
    asked = approving(subject)
    transaction = await portal.client.open_approval_transaction(asked)

    attempt, page = await at_the_card(portal, "approve", transaction.id)
    page = await portal.browser.tap(page, HANAKO)
    person = await finished(portal, attempt, page)

    result = await portal.client.approval_result(transaction.id, person.access_token)
    payloads = [jwt.decode(each, options={"verify_signature": False}) for each in result.tokens]
    assert len(payloads) == 3
    for payload in payloads:
        assert payload["claims"]["terms"] == terms_digest([each.digest for each in asked.records])
        assert (payload["claims"]["inquirer"], payload["claims"]["kind"]) == ("portal", "approve")


async def test_the_authority_hears_no_party_and_no_item(house) -> None:
    portal, subject = await logged_in(house)
    transaction = await portal.client.open_approval_transaction(approving(subject))
    attempt, page = await at_the_card(portal, "approve", transaction.id)
    await finished(portal, attempt, await portal.browser.tap(page, HANAKO))

    heard = b" ".join(bytes(each.body) for each in house.tape if each.role == "authority")
    for word in (b"kamakura", b"accounts", b"bank-account", b"income"):
        assert word not in heard


# --- attacks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sign", "approve"])
async def test_another_persons_card_is_refused_and_the_right_one_may_still_come(
    house, kind
) -> None:
    portal, subject = await logged_in(house)
    opened = (
        await portal.client.open_sign_transaction(signing(subject))
        if kind == "sign"
        else await portal.client.open_approval_transaction(approving(subject))
    )
    attempt, page = await at_the_card(portal, kind, opened.id)

    refused = await portal.browser.tap(page, TARO, TARO.password if kind == "sign" else TARO.pin)
    page = await portal.browser.tap(
        refused, HANAKO, HANAKO.password if kind == "sign" else HANAKO.pin
    )

    assert refused.status == 403
    assert "not that of the person who is logged in" in refused.html
    assert (await finished(portal, attempt, page)).sub == subject


async def test_another_persons_card_is_named_to_an_integrator_as_such(house) -> None:
    portal, subject = await logged_in(house)
    transaction = await portal.client.open_sign_transaction(signing(subject))
    _, page = await at_the_card(portal, "sign", transaction.id)
    signed_by_taro = await house.cards.sign_digest(
        "taro", "signature", TARO.password, bytes.fromhex(DIGEST)
    )

    with pytest.raises(OtherPersonsCard):
        await LoginForCards(house.http, LOGIN).answer_card_request(
            page.query["request"], CardResponse(**signed_by_taro.model_dump())
        )


async def test_a_name_from_another_sector_names_nobody(house) -> None:
    _, subject_at_bank = await logged_in(house, party=at_bank)
    portal = at_portal(house)
    transaction = await portal.client.open_sign_transaction(signing(subject_at_bank))

    _, page = await at_the_card(portal, "sign", transaction.id)

    assert (await portal.browser.tap(page, HANAKO, HANAKO.password)).status == 403


async def test_a_login_is_no_approval(house) -> None:
    # What a card signs says what for: a login's answer cannot be turned into consent.
    portal, subject = await logged_in(house)
    transaction = await portal.client.open_approval_transaction(approving(subject))
    _, page = await at_the_card(portal, "approve", transaction.id)
    door = LoginForCards(house.http, LOGIN)
    asked = await door.read_card_request(page.query["request"])

    for message in (
        f"kiban authentication\n{asked.audience}\n{asked.challenge}".encode(),
        approval_message("0" * 64, asked.challenge),
        approval_message(terms_digest([each.digest for each in asked.records]), "0" * 64),
        approval_message(
            terms_digest([each.digest for each in asked.records[:1]]), asked.challenge
        ),
    ):
        answer = await house.cards.sign_message("hanako", "authentication", HANAKO.pin, message)
        with pytest.raises(ProofRefused):
            await door.answer_card_request(
                page.query["request"], CardResponse(**answer.model_dump())
            )


async def test_a_revoked_signature_certificate_signs_nothing_while_login_still_works(house) -> None:
    portal, subject = await logged_in(house)
    await house.revoke(HANAKO, "signature")
    transaction = await portal.client.open_sign_transaction(signing(subject))
    _, page = await at_the_card(portal, "sign", transaction.id)

    told = await portal.browser.tap(page, HANAKO, HANAKO.password)

    assert "certificate was revoked" in told.html
    assert (await portal.log_in("openid")).sub == subject


async def test_a_signature_over_something_else_is_refused(house) -> None:
    portal, subject = await logged_in(house)
    transaction = await portal.client.open_sign_transaction(signing(subject))
    _, page = await at_the_card(portal, "sign", transaction.id)
    other = await house.cards.sign_digest("hanako", "signature", HANAKO.password, bytes(32))

    with pytest.raises(ProofRefused):
        await LoginForCards(house.http, LOGIN).answer_card_request(
            page.query["request"], CardResponse(**other.model_dump())
        )


async def test_terms_whose_digest_does_not_fit_open_nothing(house) -> None:
    portal, subject = await logged_in(house)
    lying = TermsRecord(digest="0" * 64, canonical=record().canonical)

    with pytest.raises(Malformed):
        await portal.client.open_approval_transaction(approving(subject, records=[lying]))


async def test_a_relying_party_is_itself_the_bearer(house) -> None:
    portal, subject = await logged_in(house)

    with pytest.raises(Forbidden):
        await portal.client.open_approval_transaction(approving(subject, bearer="tax"))


async def test_who_is_not_registered_to_approve_cannot_even_ask(house) -> None:
    bank = at_bank(house)

    with pytest.raises(OAuthProblem):
        await bank.client.open_approval_transaction(approving("nobody"))


async def test_a_transaction_is_its_openers_alone(house) -> None:
    portal, subject = await logged_in(house)
    transaction, person = await signed(portal, subject)
    bank, bank_subject = await logged_in(house, party=at_bank)
    _, at_bank_signed = await signed(bank, bank_subject)

    with pytest.raises(TransactionUnknown):
        await bank.client.sign_result(transaction, at_bank_signed.access_token)
    attempt, page = await at_the_card(bank, "sign", transaction)
    with pytest.raises(OAuthProblem):
        bank.client.returned(attempt, page.query)
    with pytest.raises(TransactionUnknown):
        await portal.client.sign_result(new_id(), person.access_token)


async def test_a_result_is_given_with_the_token_of_that_very_transaction(house) -> None:
    portal, subject = await logged_in(house)
    first, _ = await signed(portal, subject)
    _, person = await signed(portal, subject)

    with pytest.raises(ScopeMissing):
        await portal.client.sign_result(first, person.access_token)
    with pytest.raises(ScopeMissing):
        await portal.client.sign_result(first, await portal.client.client_credentials("sign"))
    with pytest.raises(ScopeMissing):
        await portal.client.approval_result(first, person.access_token)


async def test_while_nobody_has_answered_there_is_no_result(house) -> None:
    portal, subject = await logged_in(house)
    transaction = await portal.client.open_sign_transaction(signing(subject))
    token = await portal.client.client_credentials("sign")

    with pytest.raises(TransactionOpen):
        await portal.client.sign_result(transaction.id, token)


async def test_a_transaction_is_answered_once(house) -> None:
    portal, subject = await logged_in(house)
    transaction = await portal.client.open_sign_transaction(signing(subject))
    _, first = await at_the_card(portal, "sign", transaction.id)
    _, second = await at_the_card(portal, "sign", transaction.id)

    await portal.browser.tap(first, HANAKO, HANAKO.password)
    refused = await portal.browser.tap(second, HANAKO, HANAKO.password)

    assert refused.status == 404
    attempt, page = await at_the_card(portal, "sign", transaction.id)
    with pytest.raises(OAuthProblem):
        portal.client.returned(attempt, page.query)


async def test_a_transaction_waits_half_an_hour(house) -> None:
    portal, subject = await logged_in(house)
    transaction = await portal.client.open_sign_transaction(signing(subject))
    house.clock.advance(timedelta(minutes=30))

    attempt, page = await at_the_card(portal, "sign", transaction.id)

    with pytest.raises(OAuthProblem) as refused:
        portal.client.returned(attempt, page.query)
    assert refused.value.error == "invalid_request"


async def test_a_transaction_of_one_kind_is_not_asked_for_as_the_other(house) -> None:
    portal, subject = await logged_in(house)
    transaction = await portal.client.open_sign_transaction(signing(subject))

    attempt, page = await at_the_card(portal, "approve", transaction.id)

    with pytest.raises(OAuthProblem):
        portal.client.returned(attempt, page.query)


async def test_a_persons_token_opens_no_transaction(house) -> None:
    portal, subject = await logged_in(house)
    _, person = await signed(portal, subject)

    reply = await house.http.send(
        "POST",
        f"{LOGIN}/api/sign-transactions",
        content=canonical.encode(signing(subject).model_dump()),
        headers={
            "content-type": "application/json",
            "authorization": f"Bearer {person.access_token}",
        },
    )

    assert reply.status == 403


async def test_the_certificate_with_its_name_is_wrapped_at_rest(house) -> None:
    portal, subject = await logged_in(house)
    await signed(portal, subject)

    async with house.db.read() as connection:
        kept = repr((await connection.execute(store.transactions.select())).all())
    for value in (HANAKO.name, repr(HANAKO.name.encode())[2:-1], HANAKO.born):
        assert value not in kept
