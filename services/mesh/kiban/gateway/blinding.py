"""
Blinding: how an exchange is made by the one who begins it, and opened by the one it is for.

The maker draws one seed; everything that blinds hangs on it and on the exchange's claims, so that even a seed
used twice gives fresh points.  Only the core reads the blinded points, only the receiver the converted ones, and
only the two ends and the portal the seed.  The receiver refuses a seed that the maker did not commit to.

Pure rules.  Sources: DESIGN 5.1; the protocol's page, section 5.1, attacks C2, C3, M5, M6, M12.
"""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from kiban.gateway.contract import EpochMissed, PermitRefused
from kiban.mesh.contract import PERMIT, Permit
from kiban.shared import points, pseudonyms, tokens
from kiban.shared.exchanges import (
    CONVERSION,
    LINE_SEED,
    POINTS,
    SEED,
    SEED_SIZE,
    Blinded,
    Claims,
    check_seed,
)
from kiban.shared.identifiers import Pseudonym
from kiban.shared.members import Identity, Member
from kiban.shared.pseudonyms import Mode

Value = TypeVar("Value")
NO_NOTE = bytes(16)
"""What travels with the seed where no consent is named."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The three parties for whom an exchange's maker seals."""

    core: Member
    provider: Member
    portal: Member


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """An exchange as its receiver opened it: its own pseudonyms, in the maker's order."""

    codes: tuple[Pseudonym, ...]
    seed: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """In which order the people of a bulk travel: shuffled afresh, padded to a size class."""

    places: tuple[int, ...]

    def arrange(self, codes: Sequence[Pseudonym]) -> list[Pseudonym]:
        return [codes[place] for place in self.places]

    def restore(self, answers: Sequence[Value], people: int) -> list[Value]:
        """The answers in the asker's own order; what padding brought is dropped."""
        found = dict(zip(self.places, answers, strict=True))
        return [found[place] for place in range(people)]


def shuffle(people: int, *, randomness: random.Random | None = None) -> Order:
    """
    An order for this many people.

    The size class is the next power of two.  Padding repeats people of the same bulk: a point of nobody would
    open to nobody at the portal, which is a finding.
    """
    drawn = randomness or secrets.SystemRandom()
    size = min(1 << (people - 1).bit_length(), points.MOST_PEOPLE)
    places = [*range(people), *(drawn.randrange(people) for _ in range(size - people))]
    drawn.shuffle(places)
    return Order(tuple(places))


def blind(
    identity: Identity,
    ends: Ends,
    mode: Mode,
    claims: Claims,
    codes: Sequence[Pseudonym],
    *,
    seed: bytes,
    note: bytes = NO_NOTE,
) -> Blinded:
    """The exchange as it is sent to the core."""
    context = claims.context
    blinded = b"".join(
        mode.blind(code.value, seed, context, place) for place, code in enumerate(codes)
    )
    return Blinded(
        claims=claims,
        commitment=points.commitment(seed, context),
        points=identity.seal(blinded, to=ends.core, label=POINTS, context=context),
        seed=identity.seal(seed + note, to=ends.provider, label=SEED, context=context),
        line_seed=identity.seal(seed, to=ends.portal, label=LINE_SEED, context=context),
    )


def read_permit(token: str, core: Member) -> Permit:
    """The permit, if the core signed it over exactly what it logged."""
    permit = tokens.read(token, Permit, key=core.signing_key, typ=PERMIT)
    if permit.leaf != permit.record.leaf:
        raise PermitRefused("the permit's leaf is not its record's", rule="leaf")
    return permit


def open_permit(
    identity: Identity,
    mode: Mode,
    permit: Permit,
    *,
    core: Member,
    sealer: Member,
    epoch: int,
    sealed_seed: str | None = None,
    label: str = SEED,
) -> Opened:
    """
    Our own pseudonyms of the people whom this permit is about.

    `sealed_seed` is given where the seed came another way than in the record: an approval's, from the portal.
    """
    record, context = permit.record, permit.record.claims.context
    if record.provider != identity.id:
        raise PermitRefused("the permit is for another provider", sent=record.provider)
    if record.provider_epoch != epoch:
        raise EpochMissed(f"our pseudonyms are of epoch {epoch}", sent=str(record.provider_epoch))
    given = identity.open(sealed_seed or record.seed, sender=sealer, label=label, context=context)
    seed = check_seed(given[:SEED_SIZE], record.claims, record.commitment)
    codes = pseudonyms.split(
        identity.open(permit.conversion, sender=core, label=CONVERSION, context=context), mode
    )
    if len(codes) != record.claims.people:
        raise PermitRefused("the conversion is of another number of people", rule="people")
    return Opened(
        codes=tuple(
            Pseudonym(mode.unblind(code, seed, context, place)) for place, code in enumerate(codes)
        ),
        seed=seed,
        note=given[SEED_SIZE:],
    )
