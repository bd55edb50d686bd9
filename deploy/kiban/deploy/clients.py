"""
Clients: the relying parties of this deployment, their keys, and login's document of them.

In real life each makes its own key and registers the public half.  Here deploy makes them all, because somebody must
before anything runs; the private half goes to its owner, and to the ready file.  Login
has the public halves.

SIMULATED: these relying parties were examined by nobody.
Sources: RFC 7517; the digital authentication app's public contract.
"""

import json
from dataclasses import dataclass

from kiban.deploy import keys
from kiban.deploy.house import House
from kiban.deploy.premises import Premises
from kiban.identity.login.contract import ATTRIBUTES, ClientRegistration
from kiban.portal.contract import FrontRegistration
from kiban.shared import encoding, jwks
from kiban.shared.settings import Secret
from kiban.world.companies.catalogue import COMPANIES


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """One registered client."""

    id: str
    name: dict[str, str]
    redirect_uri: str
    sector: str
    scopes: tuple[str, ...]
    member: str | None = None


def of(house: House) -> list[RelyingParty]:
    """Name everybody who may send a person to login."""
    portal = house.origin("portal")
    return [
        RelyingParty(
            "portal",
            {"ja": "市民ポータル", "en": "Citizens' portal"},
            f"{portal}/callback",
            portal,
            ("pseudonym", "mandates", "sign", "approve"),
            house.country.portal,
        ),
        *(
            RelyingParty(
                kind,
                dict(name),
                f"{house.origin(kind)}/callback",
                house.origin(kind),
                (*ATTRIBUTES, "offline_access"),
            )
            for kind, name in COMPANIES.items()
        ),
        RelyingParty(
            "demo",
            {"ja": "接続試験用アプリ（模擬）", "en": "Integrator's application (SIMULATED)"},
            "http://localhost:3000/callback",
            "http://localhost:3000",
            (*ATTRIBUTES, "sign"),
        ),
    ]


def key(premises: Premises, client: str) -> Secret:
    """Give a client's private key, PEM."""
    return premises.secret(f"client-{client}", keys.made)


def public_jwk(premises: Premises, client: str) -> dict[str, str]:
    """Give a client's public key: a file of its own, so that login need not be given the private one."""

    def derived() -> str:
        return json.dumps(jwks.written(keys.load(key(premises, client)).public_key()))

    written: dict[str, str] = json.loads(
        premises.secret(f"client-{client}-public", derived).reveal()
    )
    return written


def registrations(house: House) -> str:
    """Write login's document of clients: public keys alone."""
    return json.dumps([_registration(house.premises, each).model_dump() for each in of(house)])


@dataclass(frozen=True, slots=True)
class Front:
    """One private front of the portal."""

    id: str
    name: dict[str, str]
    home: str
    redirect_uri: str


def fronts(house: House) -> list[Front]:
    """Name every private program that may ask to act within a person's visit."""
    mover = house.origin("mover")
    return [
        Front(
            "mover",
            {"ja": "つばめ引越し（模擬）", "en": "Tsubame Moves (SIMULATED)"},
            f"{mover}/move",
            f"{mover}/callback",
        ),
        Front(
            "demo",
            {"ja": "接続試験用フロント（模擬）", "en": "Integrator's front (SIMULATED)"},
            "http://localhost:3000/",
            "http://localhost:3000/callback",
        ),
    ]


def front_registrations(house: House) -> str:
    """Write the portal's document of private fronts: public keys alone."""
    registered = (
        FrontRegistration.model_validate(
            {
                "client_id": each.id,
                "name": each.name,
                "home": each.home,
                "redirect_uris": [each.redirect_uri],
                "jwks": {"keys": [public_jwk(house.premises, each.id)]},
            }
        )
        for each in fronts(house)
    )
    return json.dumps([each.model_dump() for each in registered])


def companies(house: House) -> str:
    """Write the moving site's list of companies."""
    return json.dumps(
        [{"name": dict(name), "home": f"{house.origin(kind)}/"} for kind, name in COMPANIES.items()]
    )


def private_jwk(pem: Secret) -> dict[str, str]:
    """Give a private key as integrators' libraries take it."""
    private = keys.load(pem)
    value = private.private_numbers().private_value
    return {**jwks.written(private.public_key()), "d": encoding.encode(value.to_bytes(32))}


def _registration(premises: Premises, party: RelyingParty) -> ClientRegistration:
    return ClientRegistration.model_validate(
        {
            "client_id": party.id,
            "name": party.name,
            "redirect_uris": [party.redirect_uri],
            "jwks": {"keys": [public_jwk(premises, party.id)]},
            "sector": party.sector,
            "scopes": ["openid", *party.scopes],
            "member": party.member,
        }
    )
