"""The country on containers: what a container may do, whom it reaches, and who lets it in."""

import json
from collections.abc import Iterable

import pytest

from kiban.deploy import credentials, premises, transport
from tests.stories.containers import ROLES, SERVICES, compose, docker, inside, require

require()
pytestmark = pytest.mark.slow

STATUS = "cat /proc/self/status; touch /here || echo kept; ls /run/secrets"
ENTER = """
import asyncio, sys
import asyncpg

async def enter(user, database, password):
    url = f"postgresql://{user}:{password}@postgres/{database}"
    try:
        opened = await asyncpg.connect(url, timeout=5)
    except asyncpg.PostgresError as error:
        return type(error).__name__
    try:
        return "entered " + await opened.fetchval("SELECT current_database()")
    finally:
        await opened.close()

password = open("/run/secrets/database-portal").read().strip()
print(asyncio.run(enter(sys.argv[1], sys.argv[2], password)))
"""
REACH = """
import asyncio, sys

async def reached(address):
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return
    writer.close()
    print(address)

async def main():
    await asyncio.gather(*map(reached, sys.argv[1:]))

asyncio.run(main())
"""
CALL = """
import ssl, sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from kiban.deploy import transport

how, stranger = sys.argv[1:3]
tls = transport.calling(Path("/run/secrets"), "portal")
if how in ("nothing", "another"):
    tls = ssl.create_default_context(cafile="/run/secrets/transport-root")
if how == "another":
    Path("/tmp/another").write_text(stranger)
    tls.load_cert_chain("/tmp/another")
host = ("core-mesh", 8000)
call = HTTPConnection(*host) if how == "no TLS" else HTTPSConnection(*host, context=tls)
call.timeout = 5
try:
    call.request("GET", "/health")
    print(call.getresponse().status)
except (OSError, HTTPException):
    print("refused")
"""
OWNERS = [each for each in ROLES if each != "portal"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_nobody_special(service):
    told = compose("exec", "-T", service, "sh", "-c", STATUS)
    said = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)

    assert "0" not in said["Uid"].split()
    assert int(said["CapEff"], 16) == int(said["CapBnd"], 16) == 0
    assert said["NoNewPrivs"] == "1"
    assert "kept" in told
    assert credentials.ROOT_KEY not in told.split()


def test_the_portal_enters_its_own_database():
    assert inside("portal", ENTER, "portal", "portal") == "entered portal"


@pytest.mark.parametrize("database", [*OWNERS, "vault", "office-kamakura", "postgres", "template1"])
def test_the_portal_enters_no_other_database(database):
    assert inside("portal", ENTER, "portal", database) == "InvalidAuthorizationSpecificationError"


@pytest.mark.parametrize("role", [*OWNERS, "postgres"])
def test_the_portal_enters_as_nobody_else(role):
    said = inside("portal", ENTER, role, role)

    assert said in {"InvalidPasswordError", "InvalidAuthorizationSpecificationError"}


def test_the_portal_reaches_the_database_by_its_own_network_alone():
    databases = {name: f"{at}:5432" for name, at in addresses("postgres").items()}

    reached = reaches("portal", databases.values())

    assert len(databases) == len(ROLES)
    assert reached == {databases["portal-database"]}


def test_roles_are_reached_where_they_speak_tls_alone():
    known = {role: addresses(role) for role in OWNERS}
    everywhere = {
        f"{at}:{port}" for each in known.values() for at in each.values() for port in (8000, 8080)
    }

    reached = reaches("portal", everywhere)

    assert len(everywhere) == 6 * len(OWNERS)
    assert reached == {f"{each['mesh']}:8000" for each in known.values()}


def test_a_role_hears_who_shows_its_certificate():
    assert called("its own") == "200"


@pytest.mark.parametrize("how", ["nothing", "no TLS"])
def test_a_role_does_not_hear_who_shows_none(how):
    assert called(how) == "refused"


def test_a_role_does_not_hear_who_shows_another_authoritys(tmp_path):
    elsewhere = premises.settle(tmp_path, country="elsewhere", roles=["portal"])
    credentials.certify(elsewhere, "portal")
    stranger = elsewhere.secret(transport.own("portal")).reveal()

    assert called("another", stranger) == "refused"


def called(how: str, stranger: str = "") -> str:
    return inside("portal", CALL, how, stranger)


def reaches(service: str, places: Iterable[str]) -> set[str]:
    """Which of these places a container can open a connection to."""
    return set(inside(service, REACH, *places).split())


def addresses(service: str) -> dict[str, str]:
    """Where a container is in each of its networks, by the networks' names in docker-compose.yml."""
    container = compose("ps", "--quiet", service).strip()
    told = json.loads(docker("inspect", container))[0]["NetworkSettings"]["Networks"]
    return {name.partition("_")[2]: each["IPAddress"] for name, each in told.items()}
