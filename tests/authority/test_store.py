"""The register: what the migrations make is what the functions expect, on both engines."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from kiban.identity.authority import store
from kiban.identity.authority.lifecycle import Reason
from tests.authority.orders import NOW
from tests.authority.test_freshness import intent


async def test_the_migrations_make_the_tables_that_are_declared(db):
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or name != VERSIONS},
        )
        return compare_metadata(context, store.METADATA)

    async with db.read() as connection:
        assert await connection.run_sync(differences) == []


VERSIONS = "schema_identity_authority"


async def test_people_are_numbered_without_gaps(db):
    for number in range(3):
        async with db.begin() as connection:
            await store.add_resident(connection, f"record {number}", f"{number:064}", NOW)

    async with db.read() as connection:
        found = await store.list_records(connection, 1, 10)
    assert [(each.number, each.record) for each in found] == [(2, "record 1"), (3, "record 2")]


async def test_the_latest_attributes_are_those_of_the_highest_version(db):
    async with db.begin() as connection:
        for version in (1, 2, 3):
            await store.add_attributes(connection, "r", version, {"version": version}, NOW)
        latest = await store.latest_attributes(connection, "r")

    assert (latest.version, latest.body) == (3, {"version": 3})


async def test_a_key_stays_its_first_owners(db):
    async with db.begin() as connection:
        assert await store.claim_key(connection, "k", "first") == "first"
        assert await store.claim_key(connection, "k", "second") == "first"


async def test_a_certificate_is_found_with_what_became_of_it(db):
    async with db.begin() as connection:
        await store.add_intent(connection, intent(7))
        wanted = await store.find_by_serial(connection, "signature", "7")
        await store.add_certificate(connection, intent(7), b"der", "f" * 64, NOW)
        issued = await store.find_by_fingerprint(connection, "f" * 64)
        await store.add_revocation(connection, intent(7), "loss", Reason.CERTIFICATE_HOLD, NOW)
        ended = await store.find_by_key(connection, "signature", intent(7).key_digest)

    assert (wanted.der, wanted.status.known) == (None, False)
    assert (issued.der, issued.status.known, issued.status.revoked_at) == (b"der", True, None)
    assert (ended.status.reason, ended.status.revoked_at) == (Reason.CERTIFICATE_HOLD, NOW)
    assert issued.intent == intent(7)


async def test_the_first_certificate_stored_stays(db):
    async with db.begin() as connection:
        await store.add_intent(connection, intent(7))
        await store.add_certificate(connection, intent(7), b"one", "1" * 64, NOW)
        await store.add_certificate(connection, intent(7), b"two", "2" * 64, NOW)
        found = await store.find_by_serial(connection, "signature", "7")

    assert found.der == b"one"


async def test_the_first_revocation_stays(db):
    async with db.begin() as connection:
        for event, reason in (("loss", Reason.CERTIFICATE_HOLD), ("death", Reason.SUPERSEDED)):
            await store.add_revocation(connection, intent(7), event, reason, NOW)
        found = await store.revoked_of_shard(connection, "signature", "1-0")

    assert [(each.serial, each.reason) for each in found] == [(7, Reason.CERTIFICATE_HOLD)]


async def test_open_intents_are_those_without_a_certificate(db):
    async with db.begin() as connection:
        for number in (1, 2):
            await store.add_intent(connection, intent(number))
        await store.add_certificate(connection, intent(1), b"der", "f" * 64, NOW)
        found = await store.list_open(connection)

    assert [each.intent.serial for each in found] == ["2"]


async def test_a_handle_opens_for_its_verifier_alone(db):
    async with db.begin() as connection:
        await store.add_handle(connection, "h", "record", "login")

        assert await store.find_handle(connection, "h", "login") == "record"
        assert await store.find_handle(connection, "h", "tax") is None


def test_nothing_personal_shows_in_what_the_register_gives():
    shown = repr(intent(7)) + repr(store.Attributes(1, {"name": "花子"}))

    assert "花子" not in shown
    assert "body" not in shown
