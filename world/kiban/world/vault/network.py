"""
The resident network at work: it enters residents at the authority, finds who is meant, and certifies cards.

Taking a pseudonym (取得番号), from here:

1. a member sends the four attributes of a person whom it serves
2. exactly one resident has them, or the request is refused
3. the authority makes a token for that member and that resident; the token goes back, and nothing else

As registrar it also passes on what cards ask to be certified, ends the certificates of cards that were lost, and
tells the authority what has changed of a person: what certifies the earlier attributes ends there.  An address is a
text in a record and ids at the authority, so the registry is asked which town the text means.

Refused (`AddressUnclear`): an address whose town the registry cannot tell.
Source: DESIGN 5.1 (issue), 6; 公的個人認証法 第12条 (attributes that changed).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cryptography import x509

from kiban.gateway.contract import Attributes
from kiban.identity.authority.client import AuthorityClient
from kiban.identity.authority.contract import (
    AcquisitionRequest,
    Address,
    CardCertificates,
    CardRegistration,
    CertificateRefused,
    CertificateRevoked,
    HolderAttributes,
    ResidentRegistration,
    Revocation,
    TokenReply,
)
from kiban.registry.client import RegistryClient
from kiban.registry.contract import AddressText, Town
from kiban.shared import encoding
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.problems import NotFound
from kiban.world.office.conditions import Values
from kiban.world.people import Persona, Place, person_number
from kiban.world.vault import residents, store
from kiban.world.vault.contract import AddressUnclear, CardCertification
from kiban.world.vault.residents import Resident, fingerprint
from kiban.world.vault.store import Residents

_NUMBERS = re.compile(r"\d")
PAGE = 100
"""Towns that the registry is asked for at once."""


@dataclass(frozen=True, slots=True)
class ResidentNetwork:
    """The resident network of the country."""

    agency: str
    residents: Residents
    db: Database
    authority: AuthorityClient
    registry: RegistryClient
    clock: Clock
    latecomers: Mapping[str, Persona] = field(default_factory=dict)
    """People who are entered when somebody first speaks of them, by what is asked of them."""
    welcome: Callable[[Persona], None] = lambda _: None
    """Told of each of them who was entered, so that the network's office serves them from then on."""
    _welcomed: set[str] = field(default_factory=set)

    # --- entering -----------------------------------------------------------------------------

    async def enter(self, people: Iterable[Persona]) -> None:
        """Give everybody their numbers, once."""
        for persona in people:
            async with self.db.begin() as connection:
                await self.residents.enter(
                    connection, person_number(self.agency, persona.id), persona
                )

    async def register(self) -> None:
        """Tell the authority who lives here; whoever was told before is not told again."""
        async with self.db.read() as connection:
            waiting = await self.residents.unregistered(connection)
        for resident in waiting:
            await self.authority.register_resident(await self._registration(resident))
            async with self.db.begin() as connection:
                await store.note_registered(connection, resident.person, self.clock())

    async def welcome_back(self) -> None:
        """Take up whoever came late before this process began: an interruption may have left something undone."""
        async with self.db.read() as connection:
            known = await self.residents.people(connection)
        for late in self.latecomers.values():
            if person_number(self.agency, late.id) in known:
                self._welcome(late)

    def _welcome(self, late: Persona) -> None:
        if late.id not in self._welcomed:
            self._welcomed.add(late.id)
            self.welcome(late)

    async def _registration(self, resident: Resident) -> ResidentRegistration:
        return ResidentRegistration(
            resident_record_code=resident.code.reveal(),
            attributes=HolderAttributes(
                name=resident.attributes.name,
                name_kana=resident.attributes.name_kana,
                birth_date=resident.attributes.birth_date,
                sex=resident.attributes.sex,
                address=await self._address(resident.place),
            ),
        )

    async def _address(self, place: Place) -> Address:
        """The registry's ids for an address; a town that it does not know is our files' mistake."""
        towns = await self.registry.find_towns(postal_code=place.postal_code)
        for town in towns.towns:
            if (town.municipality, town.name) == (place.municipality, place.town):
                return Address(
                    municipality=place.municipality,
                    town=town.id,
                    rest=place.rest,
                    text=place.text,
                    sequence=town.sequence,
                )
        raise NotFound(
            "the registry has no such town under this postal code", sent=place.postal_code
        )

    # --- changes ------------------------------------------------------------------------------

    async def change(self, person: str, values: Values, number: int) -> None:
        """
        Take in a person's latest attributes, unless a later change is known; `number` tells which is later.

        The authority is told what the vault says until that is what it was told: so two changes that overtake each
        other, and one that was interrupted anywhere, end with the same attributes on both sides.
        """
        place = await self._place(str(values["address"]))
        async with self.db.begin() as connection:
            await self.residents.change(connection, person, values, place, number)
        await self.tell_authority(person)

    async def tell_authority(self, person: str) -> None:
        """
        Have the authority know the latest attributes, except of whoever is undisclosed.

        It gives them to services that the holder of the card lets it: that is where the card is, not where she is.
        """
        resident = await self._resident(person)
        while not await self.is_undisclosed(person):
            await self.authority.change_attributes(await self._registration(resident))
            told, resident = resident, await self._resident(person)
            if told.attributes == resident.attributes:
                return

    async def is_undisclosed(self, person: str) -> bool:
        async with self.db.look() as connection:
            protected = await store.find_protection(connection, person)
        return protected is not None and protected.undisclosed

    async def _resident(self, person: str) -> Resident:
        async with self.db.look() as connection:
            return await self.residents.find(connection, person)

    async def _place(self, text: str) -> Place:
        """
        The place that an address means: of its municipality's towns, the one with the longest name that it begins with.

        The registry hears no house number.  A town's name may hold a number of its own (東鷹栖１１線), so the registry
        only says which municipality is meant, and that one's towns are compared here.
        """
        asked = AddressText(text=_NUMBERS.split(text, maxsplit=1)[0])
        found = (await self.registry.resolve_address(asked)).candidates
        codes = dict.fromkeys(each.municipality.code for each in found)
        towns = [
            town for code in codes for town in await self._towns_of(code) if _begins(text, town)
        ]
        longest = max((len(town.address) for town in towns), default=0)
        match [town for town in towns if len(town.address) == longest]:
            case [Town(postal_codes=[code, *_]) as town]:
                rest = text.removeprefix(town.address)
                return Place(town.municipality, code.code, town.name, rest, text)
            case _:
                raise AddressUnclear(
                    rule="the address begins with one town, written as the registry does"
                )

    async def _towns_of(self, municipality: str) -> list[Town]:
        page = await self.registry.find_towns(municipality=municipality, limit=PAGE)
        towns = page.towns
        while page.next is not None:
            page = await self.registry.find_towns(
                municipality=municipality, limit=PAGE, cursor=page.next
            )
            towns = towns + page.towns
        return towns

    # --- acquisition --------------------------------------------------------------------------

    async def acquire(self, bearer: str, attributes: Attributes) -> TokenReply:
        """A token with which this member learns its pseudonym for this person; steps 1 to 3."""
        resident = await self.the_one(attributes, bearer)
        return await self.authority.issue_acquisition(
            AcquisitionRequest(resident_record_code=resident.code.reveal(), bearer=bearer)
        )

    async def the_one(self, attributes: Attributes, office: str | None = None) -> Resident:
        """The one resident who has these four attributes; for an office nobody is there whom it may not find."""
        late = self.latecomers.get(fingerprint(attributes))
        if late is not None and late.id not in self._welcomed:
            await self.enter([late])
            await self.register()
            self._welcome(late)
        async with self.db.read() as connection:
            found = await self.residents.matching(connection, attributes, office)
        return residents.the_one(found)

    # --- cards --------------------------------------------------------------------------------

    async def certify_card(self, asked: CardCertification) -> CardCertificates:
        """Have a card's keys certified; a card that its holder has lost is ended at once."""
        resident = await self.the_one(asked.attributes)
        return await self.register_card(
            resident,
            CardRegistration(
                resident_record_code=resident.code.reveal(),
                authentication_request=asked.authentication_request,
                signature_request=asked.signature_request,
                card_expires=asked.card_expires,
            ),
        )

    async def register_card(
        self, resident: Resident, registration: CardRegistration
    ) -> CardCertificates:
        """Have the keys of a resident's card certified, and note by which serials it is known from now on."""
        issued = await self.authority.register_card(registration)
        async with self.db.begin() as connection:
            for authority, certificate in _certificates(issued):
                await store.note_certificate(
                    connection, resident.person, authority, _serial(certificate), self.clock()
                )
        if resident.card_lost:
            await self._end(resident.person)
        return issued

    async def holder(self, serial: str) -> Resident:
        """The resident to whom the card was given whose authentication certificate has this serial number."""
        async with self.db.read() as connection:
            known = await store.find_certificate(connection, "authentication", serial)
            if known is None:
                raise CertificateRefused("no card was given out with this certificate")
            if known.ended:
                raise CertificateRevoked("the card was reported as lost")
            return await self.residents.find(connection, known.person)

    async def report_loss(self, persona: str) -> None:
        """Somebody's card was lost: its certificates end, wherever its holder has moved since."""
        person = person_number(self.agency, persona)
        async with self.db.begin() as connection:
            await store.note_lost(connection, person)
        await self._end(person)

    async def end_lost_cards(self) -> None:
        """Finish what an interruption may have left: no certificate of a lost card stays in force."""
        async with self.db.read() as connection:
            lost = await self.residents.with_lost_cards(connection)
        for resident in lost:
            await self._end(resident.person)

    async def _end(self, person: str) -> None:
        async with self.db.read() as connection:
            certificates = await store.open_certificates(connection, person)
        for certificate in certificates:
            await self.authority.revoke_certificate(
                Revocation(
                    authority=_card_authority(certificate.authority),
                    serial=certificate.serial,
                    event="loss",
                )
            )
            async with self.db.begin() as connection:
                await store.note_ended(connection, certificate.number, self.clock())


def latecomers(people: Iterable[Persona]) -> dict[str, Persona]:
    """People by what is asked of them, so that they can be entered then."""
    return {fingerprint(persona.attributes()): persona for persona in people}


def _begins(text: str, town: Town) -> bool:
    """Whether an address begins with this town; a name ends in no number, and an unnamed town is followed by one."""
    if not text.startswith(town.address):
        return False
    rest = text.removeprefix(town.address)
    if not town.name:
        return rest[:1].isdecimal()
    return not (town.name[-1].isdecimal() and rest[:1].isdecimal())


def _certificates(issued: CardCertificates) -> list[tuple[str, str]]:
    found = [("authentication", issued.authentication)]
    return found + ([("signature", issued.signature)] if issued.signature else [])


def _serial(certificate: str) -> str:
    read = x509.load_der_x509_certificate(encoding.decode(certificate))
    return f"{read.serial_number:x}"


def _card_authority(name: str) -> Literal["authentication", "signature"]:
    return "authentication" if name == "authentication" else "signature"
