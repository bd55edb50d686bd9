"""Pages: what the portal shows by itself, and what it refuses, with no neighbour in reach."""

import re
import string

import pytest

from kiban.portal.app import create_app
from kiban.portal.client import PortalClient
from kiban.portal.contract import DayAfter, DayWindow, ProcedureUnknown
from kiban.portal.pages.site import local
from kiban.portal.procedures import LAWFUL_REASONS
from kiban.shared.app import declared_access, every_route
from tests.portal.alone import ORIGIN, Alone, settings
from tests.portal.builders import application

PUBLIC = ("/", "/procedures/child-allowance", "/status", "/about", "/accessibility")
OWN = ("/", "/records", "/consents", "/notices", "/operations", "/sessions")
HTML = "text/html"


@pytest.fixture
def engine() -> str:
    """Pages do not know their engine; `test_store` tries both."""
    return "sqlite"


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("path", PUBLIC)
async def test_everybody_can_read_the_public_pages(alone, path, language):
    reply = await alone.get(path, accept=HTML, accept_language=language)

    assert reply.status == 200
    assert f'<html lang="{language}">'.encode() in reply.content
    assert b"SIMULATED" in reply.content


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("path", OWN)
async def test_a_citizen_can_read_their_own_pages(alone, path, language):
    await alone.logs_in()
    alone.browser.language = language

    page = await alone.browser.open(ORIGIN + path)

    assert page.status == 200
    assert page.has_form("logout")


@pytest.mark.parametrize("path", [*OWN[1:], "/history", "/applications/" + "a" * 32, "/to-card"])
async def test_without_a_session_there_is_a_way_to_log_in(alone, path):
    page = await alone.browser.open(ORIGIN + path)

    assert page.status == 401
    assert page.link("login").href == f"/login?to={path}"


async def test_a_session_that_was_not_used_has_ended(alone):
    visitor = await alone.logs_in()
    alone.clock.advance(alone.parts.visiting.limits.idle)

    page = await alone.browser.open(ORIGIN + "/consents")

    assert page.status == 401
    assert visitor.session.id


async def test_a_program_gets_a_problem_document(alone):
    reply = await alone.get("/consents", accept="application/json")

    assert reply.status == 401
    assert reply.json()["type"] == "urn:kiban:problem:session-ended"


async def test_a_browser_runs_and_loads_nothing_of_others(alone):
    reply = await alone.get("/", accept=HTML)

    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "script-src" not in policy
    assert not re.search(rb"(src|href)=\"https?://", reply.content)
    assert reply.headers["cache-control"] == "no-store"


# --- login ----------------------------------------------------------------------------------------


async def test_login_leads_to_the_card_with_everything_that_binds_it_to_this_browser(alone):
    reply = await alone.get("/login?to=/history", accept=HTML)

    where = reply.headers["location"]
    assert reply.status == 303
    assert where.startswith("http://login.localhost:8000/realms/main/protocol/openid-connect/auth?")
    for part in ("scope=openid+pseudonym", "code_challenge_method=S256", "nonce=", "state="):
        assert part in where
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()


@pytest.mark.parametrize(
    ("to", "found"),
    [
        ("/history", "/history"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("history", "/"),
        ("/" + "x" * 200, "/"),
        ("/\u3042", "/"),
        (None, "/"),
    ],
)
def test_after_login_one_goes_on_at_this_site_alone(to, found):
    assert local(to) == found


async def test_a_return_without_anything_is_refused_kindly(alone):
    page = await alone.browser.open(ORIGIN + "/callback")

    assert page.status == 403
    assert "もう一度お試しください" in page.text


# --- forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/logout",
        "/sessions",
        "/records",
        "/procedures/child-allowance/applications",
        "/consents/" + "1" * 32 + "/end",
        *(
            f"/applications/{'a' * 32}/{step}"
            for step in ("terms", "answers", "check", "prefill", "discard")
        ),
    ],
)
async def test_no_form_counts_that_is_not_ours(alone, path):
    visitor = await alone.logs_in()
    cookie = "portal-session=" + visitor.token.reveal()
    token = alone.parts.site.csrf.token(visitor.session.id)
    other = alone.parts.site.csrf.token("another session")

    refused = [
        await alone.post(path, "", cookie=cookie, accept=HTML),
        await alone.post(path, f"csrf={other}", cookie=cookie, accept=HTML),
        await alone.post(path, f"csrf={token}", cookie=cookie, sec_fetch_site="cross-site"),
    ]

    assert [reply.status for reply in refused] == [403, 403, 403]
    assert (await alone.post(path, f"csrf={token}", accept=HTML)).status == 401


