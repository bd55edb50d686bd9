"""
Attributes: the four facts about a person (基本4情報), and how a signature certificate carries them.

A certificate has them as text under six identifiers.  A birth date begins with the era's digit, followed by the
Gregorian year (so 大正 or not, the digits behind the era are the common ones); sex is a digit of JIS X 0303; two runs
of digits say for each character of name and address whether it stands for another one that the certificate cannot
show.  The simulation replaces no character, so all of them are 0.

Refused: dates that are no dates or lie ahead, control characters, and runs of eleven or more digits: neither My
Number nor a resident record code may stand in a name or an address.

Sources: identity's reference, section 2.2; JIS X 0303, JIS X 0401; the eras' dates are those of their edicts.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime

from kiban.identity.authority import profile
from kiban.identity.authority.contract import CertifiedAttributes, HolderAttributes
from kiban.shared import identifiers
from kiban.shared.clock import day_in_japan
from kiban.shared.problems import Malformed

_ERAS = (
    (date(2019, 5, 1), "5"),  # 令和
    (date(1989, 1, 8), "4"),  # 平成
    (date(1926, 12, 25), "3"),  # 昭和
    (date(1912, 7, 30), "2"),  # 大正
    (date(1868, 10, 23), "1"),  # 明治
)
_ERA_UNKNOWN = "0"
_SEXES = {"male": "1", "female": "2", "not-applicable": "9"}
_NAMED_SEXES = {digit: name for name, digit in _SEXES.items()}
_LONG_NUMBER = re.compile(r"\d{11,}")
# fmt: off
_PREFECTURES = (
    "北海道", "青森県", "岩手県", "宮城県", "秋田県", "山形県", "福島県", "茨城県",
    "栃木県", "群馬県", "埼玉県", "千葉県", "東京都", "神奈川県", "新潟県", "富山県",
    "石川県", "福井県", "山梨県", "長野県", "岐阜県", "静岡県", "愛知県", "三重県",
    "滋賀県", "京都府", "大阪府", "兵庫県", "奈良県", "和歌山県", "鳥取県", "島根県",
    "岡山県", "広島県", "山口県", "徳島県", "香川県", "愛媛県", "高知県", "福岡県",
    "佐賀県", "長崎県", "熊本県", "大分県", "宮崎県", "鹿児島県", "沖縄県",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class OtherName:
    """A text under an identifier, in a certificate's alternative name."""

    oid: str
    text: str


def check(attributes: HolderAttributes, at: datetime) -> None:
    """Return silently if these can be somebody's attributes."""
    birth = birth_date(attributes)
    if birth > day_in_japan(at):
        raise Malformed("the birth date lies ahead", at="attributes.birth_date")
    prefecture(attributes)
    address = attributes.address
    texts = {
        "name": attributes.name,
        "name_kana": attributes.name_kana,
        "address.text": address.text,
        "address.rest": address.rest,
        "address.town": address.town,
    }
    for place, text in texts.items():
        _check_text(text, f"attributes.{place}")


def _check_text(text: str, place: str) -> None:
    # Surrogates, control characters and characters that nobody has assigned.
    if any(unicodedata.category(character) in {"Cc", "Cs", "Cn"} for character in text):
        raise Malformed("a character that no name or address has", at=place)
    if _LONG_NUMBER.search(text):
        raise Malformed("a number as long as one of a person's own has no place here", at=place)


def parse_day(text: str, place: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Malformed("not a day of the calendar", at=place) from None


def birth_date(attributes: HolderAttributes) -> date:
    return parse_day(attributes.birth_date, "attributes.birth_date")


def prefecture(attributes: HolderAttributes) -> str:
    """The prefecture's name, which the municipality's code begins with (JIS X 0401)."""
    code = attributes.address.municipality
    try:
        identifiers.check_municipality_code(code)
        return _PREFECTURES[range(1, 48).index(int(code[:2]))]
    except ValueError as error:
        raise Malformed(
            "not a municipality's code", at="attributes.address.municipality"
        ) from error


def other_names(attributes: HolderAttributes) -> tuple[OtherName, ...]:
    """What a signature certificate says of its holder, in the card's order."""
    texts = {
        profile.NAME: attributes.name,
        profile.BIRTH_DATE: _with_era(birth_date(attributes)),
        profile.SEX: _SEXES[attributes.sex],
        profile.ADDRESS: attributes.address.text,
        profile.NAME_SUBSTITUTES: "0" * len(attributes.name),
        profile.ADDRESS_SUBSTITUTES: "0" * len(attributes.address.text),
    }
    return tuple(OtherName(oid, texts[oid]) for oid in profile.CARD_ORDER)


def certified(names: tuple[OtherName, ...]) -> CertifiedAttributes:
    """What those texts say."""
    texts = {name.oid: name.text for name in names}
    born = texts[profile.BIRTH_DATE]
    return CertifiedAttributes(
        name=texts[profile.NAME],
        birth_date=f"{born[1:5]}-{born[5:7]}-{born[7:9]}",
        sex=_NAMED_SEXES[texts[profile.SEX]],
        address=texts[profile.ADDRESS],
    )


def _with_era(birth: date) -> str:
    era = next((digit for since, digit in _ERAS if birth >= since), _ERA_UNKNOWN)
    return f"{era}{birth:%Y%m%d}".replace(" ", "0")
