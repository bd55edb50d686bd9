"""
The registry's contract: municipalities, towns and legal entities, read by id, by postal code and by name.

An id of a municipality (全国地方公共団体コード) or a legal entity (法人番号) is official in form and carries a check
digit.  An id of a town is ours and says so by its form: the sources at hand know no 町字ID.  Every entry says from
which edition of which source it comes, since when it is known, and its sequence: the number of the change that made
it as it is.

Sources: JIS X 0402 and its check digit; 法人番号の指定等に関する省令; Japan Post's postal code data.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from kiban.shared.exchanges import Count, Shape
from kiban.shared.problems import Problem

TOWN_ID = r"[0-9]{6}-k[0-9a-hjkmnp-tv-z]{8}"
LONGEST_TEXT = 400
"""Characters of an address or a name that somebody asks about."""

MunicipalityCode = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
PrefectureCode = Annotated[str, Field(pattern=r"^[0-9]{2}$")]
PostalCode = Annotated[str, Field(pattern=r"^[0-9]{7}$")]
CorporateNumber = Annotated[str, Field(pattern=r"^[0-9]{13}$")]
TownId = Annotated[str, Field(pattern=f"^{TOWN_ID}$")]
"""The municipality's code, `-k` for an id of Kiban's own, and eight characters; never an official 町字ID."""
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Cursor = Annotated[str, Field(pattern=r"^[0-9a-z-]{1,40}$")]

Source = Literal["japan-post", "country"]
MunicipalityKind = Literal["municipality", "ward", "designated-city"]
TownKind = Literal["town", "building", "direct", "rest"]
"""
What a town id stands for: a town (町・大字); a building with postal codes of its own; numbers that follow the
municipality's name directly; or the rest of a municipality, where the source names no town.
"""


class UnknownMunicipality(Problem):
    slug, title, status = "unknown-municipality", "The registry holds no such municipality", 404


class UnknownTown(Problem):
    slug, title, status = "unknown-town", "The registry holds no such town", 404


class UnknownLegalEntity(Problem):
    slug, title, status = "unknown-legal-entity", "The registry holds no such legal entity", 404


class CheckDigitWrong(Problem):
    slug, title, status = "check-digit-wrong", "The number's check digit does not fit", 422


class SearchUnclear(Problem):
    slug, title, status = "search-unclear", "Say exactly one of the things to search by", 422


class CursorPassed(Problem):
    slug, title, status = "cursor-passed", "The cursor belongs to an older state", 410


class Entry(Shape):
    """What is said of every entry: where it comes from, and since when."""

    sequence: Count = Field(description="number of the change that made the entry as it is")
    source: Source
    edition: str = Field(description="the source's edition that said so")
    known_from: datetime = Field(description="when the registry took that edition in")
    valid_from: date | None = Field(description="first day; null where the source does not say")
    valid_to: date | None = Field(description="the day from which it is no longer valid")
    withdrawn: str = Field(
        description="why the entry is no longer listed; empty while it is listed"
    )


class Municipality(Entry):
    """A municipality (市区町村), or a ward of a designated city (政令指定都市の区)."""

    code: MunicipalityCode
    kind: MunicipalityKind
    prefecture: str
    prefecture_kana: str
    county: str = Field(description="郡, or the island that addresses name before a village")
    city: str = Field(description="市, 町, 村 or special ward; of a ward, the city it belongs to")
    ward: str
    name: str = Field(description="county, city and ward together")
    name_kana: str


class TownPostalCode(Shape):
    code: PostalCode
    note: str = Field(description="for which part of the town; empty for all of it")


class Town(Entry):
    """A town (町字) as the postal data know it.  `official` is false: the id is ours."""

    id: TownId
    official: Literal[False] = False
    kind: TownKind
    municipality: MunicipalityCode
    name: str = Field(description="empty where addresses of this kind name no town")
    name_kana: str
    address: str = Field(description="prefecture, municipality and town")
    address_kana: str
    has_chome: bool = Field(description="whether the source says that 丁目 are in use")
    postal_codes: list[TownPostalCode]


class LegalEntityAddress(Shape):
    """Where a legal entity has its seat, by ids; `rest` is what follows the town."""

    municipality: MunicipalityCode
    town: TownId
    rest: str
    text: str = Field(description="the whole address as it is written")
    postal_code: PostalCode | None


class LegalEntity(Entry):
    """A legal entity (法人).  All are SIMULATED: their numbers come from a range that is never assigned."""

    number: CorporateNumber
    simulated: Literal[True] = True
    kind: str = Field(description="法人種別, the tax agency's three digits: 301 is a 株式会社")
    name: str
    name_kana: str
    name_en: str
    address: LegalEntityAddress


class Municipalities(Shape):
    sequence: Count = Field(description="the registry's newest change")
    municipalities: list[Municipality]
    next: str | None = Field(description="the cursor to go on with; null at the end")


class Towns(Shape):
    sequence: Count = Field(description="the registry's newest change")
    towns: list[Town]
    next: str | None = Field(description="the cursor to go on with; null at the end")


class LegalEntities(Shape):
    sequence: Count = Field(description="the registry's newest change")
    legal_entities: list[LegalEntity]
    next: str | None = Field(description="the cursor to go on with; null at the end")


class AddressText(Shape):
    """An address in somebody's own words.  It is sent in the body: it may say where a person lives."""

    text: Text


class AddressCandidate(Shape):
    municipality: Municipality
    town: Town | None = Field(description="null where no town was named or none was found")


class AddressAnswer(Shape):
    """
    What a free text means, without a guess in silence.

    *resolved*: one candidate, and what follows it is a number or nothing.  *ambiguous*: several fit, best first.
    *partial*: `unmatched` was not understood.
    """

    kind: Literal["resolved", "ambiguous", "partial"]
    level: Literal["none", "prefecture", "municipality", "town"]
    candidates: list[AddressCandidate]
    left_off: int = Field(description="how many more candidates there are")
    matched: str = Field(
        description="the part of the text that names prefecture, municipality, town"
    )
    rest: str = Field(description="block and number, as written; this registry does not know them")
    unmatched: str = Field(description="what was not understood, as written")
    sequence: Count


class Counts(Shape):
    municipalities: int
    towns: int
    legal_entities: int


class Edition(Shape):
    """One edition of one source, as the registry took it in."""

    source: Source
    edition: str
    known_from: datetime
    rows: int = Field(description="rows of the source that were read")
    changes: int = Field(description="entries that it added, changed or withdrew")
    sequence: Count = Field(description="the last change that it made")
    steward: str
    licence: str
    attribution: str


class SourceDescription(Shape):
    """What the registry holds now, and from whom."""

    sequence: Count
    counts: Counts
    editions: list[Edition]
