"""What an architect does at the desk: copies the country, adds files to it, changes lines in them."""

import shutil
from pathlib import Path

from kiban.world.cast import shipped_country

AGENCY = """\
id = "labour"
name = { ja = "公共職業安定所（模擬）", en = "Labour office (SIMULATED)" }
domain = "social-security"

[[holds]]
item = "labour"
"""
LAYOUT = """\
item = "labour"
edition = 1
name = { ja = "失業等給付", en = "Unemployment benefit" }
from = 2020-04-01

[[field]]
name = "kind"
type = "text"
label = { ja = "種別", en = "Kind" }

[[field]]
name = "yearly_amount_yen"
type = "integer"
label = { ja = "年額（円）", en = "Yearly amount (yen)" }
"""
LAW = """\
[[row]]
id = "child-allowance.9"
edition = 1
kind = "inquiry"
inquirer = "kamakura"
affair = "child-allowance"
provider = "labour"
item = "labour"
basis = "law"
provision = { ja = "模擬番号利用法別表 第9の項", en = "Simulated Numbers Use Act, schedule, row 9" }
from = 2020-04-01
"""
PEOPLE = """\
since = 1980-04-01

[address]
municipality = "142042"
postal_code = "2480012"
town = "御成町"
rest = "99番98号"
text = "神奈川県鎌倉市御成町99番98号"

[[person]]
id = "tomi"
name = "例示　とみ"
name_kana = "レイジ　トミ"
birth_date = 1950-03-03
sex = "female"
relation = "世帯主"
about = { ja = "失業等給付を受けています。", en = "She gets unemployment benefit." }

[[person.record]]
agency = "labour"
item = "labour"
as_of = 2025-04-01
values = { kind = "基本手当", yearly_amount_yen = 831_700 }
"""
FILES = {
    "agencies/labour.toml": AGENCY,
    "layouts/labour.toml": LAYOUT,
    "law/labour.toml": LAW,
    "people/reiji-tomi.toml": PEOPLE,
}


def copied_country(place: Path) -> Path:
    """Copy the country that ships."""
    return Path(shutil.copytree(shipped_country(), place / "country"))


def add_labour_office(country: Path) -> None:
    """Add an agency, an item, a row of the law and a person: four files, no code."""
    for name, text in FILES.items():
        (country / name).write_text(text, encoding="utf-8")


NEIGHBOUR = {
    'id = "fujisawa"': 'id = "zushi"',
    "藤沢市（模擬）": "逗子市（模擬）",
    "Fujisawa City (SIMULATED)": "Zushi City (SIMULATED)",
    'municipality = "142051"': 'municipality = "142085"',
}


def add_municipality(country: Path) -> None:
    """
    Add one to which people can move: a file that says who and where it is.

    What the law and the procedures say of every municipality they say of this one.
    """
    text = (country / "agencies/fujisawa.toml").read_text(encoding="utf-8")
    for before, after in NEIGHBOUR.items():
        text = text.replace(before, after)
    (country / "agencies/zushi.toml").write_text(text, encoding="utf-8")


def change(country: Path, name: str, before: str, after: str) -> int:
    """Change the one place in a file that reads like this; give its line."""
    file = country / name
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{name} has {text.count(before)} of {before!r}"
    file.write_text(text.replace(before, after), encoding="utf-8")
    return text[: text.index(before)].count("\n") + 1
