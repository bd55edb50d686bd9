"""The door to neighbours: the same behaviour in process, by httpx and by aiohttp."""

import asyncio

import pytest
from fastapi import Depends, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from kiban.shared.app import Health, anyone, service
from kiban.shared.http import AiohttpHttp, HttpxHttp, get_json, get_shape, origin_of, post_json
from kiban.shared.problems import Problem, Unavailable, Unexplained
from kiban.shared.trace import Spans, resumed

TEA = "https://tea.localhost"


class KettleIsEmpty(Problem):
    slug, title, status = "kettle-is-empty", "The kettle is empty", 409


public = [Depends(anyone)]


@pytest.fixture
def app(clock):
    app = service("Tea house", role="tea", clock=clock)
    answers_well(app)
    answers_badly(app)
    return app


def answers_well(app):
    @app.api_route("/echo", methods=["GET", "POST", "PUT", "DELETE"], dependencies=public)
    async def echo(request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "method": request.method,
                "raw": request.scope["raw_path"].decode()
                + "?"
                + request.scope["query_string"].decode(),
                "headers": dict(request.headers),
                "body": (await request.body()).decode(),
            }
        )

    @app.get("/echo/{rest:path}", dependencies=public)
    async def echo_path(request: Request) -> str:
        return request.scope["raw_path"].decode()

    @app.get("/away", dependencies=public)
    async def redirect() -> RedirectResponse:
        return RedirectResponse("/echo")

    @app.get("/cookie", dependencies=public)
    async def cookie(request: Request) -> JSONResponse:
        reply = JSONResponse(request.cookies)
        reply.set_cookie("a", "1")
        reply.set_cookie("b", "2")
        return reply


def answers_badly(app):
    @app.get("/empty", dependencies=public)
    async def empty() -> None:
        raise KettleIsEmpty("no water", litres=0)

    @app.get("/odd", dependencies=public)
    async def odd() -> Response:
        return Response("<h1>teapot</h1>", status_code=418)

    @app.get("/odder", dependencies=public)
    async def odder() -> Response:
        return Response("[", status_code=500, media_type="application/problem+json")

    @app.get("/long", dependencies=public)
    async def long() -> Response:
        return Response(b"x" * 2000)

    @app.get("/slow", dependencies=public)
    async def slow() -> None:
        await asyncio.sleep(60)

    @app.get("/mine", dependencies=public)
    async def mine() -> None:
        raise LookupError


@pytest.fixture(params=["in process", "httpx", "aiohttp"])
async def http(request, app, listen):
    make = AiohttpHttp if request.param == "aiohttp" else HttpxHttp
    http = make(
        {TEA: app if request.param == "in process" else await listen(app)}, reply_limit=1500
    )
    yield http
    await http.close()


async def test_a_neighbour_is_asked_by_its_public_name(http):
    said = await get_json(http, f"{TEA}/echo?a=1&b=%E8%8C%B6")

    assert said["headers"]["host"] == "tea.localhost"
    assert said["raw"] == "/echo?a=1&b=%E8%8C%B6"


async def test_what_is_sent_arrives_byte_for_byte(http):
    reply = await http.send("PUT", f"{TEA}/echo", content="茶".encode(), headers={"X-Leaf": "a, b"})

    said = reply.json()
    assert (said["method"], said["body"], said["headers"]["x-leaf"]) == ("PUT", "茶", "a, b")
    assert "content-type" not in said["headers"]


@pytest.mark.parametrize("path", ["/echo/a%2Fb", "/echo/a%20b", "/echo/a//b", "/echo/a%E8%8C%B6"])
async def test_an_address_stays_as_it_was_written(http, path):
    assert await get_json(http, TEA + path) == path


async def test_json_goes_out_and_comes_back(http):
    said = await post_json(http, f"{TEA}/echo", {"茶": [1]})

    assert said["body"] == '{"茶": [1]}'
    assert said["headers"]["content-type"] == "application/json"


async def test_a_problem_arrives_as_the_class_that_was_raised(http):
    with pytest.raises(KettleIsEmpty) as raised:
        await get_json(http, f"{TEA}/empty")

    assert (raised.value.detail, raised.value.members) == ("no water", {"litres": 0})


@pytest.mark.parametrize("path", ["/odd", "/odder", "/away"])
async def test_what_nobody_promised_is_unexplained(http, path):
    with pytest.raises(Unexplained):
        await get_json(http, TEA + path)


async def test_an_answer_is_read_in_the_shape_that_was_promised(http):
    health = await get_shape(http, f"{TEA}/health", Health)

    assert health.role == "tea"


@pytest.mark.parametrize("path", ["/odd", "/odder", "/away", "/echo", "/cookie"])
async def test_an_answer_of_another_shape_is_unexplained(http, path):
    with pytest.raises(Unexplained):
        await get_shape(http, TEA + path, Health)


async def test_a_neighbours_own_mistake_arrives_as_one(http, caplog):
    with pytest.raises(Problem) as raised:
        await get_json(http, f"{TEA}/mine")

    assert raised.value.slug == "internal"


async def test_a_redirect_is_given_back_and_not_followed(http):
    reply = await http.send("GET", f"{TEA}/away")

    assert (reply.status, reply.headers["Location"]) == (307, "/echo")


async def test_cookies_are_told_apart_and_not_kept(http):
    first = await http.send("GET", f"{TEA}/cookie")
    second = await http.send("GET", f"{TEA}/cookie")

    assert [each.split(";")[0] for each in first.headers.all("Set-Cookie")] == ["a=1", "b=2"]
    assert second.json() == {}


async def test_an_answer_without_end_is_cut_off(http):
    with pytest.raises(Unexplained, match="1500"):
        await http.send("GET", f"{TEA}/long")


async def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_said(http):
    with pytest.raises(Unavailable, match=r"0\.05 s") as raised:
        await http.send("GET", f"{TEA}/slow?pin=4321", timeout=0.05)

    assert raised.value.members == {"neighbour": TEA}
    assert "4321" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://elsewhere.localhost/a", "http://tea.localhost/a", "/a", "x"]
)
async def test_only_what_is_on_the_route_map_is_asked(http, url):
    with pytest.raises(Unavailable, match="no route"):
        await http.send("GET", url)


@pytest.mark.parametrize("make", [HttpxHttp, AiohttpHttp])
async def test_a_neighbour_that_is_away_is_unavailable(make, unused_tcp_port):
    http = make({TEA: f"http://127.0.0.1:{unused_tcp_port}"})

    with pytest.raises(Unavailable, match="connection") as raised:
        await http.send("GET", f"{TEA}/echo?pin=4321")

    assert "4321" not in str(raised.value)
    await http.close()


async def test_the_trace_goes_along(http, clock):
    spans = Spans("here", clock)
    with resumed(None, "work", spans):
        said = await get_json(http, f"{TEA}/echo")
    untraced = await get_json(http, f"{TEA}/echo")

    [span] = spans.after(0)
    assert said["headers"]["traceparent"] == span.traceparent
    assert "traceparent" not in untraced["headers"]


async def test_many_calls_at_once_come_back_to_whoever_asked(http):
    answers = await asyncio.gather(*(get_json(http, f"{TEA}/echo/{n}") for n in range(50)))

    assert answers == [f"/echo/{n}" for n in range(50)]


def test_an_origin_has_no_credentials_path_or_capitals():
    assert origin_of("HTTP://user:pin@Tea.localhost:81/a?b") == "http://tea.localhost:81"
