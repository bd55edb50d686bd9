"""Spelling: ways to write one name meet, and the way back is exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiban.registry.spelling import canonical, spell


@pytest.mark.parametrize(
    "ways",
    [
        ("霞が関", "霞ヶ関", "霞ケ関", "霞ガ関", "霞 ヶ 関"),
        ("北一条西", "北1条西", "北１条西"),
        ("二十四軒", "24軒", "２４軒"),
        ("四丁目", "4丁目", "４丁目"),
        ("大澤", "大沢"),
        ("箪笥町", "簞笥町"),
        ("一ノ宮", "一の宮", "一之宮"),
        ("ガーデン", "ｶﾞｰﾃﾞﾝ", "がーでん"),
        ("三ッ沢", "三ツ沢"),
        ("葛󠄀城市", "葛城市"),
        ("ＪＰタワー", "JPタワー", "jpﾀﾜｰ"),
        ("が", "か\N{COMBINING KATAKANA-HIRAGANA VOICED SOUND MARK}"),
    ],
)
def test_ways_to_write_one_name_meet(ways):
    assert len({canonical(way) for way in ways}) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("大町", "犬町"), ("千代田", "1000代田"), ("三条", "四条"), ("ハハ", "ババ")]
)
def test_different_names_stay_apart(one, other):
    assert canonical(one) != canonical(other)


def test_what_is_left_over_is_given_back_as_it_was_written():
    spelled = spell("北 一条 西　２丁目")

    taken = len(canonical("北一条西"))

    assert spelled.before(taken) == "北 一条 西"
    assert spelled.after(taken) == "　２丁目"


@given(st.text(max_size=60))
def test_every_cut_gives_the_whole_text_back(text):
    spelled = spell(text)

    assert spelled.text == canonical(text)
    assert len(spelled.text) == len(spelled.ends)
    for taken in range(len(spelled.text) + 1):
        assert spelled.before(taken) + spelled.after(taken) == text


@given(st.text(st.sampled_from("一二三十百〇条丁目番号霞ヶが関1９ ｶﾞ゙\u3099町"), max_size=30))
def test_numerals_marks_and_joins_are_folded_the_same_way_with_and_without_the_way_back(text):
    assert spell(text).text == canonical(text)


def test_no_separator_of_a_shelf_survives():
    assert canonical("a\n\v\tb\N{NULL}\N{ZERO WIDTH SPACE}") == "AB"
