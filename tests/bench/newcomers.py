"""
Many people at once: offices that know thousands, without the way that each of them takes in real life.

A pseudonym is what the core would have made of a random person point, so whatever follows is the real thing: each is
written, wrapped, where its gateway keeps it, and the tax office gets a record for each with an income of their own, by
which an answer is known to be about the right person.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert

from kiban.deploy.house import House
from kiban.deploy.premises import file_name
from kiban.gateway import store as gateway_store
from kiban.mesh import keys
from kiban.mesh import store as core_store
from kiban.shared import points
from kiban.shared.clock import day_in_japan
from kiban.shared.identifiers import Pseudonym
from kiban.shared.keyring import Keyring, Wrapping
from kiban.world.office import store as office_store

ASKER, PROVIDER, PORTAL = "kamakura", "tax", "portal"
AFFAIR, ITEM = "child-allowance", "income"
STRETCH = 2000


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody, as the asking office calls them, and what the answer must say."""

    number: str
    income: int


async def move_in(house: House, count: int, *, first: int = 0) -> list[Newcomer]:
    """Let so many people be known at the asking office, the tax office and the portal."""
    scalars = {member: await _scalar(house, member) for member in (ASKER, PROVIDER, PORTAL)}
    made: list[Newcomer] = []
    for start in range(first, first + count, STRETCH):
        numbers = range(start, min(start + STRETCH, first + count))
        people = [points.person_point(secrets.token_bytes(32)) for _ in numbers]
        for member, scalar in scalars.items():
            await _take_pseudonyms(house, member, scalar, numbers, people)
        made += [Newcomer(f"{ASKER[0].upper()}N{n}", 1_000_000 + n) for n in numbers]
        await _hold(house, numbers)
    return made


async def _scalar(house: House, member: str) -> points.ec.EllipticCurvePrivateKey:
    """The core's key for a member's pseudonyms, made ready."""
    secret = house.premises.secret(f"role-{file_name('core')}")
    keyring = Keyring(core_store.keyring, secret)
    async with house.database("core").read() as connection:
        raw = await keyring.get(connection, keys.name(member, keys.FIRST_EPOCH))
    assert raw is not None, f"{member} has not enrolled"
    return points.key(int.from_bytes(raw, "big"))


async def _take_pseudonyms(
    house: House,
    member: str,
    scalar: points.ec.EllipticCurvePrivateKey,
    numbers: Sequence[int],
    people: Sequence[bytes],
) -> None:
    role = f"gateway:{member}"
    kept = gateway_store.People(Wrapping(house.premises.secret(f"role-{file_name(role)}")))
    rows = [
        {
            "code": kept.wrap(Pseudonym(points.times(scalar, point))),
            "person": f"{member[0].upper()}N{number}",
            "epoch": keys.FIRST_EPOCH,
        }
        for number, point in zip(numbers, people, strict=True)
    ]
    async with house.database(role).begin() as connection:
        await connection.execute(insert(gateway_store.people), rows)


async def _hold(house: House, numbers: Sequence[int]) -> None:
    at = datetime.now(UTC)
    rows = [
        {
            "person": f"{PROVIDER[0].upper()}N{number}",
            "item": ITEM,
            "values": {"year": 2024, "total_income_yen": 1_000_000 + number, "dependants": 0},
            "as_of": day_in_japan(at).isoformat(),
            "version": 1,
            "flag": "",
        }
        for number in numbers
    ]
    async with house.database(f"office:{PROVIDER}").begin() as connection:
        await connection.execute(insert(office_store.records), rows)
