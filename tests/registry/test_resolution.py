"""Resolution: free text becomes ids, or says what it did not understand; it never guesses in silence."""

import csv
import io
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiban.registry.resolution import Resolution, resolve
from kiban.registry.spelling import canonical

pytestmark = pytest.mark.xdist_group("japan")  # one worker holds all of it
LONGEST_SECONDS = (
    0.25  # of this process's own time; the aim is 0.05 on a machine that is not shared
)
OFFICIAL = Path(__file__).resolve().parents[3] / "shared/data/registry/abr_zips"


def addresses(found: Resolution) -> list[str]:
    return [
        reading.place.facts.name + (reading.town.facts.name if reading.town else "")
        for reading in found.readings
    ]


@pytest.mark.parametrize(
    ("text", "address", "rest"),
    [
        ("神奈川県鎌倉市御成町18番10号", "鎌倉市御成町", "18番10号"),
        ("鎌倉市御成町", "鎌倉市御成町", ""),
        (
            "神奈川県 鎌倉市 御成町 １８－１０ みほん荘 201",
            "鎌倉市御成町",
            "１８－１０ みほん荘 201",
        ),
        ("〒248-0012 神奈川県鎌倉市御成町18-10", "鎌倉市御成町", "18-10"),
        ("2480012神奈川県鎌倉市御成町18-10", "鎌倉市御成町", "18-10"),
        ("神奈川県葉山町堀内2135", "三浦郡葉山町堀内", "2135"),
        ("東京都三宅村神着1", "三宅島三宅村神着", "1"),
        ("横浜市港町1丁目1番地", "横浜市中区港町", "1丁目1番地"),
        ("中区山下町2", "横浜市中区山下町", "2"),
        ("札幌市中央区北１条西二丁目", "札幌市中央区北一条西", "二丁目"),
        ("東京都千代田区霞ヶ関三丁目1番1号", "千代田区霞が関", "三丁目1番1号"),
        ("東京都千代田区大字霞が関1", "千代田区霞が関", "1"),
        ("青ヶ島村無番地", "青ヶ島村", "無番地"),
        ("小菅村663", "北都留郡小菅村", "663"),
        ("大阪市北区梅田1234", "大阪市北区梅田", "1234"),
        ("鎌倉市", "鎌倉市", ""),
        ("横浜市", "横浜市", ""),
    ],
)
def test_an_address_becomes_one_place(japan, text, address, rest):
    found = resolve(japan, text)

    assert (found.kind, addresses(found), found.rest) == ("resolved", [address], rest)


@pytest.mark.parametrize(
    ("text", "number"), [("中央区", 11), ("府中市", 2), ("府中市3-4", 2), ("酒田市本町1", 2)]
)
def test_a_name_of_several_places_is_ambiguous(japan, text, number):
    found = resolve(japan, text)

    assert found.kind == "ambiguous"
    assert len(found.readings) == number


def test_what_follows_decides_among_places_of_one_name(japan):
    assert addresses(resolve(japan, "中央区銀座1-1")) == ["中央区銀座"]
    assert addresses(resolve(japan, "府中市宮西町2-24")) == ["府中市宮西町"]


def test_a_postal_code_decides_between_towns_that_are_written_alike(japan):
    assert resolve(japan, "〒998-0043 酒田市本町1").readings[0].town.facts.kana == "ホンチョウ"
    assert resolve(japan, "〒999-6835 酒田市本町1").readings[0].town.facts.kana == "ホンマチ"


@pytest.mark.parametrize(
    ("text", "level", "unmatched"),
    [
        ("東京都鎌倉市御成町1", "prefecture", "鎌倉市御成町1"),
        ("鎌倉市どこにもない町1", "municipality", "どこにもない町1"),
        ("鎌倉市1-2", "municipality", "1-2"),
        ("鎌倉市大町西南1", "town", "西南1"),
        ("京都市中京区烏丸通御池上る二条殿町", "municipality", "烏丸通御池上る二条殿町"),
        ("〒100-0001 鎌倉市御成町1", "town", "〒100-0001"),
        ("東京都", "prefecture", ""),
        ("どこか", "none", "どこか"),
        ("", "none", ""),
        ("（（（（", "none", "（（（（"),
        ("神奈川県鎌倉市（", "municipality", "（"),
    ],
)
def test_what_was_not_understood_is_said(japan, text, level, unmatched):
    found = resolve(japan, text)

    assert (found.kind, found.level, found.unmatched) == ("partial", level, unmatched)


