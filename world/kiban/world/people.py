"""
People: the country's made-up inhabitants, household by household, and what the offices hold about them.

A file of `people/` is one household: where it lives, who belongs to it, who has a card, and which records the
offices keep beyond the resident register.  What the register itself says of a person (household, resident record,
four attributes), and the address that other offices know from it, follow from the household and are not written twice;
a record that is written out stands instead.

Refused, with file, line and reason: a name without its full-width space, a wrong municipality code, PINs of another
form, two people or records of one name, an agency that does not hold the item, values that its layout does not have.

SIMULATED: nobody here exists; only towns and postal codes are real.
Sources: DESIGN 2, 6; 公的個人認証サービス (form of the PINs).
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from kiban.gateway.contract import Attributes
from kiban.shared.country import Mistakes, Table, reading, toml_files
from kiban.shared.identifiers import check_municipality_code
from kiban.shared.settings import Secret
from kiban.world import layouts
from kiban.world.layouts import Layout, Misfit
from kiban.world.office.agencies import Agency
from kiban.world.writing import SEX_IN_THE_REGISTER, Sex

Flag = Literal["", "withheld", "no-automatic-answer"]
SEXES: tuple[Sex, ...] = ("male", "female", "not-applicable")
FLAGS: tuple[Flag, ...] = ("", "withheld", "no-automatic-answer")

EVERYWHERE = ""
"""Whose people the resident network knows."""
_ID = re.compile(r"[a-z][a-z0-9-]{0,30}")
_NAME = re.compile(r"[^\s　]+　[^\s　]+(?:　[^\s　]+)*")
_POSTAL_CODE = re.compile(r"[0-9]{7}")
_AUTHENTICATION_PIN = re.compile(r"[0-9]{4}")
_SIGNATURE_PIN = re.compile(r"(?=.*[A-Z])(?=.*[0-9])[A-Z0-9]{6,16}")


@dataclass(frozen=True, slots=True)
class Place:
    """An address as a file says it; the registry knows the town's id."""

    municipality: str
    postal_code: str
    town: str
    rest: str
    text: str


@dataclass(frozen=True, slots=True)
class CardPlan:
    """The card that a person is given.  Without a signature PIN it gets no certificate for signatures."""

    authentication_pin: Secret
    signature_pin: Secret | None
    expires: date
    revoked: bool


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """What one agency holds of one item about a person."""

    agency: str
    item: str
    as_of: date
    values: dict[str, JsonValue] = field(repr=False)
    flag: Flag = ""


@dataclass(frozen=True, slots=True, repr=False)
class Persona:
    """One inhabitant.  `id` is how tests and the demonstration call them; no office knows it."""

    id: str
    name: str
    name_kana: str
    birth_date: date
    sex: Sex
    relation: str
    about: dict[str, str]
    address: Place
    card: CardPlan | None
    records: tuple[HeldRecord, ...]

    def __repr__(self) -> str:
        return f"Persona({self.id})"

    def attributes(self) -> Attributes:
        """The four attributes (基本4情報), as an office that serves this person knows them."""
        return Attributes(
            name=self.name,
            name_kana=self.name_kana,
            birth_date=self.birth_date.isoformat(),
            sex=self.sex,
            address=self.address.text,
        )

    def age(self, at: date) -> int:
        had = (at.month, at.day) >= (self.birth_date.month, self.birth_date.day)
        return at.year - self.birth_date.year - (not had)


@dataclass(frozen=True, slots=True)
class People:
    """Everybody, by id."""

    personas: tuple[Persona, ...]

    def __iter__(self) -> Iterator[Persona]:
        return iter(self.personas)

    def __len__(self) -> int:
        return len(self.personas)

    def __getitem__(self, name: str) -> Persona:
        for persona in self.personas:
            if persona.id == name:
                return persona
        raise KeyError(f"nobody is called {name}; there are {', '.join(p.id for p in self)}")

    def living_in(self, municipalities: Collection[str]) -> "People":
        """Those who live in one of these municipalities, by their codes."""
        return People(tuple(one for one in self if one.address.municipality in municipalities))

    def not_living_in(self, municipalities: Collection[str]) -> "People":
        return People(tuple(one for one in self if one.address.municipality not in municipalities))

    def served_by(self, agency: str) -> list[Persona]:
        """Those about whom the agency holds a record."""
        return [each for each in self if any(record.agency == agency for record in each.records)]


