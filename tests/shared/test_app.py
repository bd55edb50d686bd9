"""The front of every role: manners that no route has to remember."""

import asyncio
import json
import logging
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, Form, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from kiban.shared.app import (
    Access,
    add_pages,
    anyone,
    declared_access,
    every_route,
    operations,
    operator,
    service,
)
from kiban.shared.http import HttpxHttp
from kiban.shared.pages import Pages
from kiban.shared.problems import Forbidden, Problem, Unauthenticated

ORIGIN = "http://role.localhost"
JSON = {"content-type": "application/json"}
HTML = {"accept": "text/html,application/xhtml+xml"}


class Cup(BaseModel):
    tea: str
    pin: str
    warm: int


class Guest(Access[str]):
    name = "guest"

    async def __call__(self, request: Request) -> str:
        if name := request.headers.get("guest"):
            return name
        raise Unauthenticated("who is there?")


guest = Guest()


@pytest.fixture
def app(clock):
    app = service(
        "Tea house", role="tea", clock=clock, pages=True, operator_key="key", body_limit=1000
    )

    @app.get("/cups/{number}", dependencies=[Depends(anyone)])
    async def read_cup(number: int) -> dict[str, int]:
        return {"number": number}

    @app.post("/cups")
    async def put_cup(cup: Cup, who: Annotated[str, Depends(guest)]) -> str:
        return f"{cup.tea} for {who}"

    @app.post("/forms", dependencies=[Depends(anyone)])
    async def put_form(tea: Annotated[str, Form()]) -> str:
        return tea

    @app.post("/bodies", dependencies=[Depends(anyone)])
    async def put_body(request: Request) -> int:
        return len(await request.body())

    @app.get("/bug", dependencies=[Depends(anyone)])
    async def read_bug() -> None:
        secret = "Hanako 0123"
        raise LookupError(secret)

    @app.get("/half", dependencies=[Depends(anyone)])
    async def read_half() -> StreamingResponse:
        async def half():
            yield b"half"
            raise LookupError("Hanako 0123")

        return StreamingResponse(half())

    @app.get("/refused", dependencies=[Depends(anyone)])
    async def read_refused() -> None:
        raise Forbidden("not you", rule="5.1")

    @app.get("/kept", dependencies=[Depends(anyone)])
    async def read_kept() -> Response:
        return Response("x", headers={"Cache-Control": "max-age=60"})

    return app


@pytest.fixture
async def ask(app):
    http = HttpxHttp({ORIGIN: app})

    async def ask(method, path, content=b"", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await http.send(method, ORIGIN + path, content=content, headers=named)

    yield ask
    await http.close()


async def test_a_problem_leaves_as_problem_json(ask):
    reply = await ask("GET", "/refused")

    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json() == {
        "type": "urn:kiban:problem:forbidden",
        "title": "The caller may not do this",
        "status": 403,
        "detail": "not you",
        "rule": "5.1",
    }


@pytest.mark.parametrize(
    ("method", "path", "slug"),
    [
        ("GET", "/nowhere", "not-found"),
        ("GET", "/cups/", "not-found"),
        ("DELETE", "/cups/1", "method-not-allowed"),
        ("GET", "/cups/one", "malformed"),
        ("GET", "/cups/" + "9" * 5000, "malformed"),
        ("GET", "/cups/%00", "malformed"),
        ("GET", "/cups/%ff", "malformed"),
        ("GET", "/cups/1?a=%00", "malformed"),
        ("GET", "/cups/1?a=%c3%28", "malformed"),
        ("GET", "/static/0/kiban.css", "not-found"),
        ("GET", "/spans?after=-1", "unauthenticated"),
    ],
)
async def test_an_address_that_is_wrong_is_named(ask, method, path, slug):
    reply = await ask(method, path)

    assert reply.json()["type"] == f"urn:kiban:problem:{slug}"
    assert reply.status == reply.json()["status"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"tea": "\xff"}',
        b'{"tea": 1, "warm": NaN}',
        b'{"warm": ' + b"9" * 900 + b"}",
        b"[" * 990,
        b'{"\\ud800": 1, "tea": "\\ud800", "pin": "1", "warm": 1}',
        b'{"tea": "\\u0000", "pin": "1", "warm": 1}',
        b'{"tea": "\\udf75\\ud83c", "pin": "1", "warm": 1}',
        b'{"tea": "\\\\\\ud83c", "pin": "1", "warm": 1}',
    ],
)
async def test_a_body_that_is_wrong_is_malformed(ask, content):
    reply = await ask("POST", "/cups", content, content_type="application/json", guest="Taro")

    assert reply.json()["type"] == "urn:kiban:problem:malformed"


@pytest.mark.parametrize(
    ("content", "content_type", "detail", "rule"),
    [
        (b'{"tea": ', "application/json", "the body is no JSON", "json_invalid"),
        (b'{"tea": "a"}', "text/plain", "the body was not sent as JSON", "content-type"),
        (b'"tea"', "application/json", "body: Input should be", "model_attributes_type"),
    ],
)
async def test_what_is_wrong_with_a_body_is_said(ask, content, content_type, detail, rule):
    reply = await ask("POST", "/cups", content, content_type=content_type, guest="Taro")

    assert reply.json()["detail"].startswith(detail)
    assert reply.json()["rule"] == rule


