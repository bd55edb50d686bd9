"""
The register as its callers see it: one method for each operation.

What is listed now is answered from memory, at the state that this process started with; an entry of another day or
another time, and one that is no longer listed, is looked up among the versions that are kept (`History`).

Refused: ids that are not held, codes and numbers whose check digit does not fit, a search by two things or by none.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Protocol

from kiban.registry import answers, resolution, searching
from kiban.registry.contract import (
    AddressAnswer,
    AddressCandidate,
    AddressText,
    CheckDigitWrong,
    Counts,
    LegalEntities,
    LegalEntity,
    Municipalities,
    Municipality,
    SearchUnclear,
    SourceDescription,
    Town,
    Towns,
    UnknownLegalEntity,
    UnknownMunicipality,
    UnknownTown,
)
from kiban.registry.directory import Directory
from kiban.registry.editions import Edition, Held, Version
from kiban.registry.facts import EntityFacts, Facts, MunicipalityFacts, Of, TownFacts
from kiban.registry.gazetteer import Gazetteer
from kiban.registry.searching import Cursor, Page
from kiban.shared.identifiers import check_corporate_number, check_municipality_code

LAST_EDITIONS = 100


class History(Protocol):
    """The versions of an entry that were ever known."""

    async def version(
        self, kind: type[Of], name: str, valid_at: date | None, known_at: datetime | None
    ) -> Version[Of] | None: ...


@dataclass(frozen=True)
class Listed:
    """Everything that is listed, in one state of the register."""

    gazetteer: Gazetteer
    directory: Directory
    editions: Sequence[Edition]

    @property
    def sequence(self) -> int:
        return self.gazetteer.sequence

    def edition_of(self, held: Held[Facts]) -> Edition:
        """Give the edition whose changes include this one."""
        return self.editions[bisect_left(self._last_sequences, held.sequence)]

    @cached_property
    def _last_sequences(self) -> list[int]:
        return [edition.sequence for edition in self.editions]


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers every question about the register."""

    listed: Listed
    history: History

    # --- by id --------------------------------------------------------------------------------

    def listed_municipality(self, code: str) -> Municipality | None:
        return self._municipality(code) if code in self.listed.gazetteer.places else None

    def listed_town(self, town_id: str) -> Town | None:
        held = self.listed.gazetteer.town(town_id)
        return self._town(held) if held else None

    def listed_legal_entity(self, number: str) -> LegalEntity | None:
        held = self.listed.directory.entity(number)
        return self._legal_entity(held) if held else None

    async def read_municipality(
        self, code: str, valid_at: date | None, known_at: datetime | None
    ) -> Municipality:
        if (valid_at or known_at) is None and (listed := self.listed_municipality(code)):
            return listed
        version = await self.history.version(MunicipalityFacts, code, valid_at, known_at)
        if version is None:
            _check(check_municipality_code, code)
            raise UnknownMunicipality(**_asked(code, valid_at, known_at))
        return answers.municipality(version.held, version.edition)

    async def read_town(
        self, town_id: str, valid_at: date | None, known_at: datetime | None
    ) -> Town:
        if (valid_at or known_at) is None and (listed := self.listed_town(town_id)):
            return listed
        version = await self.history.version(TownFacts, town_id, valid_at, known_at)
        place = await self.history.version(MunicipalityFacts, town_id[:6], valid_at, known_at)
        if version is None or place is None:
            _check(check_municipality_code, town_id[:6])
            raise UnknownTown(**_asked(town_id, valid_at, known_at))
        return answers.town(version.held, place.held.facts, version.edition)

    async def read_legal_entity(
        self, number: str, valid_at: date | None, known_at: datetime | None
    ) -> LegalEntity:
        if (valid_at or known_at) is None and (listed := self.listed_legal_entity(number)):
            return listed
        version = await self.history.version(EntityFacts, number, valid_at, known_at)
        if version is None:
            _check(check_corporate_number, number)
            raise UnknownLegalEntity(**_asked(number, valid_at, known_at))
        return answers.legal_entity(version.held, version.edition)

    # --- by search ----------------------------------------------------------------------------

    def list_municipalities(
        self, prefecture: str | None, limit: int, cursor: str | None
    ) -> Municipalities:
        """In the order of their codes; the cursor is the last one's code."""
        codes = sorted(self.listed.gazetteer.places)
        wanted = [
            code for code in codes if code.startswith(prefecture or "") and code > (cursor or "")
        ]
        return Municipalities(
            sequence=self.listed.sequence,
            municipalities=[self._municipality(code) for code in wanted[:limit]],
            next=wanted[limit - 1] if len(wanted) > limit else None,
        )

    def find_towns(
        self,
        postal_code: str | None,
        name: str | None,
        municipality: str | None,
        limit: int,
        cursor: str | None,
    ) -> Towns:
        """By postal code; or by name, everywhere or in one municipality; or all of one municipality."""
        if (postal_code is None) == (name is None and municipality is None):
            raise SearchUnclear(expected="postal_code, or name, municipality, or both of these")
        if postal_code is not None:
            found = self.listed.gazetteer.with_postal_code(postal_code)
            return self._towns(_page(found, limit, Cursor.read(cursor, self.listed.sequence)))
        codes = self._parts(municipality) if municipality else self.listed.gazetteer.order
        page = searching.search(
            self.listed.gazetteer, codes, name or "", limit=limit, cursor=cursor
        )
        return self._towns(page)

    def find_legal_entities(self, name: str, limit: int, cursor: str | None) -> LegalEntities:
        found = self.listed.directory.named(name)
        page = _page(found, limit, Cursor.read(cursor, self.listed.sequence))
        return LegalEntities(
            sequence=self.listed.sequence,
            legal_entities=[self._legal_entity(held) for held in page.found],
            next=page.next,
        )

    def resolve_address(self, asked: AddressText) -> AddressAnswer:
        found = resolution.resolve(self.listed.gazetteer, asked.text)
        candidates = [
            AddressCandidate(
                municipality=self._municipality(reading.place.facts.id),
                town=self._town(reading.town) if reading.town else None,
            )
            for reading in found.readings[: answers.MOST_CANDIDATES]
        ]
        return answers.address(found, candidates, self.listed.sequence)

    def describe_source(self) -> SourceDescription:
        return SourceDescription(
            sequence=self.listed.sequence,
            counts=Counts(
                municipalities=len(self.listed.gazetteer.places),
                towns=self.listed.gazetteer.towns,
                legal_entities=len(self.listed.directory),
            ),
            editions=[answers.edition(each) for each in self.listed.editions[-LAST_EDITIONS:]],
        )

    # --- shapes -------------------------------------------------------------------------------

    def _municipality(self, code: str) -> Municipality:
        place = self.listed.gazetteer.places[code]
        return answers.municipality(place.held, self.listed.edition_of(place.held))

    def _town(self, held: Held[TownFacts]) -> Town:
        place = self.listed.gazetteer.places[held.facts.id[:6]]
        return answers.town(held, place.facts, self.listed.edition_of(held))

    def _towns(self, page: Page[TownFacts]) -> Towns:
        towns = [self._town(held) for held in page.found]
        return Towns(sequence=self.listed.sequence, towns=towns, next=page.next)

    def _legal_entity(self, held: Held[EntityFacts]) -> LegalEntity:
        return answers.legal_entity(held, self.listed.edition_of(held))

    def _parts(self, code: str) -> Sequence[str]:
        if code not in self.listed.gazetteer.places:
            _check(check_municipality_code, code)
            raise UnknownMunicipality(asked=code)
        return self.listed.gazetteer.parts(code)


def _page(found: Sequence[Held[Of]], limit: int, cursor: Cursor) -> Page[Of]:
    start = cursor.place + 1
    more = len(found) > start + limit
    following = Cursor(cursor.sequence, 0, 0, start + limit - 1)
    return Page(list(found[start : start + limit]), str(following) if more else None)


def _check(check: Callable[[str], str], text: str) -> None:
    """Say that a check digit is wrong rather than that nothing is held: it is a slip of the pen."""
    try:
        check(text)
    except ValueError as error:
        raise CheckDigitWrong(str(error), asked=text) from error


def _asked(name: str, valid_at: date | None, known_at: datetime | None) -> dict[str, str]:
    asked = {"asked": name, "valid_at": valid_at, "known_at": known_at}
    return {key: str(value) for key, value in asked.items() if value is not None}
