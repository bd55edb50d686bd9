"""What a relying party may ask, and where a refusal goes."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiban.identity.login.authorization import SentBack, read
from kiban.shared.oauth import OAuthProblem
from tests.login.parties import (
    BANK,
    BANK_BACK,
    ISSUER,
    PORTAL,
    PORTAL_BACK,
    authorization,
    registered,
)


def ask(*more: tuple[str, str], **different):
    return read([*authorization(**different).items(), *more], registered(), issuer=ISSUER)


def sent_back(*more: tuple[str, str], **different) -> dict[str, str]:
    with pytest.raises(SentBack) as refused:
        ask(*more, **different)
    location = refused.value.location
    assert location.startswith((BANK_BACK, PORTAL_BACK))
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def portal(**different):
    return {"client_id": PORTAL, "redirect_uri": PORTAL_BACK, **different}


def test_a_whole_request_is_taken() -> None:
    asked = ask(scope="openid address name")

    assert (asked.client.id, asked.scope, asked.kind) == (
        BANK,
        ("openid", "name", "address"),
        "authenticate",
    )


@pytest.mark.parametrize(
    "uri",
    [
        "http://bank.localhost:8703/return",
        "http://bank.localhost:8703/return?from=login&x=1",
        "http://bank.localhost:8703/return?from=login#",
        "http://bank.localhost:8703/Return?from=login",
        "http://bank.localhost:8703//return?from=login",
        "http://bank.localhost:8703/x/../return?from=login",
        "http://bank.localhost:8703/%72eturn?from=login",
        "http://bank.localhost:8704/return?from=login",
        "http://BANK.localhost:8703/return?from=login",
        "https://bank.localhost:8703/return?from=login",
        "http://bank.localhost:8703@evil.example/return?from=login",
        "http://evil.example/?http://bank.localhost:8703/return?from=login",
        PORTAL_BACK,
        "javascript:alert(1)",
    ],
)
def test_an_address_that_is_not_the_registered_one_gets_nothing(uri: str) -> None:
    with pytest.raises(OAuthProblem) as refused:
        ask(redirect_uri=uri)

    assert refused.value.error == "invalid_request"
    assert refused.value.members["expected"] == BANK_BACK


@pytest.mark.parametrize("client", ["RP99999999", "", "'; drop table", None])
def test_an_unknown_client_gets_nothing(client) -> None:
    with pytest.raises(OAuthProblem):
        ask(client_id=client)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_who_asks_is_said_once(name: str) -> None:
    with pytest.raises(OAuthProblem):
        ask((name, authorization()[name]))


@pytest.mark.parametrize(
    "name", ["state", "nonce", "code_challenge", "code_challenge_method", "response_type"]
)
def test_what_is_required_is_required(name: str) -> None:
    back = sent_back(**{name: None})

    assert back["error"] == "invalid_request"
    assert name in back["error_description"]
    assert ("state" in back) is (name != "state")


@pytest.mark.parametrize("name", ["state", "nonce"])
@pytest.mark.parametrize("value", ["", "x" * 256, "line\nbreak", "日本", "\x7f"])
def test_state_and_nonce_are_printable_and_short(name: str, value: str) -> None:
    assert sent_back(**{name: value})["error"] == "invalid_request"


@pytest.mark.parametrize("name", ["scope", "state", "nonce", "prompt"])
def test_a_parameter_sent_twice_is_refused(name: str) -> None:
    assert sent_back((name, "x"), (name, "y"))["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("method", "challenge"),
    [
        ("plain", "x" * 43),
        ("S256", "x" * 42),
        ("S256", "x" * 44),
        ("S256", "x" * 43),  # its last bits are not zero: not canonical
        ("S256", "A" * 42 + "="),
        ("S256", "+" * 43),
    ],
)
def test_the_code_challenge_is_a_digest(method: str, challenge: str) -> None:
    assert (
        sent_back(code_challenge=challenge, code_challenge_method=method)["error"]
        == "invalid_request"
    )


@pytest.mark.parametrize(
    ("response_type", "error"),
    [
        ("token", "unsupported_response_type"),
        ("code id_token", "unsupported_response_type"),
        ("", "invalid_request"),
    ],
)
def test_only_the_code_flow_is_offered(response_type: str, error: str) -> None:
    assert sent_back(response_type=response_type)["error"] == error


@pytest.mark.parametrize(
    "scope", ["name", "", "openid profile", "openid  name", "openid approve", "openid pseudonym"]
)
def test_a_scope_is_openid_and_what_was_registered(scope: str) -> None:
    assert sent_back(scope=scope)["error"] == "invalid_scope"


@pytest.mark.parametrize(
    "scope", ["openid sign name", "openid approve sign", "openid sign pseudonym"]
)
def test_signing_and_approving_are_asked_alone(scope: str) -> None:
    asked = (
        portal(scope=scope, sign_transaction_id="0" * 32)
        if "name" not in scope
        else {"scope": scope}
    )

    assert sent_back(**asked)["error"] == "invalid_scope"


@pytest.mark.parametrize(
    "different",
    [
        {"scope": "openid sign"},
        {"scope": "openid", "sign_transaction_id": "0" * 32},
        {"scope": "openid sign", "approval_transaction_id": "0" * 32},
        {"scope": "openid sign", "sign_transaction_id": "not an id"},
        {"scope": "openid sign", "sign_transaction_id": "0" * 33},
    ],
)
def test_a_transaction_and_its_scope_go_together(different) -> None:
    assert sent_back(**different)["error"] == "invalid_request"


def test_a_transaction_may_be_written_as_a_uuid() -> None:
    asked = ask(scope="openid sign", sign_transaction_id="0123abcd-0123-4567-89ab-0123456789ab")

    assert (
        asked.transaction
        == "0123abcd0123456789ab0123456789ab"[:0] + "0123abcd0123456789ab0123456789ab"
    )
    assert asked.kind == "sign"


def test_a_silent_login_is_answered_without_anybody_seeing_it() -> None:
    assert sent_back(prompt="none")["error"] == "login_required"


@pytest.mark.parametrize("prompt", ["none login", "create", "none none x"])
def test_prompts_that_make_no_sense_are_refused(prompt: str) -> None:
    assert sent_back(prompt=prompt)["error"] == "invalid_request"


def test_a_consent_can_be_asked_for_again() -> None:
    assert ask(prompt="login consent").asks_consent_again


@pytest.mark.parametrize("name", ["request", "request_uri", "registration"])
def test_request_objects_are_refused_by_their_own_errors(name: str) -> None:
    assert sent_back(**{name: "x"})["error"] == f"{name}_not_supported"


def test_a_refusal_says_who_refuses() -> None:
    back = sent_back(scope="openid everything")

    assert back["iss"] == ISSUER
    assert back["state"] == "the state"
    assert back["from"] == "login"


names = st.sampled_from(
    [*authorization(), "prompt", "request", "sign_transaction_id", "response_mode", "acr_values"]
)


@given(st.lists(st.tuples(names, st.text(max_size=60)), max_size=6), st.sets(names, max_size=3))
def test_every_request_is_taken_or_refused_in_words(more, left_out) -> None:
    parameters = [*((k, v) for k, v in authorization().items() if k not in left_out), *more]

    outcome = outcome_of(parameters)

    assert outcome.isascii()
    assert outcome in {BANK_BACK, "refused in words"} or outcome.startswith(f"{BANK_BACK}&error=")


def outcome_of(parameters) -> str:
    try:
        return read(parameters, registered(), issuer=ISSUER).back.redirect_uri
    except SentBack as refused:
        return refused.location
    except OAuthProblem as problem:
        return "refused in words" if problem.description.isascii() else problem.description