def person_number(agency: str, persona: str) -> str:
    """
    What an agency's own system calls a person (宛名番号): another number at every agency.

    Made from the names alone, so that a population that was interrupted goes on with the same numbers.
    """
    digest = hashlib.sha256(f"kiban person number\n{agency}\n{persona}".encode()).digest()
    return f"{agency[0].upper()}{int.from_bytes(digest[:8]) % 10**10:010d}"


def load(country: Path, agencies: Iterable[Agency], mistakes: Mistakes) -> People:
    """Read `people/*.toml`, and give everybody what the offices hold about them."""
    known = {each.id: each for each in agencies}
    registers: dict[str, list[str]] = {}
    for agency in known.values():
        if agency.municipality or agency.vault:
            registers.setdefault(agency.municipality or EVERYWHERE, []).append(agency.id)
    reader = _Reader(known, registers, layouts.load(country, mistakes), mistakes)
    for file in toml_files(country / "people"):
        reader.household(file)
    return People(tuple(reader.personas.values()))


@dataclass(slots=True)
class _Reader:
    agencies: dict[str, Agency]
    registers: dict[str, list[str]]
    """The offices of the resident register, by the municipality whose people they know."""
    layouts: dict[str, Layout]
    mistakes: Mistakes
    personas: dict[str, Persona] = field(default_factory=dict)

    def household(self, file: Path) -> None:
        with reading(file, self.mistakes) as table:
            since = table.date("since")
            address = _address(table.table("address"))
            people = [
                (each, self.person(each, address)) for each in table.tables("person", at_least=1)
            ]
        register = _Register(since, [persona for _, persona in people])
        for place, persona in people:
            if persona.id in self.personas:
                place.mistake("id", "another person has this id")
            self.personas[persona.id] = self.with_records(place, persona, register)

    def person(self, table: Table, address: Place) -> Persona:
        return Persona(
            id=table.text("id", check=_form(_ID, "lower-case letters, digits, hyphens")),
            name=table.text(
                "name", check=_form(_NAME, "family name, full-width space, given name")
            ),
            name_kana=table.text("name_kana", check=_form(_NAME, "the kana of both, likewise")),
            birth_date=table.date("birth_date"),
            sex=table.choice("sex", SEXES),
            relation=table.text("relation"),
            about=table.localized("about"),
            address=address,
            card=_card(table.table("card")) if "card" in table else None,
            records=tuple(self.record(each) for each in table.tables("record")),
        )

    def record(self, table: Table) -> HeldRecord:
        agency, item = table.text("agency"), table.text("item")
        values = table.value("values")
        holders = self.agencies
        if agency not in holders:
            table.mistake("agency", f"there is no agency {agency}")
        elif item not in holders[agency].items:
            table.mistake("item", f"{agency} does not hold {item}")
        elif item in self.layouts:
            try:
                self.layouts[item].check(values)
            except Misfit as misfit:
                table.mistake("values", str(misfit))
        flag = table.choice("flag", FLAGS, "")
        return HeldRecord(agency, item, table.date("as_of"), values, flag)

    def with_records(self, place: Table, persona: Persona, register: "_Register") -> Persona:
        """Add what the register says; what a file writes out stands instead."""
        written = {(record.agency, record.item) for record in persona.records}
        if len(written) < len(persona.records):
            place.mistake("record", "an agency holds one record of an item about a person")
        derived = [
            record
            for record in register.records(persona, self.concerned(persona))
            if (record.agency, record.item) not in written
        ]
        return replace(persona, records=(*persona.records, *derived))

    def concerned(self, persona: Persona) -> list[Agency]:
        """Who may hold something about a person: the register where they live, and who serves them already."""
        names = {record.agency for record in persona.records} & self.agencies.keys()
        for place in (persona.address.municipality, EVERYWHERE):
            names.update(self.registers.get(place, ()))
        return [self.agencies[name] for name in sorted(names)]


