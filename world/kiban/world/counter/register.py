"""
The municipality's register, as its clerk looks somebody up: by the name and the day of birth that they say.

Who is meant must stand in this register, so that the clerk's typing names nobody: what goes elsewhere is what the
register says.

Refused: somebody who is not in the register, or of whom there are two.
"""

from dataclasses import dataclass

from kiban.gateway.contract import Attributes
from kiban.shared.database import Database
from kiban.shared.problems import NotFound, Problem
from kiban.world.office import store

RECORD = "resident-record"


class NoSuchResident(Problem):
    slug, title, status = "no-such-resident", "The register shows no such resident", 404


class SeveralResidents(Problem):
    slug, title, status = "several-residents", "The register shows more than one such resident", 409


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody as they stand before the clerk: a name and a day of birth."""

    name: str
    birth_date: str


@dataclass(frozen=True, slots=True)
class Register:
    """Who lives here, by the office's own records."""

    db: Database

    async def find(self, named: Named) -> str:
        """The one resident of this name and day of birth."""
        async with self.db.look() as connection:
            found = await store.find_people(connection, named.name, named.birth_date)
            here = [one for one in found if await store.find_held(connection, one, RECORD)]
        match here:
            case [person]:
                return person
            case []:
                raise NoSuchResident("name and day of birth stand together in no resident record")
            case _:
                raise SeveralResidents("name and day of birth stand in several resident records")

    async def attributes(self, person: str) -> Attributes:
        """What the register says of somebody today."""
        async with self.db.look() as connection:
            known = await store.find_person(connection, person)
            record = await store.find_held(connection, person, RECORD)
        if known is None or record is None:
            raise NotFound("the register shows this person no more")
        latest = {name: record.held.values[name] for name in ("name", "birth_date", "address")}
        return Attributes.model_validate({**known.model_dump(), **latest})
