"""
What the vault keeps: residents with their two numbers, wrapped, and the serials of the cards given out.

A resident's numbers follow from the place at which they were entered and never change; attributes do, and `changed`
is the number of the latest change.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    UniqueConstraint,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Attributes, Mark
from kiban.shared.database import (
    Blob,
    Instant,
    JSONDocument,
    hold,
    insert_new,
    insert_or_renew,
)
from kiban.shared.identifiers import MyNumber, ResidentRecordCode
from kiban.shared.keyring import Wrapping
from kiban.world.office.conditions import Values
from kiban.world.people import Persona, Place
from kiban.world.vault import numbers
from kiban.world.vault.residents import Resident, fingerprint
from kiban.world.writing import SEX_BY_REGISTER

MY_NUMBER, CODE = "my number", "resident record code"

metadata = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")
residents = Table(
    "vault_residents",
    metadata,
    Column("place", _NUMBER, primary_key=True, autoincrement=False),
    Column("person", String(64), nullable=False, unique=True),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("attributes", JSONDocument, nullable=False),
    Column("address", JSONDocument, nullable=False),
    Column("my_number", Blob, nullable=False, unique=True),
    Column("code", Blob, nullable=False, unique=True),
    Column("card_lost", Boolean, nullable=False),
    Column("registered_at", Instant),
    Column("changed", _NUMBER, nullable=False, server_default="0"),
)
mandates = Table(
    "vault_mandates",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("teller", String(63), nullable=False),
    Column("at", Instant, nullable=False),
)
certificates = Table(
    "vault_certificates",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("person", String(64), nullable=False),
    Column("authority", String(20), nullable=False),
    Column("serial", String(40), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("ended_at", Instant),
    UniqueConstraint("authority", "serial", name="vault_certificates_once"),
)
protections = Table(
    "vault_protections",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("office", String(63), nullable=False),  # where it was asked for
    Column("left", String(63)),  # whose resident the person was then
    Column("undisclosed", Boolean, nullable=False),
    Column("no_own_information", Boolean, nullable=False),
    Column("asked_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate on a card that was given out."""

    number: int
    authority: str
    serial: str


@dataclass(frozen=True, slots=True)
class Residents:
    """The residents, their numbers wrapped at rest."""

    wrapping: Wrapping

    async def enter(self, connection: AsyncConnection, person: str, persona: Persona) -> None:
        """Enter somebody at the next place; who was entered before keeps place and numbers."""
        await hold(connection, "vault residents")
        known = select(residents.c.place).where(residents.c.person == person)
        if (await connection.execute(known)).scalar_one_or_none() is not None:
            return
        last = select(func.coalesce(func.max(residents.c.place), 0))
        place = (await connection.execute(last)).scalar_one() + 1
        attributes = persona.attributes()
        row = {
            "place": place,
            "person": person,
            "fingerprint": fingerprint(attributes),
            "attributes": attributes.model_dump(),
            "address": asdict(persona.address),
            "my_number": self.wrapping.wrap(MY_NUMBER, _raw(numbers.my_number(place))),
            "code": self.wrapping.wrap(CODE, _raw(numbers.resident_record_code(place))),
            "card_lost": persona.card is not None and persona.card.revoked,
        }
        await connection.execute(residents.insert().values(row))

    async def change(
        self,
        connection: AsyncConnection,
        person: str,
        values: Values,
        place: Place,
        number: int,
    ) -> None:
        """Write the attributes of a change, unless a later one was written.  The kana of a name stay as they are."""
        known = await self.find(connection, person)
        attributes = Attributes(
            name=str(values["name"]),
            name_kana=known.attributes.name_kana,
            birth_date=str(values["birth_date"]),
            sex=SEX_BY_REGISTER[str(values["sex"])],
            address=place.text,
        )
        row = {
            "fingerprint": fingerprint(attributes),
            "attributes": attributes.model_dump(),
            "address": asdict(place),
            "changed": number,
        }
        c = residents.c
        await connection.execute(
            update(residents).where(c.person == person, c.changed <= number).values(row)
        )

    async def find(self, connection: AsyncConnection, person: str) -> Resident:
        """The resident whom the network calls by this number."""
        query = select(residents).where(residents.c.person == person)
        return self._resident((await connection.execute(query)).one())

    async def matching(
        self, connection: AsyncConnection, attributes: Attributes, office: str | None = None
    ) -> Sequence[Resident]:
        """
        Those who have exactly these four attributes; two are enough to know that it is unclear.

        Nobody undisclosed is among them for any office but that where protection was asked for: else whoever guesses
        an address could try it.  One query says so, so that it takes no longer either.
        """
        c, p = residents.c, protections.c
        query = select(residents).where(c.fingerprint == fingerprint(attributes))
        if office is not None:
            hidden = select(p.person).where(p.person == c.person, p.undisclosed, p.office != office)
            query = query.where(~hidden.exists())
        return await self._found(connection, query.limit(2))

    async def people(self, connection: AsyncConnection) -> set[str]:
        """Everybody who was entered, as the network calls them."""
        return set((await connection.execute(select(residents.c.person))).scalars())

    async def unregistered(self, connection: AsyncConnection) -> Sequence[Resident]:
        """Those whom the authority does not know yet."""
        c = residents.c
        query = select(residents).where(c.registered_at.is_(None)).order_by(c.place)
        return await self._found(connection, query)

    async def with_lost_cards(self, connection: AsyncConnection) -> Sequence[Resident]:
        return await self._found(connection, select(residents).where(residents.c.card_lost))

    async def my_numbers(self, connection: AsyncConnection) -> list[MyNumber]:
        """Every My Number, for the search that proves that none has left."""
        rows = await connection.execute(select(residents.c.my_number))
        return [MyNumber(self.wrapping.unwrap(MY_NUMBER, row.my_number).decode()) for row in rows]

    async def _found(self, connection: AsyncConnection, query: Select[Any]) -> Sequence[Resident]:
        return [self._resident(row) for row in await connection.execute(query)]

    def _resident(self, row: Row[Any]) -> Resident:
        return Resident(
            person=row.person,
            attributes=Attributes.model_validate(row.attributes),
            place=Place(**row.address),
            code=ResidentRecordCode(self.wrapping.unwrap(CODE, row.code).decode()),
            card_lost=row.card_lost,
        )


