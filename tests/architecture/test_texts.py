"""Texts for citizens: every language says the same things, with the same facts in them."""

import string
import tomllib
from pathlib import Path

import pytest

from tests.architecture.floors import ROOT, SOURCES

CATALOGUES = sorted(
    place for source in SOURCES for place in source.rglob("texts") if place.is_dir()
)


def entries(path: Path) -> dict[str, str]:
    return dict(_flat(tomllib.loads(path.read_text(encoding="utf-8"))))


def _flat(table, prefix=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("place", CATALOGUES, ids=lambda place: str(place.relative_to(ROOT)))
def test_every_language_has_the_same_texts(place: Path) -> None:
    japanese = entries(place / "ja.toml")
    others = {path.stem: entries(path) for path in place.glob("*.toml") if path.stem != "ja"}

    assert "en" in others
    for language, texts in others.items():
        assert texts.keys() == japanese.keys(), language
        for key, text in texts.items():
            assert placeholders(text) == placeholders(japanese[key]), f"{language}: {key}"


@pytest.mark.parametrize("place", CATALOGUES, ids=lambda place: str(place.relative_to(ROOT)))
def test_no_text_is_empty(place: Path) -> None:
    for path in place.glob("*.toml"):
        assert all(text.strip() for text in entries(path).values()), path.stem
