"""
Conversion keys: one scalar for each domain of pseudonyms and each of its epochs; the core alone holds them.

A domain is a member.  A new epoch gives a new key; the core converts from the current and the previous one, and
tells the member the ratio of the two, sealed, so that it moves its pseudonyms by itself.

The change office alone has a domain for each item, so that it cannot join what it knows of a person's address with
what it knows of her income.  Those domains stay in their first epoch.

Source: DESIGN 5.1 (epochs), 5.5; the protocol's page, attacks M1, M4 and L5.
"""

from dataclasses import dataclass, field

from kiban.shared import points
from kiban.shared.exchanges import Count

SIZE = points.SIZE
FIRST_EPOCH: Count = 0


@dataclass(slots=True, repr=False)
class ConversionKeys:
    """The keys, in memory; `kiban.mesh.store` keeps them wrapped."""

    _scalars: dict[tuple[str, int], int] = field(default_factory=dict)
    _epochs: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"ConversionKeys({len(self._scalars)})"

    def epoch(self, domain: str) -> int:
        return self._epochs.get(domain, FIRST_EPOCH)

    def knows(self, domain: str, epoch: int) -> bool:
        return (domain, epoch) in self._scalars

    def scalar(self, domain: str, epoch: int) -> int:
        return self._scalars[domain, epoch]

    def put(self, domain: str, epoch: int, scalar: int) -> None:
        """Know this key; the highest epoch that is known is the current one."""
        self._scalars[domain, epoch] = scalar
        self._epochs[domain] = max(epoch, self._epochs.get(domain, FIRST_EPOCH))


def draw() -> bytes:
    """A new key, as it is kept."""
    return points.draw().to_bytes(SIZE, "big")


def name(domain: str, epoch: int) -> str:
    """What the keyring calls a key."""
    return f"conversion {domain} {epoch}"


def changes_of(item: str) -> str:
    """The change office's domain for one item; no member can be called so."""
    return f"changes of {item}"
