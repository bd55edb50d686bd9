"""
Tokens: a blinded person point for one bearer, once, for minutes (取得番号).

The core gets the point blinded, under the seal; the bearer gets the seed that unblinds what the core makes of it,
under the seal; the portal gets the same seed for the citizen's line.  So the core sees a random point, the authority
never sees the pseudonym, and the bearer never sees the blinded point.

Refused: a bearer that may not read a point together with its unblinder, which are the core (it reads all points),
this authority, and login, which calls people by other names.

Source: DESIGN 5.1; the protocol's page, section 5.1 (Issue), attacks H1, H2, M5.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kiban.identity.authority.contract import BearerRefused
from kiban.shared import exchanges, points, tokens
from kiban.shared.exchanges import LINE_SEED, POINTS, SEED, TOKEN, Claims, TokenPayload
from kiban.shared.members import Identity, Member
from kiban.shared.pseudonyms import Mode

LASTS = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Receivers:
    """Who reads a part of a token: the core, its bearer and the portal."""

    core: Member
    bearer: Member
    portal: Member


def check_bearer(bearer: str, *, pointless: frozenset[str]) -> None:
    """Return silently if this member may have pseudonyms."""
    if bearer in pointless:
        raise BearerRefused(f"{bearer} has no pseudonyms of its own", sent=bearer)


def token(
    point: bytes,
    receivers: Receivers,
    *,
    kind: Literal["acquire", "approve"],
    signer: Identity,
    mode: Mode,
    at: datetime,
    terms: str | None = None,
) -> str:
    """One token about the person of this point, as a JWS."""
    claims = Claims(
        id=exchanges.new_id(),
        kind=kind,
        inquirer=receivers.bearer.id,
        until=int((at + LASTS).timestamp()),
        terms=terms,
    )
    seed, context = exchanges.new_seed(), claims.context
    blinded = mode.blind(point, seed, context)
    payload = TokenPayload(
        claims=claims,
        commitment=points.commitment(seed, context),
        points=signer.seal(blinded, to=receivers.core, label=POINTS, context=context),
        seed=signer.seal(seed, to=receivers.bearer, label=SEED, context=context),
        line_seed=signer.seal(seed, to=receivers.portal, label=LINE_SEED, context=context),
        sealer=signer.id,
    )
    return tokens.sign(
        payload.model_dump(mode="json"), key=signer.signing_key, kid=signer.id, typ=TOKEN
    )
