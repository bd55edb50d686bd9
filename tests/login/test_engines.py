"""What must hold on every database engine: whole ways through login, and races."""

import asyncio
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from kiban.identity.login import store
from kiban.identity.login.contract import AccessTokenRefused, ScopeMissing
from kiban.identity.login.office import PACKAGE
from kiban.shared.oauth import OAuthProblem
from tests.login.house import HANAKO, at_bank, at_portal
from tests.login.parties import LOGIN
from tests.login.test_transactions import signed


async def test_a_person_logs_in_consents_and_ends_it(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid name")
    assert (await bank.client.userinfo(person.access_token)).name == HANAKO.name

    page = await bank.browser.open(f"{LOGIN}/consents/enter")
    page = await bank.browser.tap(page, HANAKO)
    await bank.browser.submit(page, "end")

    with pytest.raises(ScopeMissing):
        await bank.client.userinfo(person.access_token)


async def test_a_person_signs(house) -> None:
    portal = at_portal(house)
    subject = (await portal.log_in("openid pseudonym")).sub

    transaction, person = await signed(portal, subject)

    assert (await portal.client.sign_result(transaction, person.access_token)).signature


async def test_of_many_redemptions_at_once_one_counts_and_then_none(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid")

    outcomes = await asyncio.gather(
        *(bank.client.redeem(code, attempt) for _ in range(5)), return_exceptions=True
    )

    good = [each for each in outcomes if not isinstance(each, Exception)]
    assert len(good) == 1
    assert all(isinstance(each, OAuthProblem) for each in outcomes if each not in good)
    with pytest.raises(AccessTokenRefused, match="revoked"):
        await bank.client.userinfo(good[0].access_token)


async def test_of_many_answers_at_once_one_counts(house) -> None:
    bank = at_bank(house)
    page = await bank.browser.open(bank.client.authorization_url(bank.begin("openid")))

    taps = [bank.browser.tap(page, HANAKO, refreshing=False) for _ in range(3)]
    ended = await asyncio.gather(*taps)

    assert sorted(each.status for each in ended) == [200, 404, 404]


async def test_another_copy_goes_on_where_one_began(house) -> None:
    bank = at_bank(house)
    attempt = bank.begin("openid name")
    page = await bank.browser.open(bank.client.authorization_url(attempt))
    async with house.another_login():
        page = await bank.browser.tap(page, HANAKO)

        back = await bank.browser.submit(page, "agree")

    person = await bank.client.redeem(bank.client.returned(attempt, back.query), attempt)
    assert (await bank.client.userinfo(person.access_token)).name == HANAKO.name


async def test_housekeeping_keeps_the_membership_and_what_is_in_use(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid name")

    await house.office.tidy()

    assert (await bank.client.userinfo(person.access_token)).name == HANAKO.name


async def test_what_has_ended_is_forgotten_and_consents_are_not(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid name")
    await bank.client.userinfo(person.access_token)
    house.clock.advance(timedelta(days=2))

    async with house.db.begin() as connection:
        await store.forget(connection, before=house.clock() - timedelta(days=1))

    async with house.db.read() as connection:
        for table in (store.requests, store.codes, store.access_tokens, store.assertions):
            assert not (await connection.execute(table.select())).all(), table.name
        for table in (store.consents, store.disclosures):
            assert (await connection.execute(table.select())).all(), table.name


async def test_the_migrations_make_the_tables_that_the_code_expects(new_database) -> None:
    db = await new_database(PACKAGE)

    async with db.read() as connection:
        different = await connection.run_sync(
            lambda plain: compare_metadata(MigrationContext.configure(plain), store.metadata)
        )

    assert [each for each in different if "schema_" not in repr(each)] == []
