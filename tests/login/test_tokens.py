"""The token endpoint: what a relying party gets, and what it does not get twice."""

import asyncio
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from kiban.identity.login.client import LoginForOperators
from kiban.identity.login.contract import OIDC, AccessTokenRefused, ScopeMissing
from kiban.shared.oauth import OAuthProblem
from tests.login.house import OPERATOR, TARO, at_bank, at_portal, problem
from tests.login.parties import BANK, KIOSK, LOGIN, PORTAL_BACK, assertion, form

TOKEN = f"{LOGIN}{OIDC}/token"


@pytest.fixture
def engine() -> str:
    return "sqlite"


def redeeming(attempt, code: str, **different: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "code_verifier": attempt.verifier,
        **different,
    }


async def post(house, sent: dict[str, str], url: str = TOKEN, **headers: str):
    wanted = {"content-type": "application/x-www-form-urlencoded", **headers}
    return await house.http.send("POST", url, content=urlencode(sent).encode(), headers=wanted)


async def test_a_replayed_code_gives_nothing_and_ends_what_it_gave(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid name")
    person = await bank.client.redeem(code, attempt)
    assert await bank.client.userinfo(person.access_token)

    with pytest.raises(OAuthProblem) as refused:
        await bank.client.redeem(code, attempt)

    assert refused.value.error == "invalid_grant"
    with pytest.raises(AccessTokenRefused, match="revoked"):
        await bank.client.userinfo(person.access_token)


async def test_a_wrong_verifier_spends_the_code(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid")

    for verifier in ("x" * 43, attempt.verifier):
        with pytest.raises(OAuthProblem) as refused:
            await bank.client.issue_tokens(redeeming(attempt, code, code_verifier=verifier))
        assert refused.value.error == "invalid_grant"


async def test_a_stolen_code_is_worth_nothing_to_another_client(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid")

    with pytest.raises(OAuthProblem) as refused:
        await at_portal(house).client.issue_tokens(redeeming(attempt, code))

    assert refused.value.error == "invalid_grant"


async def test_a_code_is_bound_to_its_address(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid")

    with pytest.raises(OAuthProblem) as refused:
        await bank.client.issue_tokens(redeeming(attempt, code, redirect_uri=PORTAL_BACK))

    assert refused.value.error == "invalid_grant"


async def test_a_code_lasts_a_minute(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid")
    house.clock.advance(timedelta(seconds=60))

    with pytest.raises(OAuthProblem) as refused:
        await bank.client.redeem(code, attempt)

    assert refused.value.error == "invalid_grant"


async def test_a_code_that_was_never_given_is_refused(house) -> None:
    bank = at_bank(house)

    for code in ("", "never given", "x" * 43, "é"):
        with pytest.raises(OAuthProblem):
            await bank.client.redeem(code, bank.begin("openid"))


async def test_an_assertion_counts_once(house) -> None:
    proof = form(assertion(house.clock, BANK), grant_type="client_credentials", scope="sign")

    first, again = await post(house, proof), await post(house, proof)

    assert first.status == 200
    assert again.status == 401
    assert problem(again)["error"] == "invalid_client"
    assert "used before" in problem(again)["error_description"]


async def test_an_assertion_is_spent_even_if_the_grant_is_refused(house) -> None:
    proof = form(assertion(house.clock, BANK), grant_type="client_credentials", scope="approve")

    refused = await post(house, proof)
    again = await post(house, {**proof, "scope": "sign"})

    assert (refused.status, again.status) == (400, 401)


async def test_a_client_with_an_rsa_key_is_served_too(house) -> None:
    proof = assertion(house.clock, KIOSK)

    reply = await post(house, form(proof, grant_type="authorization_code", code="x" * 43))

    assert problem(reply)["error"] == "invalid_grant"


REFUSED = [
    ({}, "invalid_request"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": "refresh_token"}, "invalid_request"),
    ({"grant_type": "refresh_token", "refresh_token": "guessed"}, "invalid_grant"),
    ({"grant_type": "authorization_code"}, "invalid_request"),
    ({"grant_type": "client_credentials"}, "invalid_scope"),
    ({"grant_type": "client_credentials", "scope": "openid"}, "invalid_scope"),
    ({"grant_type": "client_credentials", "scope": "sign name"}, "invalid_scope"),
    ({"grant_type": "client_credentials", "scope": "approve"}, "invalid_scope"),
]


async def test_a_refusal_speaks_oauth_and_says_what_was_expected(house) -> None:
    for more, error in REFUSED:
        reply = await post(house, form(assertion(house.clock, BANK), **more))

        said = problem(reply)
        assert reply.status == 400, more
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["cache-control"] == "no-store"
        assert said["error"] == error, more
        assert said["error_description"] == said["detail"]
        assert said["type"] == "urn:kiban:problem:oauth-refused"


async def test_parameters_in_the_address_are_refused_with_the_way_out(house) -> None:
    url = f"{TOKEN}?grant_type=authorization_code"

    reply = await post(house, form(assertion(house.clock)), url)

    assert problem(reply)["error"] == "invalid_request"
    assert "into the body" in problem(reply)["error_description"]


async def test_a_form_of_another_type_is_refused(house) -> None:
    reply = await post(house, {}, **{"content-type": "application/json"})

    assert problem(reply)["error"] == "invalid_request"


async def test_no_proof_at_all_is_told_what_is_expected(house) -> None:
    reply = await post(
        house, {"grant_type": "client_credentials", "client_id": BANK, "client_secret": "x"}
    )

    assert reply.status == 401
    assert "client_assertion_type" in problem(reply)["error_description"]


async def test_userinfo_wants_an_access_token(house) -> None:
    for header in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic eA==",
        "Bearer never",
        "Bearer " + "x" * 300,
    ):
        headers = {} if header is None else {"authorization": header}

        reply = await house.http.send("GET", f"{LOGIN}{OIDC}/userinfo", headers=headers)

        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith('Bearer error="')


async def test_an_access_token_lasts_ten_minutes(house) -> None:
    bank = at_bank(house)
    person = await bank.log_in("openid")
    house.clock.advance(timedelta(minutes=10))

    with pytest.raises(AccessTokenRefused, match="expired"):
        await bank.client.userinfo(person.access_token)


async def test_a_clients_own_token_is_no_persons(house) -> None:
    bank = at_bank(house)
    token = await bank.client.client_credentials("sign")

    with pytest.raises(ScopeMissing):
        await bank.client.userinfo(token)


async def test_two_redemptions_at_once_give_one_set_of_tokens(house) -> None:
    bank = at_bank(house)
    attempt, code = await bank.code("openid")

    outcomes = await asyncio.gather(
        *(bank.client.redeem(code, attempt) for _ in range(3)), return_exceptions=True
    )

    assert sum(not isinstance(each, Exception) for each in outcomes) == 1


async def test_the_pairwise_name_is_the_same_for_all_clients_of_a_sector(house) -> None:
    bank = at_bank(house)

    assert (await bank.log_in("openid", TARO)).sub == (await bank.log_in("openid", TARO)).sub


async def test_the_keys_are_rotated_without_anybody_failing(house) -> None:
    bank = at_bank(house)
    await bank.log_in("openid")
    attempt, code = await bank.code("openid")
    before = await bank.client.issue_tokens(redeeming(attempt, code))

    published = await LoginForOperators(house.http, LOGIN, OPERATOR).rotate_signing_keys()

    assert len(published.keys) == 2
    assert await bank.client.verify_id_token(
        before.id_token, nonce=attempt.nonce, access_token=before.access_token
    )
    assert await bank.log_in("openid")


async def test_discovery_says_what_is_true(house) -> None:
    found = await at_bank(house).client.read_discovery()

    assert found.token_endpoint == TOKEN
    assert "refresh_token" in found.grant_types_supported
    assert "offline_access" in found.scopes_supported
    assert found.subject_types_supported == ["pairwise"]
    assert found.code_challenge_methods_supported == ["S256"]
