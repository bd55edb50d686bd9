"""Tokens: the core sees a random point, the bearer alone gets its pseudonym, the portal its line."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiban.identity.authority import acquisition
from kiban.identity.authority.acquisition import Receivers
from kiban.identity.authority.contract import BearerRefused
from kiban.identity.authority.handles import PersonKeys, new_key
from kiban.shared import points, tokens
from kiban.shared.exchanges import (
    LINE_SEED,
    POINTS,
    SEED,
    TOKEN,
    Blinded,
    TokenPayload,
    check_seed,
)
from kiban.shared.members import Identity, Member
from kiban.shared.pseudonyms import MODES
from kiban.shared.sealing import SealBroken, Sealer
from tests.authority.orders import NOW

POINT = PersonKeys(new_key(), new_key(), new_key()).point("a record")


def identity(name: str) -> Identity:
    signing, sealing = ec.generate_private_key(ec.SECP256R1()), X25519PrivateKey.generate()
    member = Member(
        id=name,
        signing_key=signing.public_key(),
        sealing_key=sealing.public_key().public_bytes_raw(),
        certificate=name.encode(),
        not_after=NOW + timedelta(days=1),
    )
    return Identity(member, signing, Sealer(name, sealing))


AUTHORITY, CORE, PORTAL, TAX = (identity(name) for name in ("authority", "core", "portal", "tax"))


def token(kind="acquire", mode="blind", bearer=TAX, terms=None) -> str:
    return acquisition.token(
        POINT,
        Receivers(CORE.member, bearer.member, PORTAL.member),
        kind=kind,
        signer=AUTHORITY,
        mode=MODES[mode],
        at=NOW,
        terms=terms,
    )


def read(made: str) -> TokenPayload:
    payload = tokens.verify(made, key=AUTHORITY.member.signing_key, typ=TOKEN)
    return TokenPayload.model_validate(payload)


def opened(who: Identity, payload: Blinded, label: str) -> bytes:
    sealed = {POINTS: payload.points, SEED: payload.seed, LINE_SEED: payload.line_seed}[label]
    context = payload.claims.context
    return who.open(sealed, sender=AUTHORITY.member, label=label, context=context)


@pytest.mark.parametrize("mode", ["blind", "classic"])
def test_what_the_core_converts_becomes_the_bearers_pseudonym(mode):
    payload = read(token(mode=mode))
    key = points.draw()

    converted = MODES[mode].convert(opened(CORE, payload, POINTS), source=None, target=key)
    seed = check_seed(opened(TAX, payload, SEED), payload.claims, payload.commitment)

    pseudonym = MODES[mode].unblind(converted, seed, payload.claims.context)
    assert pseudonym == MODES[mode].convert(POINT, source=None, target=key)


def test_portal_and_bearer_get_the_same_seed():
    payload = read(token())

    assert opened(TAX, payload, SEED) == opened(PORTAL, payload, LINE_SEED)


def test_the_core_sees_another_point_each_time():
    seen = {opened(CORE, read(token()), POINTS) for _ in range(20)}

    assert len(seen) == 20
    assert POINT not in seen


def test_in_classic_mode_the_core_sees_the_person_point():
    assert opened(CORE, read(token(mode="classic")), POINTS) == POINT


@pytest.mark.parametrize(("who", "label"), [(TAX, POINTS), (PORTAL, POINTS), (CORE, SEED)])
def test_what_is_meant_for_another_stays_shut(who, label):
    with pytest.raises(SealBroken):
        opened(who, read(token()), label)


def test_a_token_names_its_bearer_its_end_and_nobody_else():
    claims = read(token()).claims

    assert (claims.kind, claims.inquirer, claims.provider) == ("acquire", "tax", None)
    assert claims.until == int(NOW.timestamp()) + 300
    assert claims.terms is None


def test_an_approval_binds_the_digest_of_the_terms():
    payload = read(token("approve", bearer=PORTAL, terms="7" * 64))

    assert (payload.claims.kind, payload.claims.terms) == ("approve", "7" * 64)
    assert opened(PORTAL, payload, SEED) == opened(PORTAL, payload, LINE_SEED)


def test_every_token_is_another_one():
    assert len({read(token()).claims.id for _ in range(20)}) == 20


def test_the_core_and_login_bear_nothing():
    for name in ("core", "login", "authority"):
        with pytest.raises(BearerRefused):
            acquisition.check_bearer(name, pointless=frozenset({"core", "login", "authority"}))
    acquisition.check_bearer("tax", pointless=frozenset({"core", "login", "authority"}))
