"""What the bank keeps, on both engines: attempts once, sessions while they last, customers by their own subject."""

from datetime import timedelta

import pytest

from kiban.identity.login.client import Attempt
from kiban.identity.login.contract import AddressClaim, UserInfo
from kiban.shared.keyring import Wrapping
from kiban.shared.settings import Secret
from kiban.world.bank import customers
from kiban.world.bank.customers import Counter, NoSuchVisit

COUNTER = Counter(Wrapping(Secret("wraps the bank's attempts")))
ATTEMPT = Attempt("http://bank.localhost/callback", "openid name", "state", "nonce", "verifier")
MARIA = UserInfo(sub="pairwise-1", name="SAMPLE　MARIA", address=AddressClaim(formatted="大船"))


@pytest.fixture
async def bank(new_database):
    return await new_database("kiban.world.bank")


async def test_a_login_on_its_way_is_taken_up_once(bank, clock):
    async with bank.begin() as connection:
        token = await COUNTER.begin(connection, ATTEMPT, clock())
        assert await COUNTER.end(connection, token, clock()) == ATTEMPT
        with pytest.raises(NoSuchVisit):
            await COUNTER.end(connection, token, clock())


@pytest.mark.parametrize("token", [None, "", "guessed", "\ud800"])
async def test_nobody_takes_up_what_they_did_not_begin(bank, clock, token):
    async with bank.begin() as connection:
        await COUNTER.begin(connection, ATTEMPT, clock())
        with pytest.raises(NoSuchVisit):
            await COUNTER.end(connection, token, clock())


async def test_a_login_on_its_way_does_not_wait_for_ever(bank, clock):
    async with bank.begin() as connection:
        token = await COUNTER.begin(connection, ATTEMPT, clock())
        clock.advance(timedelta(minutes=10))
        with pytest.raises(NoSuchVisit):
            await COUNTER.end(connection, token, clock())


async def test_a_customer_is_known_while_the_session_lasts(bank, clock):
    async with bank.begin() as connection:
        token = await customers.welcome(connection, MARIA, clock())
    clock.advance(timedelta(minutes=19))
    async with bank.read() as connection:
        known = await customers.customer(connection, token, clock())
        assert (known.sub, known.name, known.address) == ("pairwise-1", "SAMPLE　MARIA", "大船")
        clock.advance(timedelta(minutes=1))
        assert await customers.customer(connection, token, clock()) is None


async def test_what_a_customer_gives_now_is_what_counts(bank, clock):
    async with bank.begin() as connection:
        await customers.welcome(connection, MARIA, clock())
        clock.advance(timedelta(days=1))
        less = MARIA.model_copy(update={"address": None})
        token = await customers.welcome(connection, less, clock())
        known = await customers.customer(connection, token, clock())

    assert known.address is None
    assert known.given_at - known.since == timedelta(days=1)
    assert "MARIA" not in repr(known)
