"""Pages: in the reader's language, with nothing missing, and with the headers a browser obeys."""

import re

import pytest
from fastapi import Depends, Request
from jinja2 import UndefinedError

from kiban.shared.app import anyone, service
from kiban.shared.http import HttpxHttp
from kiban.shared.pages import SHARED, Pages, TextMissing, catalogue
from kiban.shared.problems import NotFound

ORIGIN = "http://tea.localhost"


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A package with pages of its own."""
    place = tmp_path / "tea_room"
    for folder in ("templates", "texts", "static"):
        (place / folder).mkdir(parents=True)
    (place / "__init__.py").touch()
    (place / "texts" / "ja.toml").write_text('[tea]\ngreeting = "{name}さん、お茶をどうぞ"\n')
    (place / "texts" / "en.toml").write_text('[tea]\ngreeting = "Tea for {name}"\n')
    (place / "static" / "tea.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (place / "templates" / "tea.html").write_text(
        '{% extends "base.html" %}{% block main %}<h1>{{ t("tea.greeting", name=name) }}</h1>'
        '<p>{{ day(at) }} {{ moment(at) }}</p><img src="{{ static("tea.svg") }}" alt="">{% endblock %}'
    )
    (place / "templates" / "broken.html").write_text("{{ nobody }}")
    (place / "templates" / "untold.html").write_text('{{ t("tea.farewell") }}')
    monkeypatch.syspath_prepend(str(tmp_path))
    return "tea_room"


@pytest.fixture
async def get(clock, room):
    pages = Pages(room, languages=("ja", "en"))
    app = service("Tea", role="tea", clock=clock, pages=pages)

    @app.get("/tea", include_in_schema=False, dependencies=[Depends(anyone)])
    async def tea(request: Request):
        return pages.page(request, "tea.html", name="<Hanako>", at=clock())

    @app.get("/{template}.html", include_in_schema=False, dependencies=[Depends(anyone)])
    async def other(request: Request, template: str):
        return pages.page(request, f"{template}.html")

    http = HttpxHttp({ORIGIN: app})

    async def get(path, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await http.send("GET", ORIGIN + path, headers=named)

    yield get
    await http.close()


def text(reply):
    return reply.content.decode()


@pytest.mark.parametrize("language", ["ja-easy", "en"])
def test_every_language_has_every_text(language):
    told, wanted = catalogue(SHARED, language), catalogue(SHARED, "ja")

    def holes(texts):
        return {key: set(re.findall(r"{(\w+)", value)) for key, value in texts.items()}

    assert holes(told) == holes(wanted)


@pytest.mark.parametrize(
    ("path", "headers", "language"),
    [
        ("/tea", {}, "ja"),
        ("/tea", {"accept_language": "en"}, "en"),
        ("/tea", {"accept_language": "fr, en-GB;q=0.8, ja;q=0.9"}, "ja"),
        ("/tea", {"accept_language": "en;q=0, *"}, "ja"),
        ("/tea", {"accept_language": ";;,q=x,en;q=?, -"}, "ja"),
        ("/tea", {"accept_language": "ja", "cookie": "lang=en"}, "en"),
        ("/tea?lang=ja", {"accept_language": "en", "cookie": "lang=en"}, "ja"),
        ("/tea?lang=tlh", {"cookie": "lang=../../x"}, "ja"),
    ],
)
async def test_the_reader_chooses_the_language(get, path, headers, language):
    reply = await get(path, **headers)

    assert f'<html lang="{language}">' in text(reply)
    assert reply.headers["content-language"] == language


async def test_a_language_that_was_chosen_is_kept(get):
    assert (await get("/tea?lang=en")).headers["set-cookie"].startswith("lang=en; HttpOnly")
    assert "set-cookie" not in (await get("/tea?lang=tlh")).headers


async def test_the_way_to_the_other_language_keeps_the_address(get):
    page = text(await get("/tea?a=%22%3E&lang=ja"))

    assert 'href="?a=%22%3E&amp;lang=en"' in page


async def test_what_is_shown_is_escaped_and_told_in_the_countrys_time(get):
    japanese, english = text(await get("/tea")), text(await get("/tea?lang=en"))

    assert "&lt;Hanako&gt;さん、お茶をどうぞ" in japanese
    assert "2026年4月1日 2026年4月1日 9:00" in japanese
    assert "1 April 2026 1 April 2026, 09:00" in english


async def test_every_page_says_that_it_is_simulated(get):
    for path in ("/tea", "/tea?lang=en", "/nowhere"):
        page = text(await get(path, accept="text/html"))
        assert "SIMULATED" in page
        assert "本物の行政サービスではありません" in page


async def test_a_browser_may_run_and_load_nothing_that_is_not_ours(get):
    headers = (await get("/tea")).headers

    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "script-src" not in policy
    assert headers["cache-control"] == "no-store"


async def test_a_static_file_stands_under_the_hash_of_what_it_holds(get):
    page = text(await get("/tea"))
    [style], [image] = (
        re.findall(r'href="(/static/\S+css)"', page),
        re.findall(r'src="(\S+)"', page),
    )

    css, svg = await get(style), await get(image)
    assert css.headers["content-type"] == "text/css; charset=utf-8"
    assert svg.headers["content-type"] == "image/svg+xml"
    assert "immutable" in css.headers["cache-control"]
    assert (await get(style.replace("/static/", "/static/0"))).status == 404


def test_the_style_sheet_loads_nothing():
    pages = Pages(SHARED)
    [css] = [content for (_, name), content in pages._static.items() if name == "kiban.css"]

    assert b"url(" not in css
    assert b"@import" not in css


async def test_a_problem_is_shown_kindly_and_exactly(get):
    page = text(await get("/nowhere", accept="text/html"))

    assert "お探しのページは見つかりませんでした" in page
    assert "urn:kiban:problem:not-found" in page


@pytest.mark.parametrize("template", ["broken", "untold"])
async def test_what_is_missing_in_a_page_is_a_mistake(get, template, caplog):
    reply = await get(f"/{template}.html", accept="text/html")

    assert reply.status == 500
    assert "urn:kiban:problem:internal" in text(reply)
    expected = UndefinedError if template == "broken" else TextMissing
    assert expected.__name__ in caplog.text


def test_a_value_that_a_text_wants_must_be_given(room, clock):
    texts = Pages(room)._texts["ja"]

    with pytest.raises(TextMissing, match="name"):
        texts("tea.greeting")


async def test_easy_japanese_is_japanese_to_a_browser(clock):
    app = service(
        "Tea", role="tea", clock=clock, pages=Pages(SHARED, languages=("ja", "ja-easy", "en"))
    )
    http = HttpxHttp({ORIGIN: app})

    reply = await http.send(
        "GET", f"{ORIGIN}/nowhere?lang=ja-easy", headers={"accept": "text/html"}
    )

    assert '<html lang="ja">' in text(reply)
    assert "この ページは ありません" in text(reply)
    await http.close()


def test_scripts_and_other_ends_of_a_form_are_admitted_only_when_asked(room):
    request = Request(
        {"type": "http", "query_string": b"", "headers": [], "path": "/", "method": "GET"}
    )
    pages = Pages(room, scripts=True)

    reply = pages.page(
        request,
        "problem.html",
        form_targets=("https://bank.localhost",),
        problem=NotFound(),
        said="",
    )

    policy = reply.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "form-action 'self' https://bank.localhost;" in policy
