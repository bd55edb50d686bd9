"""Becoming a member: keys are made once, certificates are kept and renewed, a neighbour may be late."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi import Depends

from kiban.identity.authority.client import AuthorityClient, obtain_identity
from kiban.identity.authority.contract import EnrolmentRefused
from kiban.identity.authority.enrolment import member_secret
from kiban.shared.access import anyone
from kiban.shared.app import service
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database
from kiban.shared.http import HttpxHttp
from kiban.shared.keyring import Keyring, keyring_table
from kiban.shared.membership import SignedHttp
from kiban.shared.problems import Unavailable, Unexplained
from kiban.shared.settings import Secret
from tests.authority.builders import OPERATOR, ORIGIN, settings


@pytest.fixture
def engine() -> str:
    """One is enough: where engines could differ, other tests of this room try both."""
    return "sqlite"


SHORT = timedelta(seconds=0.3)


class Neighbour:
    """A role that wants to be the member tax."""

    def __init__(self, db: Database, table: sa.Table, clock) -> None:
        self.db, self.clock = db, clock
        self.keyring = Keyring(table, Secret("the tax office's secret"))

    async def obtains(self, http, secret=None, patience=SHORT):
        secret = secret or member_secret(settings().enrolment_secret, "tax")
        identity, anchors = await obtain_identity(
            AuthorityClient(http, ORIGIN),
            self.keyring,
            self.db,
            member="tax",
            secret=Secret(secret),
            clock=self.clock,
            patience=patience,
        )
        assert anchors
        return identity


@pytest.fixture
async def tax(tmp_path, clock):
    metadata = sa.MetaData()
    table = keyring_table(metadata)
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/tax.sqlite")
    async with db.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield Neighbour(db, table, clock)
    await db.close()


async def test_a_member_stays_the_same_when_it_starts_again(start, tax):
    running = await start()

    first = await tax.obtains(running.http)
    second = await tax.obtains(running.http)

    assert first.member == second.member
    assert first.signing_key.private_numbers() == second.signing_key.private_numbers()


async def test_a_kept_certificate_lets_a_role_start_without_the_authority(start, tax):
    first = await tax.obtains((await start()).http)

    second = await tax.obtains(HttpxHttp({}))

    assert first.member == second.member


async def test_near_its_end_a_certificate_is_asked_for_anew(start, tax):
    running = await start()
    first = await tax.obtains(running.http)

    running.clock.set_to(first.member.not_after - timedelta(days=29))
    second = await tax.obtains(running.http)

    assert second.member.not_after > first.member.not_after
    assert second.member.sealing_key == first.member.sealing_key


async def test_near_its_end_and_without_the_authority_the_kept_one_serves(start, tax):
    running = await start()
    first = await tax.obtains(running.http)

    running.clock.set_to(first.member.not_after - timedelta(days=1))
    assert (await tax.obtains(HttpxHttp({}))).member == first.member
    running.clock.set_to(first.member.not_after)
    with pytest.raises(Unavailable):
        await tax.obtains(HttpxHttp({}))


async def test_a_role_waits_for_an_authority_that_is_late(start, tax):
    running = await start()
    routes = {}

    class Late(HttpxHttp):
        """A neighbour that cannot be reached before it is up."""

        def __init__(self):
            super().__init__({})
            self._routes = routes

    late = Late()
    waiting = asyncio.create_task(tax.obtains(late, patience=timedelta(seconds=20)))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    routes[ORIGIN] = running.app

    assert (await waiting).id == "tax"
    await late.close()


async def test_its_patience_ends(tax):
    with pytest.raises(Unavailable):
        await tax.obtains(HttpxHttp({}))


async def test_a_refusal_is_not_waited_out(start, tax):
    running = await start()

    with pytest.raises(EnrolmentRefused):
        await tax.obtains(running.http, secret="wrong", patience=timedelta(seconds=60))


async def test_the_operator_asks_with_a_key_and_not_as_a_member(start, tax):
    running = await start()
    identity = await tax.obtains(running.http)
    client = AuthorityClient(SignedHttp(running.http, identity, running.clock), ORIGIN)

    with pytest.raises(TypeError, match="plain Http"):
        await client.list_acts(OPERATOR)


async def test_identities_and_requests_hide_their_secrets(start, tax):
    identity = await tax.obtains((await start()).http)

    assert repr(identity) == "Identity(tax)"


async def test_an_authority_that_breaks_its_contract_is_named():
    app = service("somebody else", role="somebody", clock=FrozenClock())

    @app.get("/anchors", dependencies=[Depends(anyone)])
    async def read_anchors() -> dict[str, str]:
        return {"other": "things"}

    with pytest.raises(Unexplained, match="no Anchors"):
        await AuthorityClient(HttpxHttp({ORIGIN: app}), ORIGIN).read_anchors()
