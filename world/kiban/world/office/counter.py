"""
The counter (窓口): whom a municipality expects to move in, and who has come.

Refused: a notice that nobody waits for any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from kiban.world.office.records import NothingToDecide

State = Literal["expected", "arrived", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One person who was announced by a notice of moving out (転出届)."""

    number: int
    notice: str
    person: str
    came_from: str
    values: Mapping[str, JsonValue] = field(repr=False)
    state: State


class Counter:
    """The counter of an office to which no notice has come."""

    async def arrivals(self) -> list[Arrival]:
        """Everybody who was announced."""
        return []

    async def arrive(self, notice: str) -> None:
        """Everybody of this notice has come: they live here from now on."""
        raise NothingToDecide("nobody is expected under this notice", sent=notice)
