"""
Every operation of every role, asked in every way that somebody's code did not expect.

The operations are those of the OpenAPI documents.  Each is asked by who may, by who may not and by nobody; each reply
is judged: no 500, a named problem in the right form, nothing of our inside, nothing of a person.
"""

import asyncio
import json
from collections.abc import Iterator
from zlib import crc32

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from kiban.deploy.commands.contracts import DOCUMENTS
from tests.architecture.floors import ROOT
from tests.hostile.mischief import Header, Mischief, mischiefs
from tests.hostile.operations import Operation, documented
from tests.hostile.siege import Siege

pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.xdist_group("hostile"),
]
PLUMBING = {"/health", "/clock", "/spans", "/population", "/openapi.json", "/faults"}
CALLERS = ["right"] * 8 + ["nobody", "somebody else"]
ALSO = {"gateway:portal": "gateway:kamakura", "gateway:tax": "gateway:kamakura"}
"""Gateways that are in another place than the documented one; the code is the same, and asked less often there."""
OF_CHANGES = {"/subscriptions", "/announcements", "/notices"}
"""What the change office's gateway alone does not refuse at once."""


def times(operation: Operation) -> int:
    """How often an operation is asked: the more there is in it, the more often."""
    if operation.path in PLUMBING and operation.role != "registry":
        return 4
    if operation.role in ALSO:
        return 6
    return 20 if operation.method in {"POST", "PUT"} else 10


def offered() -> Iterator[Operation]:
    documents = {
        role: json.loads((ROOT / path).read_text("utf-8")) for role, path in DOCUMENTS.items()
    }
    for role, document in documents.items():
        yield from documented(role, document)
    for role, like in ALSO.items():
        yield from (one for one in documented(role, documents[like]) if one.path not in PLUMBING)
    changes = documented("changes", documents["gateway:kamakura"])
    yield from (one for one in changes if one.path in OF_CHANGES)


@pytest.mark.parametrize("operation", list(offered()), ids=str)
async def test_no_input_breaks_it(besieged: Siege, operation: Operation) -> None:
    here = besieged.operation(*operation.key)

    await asyncio.to_thread(attack, besieged, here, times(here), asyncio.get_running_loop())


@pytest.mark.parametrize("role", ["portal", "login", "cards", "bank", "mover", "gateway:kamakura"])
async def test_no_input_breaks_its_pages(besieged: Siege, role: str) -> None:
    for page in besieged.pages(role):
        await asyncio.to_thread(attack, besieged, page, 8, asyncio.get_running_loop())


def attack(
    besieged: Siege, operation: Operation, most: int, loop: asyncio.AbstractEventLoop
) -> None:
    """Ask an operation so many times; what fails is made as small as it can be."""

    @seed(crc32(str(operation).encode()))
    @settings(
        max_examples=most,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        which=st.integers(0, 2),
        caller=st.sampled_from(CALLERS),
        done=st.lists(mischiefs, min_size=1, max_size=2),
    )
    def attacked(which: int, caller: str, done: list[Mischief]) -> None:
        asking = attempt(besieged, operation, which, caller, done)
        asyncio.run_coroutine_threadsafe(asking, loop).result()

    attacked()


async def attempt(
    besieged: Siege, operation: Operation, which: int, caller: str, done: list[Mischief]
) -> None:
    """Do mischief to a request that was as it should be: before it is signed, and in its fields afterwards."""
    asked = await besieged.fresh(operation, which)
    for each in done:
        if not isinstance(each, Header):
            asked = each.do(asked, operation)
    asked = besieged.by(caller, operation, asked)
    for each in done:
        if isinstance(each, Header):
            asked = each.do(asked, operation)

    try:
        await besieged.ask(operation, asked)
    except AssertionError as error:
        error.add_note(str(asked))
        raise
