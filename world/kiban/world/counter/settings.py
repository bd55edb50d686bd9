"""The counter's settings, read once, in deploy."""

from dataclasses import dataclass

from kiban.shared.settings import Secret


@dataclass(frozen=True, slots=True)
class CounterSettings:
    """What the counter of one municipality needs to know."""

    origin: str
    """Public origin of the counter, as a clerk's browser sees it."""
    secret: Secret
    """Signs forms."""
    clerk_key: Secret
    """What a clerk shows to sign in."""
    cards_origin: str
    """Where visitors put their cards down."""
    card_counters_secret: Secret
    """What the counter shows to the cards to begin a renewal."""
    network_origin: str
    """Where the resident network is told of mandates."""
