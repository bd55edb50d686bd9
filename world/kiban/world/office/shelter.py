"""
Shelter (支援措置): a municipality's counter takes in somebody who is protected from violence, and ends that again.

Whoever flees gives no notice of moving out: it would tell the old municipality where to.  They stand at the counter of
the new one, and say who they are and where the register still has them:

1. the resident network is told of the flags first, and closes the person's history before anything else is done
2. the office takes its own pseudonym (取得番号), which only this office is still given
3. it expects the person, as if a notice had come from the resident network; the clerk takes the notice of moving in
   as of anybody else (`counter`), and tells the resident network alone

Whoever lives here already is protected where they are: then there is nothing to expect.

Refused: an address that is not in this municipality, a notice that nobody is expected under, somebody who is not
protected here; whatever the resident network refuses.
Source: plan rows X-11, X-12; in real life 住民基本台帳事務処理要領 第5-10.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Acquisition, Attributes, Mark, PersonReply
from kiban.shared.clock import Clock, day_in_japan
from kiban.shared.database import Database
from kiban.shared.exchanges import new_id
from kiban.shared.problems import NotFound, Problem
from kiban.world.office import arrivals, store
from kiban.world.office.agencies import Agency
from kiban.world.office.records import OfficeRecords
from kiban.world.writing import SEX_IN_THE_REGISTER, plain

RESIDENT_RECORD = "resident-record"


class NotHere(Problem):
    slug, title, status = "address-not-here", "The address is not in this municipality", 422


class Register(Protocol):
    """The resident network and the office's gateway, as narrow as the counter needs them."""

    @property
    def id(self) -> str:
        """Who the resident network is."""
        ...

    async def protect(self, attributes: Attributes, marks: Sequence[Mark]) -> None:
        """Have the resident network protect somebody, or no longer."""
        ...

    async def acquire(self, acquisition: Acquisition) -> PersonReply:
        """Take the office's pseudonym of somebody."""
        ...

    async def lies_in(self, address: str) -> frozenset[str]:
        """The municipalities in which an address may lie."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody says at the counter, and the clerk writes down."""

    attributes: Attributes = field(repr=False)
    """With the address at which the register has them now."""
    marks: Sequence[Mark]
    new_address: str = field(default="", repr=False)
    moving_day: str = ""
    relation: str = ""
    notice: str = ""
    """With whom they come, if somebody is expected already."""


@dataclass(frozen=True, slots=True)
class Sheltered:
    """Somebody of this office who is protected."""

    person: str
    name: str = field(repr=False)
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class Shelter:
    """The part of a municipality's counter that protects people."""

    agency: Agency
    records: OfficeRecords
    db: Database
    clock: Clock
    register: Callable[[], Register]

    async def take_in(self, asked: Asked) -> str | None:
        """Protect somebody; who is to move in is expected under the notice that is given."""
        register, coming = self.register(), bool(asked.new_address)
        await self._check_here(asked.new_address if coming else asked.attributes.address)
        if coming and asked.notice:
            await self._check_notice(asked.notice)
        await register.protect(asked.attributes, asked.marks)
        known = None if coming else await self._resident(asked.attributes)
        if not coming and known is None:
            raise NotFound("nobody with these four attributes lives here")
        person = known or await self._acquired(register, asked.attributes)
        notice = (asked.notice or new_id()) if coming else None
        async with self.db.begin() as connection:
            await store.put_person(connection, person, asked.attributes)
            await store.note_acquired(connection, person, self.clock())
            await self.records.protect(connection, person, asked.marks)
            if notice:
                await self._expect(connection, person, asked, notice, register.id)
        return notice

    async def change(self, person: str, marks: Sequence[Mark]) -> None:
        """Change or end what protects somebody of this office."""
        async with self.db.read() as connection:
            known = await store.find_person(connection, person)
            record = await store.find_held(connection, person, RESIDENT_RECORD)
            protected = await store.find_marks(connection, person)
        if known is None or not protected:
            raise NotFound("nobody is protected here under this number")
        address = record.held.values["address"] if record else known.address
        attributes = known.model_copy(update={"address": str(address)})
        await self.register().protect(attributes, marks)
        async with self.db.begin() as connection:
            await self.records.protect(connection, person, marks)

    async def protected(self) -> list[Sheltered]:
        """Everybody who lives here and is protected."""
        async with self.db.look() as connection:
            found = await store.find_protected(connection, RESIDENT_RECORD)
        return [Sheltered(person, known.name, marks) for person, known, marks in found]

    # --- how ------------------------------------------------------------------------------------

    async def _check_here(self, address: str) -> None:
        if await self.register().lies_in(address) != {self.agency.municipality}:
            raise NotHere(rule="written from the prefecture on, as the registry writes its towns")

    async def _check_notice(self, notice: str) -> None:
        async with self.db.look() as connection:
            if not await arrivals.of_notice(connection, notice):
                raise NotFound("nobody is expected under this notice")

    async def _resident(self, attributes: Attributes) -> str | None:
        """The one of the office's people who has these attributes and lives here."""
        async with self.db.read() as connection:
            likely = await store.find_people(connection, attributes.name, attributes.birth_date)
            for person in likely:
                kept = await store.find_held(connection, person, RESIDENT_RECORD)
                if kept and plain(str(kept.held.values["address"])) == plain(attributes.address):
                    return person
        return None

    async def _acquired(self, register: Register, attributes: Attributes) -> str:
        asked = Acquisition(person=new_id(), attributes=attributes)
        return (await register.acquire(asked)).person

    async def _expect(
        self, connection: AsyncConnection, person: str, asked: Asked, notice: str, by: str
    ) -> None:
        known, today = asked.attributes, day_in_japan(self.clock()).isoformat()
        values = {
            "name": known.name,
            "name_kana": known.name_kana,
            "birth_date": known.birth_date,
            "sex": SEX_IN_THE_REGISTER[known.sex],
            "relation": asked.relation,
            "old_address": known.address,
            "new_address": asked.new_address,
            "moving_day": asked.moving_day or today,
            "visit_day": today,
            "notice": notice,
        }
        [expectation, *_] = self.agency.expects
        await arrivals.expect(
            connection, person, expectation.item, values, notice=notice, came_from=by
        )
