"""Whatever is sent to any route of login, nothing breaks: the answer is a refusal in words."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiban.identity.login.contract import OIDC
from kiban.shared.app import every_route
from tests.login.house import HANAKO, at_bank, at_portal
from tests.login.parties import BANK, LOGIN, assertion, authorization, form

CALM = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ID = "0" * 32
FORM = "application/x-www-form-urlencoded"
text = st.text(max_size=30) | st.sampled_from([ID, "f" * 64, BANK, "openid name", "\x00", "\ud800"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    [
        *("request", "code", "answer", "csrf", "certificate", "signature", "digest", "title"),
        *("subject", "records", "parties", "bearer", "client_assertion", "grant_type", "scope"),
        *("client_id", "redirect_uri", "state", "lang", "canonical", "code_verifier"),
    ]
)


@pytest.fixture
def engine() -> str:
    return "sqlite"


def loosely(sent: str) -> str:
    return quote(sent.encode(errors="surrogatepass"), safe="")


def encoded(pairs: dict[str, str]) -> str:
    return "&".join(f"{loosely(name)}={loosely(value)}" for name, value in pairs.items())


@CALM
@given(
    st.data(),
    st.dictionaries(names, text, max_size=4),
    st.dictionaries(names, values, max_size=5),
    st.sampled_from(["application/json", FORM, "text/plain", ""]),
)
async def test_no_request_breaks_any_route(house, data, query, body, media_type) -> None:
    routes = [
        (method, route.path)
        for route in every_route(house.apps[LOGIN])
        for method in sorted(route.methods)
    ]
    method, path = data.draw(st.sampled_from(routes))
    path = path.replace("{name}", loosely(data.draw(st.sampled_from([ID, "x"]) | text)) or "x")
    path = path.replace("{digest}", "x")
    content = (
        json.dumps(body).encode()
        if media_type != FORM
        else encoded({n: str(v) for n, v in body.items()}).encode()
    )

    reply = await house.http.send(
        method,
        f"{LOGIN}{path}?{encoded(query)}",
        content=content if method == "POST" else b"",
        headers={
            "content-type": media_type,
            "accept": data.draw(st.sampled_from(["text/html", "application/json", "*/*"])),
            "authorization": data.draw(
                st.sampled_from(["", "Bearer x", "Bearer " + "é" * 3, "Basic"])
            )
            .encode("latin-1")
            .decode("ascii", "ignore"),
            "cookie": "login-browser=" + "x" * 43 + "; login-visit=" + "y" * 43,
        },
    )

    assert reply.status < 500, (method, path, reply.content)


@CALM
@given(
    st.dictionaries(
        st.sampled_from([*authorization(), "prompt", "max_age", "ui_locales"]), text, max_size=3
    )
)
async def test_no_authorization_request_breaks_anything(house, different) -> None:
    query = encoded({**authorization(), **different})

    reply = await house.http.send("GET", f"{LOGIN}{OIDC}/auth?{query}")

    assert reply.status in {303, 400, 422}


@CALM
@given(
    st.dictionaries(
        st.sampled_from(
            ["grant_type", "code", "redirect_uri", "code_verifier", "scope", "client_id"]
        ),
        text,
        max_size=4,
    )
)
async def test_no_token_request_breaks_anything(house, different) -> None:
    sent = encoded(
        {
            **form(assertion(house.clock)),
            "grant_type": "authorization_code",
            "code": "x",
            **different,
        }
    )

    reply = await house.http.send(
        "POST", f"{LOGIN}{OIDC}/token", content=sent.encode(), headers={"content-type": FORM}
    )

    assert reply.status in {200, 400, 401, 422}
    assert reply.status in {200, 422} or json.loads(reply.content)["error"]


@CALM
@given(
    st.dictionaries(
        st.sampled_from(["digest", "title", "subject", "records", "parties", "bearer"]), values
    )
)
async def test_no_transaction_breaks_anything(house, asked) -> None:
    portal = at_portal(house)
    for kind, word in (("sign", "sign"), ("approval", "approve")):
        token = await portal.client.client_credentials(word)

        reply = await house.http.send(
            "POST",
            f"{LOGIN}/api/{kind}-transactions",
            content=json.dumps(asked).encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
        )

        assert reply.status in {200, 403, 422}


@CALM
@given(
    st.text(max_size=200) | st.sampled_from(["MIIB", "A" * 8000, "\ud800"]), st.text(max_size=200)
)
async def test_no_card_breaks_anything(house, certificate, signature) -> None:
    bank = at_bank(house)
    page = await bank.browser.open(bank.client.authorization_url(bank.begin("openid")))
    answer = {"certificate": certificate, "signature": signature}

    reply = await house.http.send(
        "POST",
        f"{LOGIN}/card-requests/{page.query['request']}/response",
        content=json.dumps(answer).encode(),
        headers={"content-type": "application/json"},
    )

    assert reply.status in {403, 422}, reply.content


async def test_a_decision_that_is_none_breaks_nothing(house) -> None:
    bank = at_bank(house)
    page = await bank.tap(bank.begin("openid name"), HANAKO)

    for answer in ("", "maybe", "\x00"):
        reply = await bank.browser.submit(page, "agree", answer=answer)

        assert reply.status == 422
