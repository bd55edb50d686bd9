"""Traces: who did what, joined where they may be, and cut where they must be."""

import asyncio

import pytest
from fastapi import Depends

from kiban.shared import trace
from kiban.shared.app import anyone, service
from kiban.shared.http import HttpxHttp, get_json

TOWN, CORE = "http://town.localhost", "http://core.localhost"
WELL = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def country(clock):
    """A town that asks a core, once within its trace and once behind the mesh's door."""
    town = service("Town", role="town", clock=clock, operator_key="key")
    core = service("Core", role="core", clock=clock, operator_key="key")
    http = HttpxHttp({TOWN: town, CORE: core})

    @core.get("/permits/{number}", dependencies=[Depends(anyone)])
    async def read_permit(number: int) -> int:
        trace.saw(law="affair 12")
        return number

    @town.get("/within", dependencies=[Depends(anyone)])
    async def within() -> int:
        trace.saw(pseudonym="P-1")
        return await get_json(http, f"{CORE}/permits/7")

    @town.get("/behind", dependencies=[Depends(anyone)])
    async def behind() -> int:
        with trace.new_trace("ask the core"):
            return await get_json(http, f"{CORE}/permits/7")

    yield http
    await http.close()


async def spans(http, origin, after=0):
    headers = {"authorization": "Bearer key"}
    return (await get_json(http, f"{origin}/spans?after={after}", headers=headers))["spans"]


async def test_a_hop_is_the_child_of_the_one_before(country):
    await country.send("GET", f"{TOWN}/within", headers={"traceparent": WELL})

    [town], [core] = await spans(country, TOWN), await spans(country, CORE)
    assert (town["trace_id"], town["parent_id"]) == (WELL[3:35], WELL[36:52])
    assert (core["trace_id"], core["parent_id"]) == (town["trace_id"], town["span_id"])
    assert (town["role"], town["saw"]) == ("town", {"pseudonym": "P-1", "status": "200"})
    assert core["saw"]["law"] == "affair 12"


async def test_a_trace_ends_at_the_meshs_door_and_only_its_owner_keeps_the_link(country):
    await country.send("GET", f"{TOWN}/behind")

    asking, town = await spans(country, TOWN)
    [core] = await spans(country, CORE)
    assert (core["trace_id"], core["parent_id"]) == (asking["trace_id"], asking["span_id"])
    assert town["links"] == [core["trace_id"]]
    assert town["trace_id"] not in str(core)
    assert asking["parent_id"] is None


async def test_a_span_is_called_by_its_route_and_never_by_the_address(country):
    await country.send("GET", f"{CORE}/permits/4321")
    await country.send("GET", f"{CORE}/nowhere/4321")

    names = [span["name"] for span in await spans(country, CORE)]
    assert names == ["GET /permits/{number}", "GET (no such route)"]


async def test_the_reader_goes_on_from_the_last_number(country):
    for _ in range(3):
        await country.send("GET", f"{CORE}/permits/1")

    assert [span["number"] for span in await spans(country, CORE, after=1)] == [2, 3]
    assert await spans(country, CORE, after=3) == []
    assert len(await spans(country, CORE, after=99)) == 3  # the role has begun anew since


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"00",
        WELL.upper().encode(),
        WELL.encode() + b"0",
        WELL.encode() + b"-x",
        b"ff" + WELL.encode()[2:],
        b"00-" + b"0" * 32 + WELL.encode()[35:],
        WELL.encode()[:36] + b"0" * 16 + b"-01",
        b"01" + WELL.encode()[2:] + b"x",
        WELL.encode() + b"-" * 1000,
    ],
)
def test_a_header_that_is_not_well_formed_is_ignored(sent):
    assert trace.parse(sent) is None


@pytest.mark.parametrize("sent", [WELL, "cc" + WELL[2:], "cc" + WELL[2:] + "-what-comes-later"])
def test_a_header_of_any_version_is_read(sent):
    assert trace.parse(sent.encode()) == (WELL[3:35], WELL[36:52])


async def test_tasks_of_one_request_tell_the_same_span(clock):
    recorder = trace.Spans("role", clock)

    async def look(label):
        trace.saw(**{label: "x"})

    with trace.resumed(None, "work", recorder):
        await asyncio.gather(look("a"), look("b"))

    assert recorder.after(0)[0].saw == {"a": "x", "b": "x"}


def test_the_recorder_forgets_the_oldest(clock):
    recorder = trace.Spans("role", clock, limit=2)
    for name in "abc":
        with trace.resumed(None, name, recorder):
            pass

    assert [span.name for span in recorder.after(0)] == ["b", "c"]


def test_outside_of_a_request_nothing_is_traced():
    trace.saw(a="b")
    with trace.new_trace("alone"):
        assert trace.current() is None
