"""Short builders: rows of postal data, a file of them in the package's form, a gazetteer, a country's file."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from kiban.registry import japan_post
from kiban.registry.editions import Held
from kiban.registry.facts import Facts, MunicipalityFacts, TownFacts
from kiban.registry.gazetteer import Gazetteer, Place, Shelf
from kiban.registry.japan_post import Row


def row(town: str = "御成町", kana: str = "オナリマチ", code: str = "2480012", **other) -> Row:
    usual = {
        "jis": "14204",
        "town": town,
        "town_kana": kana,
        "postal_code": code,
        "note": "",
        "several_lines": 0,
        "has_chome": 0,
        "prefecture": "神奈川県",
        "prefecture_kana": "カナガワケン",
        "city": "鎌倉市",
        "city_kana": "カマクラシ",
    }
    return Row(**{**usual, **other})


SAKATA = {
    "jis": "06204",
    "prefecture": "山形県",
    "prefecture_kana": "ヤマガタケン",
    "city": "酒田市",
    "city_kana": "サカタシ",
}
NAKA = {"jis": "14104", "city": "横浜市中区", "city_kana": "ヨコハマシナカク"}
NISHI = {"jis": "14103", "city": "横浜市西区", "city_kana": "ヨコハマシニシク"}
ROWS = [
    row("本町", "ホンチョウ", "9980043", note="1〜3丁目", **SAKATA),
    row("本町", "ホンマチ", "9996835", **SAKATA),
    row("高島", "タカシマ", "2200011", has_chome=1, **NISHI),
    row("", "", "2200000", note="以下に掲載がない場合", **NISHI),
    row("港町", "ミナトチョウ", "2310017", has_chome=1, **NAKA),
    row("山下町", "ヤマシタチョウ", "2310023", **NAKA),
    row("", "", "2480000", note="以下に掲載がない場合"),
    row("由比ガ浜", "ユイガハマ", "2480014", has_chome=1),
    row(),
]


def postal_file(place: Path, rows: Iterable[Row] = ROWS, name: str = "postal.db") -> Path:
    """Write a file in the form of the package's: further rows of one code stand inside the first."""
    by_code: dict[str, list[dict[str, object]]] = {}
    for each in rows:
        said = {_NAMES.get(key, key): value for key, value in each._asdict().items()}
        said["note"] = each.note or None
        said["chome"], said["multiline"] = bool(each.has_chome), bool(each.several_lines)
        by_code.setdefault(each.postal_code, []).append(said)
    place.mkdir(parents=True, exist_ok=True)
    (place / name).unlink(missing_ok=True)
    with closing(sqlite3.connect(place / name)) as connection, connection:
        connection.execute(
            "CREATE TABLE postal_data (code text, data text, prefecture text, city text, neighborhood text)"
        )
        connection.executemany(
            "INSERT INTO postal_data (code, data) VALUES (?, ?)",
            (
                (code, json.dumps({**first, "alternates": others}, ensure_ascii=False))
                for code, (first, *others) in by_code.items()
            ),
        )
    return place / name


_NAMES = {"jis": "jisx0402", "town": "neighborhood", "town_kana": "neighborhood_kana"}


def gazetteer(groups: Iterable[list[Facts]]) -> Gazetteer:
    """Put what a source states into a gazetteer, without a register between them."""
    places: dict[str, Place] = {}
    shelves: dict[str, Shelf] = {}
    sequence = 0
    for group in groups:
        towns: list[Held[TownFacts]] = []
        for sequence, facts in enumerate(group, start=sequence + 1):  # noqa: B020  counts on over groups
            if isinstance(facts, TownFacts):
                towns.append(Held(facts, sequence))
            elif isinstance(facts, MunicipalityFacts):
                places[facts.id] = Place.of(Held(facts, sequence))
        if towns:
            shelves[group[0].id] = Shelf(group[0].id, towns)
    return Gazetteer(sequence, places, shelves)


def small_gazetteer(rows: Iterable[Row] = ROWS) -> Gazetteer:
    return gazetteer(japan_post.groups(sorted(rows)))


ENTITY = """\
[[entity]]
number = "4900001000004"
kind = "301"
name = "株式会社あきつ製作所（模擬）"
name_kana = "アキツセイサクショ"
name_en = "Akitsu Works (SIMULATED)"
municipality = "142042"
town = "御成町"
rest = "99番1号"
since = 2015-10-05
"""
WORKS = "4900001000004"


def entity(**changed: str) -> str:
    """One entity; what differs is given as TOML, in its old place or at the end."""
    lines = ENTITY.splitlines()
    for key, value in changed.items():
        places = [at for at, line in enumerate(lines) if line.startswith(f"{key} =")]
        if places:
            lines[places[0]] = f"{key} = {value}"
        else:
            lines.append(f"{key} = {value}")
    return "\n".join(lines) + "\n"


def country(place: Path, *entities: str) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    (place / "legal-entities.toml").write_text("\n".join(entities), encoding="utf-8")
    return place
