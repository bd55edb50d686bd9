"""
Fronts (民間サービス): who may ask a person to be let in at the portal, with its keys and its addresses.

In real life each is examined before it is registered; here the registrations are one JSON document, read at start.

Refused: a document with a mistake, a front that is not registered, an address that is not exactly a registered one.
Source: RFC 7591 section 2 (the members' names); RFC 9700 section 4.1.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from kiban.portal.contract import FrontRegistration
from kiban.shared import jwks
from kiban.shared.jwks import Key
from kiban.shared.oauth import OAuthProblem

_DOCUMENT = TypeAdapter(list[FrontRegistration])


@dataclass(frozen=True, slots=True)
class Front:
    """A registered front."""

    id: str
    name: Mapping[str, str]
    home: str
    """Where the portal sends a person back to when all is done."""
    redirect_uris: frozenset[str]
    keys: tuple[Key, ...]

    def check_redirect(self, uri: str) -> str:
        """The address, if it is exactly a registered one."""
        if uri not in self.redirect_uris:
            raise OAuthProblem(
                "invalid_request",
                "redirect_uri is none that this front registered; it is compared byte for byte",
                sent=uri[:300],
                expected=", ".join(sorted(self.redirect_uris)),
            )
        return uri


@dataclass(frozen=True, slots=True)
class Fronts:
    """All registered fronts."""

    by_id: Mapping[str, Front]

    def find(self, client_id: str) -> Front:
        if client_id not in self.by_id:
            raise OAuthProblem(
                "unauthorized_client",
                "client_id names no registered front",
                sent=client_id[:255],
            )
        return self.by_id[client_id]


def read(document: str) -> Fronts:
    """Read the document of registrations; ValueError says what is wrong with it."""
    registrations = _DOCUMENT.validate_python(json.loads(document))
    fronts = {
        each.client_id: Front(
            id=each.client_id,
            name=each.name,
            home=each.home,
            redirect_uris=frozenset(each.redirect_uris),
            keys=tuple(jwks.read(jwk) for jwk in each.jwks.get("keys", [])),
        )
        for each in registrations
    }
    if len(fronts) < len(registrations) or not all(front.keys for front in fronts.values()):
        raise ValueError("each front is registered once, with at least one key")
    return Fronts(fronts)