async def test_a_session_is_ended_by_its_person(alone):
    await alone.logs_in()
    other = await alone.begins_session("p1", "a phone that was lost")
    foreign = await alone.begins_session("p2", "somebody else")
    page = await alone.browser.open(ORIGIN + "/sessions")
    ending = next(form.name for form in page.markup.forms if form.name.startswith("end-"))

    await alone.browser.submit(ending)

    async with alone.parts.store.read() as rows:
        assert (await rows.session(other.session.id)).ended_at is not None
        assert (await rows.session(foreign.session.id)).ended_at is None


async def test_somebody_elses_session_cannot_be_ended(alone):
    await alone.logs_in()
    await alone.begins_session("p1", "another browser")
    foreign = await alone.begins_session("p2", "somebody else")
    page = await alone.browser.open(ORIGIN + "/sessions")
    ending = next(form.name for form in page.markup.forms if form.name.startswith("end-"))

    page = await alone.browser.submit(ending, {"session": foreign.session.id})

    assert page.status == 401
    async with alone.parts.store.read() as rows:
        assert (await rows.session(foreign.session.id)).ended_at is None


async def test_leaving_ends_the_session_and_the_cookie(alone):
    visitor = await alone.logs_in()
    await alone.browser.open(ORIGIN + "/")

    page = await alone.browser.submit("logout")

    assert "ログアウトしました" in page.text
    assert "portal-session" not in alone.browser.cookies("portal.localhost")
    async with alone.parts.store.read() as rows:
        assert (await rows.session(visitor.session.id)).ended_at is not None


# --- an application while everybody is away -------------------------------------------------------


async def opened(alone: Alone, state="draft", **more):
    visitor = await alone.logs_in()
    async with alone.parts.store.begin() as rows:
        await rows.open_application(application(state, person=visitor.person, **more))
    return visitor


async def test_the_terms_are_shown_before_anything_is_asked(alone):
    await opened(alone)

    page = await alone.browser.open(f"{ORIGIN}/applications/{'a' * 32}")

    assert page.path.endswith("/terms")
    text = page.part("consent-bank-account").text
    for said in ("公金受取口座", "鎌倉市", "公金受取口座登録機関", "児童手当の認定のため"):
        assert said in text
    assert "模擬番号利用法別表 第1の項" in page.text


async def test_login_that_is_away_stops_an_approval_and_keeps_the_draft(alone):
    await opened(alone)
    await alone.browser.open(f"{ORIGIN}/applications/{'a' * 32}/terms")

    page = await alone.browser.submit("agree")

    assert page.status == 503
    assert "しばらく待って" in page.text


async def test_a_draft_is_kept_while_every_office_and_the_register_are_away(alone):
    await opened(alone, "approved")
    page = await alone.browser.open(f"{ORIGIN}/applications/{'a' * 32}")
    given = {"from_month": "2026-05", "employer-query": "みほん", "confirm": True}

    page = await alone.browser.submit("answers", given, button="employer")

    assert "登録簿が応答していない" in page.text
    assert page.form("answers").control("from_month").value == "2026-05"
    assert page.form("answers").control("employer-query").value == "みほん"


