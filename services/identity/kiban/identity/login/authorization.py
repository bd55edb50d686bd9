"""
Authorization requests: what a relying party asks of a person, read strictly.

A request is first read as far as client and redirect_uri.  Until both are trusted, a refusal is shown to the person
and goes nowhere; after that it goes back to the relying party, with its state.

Refused: anything but response_type code; missing or misshapen state, nonce or code_challenge; a parameter sent
twice; scopes that the client is not registered for, or that do not go together; a silent login (every login here
takes the card); request objects.

Source: RFC 6749 sections 3.1, 4.1.1, 4.1.2.1; RFC 7636 (S256 alone); RFC 9207 (iss); OpenID Connect Core 1.0
section 3.1.2; the digital authentication app's public contract.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from kiban.identity.login.clients import Client, Clients
from kiban.identity.login.contract import ATTRIBUTES, SCOPES
from kiban.shared import encoding
from kiban.shared.oauth import OAuthProblem, wished_language

Kind = Literal["authenticate", "approve", "sign"]
SHA256 = 32
LANGUAGES = ("ja", "en")
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
_TRANSACTION = re.compile(r"[0-9a-f]{32}")
_HYPHENATED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OBJECTS = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
_TRANSACTIONS: Mapping[str, str] = {
    "sign": "sign_transaction_id",
    "approve": "approval_transaction_id",
}


class SentBack(Exception):  # noqa: N818  named by what happens
    """A refusal that the browser carries back to the relying party."""

    def __init__(self, location: str, problem: OAuthProblem) -> None:
        super().__init__(str(problem))
        self.location = location
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Return:
    """Where the browser goes when all is done or refused."""

    redirect_uri: str
    state: str | None
    issuer: str

    def location(self, **answer: str) -> str:
        """The registered address with the answer, the state and who answers (RFC 9207)."""
        state = {} if self.state is None else {"state": self.state}
        joint = "&" if "?" in self.redirect_uri else "?"
        return self.redirect_uri + joint + urlencode({**answer, **state, "iss": self.issuer})

    def refusal(self, problem: OAuthProblem) -> SentBack:
        return SentBack(
            self.location(error=problem.error, error_description=problem.description), problem
        )


@dataclass(frozen=True, slots=True)
class Authorization:
    """A request that may be put to the person; made by `read` alone."""

    client: Client
    back: Return
    scope: tuple[str, ...]
    nonce: str
    code_challenge: str
    transaction: str | None
    asks_consent_again: bool
    language: str | None

    @property
    def kind(self) -> Kind:
        return kind_of(self.scope)


def kind_of(scope: Iterable[str]) -> Kind:
    """What the card is asked for the sake of this scope."""
    asked = set(scope)
    return "sign" if "sign" in asked else "approve" if "approve" in asked else "authenticate"


def read(parameters: Iterable[tuple[str, str]], clients: Clients, *, issuer: str) -> Authorization:
    """Read the request, or raise `OAuthProblem` (untrusted address) or `SentBack`."""
    given = [pair for pair in parameters if pair[1]]  # an empty value counts as omitted
    client = clients.find(_trusted(given, "client_id"))
    redirect_uri = client.check_redirect(_trusted(given, "redirect_uri"))
    states = [value for name, value in given if name == "state"]
    state = states[0] if len(states) == 1 and _PRINTABLE.fullmatch(states[0]) else None
    back = Return(redirect_uri, state, issuer)
    try:
        return _read(_once(given), client, back)
    except OAuthProblem as problem:
        raise back.refusal(problem) from problem


def _read(given: Mapping[str, str], client: Client, back: Return) -> Authorization:
    _check_objects(given)
    _check_response(given)
    for name in ("state", "nonce"):
        _required(given, name, _PRINTABLE, "1 to 255 printable ASCII characters")
    scope = _scope(given, client)
    return Authorization(
        client=client,
        back=back,
        scope=scope,
        nonce=given["nonce"],
        code_challenge=_code_challenge(given),
        transaction=_transaction(given, kind_of(scope)),
        asks_consent_again="consent" in _prompt(given),
        language=wished_language(given.get("ui_locales", ""), LANGUAGES),
    )


def _trusted(given: list[tuple[str, str]], name: str) -> str:
    values = [value for known, value in given if known == name]
    if len(values) != 1:
        raise OAuthProblem(
            "invalid_request",
            f"{name} is missing" if not values else f"{name} was sent {len(values)} times",
            expected=f"{name} once",
        )
    return values[0]


def _once(given: list[tuple[str, str]]) -> dict[str, str]:
    names = [name for name, _ in given]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OAuthProblem("invalid_request", f"sent more than once: {', '.join(twice)[:200]}")
    return dict(given)


def _check_objects(given: Mapping[str, str]) -> None:
    for name, error in _OBJECTS.items():
        if name in given:
            raise OAuthProblem(error, f"{name} is not supported; send plain parameters")


def _check_response(given: Mapping[str, str]) -> None:
    if "response_type" not in given:
        raise OAuthProblem("invalid_request", "response_type is missing", expected="code")
    if given["response_type"] != "code":
        raise OAuthProblem(
            "unsupported_response_type",
            "only the code flow is offered",
            sent=given["response_type"][:100],
            expected="code",
        )
    if given.get("response_mode", "query") != "query":
        raise OAuthProblem("invalid_request", "response_mode can only be query", expected="query")


def _required(given: Mapping[str, str], name: str, form: re.Pattern[str], expected: str) -> str:
    if name not in given:
        raise OAuthProblem("invalid_request", f"{name} is missing", expected=expected)
    if not form.fullmatch(given[name]):
        raise OAuthProblem(
            "invalid_request", f"{name} does not have the required form", expected=expected
        )
    return given[name]


def _code_challenge(given: Mapping[str, str]) -> str:
    """PKCE is required, and S256 alone: a verifier in the clear protects nothing."""
    expected = "base64url without padding of the SHA-256 of code_verifier: 43 characters"
    challenge = _required(given, "code_challenge", _PRINTABLE, expected)
    if given.get("code_challenge_method") != "S256":
        raise OAuthProblem(
            "invalid_request",
            "code_challenge_method must be said, and be S256",
            sent=given.get("code_challenge_method", "nothing")[:20],
            expected="S256",
        )
    try:
        size = len(encoding.decode(challenge))
    except ValueError:
        size = 0
    if size != SHA256:
        raise OAuthProblem(
            "invalid_request", "code_challenge is no SHA-256 digest", expected=expected
        )
    return challenge


def _scope(given: Mapping[str, str], client: Client) -> tuple[str, ...]:
    asked = given.get("scope", "").split(" ")
    if "openid" not in asked:
        raise OAuthProblem("invalid_scope", "scope must hold openid", expected="openid …")
    client.check_scope(asked)
    for word in ("sign", "approve"):
        if word in asked and set(asked) != {"openid", word}:
            raise OAuthProblem(
                "invalid_scope",
                f"scope {word} is asked for alone",
                sent=" ".join(asked)[:200],
                expected=f"openid {word}",
            )
    if "offline_access" in asked and not set(ATTRIBUTES).intersection(asked):
        raise OAuthProblem(
            "invalid_scope",
            "offline_access lets attributes be read later: say which",
            expected=f"offline_access and some of: {' '.join(ATTRIBUTES)}",
        )
    return tuple(scope for scope in SCOPES if scope in asked)


def _transaction(given: Mapping[str, str], kind: Kind) -> str | None:
    for word, name in _TRANSACTIONS.items():
        if (name in given) != (word == kind):
            raise OAuthProblem(
                "invalid_request",
                f"scope {word} and {name} go together",
                expected=f"scope=openid {word}&{name}=…",
            )
    if kind == "authenticate":
        return None
    sent = given[_TRANSACTIONS[kind]]
    plain = sent.replace("-", "") if _HYPHENATED.fullmatch(sent) else sent
    if not _TRANSACTION.fullmatch(plain):
        raise OAuthProblem(
            "invalid_request",
            f"{_TRANSACTIONS[kind]} is no transaction's id",
            expected="32 hexadecimal digits",
        )
    return plain


def _prompt(given: Mapping[str, str]) -> set[str]:
    prompts = set(given.get("prompt", "").split())
    if prompts == {"none"}:
        raise OAuthProblem("login_required", "every login here takes the card: none is silent")
    if unknown := sorted(prompts - {"login", "consent", "select_account"}):
        raise OAuthProblem(
            "invalid_request",
            f"prompt cannot be {' '.join(unknown)[:100]} here",
            expected="login, consent or none alone",
        )
    return prompts
