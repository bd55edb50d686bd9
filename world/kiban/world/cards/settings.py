"""The cards' settings, read once, in deploy."""

from dataclasses import dataclass
from pathlib import Path

from kiban.shared.settings import Secret


@dataclass(frozen=True, slots=True)
class CardsSettings:
    """What the cards' page needs to know."""

    origin: str
    """Public origin of the page; browsers open it."""
    secret: Secret
    """Wraps the cards' private keys and PINs at rest."""
    operator_key: Secret
    """Whoever holds it stands at the municipality's counter: resets PINs, moves the clock."""
    counter_key: Secret
    """What the counters of municipalities show to begin a renewal."""
    login_origin: str
    """The one login whose requests are answered."""
    country: Path
    """The country's directory: names of agencies, items and affairs."""
    show_pins: bool = False
    """Whether the page shows each card's PINs: it is a toy, and nobody knows them otherwise."""
