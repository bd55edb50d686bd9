"""
Hanako moves house through a private moving site: the same move, the same card, the same offices.

The site is another program.  It knows the portal's public interface and nothing else, she lets it in with her card,
for this one move, and it can do nothing that she did not approve, with nobody else's key, and not after she has left.
"""

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec

from kiban.deploy import clients, keys
from kiban.portal.client import Attempt, PortalForFronts, verified
from kiban.portal.contract import (
    AuthorizationDetail,
    FrontTokenRefused,
    FrontTokens,
    ItemDetail,
    NotAuthorized,
    OnceOnlyViolated,
    PossessionUnproven,
    ProcedureDetail,
    ValueUnproven,
)
from kiban.portal.fronts import proofs
from kiban.registry.client import RegistryClient
from kiban.shared.http import Reply
from kiban.shared.oauth import ASSERTION_TYPE, ClientRefused, OAuthProblem
from kiban.world.browser import Page, accepted
from kiban.world.cast import shipped_country
from kiban.world.citizen import Citizen
from kiban.world.companies.catalogue import COMPANIES
from kiban.world.companies.following import EVERY
from kiban.world.mover.origins import Origins
from tests.architecture.knowledge import personal_values, points_of, stored
from tests.architecture.scanner import scan
from tests.stories.country import Country, moved_in, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("private move"),
]
MOVE = "moving-out"
HOUSEHOLD = ItemDetail(type="item", provider="kamakura", item="household")
INCOME = ItemDetail(type="item", provider="tax", item="income")
PROCEDURE = ProcedureDetail(type="procedure", procedure=MOVE)


@dataclass
class Move:
    """What everybody saw."""

    country: Country
    hanako: Citizen
    before: dict[str, str] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    history: list[dict[str, str]] = field(default_factory=list)


async def reads_who_asks(citizen: Citizen) -> None:
    """Come to the portal's page that says who asks for what, and say which city it is about."""
    if not (citizen.page.has_form("let-in") or citizen.page.parts("office")):
        await citizen.browser.follow("login")
        await citizen.holds_up_card()
    if citizen.page.parts("office"):
        await citizen.chooses("kamakura")


async def is_let_in(citizen: Citizen) -> Page:
    """At the portal's page that says who asks for what: approve it with the card."""
    await reads_who_asks(citizen)
    accepted(await citizen.browser.submit("let-in"))
    return accepted(await citizen.holds_up_card())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def move(
    lived_in: Path, postal_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Move]:
    settled = moved_in(lived_in, tmp_path_factory.mktemp("private") / "data", shipped_country())
    async with running(settled, postal_data) as country:
        here = Move(country, country.citizen("hanako"))
        await she_moves(here)
        yield here


async def she_moves(move: Move) -> None:
    hanako, site = move.hanako, move.country.origin("mover")
    for kind in COMPANIES:
        page = await hanako.logs_in_at(move.country.origin(kind))
        move.before[kind] = page.part("address").text
    await hanako.browser.open(f"{site}/")
    move.pages["sent"] = accepted(await hanako.browser.follow("begin"))
    await hanako.browser.follow("login")
    await hanako.holds_up_card()
    move.pages["asked"] = await hanako.chooses("kamakura")
    move.pages["form"] = await is_let_in(hanako)
    await hanako.browser.submit("answers", {"moves_to-query": "藤沢市湘南台"}, button="search")
    town = hanako.page.form("answers").control("moves_to").choices[0]
    said = {
        "movers-2": True,
        "movers-3": True,
        "movers-4": True,
        "moves_to": town,
        "moves_to-rest": "1丁目2番3号",
        "moves_on": "2026-03-30",
        "visits_on": "2026-04-03",
    }
    late = {**said, "visits_on": "2026-04-14", "moves_to-rest": ""}
    move.pages["mistakes"] = await hanako.browser.submit("answers", late)
    accepted(await hanako.browser.submit("answers", said))
    move.pages["check"] = accepted(await hanako.browser.follow("sign-at"))
    await hanako.signs()
    move.pages["signed"] = hanako.page
    await move.country.settles()
    move.pages["status"] = accepted(await hanako.browser.open(f"{site}/move"))
    clerk = move.country.clerk("fujisawa")
    await clerk.signs_in()
    [notice] = await clerk.finds()
    await clerk.takes(notice)
    await move.country.settles()
    move.pages["done"] = accepted(await hanako.browser.open(f"{site}/move"))
    move.history = await hanako.history()
    move.country.clock.advance(EVERY)
    await move.country.settles()
    for kind in COMPANIES:
        move.pages[kind] = accepted(await hanako.browser.open(f"{move.country.origin(kind)}/"))


