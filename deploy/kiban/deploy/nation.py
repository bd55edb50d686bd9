"""
A nation: the country that ships, with as many toy municipalities as one asks for.

Each is a file that says who and where it is, and a household that lives there, because what every municipality does
stands once in `domains/`.  Codes, names and towns are those of the installed postal data, read when a nation is
written: none of them stands in Kiban's own files.

SIMULATED: its people are made up, and its offices only called like real ones.

Refused: fewer municipalities than the shipped country has, more than the postal data know with a town that can be
written plainly, a directory in which something is already.
Source: Japan Post, 郵便番号データの説明; issue 3.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kiban.registry import source
from kiban.registry.japan_post import Row
from kiban.registry.source import PostalData
from kiban.shared.identifiers import municipality_check_digit
from kiban.shared.problems import Problem
from kiban.world import cast

DOMAIN = "municipality"
AGENCY = """\
id = "{id}"
name = {{ ja = "{prefecture}{city}（模擬）", en = "Municipality {code} (SIMULATED)" }}
domain = "{domain}"
municipality = "{code}"
"""
PEOPLE = """\
# SIMULATED people, written with their municipality.
since = 2015-04-01

[address]
municipality = "{code}"
postal_code = "{postal_code}"
town = "{town}"
rest = "99番9号"
text = "{prefecture}{city}{town}99番9号"

[[person]]
id = "{id}-a"
name = "模擬　住民"
name_kana = "モギ　ジュウミン"
birth_date = 1985-05-05
sex = "female"
relation = "世帯主"
about = {{ ja = "子どもと暮らしています。", en = "Lives with her child." }}

[person.card]
authentication_pin = "1234"
signature_pin = "MOGI1234"
expires = 2033-05-05

[[person]]
id = "{id}-b"
name = "模擬　児童"
name_kana = "モギ　ジドウ"
birth_date = 2017-07-07
sex = "male"
relation = "子"
about = {{ ja = "親と暮らしています。", en = "Lives with his mother." }}
"""
_PLAIN = re.compile(r"[^\W\d_]+")
"""A town without numbers, brackets or notes: an address in it begins with one town only."""


class NationImpossible(Problem):
    slug, title, status = "nation-impossible", "There can be no such nation", 422


@dataclass(frozen=True, slots=True)
class Toy:
    """A municipality to be, and a town of it."""

    code: str
    row: Row

    @property
    def id(self) -> str:
        return f"m{self.code}"

    def written(self, text: str) -> str:
        """A file's text about it."""
        row = self.row
        return text.format(
            id=self.id,
            code=self.code,
            domain=DOMAIN,
            prefecture=row.prefecture,
            city=row.city,
            town=row.town,
            postal_code=row.postal_code,
        )


def write(place: Path, municipalities: int, *, postal: PostalData | None = None) -> None:
    """Write the files of a nation with this many municipalities into a new directory."""
    shipped = cast.load_checked(cast.shipped_country())
    taken = {each.municipality for each in shipped.agencies.values() if each.municipality}
    if municipalities < len(taken):
        raise NationImpossible(
            "the country that ships has more",
            sent=municipalities,
            expected=f"at least {len(taken)}",
        )
    if place.exists() and any(place.iterdir()):
        raise NationImpossible(f"{place} is not empty", expected="a new directory")
    toys = [toy for toy in _toys(postal or source.packaged()) if toy.code not in taken]
    most = len(taken) + len(toys)
    if municipalities > most:
        raise NationImpossible(
            "the postal data know fewer", sent=municipalities, expected=f"at most {most}"
        )
    with tempfile.TemporaryDirectory(prefix=".nation-", dir=place.absolute().parent) as beside:
        begun = Path(beside) / "country"
        shutil.copytree(cast.shipped_country(), begun)
        for toy in toys[: municipalities - len(taken)]:
            for part, text in (("agencies", AGENCY), ("people", PEOPLE)):
                file = begun / part / f"{toy.id}.toml"
                file.write_text(toy.written(text), encoding="utf-8")
        begun.rename(place)  # seen whole or not at all


def _toys(postal: PostalData) -> Iterator[Toy]:
    """Each municipality of the postal data that has a plain town, with the first that is."""
    last = ""
    for row in source.rows(postal):
        if row.jis != last and _is_plain(row):
            last = row.jis
            yield Toy(f"{row.jis}{municipality_check_digit(row.jis)}", row)


def _is_plain(row: Row) -> bool:
    return (
        _PLAIN.fullmatch(row.town) is not None
        and row.town != row.city
        and not row.note
        and not row.several_lines
    )
