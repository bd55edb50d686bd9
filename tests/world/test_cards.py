"""Cards: what a chip decides by itself, and what it keeps."""

import asyncio

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from kiban.shared import encoding
from kiban.shared.settings import Secret
from kiban.world.cards import store
from kiban.world.cards.card import RULES, CardPIN
from kiban.world.cards.contract import (
    CardLocked,
    CertificateNotOurs,
    NoSuchCard,
    NoSuchKey,
    PINMisshapen,
    PINResetByOther,
    WrongPIN,
)
from kiban.world.cards.deck import Cards
from tests.world.card_table import PASSWORD, PIN, SECRET, certify_anything, issue


@pytest.fixture
async def cards(card_db, clock) -> Cards:
    return Cards(card_db, SECRET, clock)


async def sign(cards, pin=PIN, persona="hanako"):
    return await cards.sign_message(persona, "authentication", pin, b"challenge")


async def spoil(cards, times: int, key="authentication", pin="0000") -> None:
    for _ in range(times):
        with pytest.raises((WrongPIN, CardLocked)):
            await cards.sign_message("hanako", key, pin, b"challenge")


async def test_a_card_signs_with_the_key_that_its_certificate_names(cards) -> None:
    signed = await sign(cards)

    certificate = x509.load_der_x509_certificate(encoding.decode(signed.certificate))
    signature = encoding.decode(signed.signature)
    certificate.public_key().verify(signature, b"challenge", padding.PKCS1v15(), hashes.SHA256())


async def test_a_wrong_pin_says_how_many_tries_are_left(cards) -> None:
    with pytest.raises(WrongPIN) as refused:
        await sign(cards, "0000")

    assert refused.value.members["tries_left"] == 2


async def test_the_authentication_pin_locks_after_three_errors_in_a_row(cards) -> None:
    await spoil(cards, 2)

    with pytest.raises(CardLocked):
        await sign(cards, "0000")


async def test_a_locked_card_stays_locked_for_the_right_pin_too(cards) -> None:
    await spoil(cards, 3)

    with pytest.raises(CardLocked):
        await sign(cards)


async def test_the_signature_password_locks_after_five_errors(cards) -> None:
    await spoil(cards, 4, "signature", "WRONG1")
    with pytest.raises(CardLocked):
        await cards.sign_message("hanako", "signature", "WRONG1", b"x")

    with pytest.raises(CardLocked):
        await cards.sign_message("hanako", "signature", PASSWORD, b"x")


async def test_a_right_pin_sets_the_count_back(cards) -> None:
    await spoil(cards, 2)

    await sign(cards)

    await spoil(cards, 2)
    await sign(cards)


async def test_a_lock_survives_a_restart(cards, card_db, clock) -> None:
    await spoil(cards, 3)

    restarted = Cards(card_db, SECRET, clock)

    with pytest.raises(CardLocked):
        await sign(restarted)


async def test_errors_made_at_once_are_all_counted(cards) -> None:
    tries = [sign(cards, "0000") for _ in range(3)]

    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    assert sorted(type(each).__name__ for each in outcomes) == [
        "CardLocked",
        "WrongPIN",
        "WrongPIN",
    ]
    with pytest.raises(CardLocked):
        await sign(cards)


async def test_the_two_pins_are_counted_apart(cards) -> None:
    await spoil(cards, 3)

    await cards.sign_message("hanako", "signature", PASSWORD, b"x")


@pytest.mark.parametrize(
    "pin", ["", "464", "46490", "４６４９", "46 9", "464a", "\x00649", "4649\n"]
)
def test_a_misshapen_pin_is_not_tried(pin: str) -> None:
    with pytest.raises(PINMisshapen):
        CardPIN("authentication", PIN, errors=2).tried(pin)


@pytest.mark.parametrize("password", ["ABC12", "ABCDEF", "123456", "Abc123", "A1" * 9, "ABC12é"])
def test_a_signature_password_has_capitals_and_digits(password: str) -> None:
    with pytest.raises(PINMisshapen):
        RULES["signature"].check(password)


async def test_no_card_is_issued_with_a_misshapen_pin(cards) -> None:
    with pytest.raises(PINMisshapen):
        await issue(cards, "taro", signature_password="hanako")

    assert len(await cards.faces()) == 1


