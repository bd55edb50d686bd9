"""The authority as its neighbours meet it: over HTTP, without sockets, and not always politely."""

import inspect
import json
from datetime import timedelta

import pytest

from kiban.identity.authority.app import create_app
from kiban.identity.authority.client import AuthorityClient
from kiban.shared import signatures
from kiban.shared.app import operations
from kiban.shared.clock import FrozenClock
from kiban.shared.problems import TooLarge, Unauthenticated
from kiban.shared.settings import Secret
from kiban.shared.signatures import SignatureRefused
from tests.authority.builders import OPERATOR, ORIGIN, resident, settings


@pytest.fixture
def engine() -> str:
    """One is enough: where engines could differ, other tests of this room try both."""
    return "sqlite"


PUBLIC = {
    "certify_member",
    "read_member",
    "read_anchors",
    "read_issuer",
    "read_practice",
    "ask_status",
    "read_status",
    "read_crl",
}


@pytest.fixture
def app():
    return create_app(settings(), db=None, clock=FrozenClock())


def test_the_client_has_one_method_for_each_operation(app):
    methods = {
        name
        for name, _ in inspect.getmembers(AuthorityClient, inspect.isfunction)
        if name[0] != "_"
    }

    assert methods == set(operations(app))


def test_every_operation_says_who_may_call_it(app):
    said = {
        operation["operationId"]: operation["x-access"]
        for methods in app.openapi()["paths"].values()
        for operation in methods.values()
    }

    assert {name for name, access in said.items() if access == "anyone"} == PUBLIC | {
        "read_health",
        "read_clock",
    }
    assert {name: said[name] for name in ("register_card", "approve", "list_acts")} == {
        "register_card": "registrar",
        "approve": "login",
        "list_acts": "operator",
    }
    assert said["issue_acquisition"] == "resident-network"
    assert said["verify_signature"] == "member"


def test_the_document_describes_what_is_answered_directly(app):
    paths = app.openapi()["paths"]

    [parameter] = paths["/ocsp/{authority}"]["post"]["parameters"]
    assert parameter["schema"]["enum"] == ["authentication", "signature", "organisation"]
    assert "application/pkix-crl" in json.dumps(paths["/crl/{authority}/{shard}.crl"])


async def test_a_captured_request_is_not_taken_twice(authority):
    identity = authority.identities["resident-network"]
    body = resident("00000000021").model_dump_json().encode()
    url = f"{ORIGIN}/residents"
    headers = signatures.sign(
        "POST", url, body, key=identity.signing_key, keyid=identity.id, at=authority.clock()
    ) | {"content-type": "application/json"}

    first = await authority.http.send("POST", url, content=body, headers=headers)
    second = await authority.http.send("POST", url, content=body, headers=headers)

    assert first.status == 200
    with pytest.raises(SignatureRefused):
        second.raise_problem()


async def test_a_captured_request_is_worth_nothing_elsewhere_or_later(authority):
    identity = authority.identities["resident-network"]
    body = resident("00000000021").model_dump_json().encode()
    url = f"{ORIGIN}/residents"
    headers = signatures.sign(
        "POST", url, body, key=identity.signing_key, keyid=identity.id, at=authority.clock()
    ) | {"content-type": "application/json"}

    with pytest.raises(SignatureRefused):
        (
            await authority.http.send(
                "POST", f"{ORIGIN}/attribute-changes", content=body, headers=headers
            )
        ).raise_problem()
    with pytest.raises(SignatureRefused):
        (
            await authority.http.send("POST", url, content=body + b" ", headers=headers)
        ).raise_problem()
    authority.clock.advance(timedelta(minutes=2))
    with pytest.raises(SignatureRefused):
        (await authority.http.send("POST", url, content=body, headers=headers)).raise_problem()


async def test_nobody_is_served_without_a_signature(authority, app):
    for name, route in operations(app).items():
        if name in PUBLIC:
            continue
        [method] = route.methods
        reply = await authority.http.send(
            method, ORIGIN + route.path, content=b"{}", headers={"content-type": "application/json"}
        )
        assert reply.status == 401, name


async def test_the_operators_lists_need_the_operators_key(authority):
    for key in (Secret("guess"), Secret("")):
        with pytest.raises(Unauthenticated):
            await authority.public.list_acts(key)
        with pytest.raises(Unauthenticated):
            await authority.public.list_open_intents(key)
    assert (await authority.public.list_open_intents(OPERATOR)).intents == []


async def test_large_bodies_stay_outside(authority):
    reply = await authority.http.send("POST", f"{ORIGIN}/ocsp/signature", content=bytes(70_000))

    with pytest.raises(TooLarge):
        reply.raise_problem()


async def test_the_practice_statement_says_that_nothing_is_real(authority):
    text = await authority.public.read_practice()

    assert "SIMULATED" in text
    assert "2.999.392.1.1" in text
    assert "5th birthday" in text


@pytest.mark.parametrize(
    "path",
    [
        "/ca/signature",
        "/ca/.crt",
        "/ca/somebody.crt",
        "/ca/signature.crt/x",
        "/crl/signature/.crl",
        "/crl/signature/1-0",
        "/crl/signature/%2e%2e/x.crl",
        "/crl/signature/1-99999999999999999999999.crl",
        "/crl/signature/²-0.crl",
        "/ocsp/",
        "/ocsp/x/y",
        "/members/%00",
        "/members/" + "a" * 64,
        "/members/authority%20",
        "/registrations?after=-1",
        "/acts?after=x",
    ],
)
async def test_addresses_that_lead_nowhere_are_refused(authority, path):
    reply = await authority.http.send("GET", ORIGIN + path.replace("²", "%C2%B2"))

    assert 400 <= reply.status < 500
    assert reply.headers["content-type"] == "application/problem+json"
