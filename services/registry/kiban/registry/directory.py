"""
The directory: the legal entities that are listed now, by number and by name.

Names are found by any part of them, in Japanese, kana or English: exactly this name first, then those that begin so,
then the others; entities that are closed come last.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kiban.registry.editions import Held
from kiban.registry.facts import EntityFacts
from kiban.registry.spelling import canonical


@dataclass(frozen=True, slots=True)
class Entity:
    """A legal entity as it is listed, with its folded names."""

    held: Held[EntityFacts]
    names: tuple[str, ...]

    def rank(self, text: str) -> int | None:
        """0 for exactly this name, 1 where one begins so, 2 where one holds it; None where none does."""
        if text in self.names:
            return 0
        if any(name.startswith(text) for name in self.names):
            return 1
        return 2 if any(text in name for name in self.names) else None


class Directory:
    """The legal entities of the country."""

    def __init__(self, entities: Iterable[Held[EntityFacts]]) -> None:
        self._entities = {held.facts.id: _entity(held) for held in entities}

    def __len__(self) -> int:
        return len(self._entities)

    def entity(self, number: str) -> Held[EntityFacts] | None:
        found = self._entities.get(number)
        return found.held if found else None

    def named(self, name: str) -> list[Held[EntityFacts]]:
        """Give all that are called so, best first."""
        text = canonical(name)
        if not text:
            return []
        ranked = [
            (entity.held.facts.valid_to is not None, rank, number)
            for number, entity in self._entities.items()
            if (rank := entity.rank(text)) is not None
        ]
        return [self._entities[number].held for _, _, number in sorted(ranked)]


def _entity(held: Held[EntityFacts]) -> Entity:
    facts = held.facts
    return Entity(held, tuple(map(canonical, (facts.name, facts.kana, facts.name_en))))