# --- the move -------------------------------------------------------------------------------------


async def test_before_she_logs_in_the_portal_says_who_sent_her_and_why(move: Move) -> None:
    page = move.pages["sent"]

    for said in (
        "つばめ引越し",
        "から来られました",
        "民間サービス",
        "転出届",
        "お住まいの市区町村",
    ):
        assert said in page.text, said
    assert "見本" not in page.text
    assert not page.has_form("let-in")


async def test_she_sees_in_words_who_asks_for_what_before_her_card_approves_it(move: Move) -> None:
    page = move.pages["asked"]

    for said in ("つばめ引越し", "民間サービス", "転出届", "世帯情報", "住民票"):
        assert said in page.text, said


async def test_the_site_says_which_field_is_to_be_mended_and_why(move: Move) -> None:
    page = move.pages["mistakes"]

    assert page.status == 422
    listed = page.part("mistakes").text
    assert "引越し先の住所：番地などを入力してください。" in listed
    assert "窓口へ行く日：もう一つの日より前か、その日から離れすぎています。" in listed
    assert "引越しの日：" not in listed
    assert "「引越しの日」の当日から、その14日後まで" in page.part("asked-visits_on").text
    assert "番地などを入力してください" in page.part("asked-moves_to").text
    assert page.form("answers").control("moves_on").value == "2026-03-30"


async def test_the_site_shows_what_offices_hold_and_has_checked_their_signatures(
    move: Move,
) -> None:
    page = move.pages["form"]

    assert "SIMULATED" in page.text
    assert "鎌倉市" in page.part("held-household").text
    for item in ("household", "resident-record"):
        assert page.part(f"held-{item}").attributes["data-proven"] == "yes"
    assert "見本 花子" in page.text.replace("　", " ")


async def test_she_looks_it_over_and_signs_at_the_portal_and_comes_back(move: Move) -> None:
    assert move.pages["check"].url.startswith(move.country.origin("portal"))
    for said in ("藤沢市湘南台", "1丁目2番3号", "見本 芽衣"):
        assert said in move.pages["check"].text.replace("　", " ")
    assert "つばめ引越し" in move.pages["signed"].part("front").text


async def test_the_same_move_comes_to_the_same_end(move: Move) -> None:
    assert move.pages["status"].part("outcome").attributes["data-outcome"] == "granted"
    assert move.pages["done"].part("outcome").attributes["data-outcome"] == "completed"


@pytest.mark.parametrize("kind", COMPANIES)
async def test_electricity_water_and_bank_follow_and_she_does_nothing(
    move: Move, kind: str
) -> None:
    assert "鎌倉市" in move.before[kind]
    assert move.pages[kind].part("address").text == "神奈川県藤沢市湘南台1丁目2番3号"
    assert move.pages["done"].link(COMPANIES[kind]["ja"]).href == f"{move.country.origin(kind)}/"


async def test_her_history_has_the_lines_of_a_move_at_the_portal_and_no_more(move: Move) -> None:
    own = [
        (line["provider"], line["item"]) for line in move.history if line["inquirer"] == "portal"
    ]

    assert all(line["verified"] == "yes" for line in move.history)
    for read in (("kamakura", "household"), ("kamakura", "resident-record")):
        assert own.count(read) == 1, "it is read once, for her and for the site"
    told = [(line["kind"], line["inquirer"], line["provider"]) for line in move.history]
    assert told.count(("announce", "kamakura", "fujisawa")) == 1
    assert "mover" not in {line["inquirer"] for line in move.history}


