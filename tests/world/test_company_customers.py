"""What a company keeps, on both engines: attempts once, sessions while they last, customers by their own subject."""

from datetime import timedelta

import pytest

from kiban.identity.login.client import Attempt, Latest
from kiban.identity.login.contract import AddressClaim, UserInfo
from kiban.shared.keyring import Wrapping
from kiban.shared.settings import Secret
from kiban.world.companies import customers
from kiban.world.companies.customers import Counter, NoSuchVisit

COUNTER = Counter(Wrapping(Secret("wraps the bank's attempts")))
ATTEMPT = Attempt("http://bank.localhost/callback", "openid name", "state", "nonce", "verifier")
MARIA = UserInfo(sub="pairwise-1", name="SAMPLE　MARIA", address=AddressClaim(formatted="大船"))
GIVEN = Latest(MARIA, '"first"')
MOVED = Latest(MARIA.model_copy(update={"address": AddressClaim(formatted="湘南台")}), '"second"')
HOUR = timedelta(hours=1)


@pytest.fixture
async def bank(new_database):
    return await new_database("kiban.world.companies")


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
        token = await COUNTER.welcome(connection, GIVEN, None, clock())
    clock.advance(timedelta(minutes=19))
    async with bank.read() as connection:
        known = await customers.customer(connection, token, clock())
        assert (known.sub, known.name, known.address) == ("pairwise-1", "SAMPLE　MARIA", "大船")
        clock.advance(timedelta(minutes=1))
        assert await customers.customer(connection, token, clock()) is None


async def test_what_a_customer_gives_now_is_what_counts(bank, clock):
    async with bank.begin() as connection:
        await COUNTER.welcome(connection, GIVEN, None, clock())
        clock.advance(timedelta(days=1))
        less = Latest(MARIA.model_copy(update={"address": None}), "")
        token = await COUNTER.welcome(connection, less, None, clock())
        known = await customers.customer(connection, token, clock())

    assert known.address is None
    assert known.given_at - known.since == timedelta(days=1)
    assert "MARIA" not in repr(known)


async def followed(bank, clock):
    async with bank.read() as connection:
        return await COUNTER.due(connection, clock() - HOUR)


async def test_who_let_the_company_ask_is_asked_about_when_it_is_time(bank, clock):
    async with bank.begin() as connection:
        token = await COUNTER.welcome(connection, GIVEN, "later", clock())
    assert await followed(bank, clock) == []
    clock.advance(HOUR)
    [due] = await followed(bank, clock)

    async with bank.begin() as connection:
        await customers.renew(connection, due, MOVED, clock())
        known = await customers.customer(connection, token, clock() - HOUR)

    assert (due.sub, due.refresh_token, due.tag) == ("pairwise-1", "later", '"first"')
    assert (known.address, known.given_at) == ("湘南台", clock())
    assert await followed(bank, clock) == []
    assert "later" not in repr(due)


async def test_who_ended_the_consent_is_not_asked_about_again(bank, clock):
    async with bank.begin() as connection:
        token = await COUNTER.welcome(connection, GIVEN, "later", clock())
    clock.advance(HOUR)
    [due] = await followed(bank, clock)

    async with bank.begin() as connection:
        await customers.lose(connection, due, clock())
        known = await customers.customer(connection, token, clock() - HOUR)

    assert (known.address, known.ended_at) == ("大船", clock())
    assert await followed(bank, clock) == []


async def test_what_she_says_at_the_counter_counts_before_what_was_asked_meanwhile(bank, clock):
    async with bank.begin() as connection:
        await COUNTER.welcome(connection, GIVEN, "later", clock())
    clock.advance(HOUR)
    [due] = await followed(bank, clock)

    async with bank.begin() as connection:
        token = await COUNTER.welcome(connection, MOVED, "anew", clock())
        await customers.lose(connection, due, clock())
        known = await customers.customer(connection, token, clock())

    assert (known.address, known.ended_at) == ("湘南台", None)


async def test_what_opens_later_questions_is_kept_under_the_companys_key(bank, clock):
    async with bank.begin() as connection:
        await COUNTER.welcome(connection, GIVEN, "later", clock())
        rows = (await connection.execute(customers.customers.select())).all()

    assert rows[0].refresh_token
    assert b"later" not in rows[0].refresh_token