async def test_a_character_may_be_written_as_a_pair_and_a_backslash_as_itself(ask):
    content = rb'{"tea": "\ud83c\uDF75 \\ud83c", "pin": "1", "warm": 1}'
    reply = await ask("POST", "/cups", content, content_type="application/json", guest="Taro")

    assert reply.json() == "🍵 \\ud83c for Taro"


async def test_a_body_in_pieces_is_looked_at_as_a_whole(app):
    async def pieces(content):
        for at in range(0, len(content), 3):
            yield content[at : at + 3]

    headers = {"guest": "Taro", "content-type": "application/json"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        good, half = [
            await client.post("/cups", content=pieces(content), headers=headers)
            for content in (
                rb'{"tea": "\ud83c\udf75", "pin": "1", "warm": 1}',
                rb'{"tea": "\ud83c_____", "pin": "1", "warm": 1}',
            )
        ]

    assert (good.status_code, half.status_code) == (200, 422)


async def test_a_wrong_value_is_described_and_never_repeated(ask):
    content = json.dumps({"tea": "green", "pin": 4321, "warm": "1"}).encode()
    reply = await ask("POST", "/cups", content, content_type="application/json", guest="Taro")

    assert b"4321" not in reply.content
    said = reply.json()
    assert (said["at"], said["sent"], said["rule"]) == ("body.pin", "a number", "string_type")


@pytest.mark.parametrize(
    "kind", ["text/html", "", "multipart/form-data", "application/json; \x7f", "a/b/c"]
)
async def test_a_body_of_another_kind_is_malformed(ask, kind):
    for path in ("/cups", "/forms"):
        reply = await ask("POST", path, b"--x", content_type=kind, guest="Taro")
        assert reply.json()["type"] == "urn:kiban:problem:malformed"


@pytest.mark.parametrize("path", ["/bodies", "/cups", "/forms"])
async def test_a_body_over_the_limit_is_too_large(app, path):
    async def chunks():
        for _ in range(20):
            yield b"x" * 100

    headers = {"guest": "Taro", "content-type": "application/x-www-form-urlencoded"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        told = await client.post(path, content=b"x" * 2000, headers=headers)
        untold = await client.post(path, content=chunks(), headers=headers)

    assert told.json()["type"] == untold.json()["type"] == "urn:kiban:problem:too-large"


async def test_our_own_mistake_is_one_opaque_500_and_the_log_tells_no_value(ask, caplog):
    caplog.set_level(logging.INFO)
    reply = await ask("GET", "/bug")

    assert (reply.status, reply.json()["type"]) == (500, "urn:kiban:problem:internal")
    assert "LookupError" not in reply.content.decode()
    assert "GET /bug broke: LookupError" in caplog.text
    assert "read_bug" in caplog.text
    assert "Hanako" not in caplog.text


async def test_a_reply_that_breaks_off_is_broken_off(app, caplog):
    caplog.set_level(logging.INFO)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        with pytest.raises(Exception, match=r"^$") as raised:
            await client.get("/half")

    assert type(raised.value).__name__ == "ReplyBroken"
    assert "Hanako" not in caplog.text


async def test_replies_are_not_stored_unless_their_route_knows_better(ask):
    assert (await ask("GET", "/cups/1")).headers["cache-control"] == "no-store"
    assert (await ask("GET", "/nowhere")).headers["x-content-type-options"] == "nosniff"
    assert (await ask("GET", "/kept")).headers["cache-control"] == "max-age=60"


async def test_a_browser_gets_the_problem_as_a_page(ask):
    reply = await ask("GET", "/refused", **HTML)

    assert reply.status == 403
    assert reply.headers["content-type"].startswith("text/html")
    assert "urn:kiban:problem:forbidden" in reply.content.decode()


async def test_a_role_says_that_it_is_well(ask, clock):
    said = (await ask("GET", "/health")).json()

    assert (said["role"], said["clock"]) == ("tea", "2026-04-01T00:00:00Z")


async def test_whoever_asks_for_the_head_alone_gets_it(listen, app):
    async with httpx.AsyncClient(base_url=await listen(app)) as client:
        whole, head = await client.get("/health"), await client.head("/health")
        refused = await client.head("/clock/none")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert (refused.status_code, refused.content) == (404, b"")


async def test_the_document_says_who_may_call_and_that_problems_come(ask):
    document = (await ask("GET", "/openapi.json")).json()

    put_cup = document["paths"]["/cups"]["post"]
    assert (put_cup["operationId"], put_cup["x-access"]) == ("put_cup", "guest")
    assert "application/problem+json" in put_cup["responses"]["default"]["content"]
    assert "422" not in put_cup["responses"]
    assert document["paths"]["/health"]["get"]["x-access"] == "anyone"
    put_clock = document["paths"]["/clock"]["put"]
    assert (put_clock["x-access"], put_clock["security"]) == ("operator", [{"operator": []}])
    assert document["components"]["securitySchemes"]["operator"]["scheme"] == "bearer"
    assert "security" not in document["paths"]["/health"]["get"]


def test_operations_are_the_services_own(app):
    assert set(operations(app)) == {
        "read_cup",
        "put_cup",
        "put_form",
        "put_body",
        "read_bug",
        "read_half",
        "read_refused",
        "read_kept",
    }
    assert {declared_access(route).name for route in every_route(app)} == {
        "anyone",
        "guest",
        "operator",
    }


def undeclared(app):
    @app.get("/undeclared")
    async def read_undeclared() -> None: ...


def declared_twice(app):
    router = APIRouter(dependencies=[Depends(anyone)])

    @router.get("/twice", dependencies=[Depends(guest)])
    async def read_twice() -> None: ...

    app.include_router(router, prefix="/inner")


def no_route_of_fastapi(app):
    async def plain(request: Request) -> Response:
        return Response()

    app.add_route("/plain", plain)


@pytest.mark.parametrize("add", [undeclared, declared_twice, no_route_of_fastapi])
async def test_a_service_with_a_route_that_does_not_say_who_may_call_does_not_start(app, add):
    add(app)

    with pytest.raises((LookupError, TypeError), match=r"undeclared|twice|plain"):
        async with app.router.lifespan_context(app):
            pass


async def test_routes_of_an_included_router_declare_by_the_router(clock):
    app = service("Tea house", role="tea", clock=clock)
    router = APIRouter(dependencies=[Depends(guest)])

    @router.get("/leaves")
    async def read_leaves() -> None: ...

    app.include_router(router, prefix="/inner")
    assert declared_access(operations(app)["read_leaves"]).name == "guest"
    assert app.openapi()["paths"]["/inner/leaves"]["get"]["x-access"] == "guest"


async def test_a_service_does_not_start_with_an_operator_who_has_no_key(clock):
    app = service("Tea house", role="tea", clock=clock, operator_key="")

    @app.get("/till", dependencies=[Depends(operator)])
    async def read_till() -> None: ...

    with pytest.raises(LookupError, match="no key"):
        async with app.router.lifespan_context(app):
            pass


def test_two_operations_of_one_name_are_refused(app):
    @app.get("/other", dependencies=[Depends(anyone)])
    async def read_cup() -> None: ...

    with pytest.raises(LookupError, match="read_cup"):
        operations(app)


@pytest.fixture
async def port(app, listen):
    """The same application behind a real socket."""
    return int((await listen(app)).rpartition(":")[2])


HOSTILE = [
    b"GET /cups/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /cups/1?\xff=\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /nowhere/ HTTP/1.1\r\nHost: [\r\n\r\n",
    b"GET /refused HTTP/1.1\r\nHost: [::\xff\r\nAccept: text/html\r\nAccept-Language: ;;q=\xff,x;q=inf\r\n\r\n",
    b"GET /refused?lang=%F0%9F%8D%B5 HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nCookie: lang=\xff; ;=\r\n\r\n",
    b"GET http://[/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /spans HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\xff\r\n\r\n",
    b"GET /cups/1 HTTP/1.1\r\nHost: a\r\nTraceparent: \xff\xff\r\nTraceparent: 00-x\r\n\r\n",
    b"POST /cups HTTP/1.1\r\nHost: a\r\nGuest: \xff\r\nContent-Length: 2\r\nContent-Type: \xff/json\r\n\r\n{}",
    b"POST /forms HTTP/1.1\r\nContent-Length: 6\r\nContent-Type: a/x-www-form-urlencoded\r\n\r\nt%ff=&",
    b"POST /forms HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n"  # noqa: ISC004  one request
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\ntea=%ff",
    b"GET " + b"/a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /cups/1 HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 2000 + b"\r\n",
    b"\x00\x01\x02\r\n\r\n",
]


@pytest.mark.parametrize("sent", HOSTILE, ids=range(len(HOSTILE)))
async def test_nothing_that_comes_over_a_socket_gives_a_500(port, sent, caplog):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert not answer or answer.split(b" ")[1][:1] in b"24"
    assert "broke" not in caplog.text


def test_a_problem_shows_its_title_where_it_has_no_detail():
    class Plain(Problem):
        slug, title, status = "plain", "Plainly wrong", 400

    assert str(Plain()) == "Plainly wrong"


async def test_a_part_for_browsers_shows_its_problems_as_pages_and_the_rest_does_not(clock):
    app = service("Tea house", role="tea", clock=clock)
    add_pages(app, Pages("kiban.shared", home="/garden"), under="/garden")
    http = HttpxHttp({ORIGIN: app})

    replies = {
        path: await http.send("GET", ORIGIN + path, headers=HTML)
        for path in ("/garden", "/garden/tree", "/gardens", "/")
    }

    kinds = {path: reply.headers["content-type"] for path, reply in replies.items()}
    assert {path for path, kind in kinds.items() if kind.startswith("text/html")} == {
        "/garden",
        "/garden/tree",
    }
    assert b'href="/garden"' in replies["/garden"].content
