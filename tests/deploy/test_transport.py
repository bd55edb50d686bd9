"""Transport: with whom a role that speaks mutual TLS talks, and with whom it does not."""

import asyncio
import ssl
import stat

import pytest

from kiban.deploy import credentials, premises, transport
from kiban.deploy.embedded import Door, Role, serving
from kiban.deploy.premises import SecretMissing
from kiban.shared.app import service
from kiban.shared.clock import FrozenClock
from kiban.shared.http import AiohttpHttp, get_json
from kiban.shared.problems import Unavailable
from tests.deploy.test_embedded import free_port

HERE, NEIGHBOUR = "localhost", "portal"
"""A role may be called anything; this one by a name that resolves."""
ORIGIN = "http://core.example"


def deployment(place):
    here = premises.settle(place, country="akitsu", roles=(HERE, NEIGHBOUR))
    for role in here.origins:
        credentials.certify(here, role)
    return here


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return deployment(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return deployment(tmp_path_factory.mktemp("theirs"))


@pytest.fixture
async def port(ours):
    """Where a role listens with its certificate."""
    app = service("core", role="core", clock=FrozenClock())
    door = Door("127.0.0.1", free_port(), transport.answering(ours.secrets, HERE))
    async with serving([Role("core", ORIGIN, app, (door,))]):
        yield door.port


async def ask(port, tls, *, outside=False):
    routes = {ORIGIN: f"https://localhost:{port}"}
    http = AiohttpHttp({} if outside else routes, outside=routes if outside else None, tls=tls)
    try:
        return (await get_json(http, f"{ORIGIN}/health"))["role"]
    finally:
        await http.close()


async def test_roles_of_one_deployment_talk(ours, port):
    assert await ask(port, transport.calling(ours.secrets, NEIGHBOUR)) == "core"


async def test_who_shows_no_certificate_is_not_answered(ours, port):
    bare = ssl.create_default_context(cafile=ours.secrets / transport.ROOT)

    with pytest.raises(Unavailable):
        await ask(port, bare)


async def test_who_shows_another_authoritys_certificate_is_not_answered(ours, theirs, port):
    stranger = ssl.create_default_context(cafile=ours.secrets / transport.ROOT)
    stranger.load_cert_chain(theirs.secrets / transport.own(NEIGHBOUR))

    with pytest.raises(Unavailable):
        await ask(port, stranger)


async def test_a_role_does_not_talk_to_another_authoritys(theirs, port):
    with pytest.raises(Unavailable):
        await ask(port, transport.calling(theirs.secrets, NEIGHBOUR))


async def test_a_role_does_not_talk_to_one_of_another_name(ours):
    """The portal's certificate is good, but it was not the portal that was called."""
    app = service("portal", role="portal", clock=FrozenClock())
    door = Door("127.0.0.1", free_port(), transport.answering(ours.secrets, NEIGHBOUR))

    async with serving([Role("portal", ORIGIN, app, (door,))]):
        with pytest.raises(Unavailable):
            await ask(door.port, transport.calling(ours.secrets, HERE))


async def test_an_older_tls_is_refused(ours, port):
    older = transport.calling(ours.secrets, NEIGHBOUR)
    older.minimum_version = older.maximum_version = ssl.TLSVersion.TLSv1_2

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", port, ssl=older, server_hostname=HERE)


async def test_who_is_outside_is_judged_by_the_systems_authorities(ours, port):
    with pytest.raises(Unavailable):
        await ask(port, transport.calling(ours.secrets, NEIGHBOUR), outside=True)


async def test_a_role_answers_at_each_of_its_doors(ours):
    app = service("core", role="core", clock=FrozenClock())
    inner = Door("127.0.0.1", free_port(), transport.answering(ours.secrets, HERE))
    edge = Door("127.0.0.1", free_port())

    async with serving([Role("core", ORIGIN, app, (inner, edge))]):
        http = AiohttpHttp({ORIGIN: f"http://127.0.0.1:{edge.port}"})
        at_the_edge = (await get_json(http, f"{ORIGIN}/health"))["role"]
        await http.close()

        assert await ask(inner.port, transport.calling(ours.secrets, NEIGHBOUR)) == "core"
        assert at_the_edge == "core"


def test_credentials_once_made_stay(ours):
    before = {file.name: file.read_text() for file in ours.secrets.iterdir()}

    credentials.certify(ours, NEIGHBOUR)

    assert {file.name: file.read_text() for file in ours.secrets.iterdir()} == before
    key = ours.secrets / credentials.ROOT_KEY
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_container_makes_no_credentials(ours, tmp_path):
    inside = premises.mounted(ours.place, tmp_path)

    with pytest.raises(SecretMissing, match=transport.ROOT):
        credentials.certify(inside, NEIGHBOUR)
