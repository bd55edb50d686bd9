"""Embedded: several roles in one loop, in order, with real listeners."""

import socket
from contextlib import asynccontextmanager

import pytest

from kiban.deploy.embedded import PortBusy, Role, serving
from kiban.deploy.premises import port_of
from kiban.shared.app import service
from kiban.shared.clock import FrozenClock
from kiban.shared.http import AiohttpHttp, get_json
from kiban.shared.problems import Unavailable


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def role(name: str, diary: list[str], *, neighbour: str | None = None, http=None) -> Role:
    @asynccontextmanager
    async def lifespan(app):
        if neighbour:
            diary.append((await get_json(http, f"{neighbour}/health"))["role"] + " answers")
        diary.append(f"{name} wakes")
        yield
        diary.append(f"{name} sleeps")

    app = service(name, role=name, clock=FrozenClock(), lifespan=lifespan)
    return Role(name, f"http://127.0.0.1:{free_port()}", app)


async def test_roles_wake_in_order_and_sleep_in_the_opposite_order():
    diary = []
    authority, portal = role("authority", diary), role("portal", diary)

    async with serving([authority, portal]):
        diary.append("noon")

    assert diary == ["authority wakes", "portal wakes", "noon", "portal sleeps", "authority sleeps"]


async def test_a_role_finds_the_earlier_ones_answering():
    diary = []
    authority = role("authority", diary)
    http = AiohttpHttp({authority.origin: authority.origin})
    portal = role("portal", diary, neighbour=authority.origin, http=http)

    async with serving([authority, portal]):
        pass
    await http.close()

    assert "authority answers" in diary


async def test_nobody_answers_afterwards():
    only = role("authority", [])
    http = AiohttpHttp({only.origin: only.origin})

    async with serving([only]):
        await get_json(http, f"{only.origin}/health")

    with pytest.raises(Unavailable):
        await get_json(http, f"{only.origin}/health")
    await http.close()


async def test_a_busy_port_is_named_before_anything_wakes():
    diary = []
    busy = role("portal", diary)
    with socket.socket() as other:
        port = port_of(busy.origin)
        other.bind(("127.0.0.1", port))
        other.listen()

        with pytest.raises(PortBusy, match=f"portal cannot listen at 127.0.0.1:{port}"):
            async with serving([role("authority", diary), busy]):
                pass

    assert diary == []


async def test_what_breaks_in_a_lifespan_comes_out_and_the_others_sleep():
    diary = []

    @asynccontextmanager
    async def broken(app):
        raise RuntimeError("no paper")
        yield

    app = service("login", role="login", clock=FrozenClock(), lifespan=broken)

    with pytest.raises(RuntimeError, match="no paper"):
        async with serving(
            [role("authority", diary), Role("login", f"http://127.0.0.1:{free_port()}", app)]
        ):
            pass

    assert diary == ["authority wakes", "authority sleeps"]