async def test_neither_pin_nor_code_nor_name_stands_in_an_address(move: Move) -> None:
    assert not any(
        "見本" in address or "2345" in address for address in move.hanako.browser.visited
    )


async def test_the_site_keeps_nothing_of_anybody(move: Move) -> None:
    values = [*personal_values(move.country.people), *await points_of(move.country)]
    kept = stored(move.country.house.premises.place)

    assert not scan([("mover", kept["mover"])], values)


# --- attacks --------------------------------------------------------------------------------------


@dataclass
class Front:
    """The moving site's own key in the hands of somebody who does as he likes."""

    country: Country
    portal: PortalForFronts
    key: ec.EllipticCurvePrivateKey

    async def pushed(self, *details: AuthorizationDetail) -> tuple[Attempt, str]:
        attempt = self.portal.begin(self.country.origin("mover") + "/callback")
        pushed = await self.portal.push_authorization_request(attempt, details)
        return attempt, self.portal.authorization_url(pushed)

    async def code(
        self, citizen: Citizen, *details: AuthorizationDetail
    ) -> tuple[Attempt, dict[str, str]]:
        """The person lets the front in; what came back with her browser, before anybody else used it."""
        attempt, address = await self.pushed(*details)
        await citizen.browser.open(address)
        watched = Watched(citizen.http)
        citizen.browser.http, kept = watched, citizen.browser.http
        try:
            await reads_who_asks(citizen)
            await citizen.browser.submit("let-in")
            await citizen.holds_up_card()
        finally:
            citizen.browser.http = kept
        return attempt, dict(parse_qsl(urlsplit(watched.came_back).query))

    async def let_in(self, citizen: Citizen, *details: AuthorizationDetail) -> FrontTokens:
        attempt, came = await self.code(citizen, *details)
        return await self.portal.issue_tokens(attempt, self.portal.returned(attempt, came))

    async def call(self, method: str, path: str, **headers: str) -> Reply:
        return await self.country.http.send(
            method, self.country.origin("portal") + path, headers=headers
        )


@dataclass
class Watched:
    """A line on which the way back to the front ends, and is seen."""

    http: Any
    came_back: str = ""

    async def send(self, method: str, url: str, **more: Any) -> Reply:
        if "//mover.localhost" in url:
            self.came_back = url
            url = url.partition("?")[0].replace("/callback", "/")
        return await self.http.send(method, url, **more)


@pytest.fixture
def front(move: Move) -> Front:
    key = keys.load(clients.key(move.country.house.premises, "mover"))
    origin = move.country.origin("portal")
    portal = PortalForFronts(move.country.http, origin, "mover", key, move.country.clock)
    return Front(move.country, portal, key)


@pytest.fixture
def taro(move: Move) -> Citizen:
    return move.country.citizen("taro")


def application(given: FrontTokens) -> str:
    [found] = [one for one in given.authorization_details if isinstance(one, ProcedureDetail)]
    return found.application or ""


async def test_what_was_not_approved_is_not_given(front: Front, taro: Citizen) -> None:
    given = await front.let_in(taro, HOUSEHOLD)

    value = await front.portal.read_item(given.access_token, "kamakura", "household")

    assert value.statement is not None
    with pytest.raises(NotAuthorized):
        await front.portal.read_item(given.access_token, "tax", "income")
    with pytest.raises(NotAuthorized):
        await front.portal.read_application(given.access_token, "0" * 32)


async def test_another_persons_application_is_nobodys(front: Front, taro: Citizen) -> None:
    maria = front.country.citizen("maria")
    hers = application(await front.let_in(maria, PROCEDURE))
    his = await front.let_in(taro, PROCEDURE)

    for asks in (front.portal.read_application, front.portal.read_held):
        with pytest.raises(NotAuthorized):
            await asks(his.access_token, hers)


