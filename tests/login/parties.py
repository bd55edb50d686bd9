"""Relying parties of these tests: their registrations, keys and requests."""

import hashlib
import json
import secrets
from functools import cache
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kiban.identity.login import clients
from kiban.identity.login.client import public_jwks
from kiban.identity.login.contract import OIDC, REALM
from kiban.shared import encoding

LOGIN = "http://login.localhost:8701"
ISSUER = LOGIN + REALM
TOKEN_ENDPOINT = f"{LOGIN}{OIDC}/token"
PORTAL, BANK, KIOSK = "RP00000001", "RP00000002", "RP00000003"
PORTAL_BACK = "http://portal.localhost:8700/login/return"
BANK_BACK = "http://bank.localhost:8703/return?from=login"
VERIFIER = "a-verifier-of-these-tests-0123456789-abcdefg"


@cache
def key_of(client: str):
    """Each relying party's own key; the kiosk's is RSA, as many have in the field."""
    if client == KIOSK:
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


def registration(client: str = BANK, **different) -> dict:
    return {
        "client_id": client,
        "name": {"ja": "あきつ銀行（模擬）", "en": "Akitsu Bank (SIMULATED)"},
        "redirect_uris": [BANK_BACK],
        "jwks": public_jwks(key_of(client)),
        "sector": "bank.localhost",
        "scopes": ["name", "address", "birthdate", "gender", "offline_access", "sign"],
        **different,
    }


def document() -> str:
    return json.dumps(
        [
            registration(
                PORTAL,
                name={"ja": "市民ポータル（模擬）", "en": "Citizens' portal (SIMULATED)"},
                redirect_uris=[PORTAL_BACK],
                sector="portal.localhost",
                scopes=["sign", "approve", "pseudonym", "mandates"],
                member="portal",
            ),
            registration(BANK),
            registration(
                KIOSK,
                name={"ja": "証明書の自販機（模擬）", "en": "Kiosk (SIMULATED)"},
                redirect_uris=["http://127.0.0.1:8704/back"],
                sector="kiosk",
                scopes=["name"],
            ),
        ],
        ensure_ascii=False,
    )


@cache
def registered() -> clients.Clients:
    return clients.read(document())


def authorization(**different: str | None) -> dict[str, str]:
    """The bank's authorization request; a parameter that is None is left out."""
    challenge = encoding.encode(hashlib.sha256(VERIFIER.encode()).digest())
    asked = {
        "response_type": "code",
        "client_id": BANK,
        "redirect_uri": BANK_BACK,
        "scope": "openid name",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **different,
    }
    return {name: value for name, value in asked.items() if value is not None}


def authorization_path(**different: str | None) -> str:
    return f"{OIDC}/auth?{urlencode(authorization(**different))}"


def claims(clock, client: str = BANK, **different) -> dict:
    now = int(clock().timestamp())
    wanted = {
        "iss": client,
        "sub": client,
        "aud": ISSUER,
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_urlsafe(16),
        **different,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def assertion(
    clock, client: str = BANK, *, key=None, algorithm=None, headers=None, **different
) -> str:
    key = key if key is not None else key_of(client)
    algorithm = algorithm or ("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
    return jwt.encode(claims(clock, client, **different), key, algorithm=algorithm, headers=headers)


def form(assertion: str, **more: str) -> dict[str, str]:
    return {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
        **more,
    }
