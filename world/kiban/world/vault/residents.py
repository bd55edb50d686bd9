"""
Residents: who is meant by four attributes (基本4情報).

Name, date of birth, sex and address must all be those of exactly one resident.  Width and spacing of the writing do
not matter, anything else does: a near match is no match, because the answer is a pseudonym for life.

Pure rules.  Source: DESIGN 5.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kiban.gateway.contract import Attributes
from kiban.shared import canonical
from kiban.shared.identifiers import ResidentRecordCode
from kiban.world.people import Place
from kiban.world.vault.contract import NobodyMatches, SeveralMatch
from kiban.world.writing import plain


@dataclass(frozen=True, slots=True)
class Resident:
    """One resident as the network knows them."""

    person: str
    attributes: Attributes = field(repr=False)
    place: Place = field(repr=False)
    code: ResidentRecordCode
    card_lost: bool


def fingerprint(attributes: Attributes) -> str:
    """The four attributes in one form, as a digest: equal where the same person is meant."""
    written = [attributes.name, attributes.birth_date, attributes.sex, attributes.address]
    return canonical.digest([plain(each) for each in written])


def the_one(found: Sequence[Resident]) -> Resident:
    """The one resident who was found, or the problem that says why there is not one."""
    match found:
        case [resident]:
            return resident
        case []:
            raise NobodyMatches(rule="name, date of birth, sex and address, all four")
        case _:
            raise SeveralMatch(rule="name, date of birth, sex and address, all four")