async def test_a_value_that_was_altered_on_its_way_is_unproven(front: Front, taro: Citizen) -> None:
    given = await front.let_in(taro, HOUSEHOLD)
    value = await front.portal.read_item(given.access_token, "kamakura", "household")
    house = front.country.house
    origins = Origins(
        front.country.http, house.origin("core"), house.origin("authority"), front.country.clock
    )
    assert value.statement is not None
    forged = value.statement.model_copy(update={"as_of": "2001-01-01"})

    assert await origins.proven({"household": value})
    with pytest.raises(ValueUnproven):
        await origins.proven({"household": value.model_copy(update={"statement": forged})})
    with pytest.raises(ValueUnproven):
        verified(value, key=ec.generate_private_key(ec.SECP256R1()).public_key())


async def test_a_token_is_no_good_with_another_key_or_as_a_cookie(
    front: Front, taro: Citizen
) -> None:
    given = await front.let_in(taro, HOUSEHOLD)
    path = "/api/items/kamakura/household"
    thief = ec.generate_private_key(ec.SECP256R1())

    refused = await front.call(
        "GET",
        path,
        authorization=f"DPoP {given.access_token}",
        dpop=proof(front, thief, path, given.access_token),
    )
    as_bearer = await front.call("GET", path, authorization=f"Bearer {given.access_token}")
    as_cookie = await front.call("GET", "/records", cookie=f"portal-session={given.access_token}")

    with pytest.raises(FrontTokenRefused, match="another key"):
        refused.raise_problem()
    with pytest.raises(FrontTokenRefused, match="no access token"):
        as_bearer.raise_problem()
    assert as_cookie.status == 401


def proof(
    front: Front, key: ec.EllipticCurvePrivateKey, path: str, token: str, method: str = "GET"
) -> str:
    return proofs.made(
        key,
        method=method,
        url=front.country.origin("portal") + path,
        jti=secrets.token_urlsafe(8),
        at=front.country.clock(),
        token=token,
    )


async def test_a_proof_that_was_overheard_is_no_good(front: Front, taro: Citizen) -> None:
    token = (await front.let_in(taro, HOUSEHOLD)).access_token
    path, other = "/api/items/kamakura/household", "/api/items/tax/income"
    made = proof(front, front.key, path, token)

    async def says(path: str, given: str) -> Reply:
        return await front.call("GET", path, authorization=f"DPoP {token}", dpop=given)

    assert (await says(path, made)).status == 200
    for at, given, why in (
        (path, made, "used before"),
        (other, proof(front, front.key, path, token), "htu"),
        (path, proof(front, front.key, path, token, "PUT"), "htm"),
        (path, proof(front, front.key, path, "another"), "ath"),
        (path, "", "compact JWS"),
    ):
        with pytest.raises(PossessionUnproven, match=why):
            (await says(at, given)).raise_problem()


async def test_a_code_is_good_once_and_its_second_use_ends_what_it_gave(
    front: Front, taro: Citizen
) -> None:
    attempt, came = await front.code(taro, HOUSEHOLD)
    given = await front.portal.issue_tokens(attempt, came["code"])

    with pytest.raises(OAuthProblem, match="used before") as refused:
        await front.portal.issue_tokens(attempt, came["code"])

    assert refused.value.error == "invalid_grant"
    with pytest.raises(FrontTokenRefused):
        await front.portal.read_item(given.access_token, "kamakura", "household")


async def test_a_stolen_code_is_no_good_without_verifier_and_key(
    front: Front, taro: Citizen
) -> None:
    attempt, came = await front.code(taro, HOUSEHOLD)
    guessed = front.portal.begin(attempt.redirect_uri)

    with pytest.raises(OAuthProblem, match="code_verifier"):
        await front.portal.issue_tokens(guessed, came["code"])
    with pytest.raises(OAuthProblem, match="used before"):
        await front.portal.issue_tokens(attempt, came["code"])


