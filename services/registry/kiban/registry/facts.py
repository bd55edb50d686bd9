"""
Facts: what a source says of one municipality, town or legal entity, without the registry's own bookkeeping.

Two facts that are equal say the same, so an edition changes exactly what compares unequal.  They are tuples, because
an edition has 120,000 of them.
"""

from datetime import date
from typing import NamedTuple, TypeVar

from kiban.registry.contract import MunicipalityKind, TownKind


class MunicipalityFacts(NamedTuple):
    id: str
    kind: MunicipalityKind
    prefecture: str
    prefecture_kana: str
    county: str
    city: str
    ward: str
    kana: str
    valid_from: date | None = None
    valid_to: date | None = None

    @property
    def name(self) -> str:
        return self.county + self.city + self.ward


class PostalCode(NamedTuple):
    code: str
    note: str


class TownFacts(NamedTuple):
    id: str
    kind: TownKind
    name: str
    kana: str
    has_chome: bool
    postal: tuple[PostalCode, ...]
    valid_from: date | None = None
    valid_to: date | None = None

    @property
    def municipality(self) -> str:
        return self.id[:6]


class EntityFacts(NamedTuple):
    id: str
    kind: str
    name: str
    kana: str
    name_en: str
    town: str
    rest: str
    address: str
    postal_code: str | None
    valid_from: date | None = None
    valid_to: date | None = None


Facts = MunicipalityFacts | TownFacts | EntityFacts
Of = TypeVar("Of", bound=Facts)
Of_co = TypeVar("Of_co", bound=Facts, covariant=True)