def test_a_name_does_not_end_inside_a_number(japan):
    found = resolve(japan, "北海道樺戸郡浦臼町浦臼第1234")

    assert found.kind == "partial"
    assert found.level == "municipality"


def test_a_name_does_not_end_inside_a_character(japan):
    found = resolve(japan, "神奈川県鎌倉市御成㋿")  # one character, two in full

    assert found.unmatched == "御成㋿"


def test_every_town_is_itself_or_says_that_it_is_not_sure(japan):
    """One in nine of all towns, written out with a number behind it."""
    unsure = 0
    for code, shelf in japan.shelves.items():
        place = japan.places[code].facts
        for at in list(shelf.all())[::9]:
            town = shelf.at(at).facts
            if town.kind == "rest" or town.name == "大泉町西井出８２４０−１":
                continue  # the name ends in the number of a plot
            found = resolve(japan, f"{place.prefecture}{place.name}{town.name}12番3")
            ids = [reading.town.facts.id for reading in found.readings if reading.town]
            assert found.kind != "resolved" or ids == [town.id]
            unsure += found.kind != "resolved"

    assert unsure < 30


OFFICIAL_TOWNS = {
    "Tokyo": "hist__town_pref13.zip",
    "Miyazaki": "hist__town_pref45_full.zip",
    "Wakayama": "processes_10_refresh_csv_ranges__mt_town_pref_mt_town_pref30.csv.zip",
    "Yakushima": "processes_04_make_chiban__mt_town_mt_town_all.csv.zip",
}


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the official samples are not beside the project")
@pytest.mark.parametrize("where", OFFICIAL_TOWNS)
def test_no_official_address_is_sent_to_another_place(japan, where):
    resolved = 0
    for official in _official(OFFICIAL / OFFICIAL_TOWNS[where]):
        town = official["oaza_cho"] + official["chome"] + official["koaza"]
        written = official["pref"] + official["county"] + official["city"] + official["ward"]
        found = resolve(japan, f"{written}{town}12番3")
        if found.kind == "resolved":
            (reading,) = found.readings
            resolved += 1
            assert reading.place.facts.id == official["lg_code"]
            assert (
                canonical(town)
                .removeprefix("大字")
                .startswith(canonical(reading.town.facts.name).removeprefix("大字"))
            )

    assert resolved


def _official(path: Path):
    """The rows that are no aliases and no street names of Kyoto."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as opened:
        for each in csv.DictReader(io.TextIOWrapper(opened, "utf-8-sig")):
            if each["oaza_cho_aka_flg"] != "1" and each["koaza_aka_code"] not in {"1", "2"}:
                yield each


WORDS = "〒 248-0012 東京都 神奈川県 鎌倉市 中央区 横浜市 御成町 大字 字 （ 「 一 十 百 丁目 番 1 １ ㍿ ㋀ ﷺ ﾞ - ー が"
UNSEEN = ["\u3099", "\N{VARIATION SELECTOR-17}", "\N{ZERO WIDTH SPACE}", " ", "　", "\n"]
PIECES = st.sampled_from([*WORDS.split(), *UNSEEN])
HOSTILE = st.one_of(
    st.text(max_size=400),
    st.lists(PIECES, max_size=130).map("".join).map(lambda text: text[:400]),
    st.tuples(PIECES, st.integers(1, 400)).map(lambda pair: (pair[0] * pair[1])[:400]),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=HOSTILE)
def test_any_text_is_answered_in_time_and_whole(japan, text):
    found = resolve(japan, text)

    assert min(seconds(japan, text) for _ in range(3)) < LONGEST_SECONDS
    assert (found.kind == "ambiguous") == (len(found.readings) > 1)
    assert found.kind != "resolved" or not found.unmatched
    assert letters(found.matched + found.rest + found.unmatched) == letters(text)


def seconds(japan, text: str) -> float:
    began = time.process_time()
    resolve(japan, text)
    return time.process_time() - began


def letters(text: str) -> list[str]:
    return sorted("".join(text.split()))
