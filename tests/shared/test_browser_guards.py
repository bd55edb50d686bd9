"""Cookies and forms: what a browser sends counts only if it is this session's own."""

from datetime import timedelta

import pytest
from starlette.requests import Request
from starlette.responses import Response

from kiban.shared.cookies import Cookie
from kiban.shared.csrf import CSRF, NotFromOurPage

CHECK = CSRF(b"0123456789abcdef")


def asked(**headers):
    raw = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, value in headers.items()
    ]
    return Request({"type": "http", "headers": raw})


def test_a_form_of_this_session_is_taken():
    CHECK.check(asked(), "session", CHECK.token("session"))
    CHECK.check(asked(sec_fetch_site="same-origin"), "session", CHECK.token("session"))


NOT_OURS = {
    "empty": "",
    "a dot": ".",
    "not ascii": "é.é",
    "another session": CHECK.token("another session"),
    "another key": CSRF(b"another key 0123").token("session"),
    "cut": CHECK.token("session")[:-1],
    "longer": "x" + CHECK.token("session"),
}


@pytest.mark.parametrize("token", NOT_OURS.values(), ids=NOT_OURS)
def test_a_token_that_is_not_this_sessions_is_refused(token):
    with pytest.raises(NotFromOurPage):
        CHECK.check(asked(), "session", token)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "é"])
def test_a_form_from_another_site_is_refused_whatever_its_token(site):
    with pytest.raises(NotFromOurPage):
        CHECK.check(asked(sec_fetch_site=site), "session", CHECK.token("session"))


def test_a_key_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="16"):
        CSRF(b"short")


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (
            "https://portal.example",
            "__Host-sid=x; HttpOnly; Max-Age=60; Path=/; SameSite=lax; Secure",
        ),
        ("http://portal.localhost:1", "sid=x; HttpOnly; Max-Age=60; Path=/; SameSite=lax"),
    ],
)
def test_a_cookie_is_its_hosts_own(origin, expected):
    cookie, response = Cookie("sid", origin), Response()
    cookie.put(response, "x", lasts=timedelta(minutes=1))

    assert response.headers["set-cookie"] == expected
    assert cookie.read(asked(cookie=f"a=b; {cookie.name}=y")) == "y"


def test_a_planted_plain_cookie_is_not_read_over_https():
    assert Cookie("sid", "https://portal.example").read(asked(cookie="sid=planted")) is None


def test_a_cookie_is_dropped():
    response = Response()
    Cookie("sid", "https://portal.example").drop(response)

    assert "Max-Age=0" in response.headers["set-cookie"]
    assert response.headers["set-cookie"].startswith('__Host-sid=""')
