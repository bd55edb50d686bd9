"""The authority as its neighbours meet it: over HTTP, without sockets."""

import inspect

from kiban.identity.authority.app import create_app
from kiban.identity.authority.client import AuthorityClient
from kiban.shared.app import operations
from kiban.shared.clock import FrozenClock
from tests.authority.builders import settings


def test_the_client_has_one_method_for_each_operation():
    app = create_app(settings(), db=None, clock=FrozenClock())

    methods = {
        name
        for name, _ in inspect.getmembers(AuthorityClient, inspect.isfunction)
        if name[0] != "_"
    }

    assert methods == set(operations(app))


async def test_a_card_gets_its_certificates(authority, card):
    await authority.issues(card)
    reply = await authority.login.verify_authentication(card.authenticates(bearer="portal"))
    assert reply.token
