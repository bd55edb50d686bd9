"""Logging in: from a relying party through the card and back to the same browser."""

import json
from datetime import timedelta

import jwt
import pytest

from kiban.identity.authority.contract import (
    CertificateExpired,
    CertificateRevoked,
    ProofRefused,
    authentication_message,
)
from kiban.identity.login import store
from kiban.identity.login.client import IDTokenRefused, LoginForCards, ReturnRefused
from kiban.identity.login.contract import CardResponse, RequestExpired, RequestUnknown
from kiban.shared.exchanges import new_id
from kiban.shared.oauth import OAuthProblem
from tests.login.house import CARDS, HANAKO, MEI, TARO, at_bank, at_portal
from tests.login.parties import BANK, ISSUER, LOGIN


@pytest.fixture
def engine() -> str:
    return "sqlite"


async def begun(party, scope: str = "openid"):
    """An attempt that waits at the card's page."""
    attempt = party.begin(scope)
    return attempt, await party.browser.open(party.client.authorization_url(attempt))


async def card_answers(house, request: str, person=HANAKO, *, asked: str | None = None) -> str:
    """What a card does without a page: answer `asked` (or the request itself), at the request."""
    door = LoginForCards(house.http, LOGIN)
    card_request = await door.read_card_request(asked or request)
    message = authentication_message(card_request.challenge, card_request.audience)
    signed = await house.cards.sign_message(person.id, "authentication", person.pin, message)
    answer = CardResponse(certificate=signed.certificate, signature=signed.signature)
    return (await door.answer_card_request(request, answer)).code


def continuing(request: str, code: str) -> str:
    return f"{LOGIN}/continue?request={request}&code={code}"


async def test_a_person_logs_in_with_her_card(house) -> None:
    person = await at_portal(house).log_in("openid")

    assert len(person.sub) == 43
    assert person.at == house.clock()
    assert person.kiban_token is None


async def test_a_child_logs_in_with_a_card_that_cannot_sign(house) -> None:
    assert await at_portal(house).log_in("openid", MEI)


async def test_two_relying_parties_get_names_that_do_not_join(house) -> None:
    bank, portal = at_bank(house), at_portal(house)

    hanako = [
        await bank.log_in("openid"),
        await bank.log_in("openid"),
        await portal.log_in("openid"),
    ]
    taro = await bank.log_in("openid", TARO)

    assert hanako[0].sub == hanako[1].sub
    assert len({hanako[0].sub, hanako[2].sub, taro.sub}) == 3


async def test_a_member_learns_which_of_its_pseudonyms_this_is(house) -> None:
    person = await at_portal(house).log_in("openid pseudonym")

    payload = jwt.decode(person.kiban_token, options={"verify_signature": False})
    assert (payload["claims"]["inquirer"], payload["claims"]["kind"]) == ("portal", "acquire")
    assert "kiban_token" not in repr(person).replace(
        "kiban_token", "", 0
    ) or person.kiban_token not in repr(person)


async def test_any_jose_library_verifies_the_id_token(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid")
    given = await bank.client.issue_tokens(redeeming(attempt, code))

    keys = jwt.PyJWKSet.from_dict((await bank.client.read_keys()).model_dump())
    key = keys[jwt.get_unverified_header(given.id_token)["kid"]]
    now = house.clock()
    claims = jwt.decode(
        given.id_token,
        key,
        algorithms=["ES256"],
        audience=BANK,
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False},
    )

    assert claims["nonce"] == attempt.nonce
    assert claims["exp"] - now.timestamp() == 600
    assert (claims["acr"], claims["amr"]) == ("aal3", ["sc", "pin", "mfa"])


def redeeming(attempt, code: str, **different: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "code_verifier": attempt.verifier,
        **different,
    }


