"""
Exchanges: the blinded shape that every crossing of the mesh has, whoever makes it.

A member that asks, submits or announces makes one, and so does the authority when it lets a member take a
pseudonym (取得番号) or passes on a person's approval.  The claims say who, whom, for what and until when; the
seed gives the unblinders; the points are sealed for the core, and the seed for the two ends alone.

Rule of thumb: nobody may read a point, blinded or converted, together with its unblinder, unless the result is
their own pseudonym.

Source: DESIGN 5.1; the protocol's page, section 5.1, attacks C1 to C3, M5, M12.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from kiban.shared import canonical, identifiers, points
from kiban.shared.problems import Problem

Kind = Literal["acquire", "approve", "inquiry", "submission", "subscribe", "announce"]

POINTS, SEED, LINE_SEED, CONVERSION, LINE = "points", "seed", "line seed", "conversion", "line"
"""Labels of the sealed parts; a seal opens under its own label only."""
SEED_SIZE = 32
FEW = 64
"""For so many people anything is done at once."""
Value = TypeVar("Value")

MemberId = Annotated[str, Field(pattern=f"^{identifiers.MEMBER}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
"""What affairs, items, procedures and rows of the law are called."""
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Sealed = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", min_length=22, max_length=4_000_000)]
Seconds = Annotated[int, Field(ge=0, le=2**40)]
"""A time on the wire: whole seconds since 1970, UTC."""
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


async def aside(people: int, work: Callable[[], Value]) -> Value:
    """Do what takes long for many people beside the loop, so that others are answered meanwhile."""
    return work() if people <= FEW else await asyncio.to_thread(work)


class SeedRefused(Problem):
    slug, title, status = "seed-refused", "The seed is not the committed one", 400


class Shape(BaseModel):
    """A shape of the wire: frozen, and closed to fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Claims(Shape):
    """What an exchange is, in the clear: never about whom."""

    id: Hex32
    kind: Kind
    inquirer: MemberId
    provider: MemberId | None = None
    affair: Name | None = None
    item: Name | None = None
    of: Name | None = None
    people: int = Field(default=1, ge=1, le=points.MOST_PEOPLE)
    inquirer_epoch: Count = 0
    until: Seconds
    terms: Hex64 | None = Field(default=None, description="digest that the person approved")

    @cached_property
    def context(self) -> bytes:
        """What every seal and unblinder of this exchange is bound to: 32 bytes."""
        return hashlib.sha256(canonical.encode(self.model_dump())).digest()


class Blinded(Shape):
    """An exchange as its maker sends it: claims in the clear, everything else sealed."""

    claims: Claims
    commitment: Hex64
    points: Sealed
    seed: Sealed
    line_seed: Sealed


class TokenPayload(Blinded):
    """What the authority signs: a blinded exchange for one bearer, once, for minutes."""

    sealer: MemberId


TOKEN = "kiban-token"  # noqa: S105 -- a JWS type, no secret


def new_id() -> str:
    return secrets.token_hex(16)


def new_seed() -> bytes:
    return secrets.token_bytes(SEED_SIZE)


def check_seed(seed: bytes, claims: Claims, commitment: str) -> bytes:
    """The seed, if it is the one that the exchange's maker committed to."""
    if len(seed) != SEED_SIZE or points.commitment(seed, claims.context) != commitment:
        raise SeedRefused("the sealed seed does not match the commitment in the claims")
    return seed