async def test_the_signature_certificate_is_read_after_its_password_alone(cards) -> None:
    with pytest.raises(WrongPIN):
        await cards.signature_certificate("hanako", "WRONG1")

    assert await cards.signature_certificate("hanako", PASSWORD)


async def test_the_authentication_certificate_is_read_without_a_pin(cards) -> None:
    assert await cards.authentication_certificate("hanako")


async def test_a_childs_card_has_no_signature_key(cards) -> None:
    await issue(cards, "mei", signature_password=None)

    with pytest.raises(NoSuchKey):
        await cards.sign_message("mei", "signature", PASSWORD, b"x")


async def test_who_has_no_card_is_told_so(cards) -> None:
    with pytest.raises(NoSuchCard):
        await sign(cards, persona="yoshi")


async def test_a_card_is_issued_once(cards) -> None:
    before = await cards.authentication_certificate("hanako")

    await issue(cards, authentication_pin="9999")

    assert await cards.authentication_certificate("hanako") == before
    await sign(cards)


async def test_an_interrupted_issue_goes_on_with_the_same_keys(cards) -> None:
    shown: list[bytes] = []
    certify = certify_anything()

    async def dies(authentication, signature):
        shown.append(authentication)
        raise ConnectionError

    async def works(authentication, signature):
        shown.append(authentication)
        return await certify(authentication, signature)

    with pytest.raises(ConnectionError):
        await issue(cards, "taro", certify=dies)
    assert [face.persona for face in await cards.faces()] == ["hanako"]
    await issue(cards, "taro", certify=works)

    keys = {x509.load_der_x509_csr(each).public_key().public_numbers() for each in shown}
    assert len(keys) == 1
    await sign(cards, persona="taro")


async def test_a_certificate_for_another_key_is_not_taken(cards) -> None:
    certify, others = certify_anything(), []

    async def swaps(authentication, signature):
        others.append(authentication)
        return await certify(others[0], signature)

    await issue(cards, "taro", certify=swaps)

    with pytest.raises(CertificateNotOurs):
        await issue(cards, "kenji", certify=swaps)


async def test_the_counter_sets_a_new_pin_and_unlocks(cards) -> None:
    await spoil(cards, 3)

    await cards.reset_pin("hanako", "authentication", "2580")

    await sign(cards, "2580")
    with pytest.raises(WrongPIN):
        await sign(cards)


async def test_the_other_pin_unlocks_as_long_as_it_is_not_locked(cards) -> None:
    await spoil(cards, 3)

    await cards.reset_pin_by_other(
        "hanako", PINResetByOther(key="authentication", new_pin="2580", other_pin=PASSWORD)
    )

    await sign(cards, "2580")


async def test_two_locked_pins_help_each_other_no_more(cards) -> None:
    await spoil(cards, 3)
    await spoil(cards, 5, "signature", "WRONG1")

    with pytest.raises(CardLocked):
        await cards.reset_pin_by_other(
            "hanako", PINResetByOther(key="signature", new_pin="NEW111", other_pin=PIN)
        )


async def test_the_database_alone_gives_away_neither_key_nor_pin(cards, card_db) -> None:
    await issue(cards, "taro", name="見本　太郎")

    async with card_db.read() as connection:
        rows = [
            *(await connection.execute(select(store.cards))).all(),
            *(await connection.execute(select(store.chips))).all(),
        ]

    kept = "".join(repr(tuple(row)) for row in rows)
    for secret in (PIN, PASSWORD, "見本", repr("見本".encode())[2:-1]):
        assert secret not in kept
    with pytest.raises(Exception, match="another secret"):
        await Cards(card_db, Secret("another"), cards._clock).faces()


def test_a_pin_does_not_show_itself() -> None:
    assert PIN not in repr(CardPIN("authentication", PIN, errors=0))
    assert PASSWORD not in repr(
        PINResetByOther(key="authentication", new_pin=PIN, other_pin=PASSWORD)
    )


@given(st.lists(st.sampled_from([PIN, "0000", "1111"]), max_size=12))
def test_a_pin_opens_unless_three_errors_in_a_row_came_before(attempts: list[str]) -> None:
    pin, row = CardPIN("authentication", PIN, errors=0), 0
    for given_pin in attempts:
        attempt = pin.tried(given_pin)
        if row < 3:
            row = 0 if given_pin == PIN else row + 1
        assert (attempt.refusal is None) == (row == 0)
        assert attempt.after.state.locked == (row == 3)
        pin = attempt.after
