"""Ids of towns: they do not change, and they show whose they are."""

import re

import pytest

from kiban.registry import town_ids
from kiban.registry.contract import TOWN_ID


@pytest.mark.parametrize(
    ("name", "reading", "expected"),
    [
        ("御成町", "", "142042-k2nx7g4cs"),
        ("由比ガ浜", "", "142042-kbpvdvy3p"),
        ("", "", "142042-k2r3xz5mb"),
    ],
)
def test_ids_are_what_they_were_in_the_first_edition(name, reading, expected):
    assert town_ids.mint("142042", name, reading=reading) == expected


def test_an_id_is_no_official_one():
    assert re.fullmatch(TOWN_ID, town_ids.mint("142042", "御成町"))
    assert not re.fullmatch(r"[0-9]{6}-?[0-9]{7}", town_ids.mint("142042", "御成町"))


@pytest.mark.parametrize("other", ["霞ヶ関", "霞　ケ関", "霞ｹ関"])
def test_editions_that_waver_in_width_and_size_keep_the_id(other):
    assert town_ids.mint("131016", other) == town_ids.mint("131016", "霞ケ関")


def test_a_reading_tells_two_towns_of_one_name_apart():
    ids = {town_ids.mint("062049", "本町", reading=each) for each in ("", "ホンチョウ", "ホンマチ")}

    assert len(ids) == 3
