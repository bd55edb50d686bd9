"""Editions: an edition changes exactly what it says differently, and nothing vanishes without a word."""

import pytest

from kiban.registry import editions
from kiban.registry.editions import NO_LONGER_LISTED, Change, Held
from kiban.registry.facts import PostalCode, TownFacts


def town(name: str = "御成町", end: str = "a", **changed) -> TownFacts:
    usual = TownFacts(
        f"142042-k{end * 8}", "town", name, "オナリマチ", False, (PostalCode("2480012", ""),)
    )
    return usual._replace(**changed)


def held(*towns: TownFacts, withdrawn: str = "") -> dict[str, Held]:
    return {each.id: Held(each, 1, withdrawn) for each in towns}


def test_the_same_again_changes_nothing():
    assert list(editions.compare(held(town()), [town()])) == []


def test_new_and_changed_entries_are_told_in_the_sources_order():
    changed, new = town(has_chome=True), town("大町", "b")

    assert list(editions.compare(held(town()), [new, changed])) == [Change(new), Change(changed)]


def test_what_is_no_longer_listed_is_withdrawn_once():
    gone = list(editions.compare(held(town()), []))

    assert gone == [Change(town(), NO_LONGER_LISTED)]
    assert list(editions.compare(held(town(), withdrawn=NO_LONGER_LISTED), [])) == []


def test_what_is_listed_again_comes_back():
    before = held(town(), withdrawn=NO_LONGER_LISTED)

    assert list(editions.compare(before, [town()])) == [Change(town())]


def test_an_id_that_is_listed_twice_is_refused():
    with pytest.raises(editions.ListedTwice):
        list(editions.compare({}, [town(), town("大町")]))