async def test_the_relying_party_refuses_an_id_token_of_another_attempt(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid")
    given = await bank.client.issue_tokens(redeeming(attempt, code))

    with pytest.raises(IDTokenRefused):
        await bank.client.verify_id_token(
            given.id_token, nonce="another", access_token=given.access_token
        )
    with pytest.raises(IDTokenRefused):
        await bank.client.verify_id_token(
            given.id_token, nonce=attempt.nonce, access_token="another"
        )
    with pytest.raises(IDTokenRefused):
        await at_portal(house).client.verify_id_token(
            given.id_token, nonce=attempt.nonce, access_token=given.access_token
        )
    house.clock.advance(timedelta(minutes=12))
    with pytest.raises(IDTokenRefused):
        await bank.client.verify_id_token(
            given.id_token, nonce=attempt.nonce, access_token=given.access_token
        )


async def test_the_relying_party_takes_only_its_own_answer(house) -> None:
    bank = at_bank(house)
    attempt = bank.begin("openid")
    page = await bank.tap(attempt, HANAKO)

    for wrong in ({"state": "another"}, {"iss": "http://evil.example"}, {"code": ""}):
        with pytest.raises(ReturnRefused):
            bank.client.returned(attempt, {**page.query, **wrong})
    with pytest.raises(ReturnRefused):
        bank.client.returned(attempt, {})


async def test_who_turns_back_at_the_card_is_told_to_the_relying_party(house) -> None:
    bank = at_bank(house)
    attempt, page = await begun(bank)

    page = await bank.browser.open(f"{LOGIN}/continue?request={page.query['request']}")

    with pytest.raises(OAuthProblem) as refused:
        bank.client.returned(attempt, page.query)
    assert refused.value.error == "access_denied"


async def test_a_silent_login_comes_straight_back(house) -> None:
    bank = at_bank(house)
    attempt = bank.begin("openid")

    page = await bank.browser.open(bank.client.authorization_url(attempt, prompt="none"))

    with pytest.raises(OAuthProblem) as refused:
        bank.client.returned(attempt, page.query)
    assert refused.value.error == "login_required"


# --- attacks ----------------------------------------------------------------------------------


async def test_the_card_code_counts_once(house) -> None:
    bank = at_bank(house)
    _, page = await begun(bank)
    request = page.query["request"]
    code = await card_answers(house, request)

    first = await bank.browser.open(continuing(request, code))
    again = await bank.browser.open(continuing(request, code))

    assert "code" in first.query
    assert again.status == 404


async def test_another_browser_cannot_go_on(house) -> None:
    _, page = await begun(at_bank(house))
    request = page.query["request"]
    code = await card_answers(house, request)

    with_nothing = await house.browser().open(continuing(request, code))
    other = at_bank(house)
    await begun(other)
    with_its_own = await other.browser.open(continuing(request, code))

    assert with_nothing.status == with_its_own.status == 403
    assert "the browser in which you began" in with_its_own.html


async def test_who_lures_a_person_to_tap_for_a_foreign_request_gets_nothing(house) -> None:
    # The attacker begins, the victim's browser and card end: the code lands in the victim's browser.
    attacker, victim = at_bank(house), at_bank(house)
    _, page = await begun(attacker)
    await begun(victim)

    lured = await victim.browser.open(f"{CARDS}/tap?request={page.query['request']}")
    ended = await victim.browser.tap(lured, HANAKO)

    assert ended.status == 403
    assert (
        await attacker.browser.open(f"{LOGIN}/continue?request={page.query['request']}&code=guess")
    ).status == 404


async def test_a_code_opens_its_own_request_alone(house) -> None:
    bank = at_bank(house)
    _, first = await begun(bank)
    _, second = await begun(bank)
    await card_answers(house, second.query["request"])

    code = await card_answers(house, first.query["request"])
    crossed = await bank.browser.open(continuing(second.query["request"], code))

    assert crossed.status == 404


async def test_an_answer_to_one_request_is_no_answer_to_another(house) -> None:
    _, first = await begun(at_bank(house))
    _, second = await begun(at_bank(house))

    with pytest.raises(ProofRefused):
        await card_answers(house, second.query["request"], asked=first.query["request"])


async def test_an_answer_for_another_login_is_refused(house) -> None:
    _, page = await begun(at_bank(house))
    request = page.query["request"]
    door = LoginForCards(house.http, LOGIN)
    asked = await door.read_card_request(request)
    message = authentication_message(asked.challenge, "http://evil.example")
    signed = await house.cards.sign_message("hanako", "authentication", HANAKO.pin, message)

    with pytest.raises(ProofRefused):
        await door.answer_card_request(
            request, CardResponse(certificate=signed.certificate, signature=signed.signature)
        )


async def test_a_request_is_answered_once(house) -> None:
    _, page = await begun(at_bank(house))
    await card_answers(house, page.query["request"])

    with pytest.raises(RequestUnknown):
        await card_answers(house, page.query["request"], TARO)


async def test_who_answers_too_late_is_told_so(house) -> None:
    bank = at_bank(house)
    _, page = await begun(bank)
    _, answered = await begun(bank)
    code = await card_answers(house, answered.query["request"])
    house.clock.advance(timedelta(minutes=10))

    with pytest.raises(RequestExpired):
        await card_answers(house, page.query["request"])
    assert (await bank.browser.open(continuing(answered.query["request"], code))).status == 410


async def test_a_request_that_never_was_is_unknown(house) -> None:
    with pytest.raises(RequestUnknown):
        await card_answers(house, new_id())


async def test_a_revoked_card_opens_nothing(house) -> None:
    bank = at_bank(house)
    await house.revoke(HANAKO)
    _, page = await begun(bank)

    told = await bank.browser.tap(page, HANAKO)

    assert told.status == 403
    assert "certificate was revoked" in told.html
    with pytest.raises(CertificateRevoked):
        await card_answers(house, page.query["request"])


async def test_an_expired_card_opens_nothing(house) -> None:
    house.clock.advance(timedelta(days=365 * 5))
    _, page = await begun(at_bank(house))

    with pytest.raises(CertificateExpired):
        await card_answers(house, page.query["request"])


async def test_a_wrong_pin_never_leaves_the_card(house) -> None:
    bank = at_bank(house)
    _, page = await begun(bank)
    before = len([heard for heard in house.tape if heard.role == "login" and heard.body])

    for _ in range(3):
        page = await bank.browser.tap(page, HANAKO, pin="0000")

    assert "locked" in page.html
    assert len([heard for heard in house.tape if heard.role == "login" and heard.body]) == before


async def test_the_pin_reaches_neither_login_nor_the_authority(house) -> None:
    await at_portal(house).log_in("openid pseudonym")

    heard = [each for each in house.tape if each.role in ("login", "authority")]
    assert heard
    for each in heard:
        said = f"{each.target} {each.headers} {each.body.decode()}"
        assert HANAKO.pin not in said


async def test_no_address_holds_anything_personal(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid name address birthdate gender")
    await bank.client.userinfo(person.access_token)

    told = " ".join([*bank.browser.addresses, *(each.target for each in house.tape)])
    for value in (
        HANAKO.name,
        "%E8%A6%8B",
        HANAKO.born,
        "1985",
        HANAKO.code,
        HANAKO.pin,
        person.sub,
    ):
        assert value not in told


async def test_login_s_database_holds_no_word_that_opens_anything(house) -> None:
    portal = at_portal(house)
    attempt, code = await portal.code("openid pseudonym")
    given = await portal.client.issue_tokens(redeeming(attempt, code))

    kept = ""
    async with house.db.read() as connection:
        for table in store.metadata.sorted_tables:
            kept += "".join(repr(tuple(row)) for row in await connection.execute(table.select()))
    cookies = [value for jar in portal.browser.cookies.values() for value in jar.values()]
    for word in (
        code,
        given.access_token,
        given.id_token,
        given.kiban_token,
        attempt.verifier,
        *cookies,
    ):
        assert word not in kept


async def test_an_integrator_logs_in_without_a_browser(house) -> None:
    bank = at_bank(house)
    attempt, page = await begun(bank)
    body = json.dumps({"request": page.query["request"], "pin": HANAKO.pin}).encode()

    reply = await house.http.send(
        "POST",
        f"{CARDS}/cards/hanako/taps",
        content=body,
        headers={"content-type": "application/json"},
    )
    back = await bank.browser.open(reply.json()["location"])

    assert await bank.client.redeem(bank.client.returned(attempt, back.query), attempt)


async def test_every_page_is_whole_without_scripts_and_says_simulated(house) -> None:
    bank = at_bank(house)
    _, tap = await begun(bank)
    consent = await bank.tap(bank.begin("openid name"), HANAKO)
    home = await house.browser().open(f"{LOGIN}/")
    consents = await house.browser().open(f"{LOGIN}/consents")

    for page in (tap, consent, home, consents):
        assert page.status == 200
        assert "SIMULATED" in page.html
        assert "<script" not in page.html


async def test_the_relying_partys_language_goes_along(house) -> None:
    bank = at_bank(house, house.browser("ja"))
    attempt = bank.begin("openid name")

    tap = await bank.browser.open(bank.client.authorization_url(attempt, ui_locales="fr en-GB ja"))
    consent = await bank.browser.tap(tap, HANAKO)

    assert '<html lang="en">' in tap.html
    assert '<html lang="en">' in consent.html
