"""Routes: each says who may call it, and what one side offers the other side calls by the same name."""

import asyncio
import importlib
import inspect
import re

import pytest

from kiban.deploy.commands.contracts import DOCUMENTS, applications
from kiban.deploy.house import CHANGES
from kiban.shared.access import declared_access
from kiban.shared.app import every_route, operations
from kiban.world.companies.catalogue import COMPANIES
from tests.architecture.floors import ROOMS

APPLICATIONS = asyncio.run(applications())
OF_ROOM = {
    "authority": "authority",
    "login": "login",
    "mesh": "core",
    "gateway": "gateway:kamakura",
    "registry": "registry",
    "portal": "portal",
}
CLIENT = re.compile(r"\w+Client|\w+For\w+")
CALLED_OTHERWISE = {
    "login": {"authorize": "a browser goes there, to the address that the client writes"},
    "mesh": {
        "read_tile": "the stand-alone verifier reads tiles, and imports nothing of ours",
        "begin_epoch": "by the operator's hand",
    },
    "gateway": dict.fromkeys(
        ("list_dead_letters", "release_dead_letter"), "by the operator's hand"
    ),
}
IN_OTHER_WORDS = {
    "login": {
        "redeem": "one grant of issue_tokens",
        "refresh": "another grant of issue_tokens",
        "client_credentials": "the third grant of issue_tokens",
        "userinfo_since": "userinfo, if it changed",
        "verify_id_token": "asks read_keys",
    },
    "mesh": {"issue_permit": "one part of issue_permits"},
    "gateway": {"answer": "one part of answer_inquiries"},
}


@pytest.mark.parametrize("role", APPLICATIONS)
def test_every_route_says_who_may_call_it(role: str) -> None:
    for route in every_route(APPLICATIONS[role]):
        assert declared_access(route)


@pytest.mark.parametrize("role", APPLICATIONS)
def test_every_route_is_asynchronous(role: str) -> None:
    plain = [
        route.path
        for route in every_route(APPLICATIONS[role])
        if not inspect.iscoroutinefunction(inspect.unwrap(route.endpoint))
    ]

    assert not plain


@pytest.mark.parametrize("role", APPLICATIONS)
def test_an_operation_is_called_as_its_function_is(role: str) -> None:
    for name, route in operations(APPLICATIONS[role]).items():
        assert name == route.endpoint.__name__


@pytest.mark.parametrize("room", OF_ROOM)
def test_the_client_calls_operations_by_their_names(room: str) -> None:
    offered = set(operations(APPLICATIONS[OF_ROOM[room]]))

    called = client_methods(room)

    assert offered - called == set(CALLED_OTHERWISE.get(room, {}))
    assert called - offered == set(IN_OTHER_WORDS.get(room, {}))


def client_methods(room: str) -> set[str]:
    module = importlib.import_module(f"{ROOMS[room]}.client")
    own = [
        each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__
    ]
    clients = [each for each in own if inspect.isclass(each) and CLIENT.fullmatch(each.__name__)]
    found = [*own, *(method for client in clients for method in vars(client).values())]
    return {
        each.__name__
        for each in found
        if inspect.iscoroutinefunction(each) and not each.__name__.startswith(("_", "obtain_"))
    }


def test_every_kind_of_role_has_its_contract_committed() -> None:
    kinds = {role if role in DOCUMENTS else role.partition(":")[0] for role in APPLICATIONS}

    # The change office is reached through a gateway like any other; companies are one program.
    assert kinds - {CHANGES, *COMPANIES} | {"bank"} <= {
        role.partition(":")[0] for role in DOCUMENTS
    } | set(DOCUMENTS)


@pytest.mark.parametrize("role", DOCUMENTS)
def test_every_operation_says_what_it_answers(role: str) -> None:
    document = APPLICATIONS[role].openapi()

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            known = document["components"]["securitySchemes"].keys()
            needed = {name for way in operation.get("security", []) for name in way}
            assert needed == {operation["x-access"]} - {"anyone"}, f"{method} {path}"
            assert needed <= known, f"{method} {path}"
            assert "default" in operation["responses"], f"{method} {path}"
            assert operation.get("description") or operation.get("summary"), f"{method} {path}"