async def test_what_was_signed_is_shown_as_on_its_way_until_the_gateway_answers(alone):
    visitor = await opened(alone, "signed")
    async with alone.parts.store.begin() as rows:
        await rows.seal_signed(
            "a" * 32, {"application": "{}", "certificate": "c", "signature": "s"}
        )
        body = {"application": "a" * 32, "person": visitor.person}
        await rows.enqueue("submit", "a" * 32, body, at=alone.clock())
    await alone.drain()

    page = await alone.browser.open(f"{ORIGIN}/applications/{'a' * 32}")

    assert page.part("outcome").attributes["data-outcome"] == "signed"
    assert "確かにお預かりしました" in page.text
    assert await alone.parts.outbox.dead() == []


async def test_a_procedure_that_is_not_there_is_said_kindly(alone):
    page = await alone.browser.open(ORIGIN + "/procedures/nothing")

    assert page.status == 404
    assert "その手続は見つかりませんでした" in page.text


async def test_the_status_page_names_every_office_that_is_away(alone):
    page = await alone.browser.open(ORIGIN + "/status")

    assert "応答していません" in page.part("agency-tax").text
    assert not page.parts("agency-portal")


# --- the contract ---------------------------------------------------------------------------------


async def test_procedures_can_be_read_by_programs(alone):
    client = PortalClient(alone.http, ORIGIN)

    listed = (await client.list_procedures()).procedures
    described = await client.read_procedure("child-allowance")

    assert described.id in {one.id for one in listed}
    assert [one.item for one in described.held] == ["household", "income", "bank-account"]
    assert {one.type for one in described.asked} == {"month", "company", "address", "yes"}
    moving = {one.name: one for one in (await client.read_procedure("moving-out")).asked}
    assert moving["moves_on"].window == DayWindow(first=-10, last=30)
    assert moving["visits_on"].follows == DayAfter(field="moves_on", days=14)
    assert moving["movers"].window is moving["moves_on"].follows is None
    with pytest.raises(ProcedureUnknown):
        await client.read_procedure("no such thing")


def test_every_route_says_who_may_call_it(clock):
    app = create_app(settings(), db=None, http=None, clock=clock)

    declared = {declared_access(route).name for route in every_route(app)}

    assert declared <= {
        "anyone",
        "session",
        "session-or-none",
        "session-or-proxy",
        "session-leaving",
        "front",
        "front-token",
        "operator",
    }


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ja", "en"])
def test_whatever_can_happen_has_words(alone_texts, language):
    texts = alone_texts[language]
    for prefix, names in {
        "reason": LAWFUL_REASONS,
        "event": ("received", "waiting", "granted", "refused", "returned"),
        "held": ("held", "not-held", "waits", "away", "refused", "doubtful", "unread"),
        "missing": ("not-held", "waits", "away", "refused", "doubtful", "unread"),
        "finding": ("false-seed", "opens-to-nobody", "unreadable"),
        "mistake": ("required", "yes", "month", "date", "too-long", "rest", "register-away"),
        "history": (
            *(f"kind_{kind}" for kind in ("inquiry", "submission", "approve", "acquire")),
            *(f"kind_{kind}" for kind in ("subscribe", "announce", "inquiry_own", "acquire_own")),
        ),
        "sent": tuple(
            f"{part}_{state}"
            for part in ("heading", "text")
            for state in ("signed", "submitted", "received", "undeliverable", "granted", "refused")
        ),
    }.items():
        for name in names:
            assert f"{prefix}.{name}" in texts


@pytest.fixture
def alone_texts(alone):
    return alone.parts.site.pages._texts


def test_no_page_asks_for_a_text_that_is_not_there(alone_texts):
    """Each t("…") of every template, as far as it is written out."""
    from importlib.resources import files  # noqa: PLC0415

    places = files("kiban.portal") / "templates"
    for template in places.iterdir():
        for key in re.findall(r't\("([a-z_.]+)"[),]', template.read_text(encoding="utf-8")):
            for language, texts in alone_texts.items():
                assert key in texts, f"{template.name}: {key} in {language}"
                assert set(string.Formatter().parse(texts.entries[key]))