async def test_a_code_is_bound_to_the_key_that_was_pushed(front: Front, taro: Citizen) -> None:
    attempt, came = await front.code(taro, HOUSEHOLD)
    form = {
        "grant_type": "authorization_code",
        "code": came["code"],
        "redirect_uri": attempt.redirect_uri,
        "code_verifier": attempt.verifier,
    }

    reply = await posted(front, "/api/token", form, by=ec.generate_private_key(ec.SECP256R1()))

    with pytest.raises(OAuthProblem, match="another key"):
        reply.raise_problem()


async def test_a_front_cannot_widen_what_was_approved(front: Front, taro: Citizen) -> None:
    attempt, came = await front.code(taro, HOUSEHOLD)
    form = {
        "grant_type": "authorization_code",
        "code": came["code"],
        "redirect_uri": attempt.redirect_uri,
        "code_verifier": attempt.verifier,
        "authorization_details": json.dumps([INCOME.model_dump()]),
    }

    with pytest.raises(OAuthProblem, match="not what the person approved") as refused:
        (await posted(front, "/api/token", form)).raise_problem()

    assert refused.value.error == "invalid_authorization_details"


async def posted(
    front: Front,
    path: str,
    form: dict[str, str],
    *,
    by: ec.EllipticCurvePrivateKey | None = None,
    assertion: str | None = None,
) -> Reply:
    """A form of the front's own, with a proof by this key."""
    whole = {
        **form,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": front.portal.assertion() if assertion is None else assertion,
    }
    url = front.country.origin("portal") + path
    made = proofs.made(
        by or front.key, method="POST", url=url, jti=secrets.token_hex(8), at=front.country.clock()
    )
    headers = {"content-type": "application/x-www-form-urlencoded", "dpop": made}
    return await front.country.http.send(
        "POST", url, content=urlencode(whole).encode(), headers=headers
    )


async def test_a_front_pushes_in_its_own_name_and_asks_only_for_what_there_is(
    front: Front, taro: Citizen
) -> None:
    stranger = PortalForFronts(
        front.country.http,
        front.country.origin("portal"),
        "mover",
        ec.generate_private_key(ec.SECP256R1()),
        front.country.clock,
    )
    attempt = front.portal.begin(front.country.origin("mover") + "/callback")

    with pytest.raises(ClientRefused):
        await stranger.push_authorization_request(attempt, [HOUSEHOLD])
    for details, why in (
        ([], "too_short"),
        ([HOUSEHOLD, HOUSEHOLD], "twice"),
        ([ItemDetail(type="item", provider="police", item="income")], "lets nobody"),
        ([ProcedureDetail(type="procedure", procedure="none")], "no such procedure"),
    ):
        with pytest.raises(OAuthProblem) as refused:
            await front.portal.push_authorization_request(attempt, details)
        assert refused.value.error == "invalid_authorization_details", why
    elsewhere = Attempt("http://evil.localhost/callback", attempt.state, attempt.verifier)
    with pytest.raises(OAuthProblem, match="byte for byte"):
        await front.portal.push_authorization_request(elsewhere, [HOUSEHOLD])
    page = await taro.browser.open(
        f"{front.country.origin('portal')}/authorize?client_id=stranger&request_uri=urn:x"
    )
    assert page.status == 400


async def test_a_front_without_the_person_is_told_nothing(front: Front, taro: Citizen) -> None:
    """She leaves, or she takes one approval back: the very next call is refused."""
    given = await front.let_in(taro, HOUSEHOLD)
    await taro.browser.open(f"{taro.portal_origin}/consents")
    [first, *_] = [form.name for form in taro.page.markup.forms if "end" in form.action]
    accepted(await taro.browser.submit(first))
    with pytest.raises(FrontTokenRefused, match="took the approval back"):
        await front.portal.read_item(given.access_token, "kamakura", "household")

    again = await front.let_in(taro, PROCEDURE)
    await taro.logs_out()
    with pytest.raises(FrontTokenRefused, match="visit has ended"):
        await front.portal.read_held(again.access_token, application(again))
    with pytest.raises(FrontTokenRefused, match="never given"):
        await front.portal.read_held(secrets.token_urlsafe(32), application(again))


