"""
Editions: what one edition of a source changes in what the register holds.

The register is append-only.  An edition adds a version for each entry that is new or says something else, and one
that withdraws each entry which the source no longer lists: the sources at hand let rows vanish without a word, and
other services still hold their ids.  What an edition repeats leaves no trace.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple

from kiban.registry.contract import Source
from kiban.registry.facts import Facts, Of_co

NO_LONGER_LISTED = "the source no longer lists it, and does not say why"


class ListedTwice(Exception):  # noqa: N818  named by what is wrong
    """A source lists one id twice: it was read wrongly, and nothing of it may be kept."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of one source, taken in at one time; its changes end with `sequence`."""

    source: Source
    name: str
    known_from: datetime
    rows: int
    changes: int
    sequence: int


class Held(NamedTuple, Generic[Of_co]):
    """The newest version of an entry; `withdrawn` says why the source no longer lists it."""

    facts: Of_co
    sequence: int
    withdrawn: str = ""


@dataclass(frozen=True, slots=True)
class Version(Generic[Of_co]):
    """One version of an entry, and the edition that it comes from."""

    held: Held[Of_co]
    edition: Edition


class Change(NamedTuple):
    """What becomes a version of an entry, once it has its sequence."""

    facts: Facts
    withdrawn: str = ""


def compare(held: Mapping[str, Held[Facts]], stated: Iterable[Facts]) -> Iterator[Change]:
    """Give what changes, in the order in which the source states it; withdrawals come last."""
    seen: set[str] = set()
    for facts in stated:
        if facts.id in seen:
            raise ListedTwice(facts.id)
        seen.add(facts.id)
        before = held.get(facts.id)
        if before is None or before.withdrawn or before.facts != facts:
            yield Change(facts)
    for name, last in held.items():
        if name not in seen and not last.withdrawn:
            yield Change(last.facts, NO_LONGER_LISTED)