def _raw(number: MyNumber | ResidentRecordCode) -> bytes:
    return number.reveal().encode()


async def note_registered(connection: AsyncConnection, person: str, at: datetime) -> None:
    here = residents.c.person == person
    await connection.execute(update(residents).where(here).values(registered_at=at))


async def note_lost(connection: AsyncConnection, person: str) -> None:
    here = residents.c.person == person
    await connection.execute(update(residents).where(here).values(card_lost=True))


async def note_certificate(
    connection: AsyncConnection, person: str, authority: str, serial: str, at: datetime
) -> None:
    row = {"person": person, "authority": authority, "serial": serial, "issued_at": at}
    await connection.execute(insert_new(certificates).values(row))


@dataclass(frozen=True, slots=True)
class Told:
    """Which municipality told of a mandate, and when."""

    teller: str
    at: datetime


async def note_mandate(connection: AsyncConnection, number: str, teller: str, at: datetime) -> Told:
    """Keep who told of a mandate first, and when; that one is given back."""
    row = {"number": number, "teller": teller, "at": at}
    await connection.execute(insert_new(mandates).values(row))
    told = await find_mandate(connection, number)
    if told is None:
        raise LookupError("a mandate was noted and is not there")
    return told


async def find_mandate(connection: AsyncConnection, number: str) -> Told | None:
    query = select(mandates.c.teller, mandates.c.at).where(mandates.c.number == number)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Told(row.teller, row.at)


@dataclass(frozen=True, slots=True)
class Given:
    """To whom a certificate was given, and whether it was ended from here."""

    person: str
    ended: bool


async def find_certificate(
    connection: AsyncConnection, authority: str, serial: str
) -> Given | None:
    c = certificates.c
    query = select(c.person, c.ended_at).where(c.authority == authority, c.serial == serial)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Given(row.person, row.ended_at is not None)


async def open_certificates(connection: AsyncConnection, person: str) -> list[Certificate]:
    """The certificates on a person's cards that were not ended from here."""
    c = certificates.c
    query = select(c.number, c.authority, c.serial).where(c.person == person, c.ended_at.is_(None))
    return [Certificate(*row) for row in await connection.execute(query.order_by(c.number))]


async def note_ended(connection: AsyncConnection, number: int, at: datetime) -> None:
    here = certificates.c.number == number
    await connection.execute(update(certificates).where(here).values(ended_at=at))


# --- protection -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Protected:
    """Who is protected from violence: since when, by which of the two flags, and where it was asked for."""

    office: str
    left: str | None
    undisclosed: bool
    no_own_information: bool
    asked_at: datetime

    @property
    def marks(self) -> list[Mark]:
        found: list[Mark] = ["undisclosed"] if self.undisclosed else []
        return [*found, "no-own-information"] if self.no_own_information else found


async def find_protection(connection: AsyncConnection, person: str) -> Protected | None:
    c = protections.c
    query = select(c.office, c.left, c.undisclosed, c.no_own_information, c.asked_at)
    row = (await connection.execute(query.where(c.person == person))).one_or_none()
    return None if row is None else Protected(*row)


async def put_protection(connection: AsyncConnection, person: str, protected: Protected) -> None:
    put = insert_or_renew(
        protections, ["person"], ["office", "left", "undisclosed", "no_own_information", "asked_at"]
    )
    await connection.execute(put.values(person=person, **asdict(protected)))


async def has_card_of_before(connection: AsyncConnection, person: str, at: datetime) -> bool:
    """Whether a certificate on a card that was given out before this time was not ended from here."""
    c = certificates.c
    query = select(c.number).where(c.person == person, c.ended_at.is_(None), c.issued_at <= at)
    return (await connection.execute(query.limit(1))).first() is not None