async def test_she_can_say_no_and_a_request_is_answered_once(front: Front, taro: Citizen) -> None:
    await taro.logs_in()
    attempt, address = await front.pushed(HOUSEHOLD)
    await taro.browser.open(address)
    watched = Watched(taro.http)
    taro.browser.http = watched

    await taro.browser.submit("keep-out")

    came = dict(parse_qsl(urlsplit(watched.came_back).query))
    with pytest.raises(OAuthProblem) as refused:
        front.portal.returned(attempt, came)
    assert refused.value.error == "access_denied"
    assert (await taro.browser.open(address)).status == 404


async def test_without_a_login_only_a_number_that_nobody_has_taken_up_is_explained(
    front: Front, taro: Citizen
) -> None:
    """Who asks is said before the login, and to nobody else afterwards."""
    stranger = front.country.citizen("kenji")
    _, address = await front.pushed(HOUSEHOLD)
    before = await stranger.browser.open(address)
    await taro.logs_in()
    await taro.browser.open(address)
    await taro.browser.submit("let-in")

    after = await stranger.browser.open(address)

    assert "つばめ引越し" in before.text
    assert after.status == 404
    assert "つばめ引越し" not in after.text


async def test_the_language_that_she_chose_goes_along_to_portal_and_card(
    front: Front, taro: Citizen
) -> None:
    site = front.country.origin("mover")
    await taro.browser.open(f"{site}/?lang=en")

    portal = await taro.browser.follow("begin")
    card = await taro.browser.follow("login")

    assert "asks to be let in" in portal.heading
    assert portal.markup.language == card.markup.language == "en"
    assert (await taro.browser.open(f"{taro.portal_origin}/about")).markup.language == "en"


async def test_a_company_takes_its_language_along_to_the_card(front: Front, taro: Citizen) -> None:
    await taro.browser.open(f"{front.country.origin('bank')}/?lang=en")

    card = await taro.browser.open(f"{front.country.origin('bank')}/login")

    assert card.markup.language == "en"


@pytest.mark.parametrize(
    ("said", "language"),
    [("fr en-GB ja", "en"), ("fr", "ja"), ("x" * 2000, "ja"), ('"><script>', "ja")],
)
async def test_of_the_languages_that_a_front_names_the_first_that_is_there_counts(
    front: Front, taro: Citizen, said: str, language: str
) -> None:
    attempt = front.portal.begin(front.country.origin("mover") + "/callback")

    pushed = await front.portal.push_authorization_request(attempt, [HOUSEHOLD], ui_locales=said)
    page = await taro.browser.open(front.portal.authorization_url(pushed))

    assert page.status == 200
    assert page.markup.language == language


async def test_once_only_holds_for_fronts_too(front: Front, taro: Citizen) -> None:
    given = await front.let_in(taro, PROCEDURE)

    with pytest.raises(OnceOnlyViolated):
        await front.portal.give_answers(
            given.access_token, application(given), {"household": "nobody"}
        )
    assert not (await front.portal.give_answers(given.access_token, application(given), {})).ready


async def test_answers_that_a_front_changes_while_she_signs_are_not_signed(
    front: Front, taro: Citizen
) -> None:
    """The card signs what was frozen when she pressed the button; a change after it makes the signature void."""
    given = await front.let_in(taro, PROCEDURE)
    name = application(given)
    said = {
        "movers-1": "yes",
        "moves_to": await a_town(front),
        "moves_to-rest": "1",
        "moves_on": "2026-03-30",
        "visits_on": "2026-04-03",
    }
    reply = await front.portal.give_answers(given.access_token, name, said)
    assert reply.ready
    await taro.browser.open(reply.sign_at)
    await taro.browser.submit("sign")

    await front.portal.give_answers(given.access_token, name, {**said, "moves_to-rest": "666"})
    page = await taro.holds_up_card()

    assert page.status == 409
    status = await front.portal.read_application(given.access_token, name)
    assert status.state == "answered"


async def a_town(front: Front) -> str:
    registry = RegistryClient(front.country.http, front.country.origin("registry"))
    return (await registry.find_towns(name="湘南台", limit=1)).towns[0].id