@dataclass(slots=True)
class _Register:
    """What the resident register says of one household."""

    since: date
    members: list[Persona]

    def records(self, persona: Persona, agencies: Iterable[Agency]) -> Iterator[HeldRecord]:
        """What the offices of the register hold, and what those that serve a person have taken over from it."""
        serving = {record.agency for record in persona.records}
        for agency in agencies:
            here = agency.vault or agency.municipality == persona.address.municipality
            for item in sorted(agency.items & REGISTER.keys()) if here else ():
                values = REGISTER[item](persona, self.members)
                yield HeldRecord(agency.id, item, self.as_of(persona, item), values)
            if REGISTERED_ADDRESS in agency.items and agency.id in serving:
                since = self.as_of(persona, FOUR_ATTRIBUTES)
                values = {"address": persona.address.text, "since": since.isoformat()}
                yield HeldRecord(agency.id, REGISTERED_ADDRESS, since, values)

    def as_of(self, persona: Persona, item: str) -> date:
        """An entry is as of moving in or of a birth: a household's as of the last birth in it."""
        born = self.members if item == "household" else [persona]
        return max(self.since, *(each.birth_date for each in born))


def _household(_: Persona, members: list[Persona]) -> dict[str, JsonValue]:
    return {
        "members": [
            {
                "name": each.name,
                "relation": each.relation,
                "birth_date": each.birth_date.isoformat(),
            }
            for each in members
        ]
    }


def _resident_record(persona: Persona, _: list[Persona]) -> dict[str, JsonValue]:
    return {
        "name": persona.name,
        "name_kana": persona.name_kana,
        "birth_date": persona.birth_date.isoformat(),
        "address": persona.address.text,
    }


def _four_attributes(persona: Persona, _: list[Persona]) -> dict[str, JsonValue]:
    return {
        "name": persona.name,
        "birth_date": persona.birth_date.isoformat(),
        "sex": SEX_IN_THE_REGISTER[persona.sex],
        "address": persona.address.text,
    }


FOUR_ATTRIBUTES, REGISTERED_ADDRESS = "four-attributes", "registered-address"
REGISTER: dict[str, Callable[[Persona, list[Persona]], dict[str, JsonValue]]] = {
    "household": _household,
    "resident-record": _resident_record,
    FOUR_ATTRIBUTES: _four_attributes,
}
"""The items that the resident register itself makes, for the municipality and for the resident network."""


def _address(table: Table) -> Place:
    return Place(
        municipality=table.text("municipality", check=check_municipality_code),
        postal_code=table.text("postal_code", check=_form(_POSTAL_CODE, "seven digits")),
        town=table.text("town"),
        rest=table.text("rest"),
        text=table.text("text"),
    )


def _card(table: Table) -> CardPlan:
    pin = table.text("authentication_pin", check=_form(_AUTHENTICATION_PIN, "four digits"))
    password = table.text(
        "signature_pin",
        "",
        check=_form(_SIGNATURE_PIN, "6 to 16 capital letters and digits, both"),
    )
    return CardPlan(
        authentication_pin=Secret(pin),
        signature_pin=Secret(password) if password else None,
        expires=table.date("expires"),
        revoked=table.truth("revoked", False),
    )


def _form(pattern: re.Pattern[str], expected: str) -> Callable[[str], None]:
    def check(text: str) -> None:
        if not pattern.fullmatch(text):
            raise ValueError(f"expected {expected}")

    return check
