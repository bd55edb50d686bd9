"""
Relying parties (検証者): who may ask a person to log in, to sign or to approve, and for what.

In real life each is examined before it is registered; here the registrations are one JSON document, read at start
and checked as a whole.

Refused: a document with a mistake (all are named at once, with the client and the reason), a client that is not
registered, an address that is not exactly a registered one, a scope that was not registered.

Source: the digital authentication app's public contract; OpenID Connect Core 1.0, section 8; RFC 9700, section 4.1.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from kiban.identity.login.contract import ClientRegistration
from kiban.shared import jwks
from kiban.shared.jwks import Key
from kiban.shared.oauth import OAuthProblem

_DOCUMENT = TypeAdapter(list[ClientRegistration])
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


class RegistrationsWrong(ValueError):  # noqa: N818  named by what is wrong
    """What is wrong with the document of relying parties, line by line: for the operator."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered relying party."""

    id: str
    name: Mapping[str, str]
    redirect_uris: frozenset[str]
    keys: tuple[Key, ...]
    sector: str
    scopes: frozenset[str]
    member: str | None

    def check_redirect(self, uri: str) -> str:
        """The address, if it is exactly a registered one."""
        if uri not in self.redirect_uris:
            raise OAuthProblem(
                "invalid_request",
                "redirect_uri is none that this client registered; it is compared byte for byte",
                sent=uri[:300],
                expected=", ".join(sorted(self.redirect_uris)),
            )
        return uri

    def check_scope(self, asked: Iterable[str]) -> None:
        """Return silently if all of these were registered."""
        if beyond := sorted(set(asked) - self.scopes - {"openid"}):
            raise OAuthProblem(
                "invalid_scope",
                f"this client is not registered for: {' '.join(beyond)[:200]}",
                expected=f"among: {' '.join(sorted({'openid', *self.scopes}))}",
            )


@dataclass(frozen=True, slots=True)
class Clients:
    """All registered relying parties."""

    by_id: Mapping[str, Client]

    def find(self, client_id: str) -> Client:
        if client_id not in self.by_id:
            raise OAuthProblem(
                "unauthorized_client",
                "client_id names no registered client",
                sent=client_id[:255],
            )
        return self.by_id[client_id]


def read(document: str) -> Clients:
    """Read the document of registrations, or name everything that is wrong with it."""
    try:
        registrations = _DOCUMENT.validate_python(json.loads(document))
    except ValidationError as error:
        raise RegistrationsWrong("; ".join(_said(error))) from None
    except ValueError as error:
        raise RegistrationsWrong(f"not JSON: {error}") from None
    mistakes: list[str] = []
    clients = [_client(each, mistakes) for each in registrations]
    twice = [name for name, count in Counter(each.id for each in clients).items() if count > 1]
    mistakes += [f"{name}: registered twice" for name in twice]
    if mistakes:
        raise RegistrationsWrong("; ".join(mistakes))
    return Clients({each.id: each for each in clients})


def _said(error: ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]


def _client(registration: ClientRegistration, mistakes: list[str]) -> Client:
    found = [*_mistaken_addresses(registration)]
    keys: list[Key] = []
    for place, jwk in enumerate(registration.jwks.get("keys", [])):
        try:
            keys.append(jwks.read(jwk))
        except ValueError as error:
            found.append(f"key {place}: {error}")
    if not registration.jwks.get("keys"):
        found.append("jwks holds no keys: say {'keys': [...]}")
    if len({key.kid for key in keys}) < len(keys):
        found.append("two keys have one kid")
    if {"pseudonym", "mandates"} & set(registration.scopes) and registration.member is None:
        found.append("scopes pseudonym and mandates are for a client that is a member")
    mistakes += [f"{registration.client_id}: {each}" for each in found]
    return Client(
        id=registration.client_id,
        name=registration.name,
        redirect_uris=frozenset(registration.redirect_uris),
        keys=tuple(keys),
        sector=registration.sector,
        scopes=frozenset(registration.scopes) - {"openid"},
        member=registration.member,
    )


def _mistaken_addresses(registration: ClientRegistration) -> Iterable[str]:
    for uri in registration.redirect_uris:
        if (reason := _mistake_of(uri)) is not None:
            yield f"redirect_uri {uri}: {reason}"


def _mistake_of(uri: str) -> str | None:
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return "not an address"
    if not uri.isascii() or not uri.isprintable() or " " in uri:
        return "only printable ASCII without spaces stands in an address"
    if "#" in uri or parts.username is not None:
        return "a fragment or a user has no place in it"
    local = host in _LOOPBACK or host.endswith(".localhost")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        return "https is expected (http only on this very machine)"
    return None
