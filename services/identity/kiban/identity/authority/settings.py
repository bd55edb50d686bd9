"""
The authority's settings, read once, in deploy.

Nothing here has a default that would be unsafe: secrets have none, and the names of the country's parties are the
ones that the country which ships with Kiban gives them.
"""

from dataclasses import dataclass

from kiban.shared.pseudonyms import MODES
from kiban.shared.settings import Secret


@dataclass(frozen=True, slots=True)
class Settings:
    origin: str
    """Public origin; it is written into every certificate, so it must never change."""
    secret: Secret
    """Wraps the authority's keys at rest.  Whoever has it and the database has every key."""
    operator_key: Secret
    """Whoever shows it may move the clock, read spans, open intents and acts."""
    enrolment_secret: Secret
    """From which each member's own secret is derived: hex HMAC-SHA256 over the member's name."""
    registrars: tuple[str, ...]
    """Members that may register people and cards, and end certificates."""
    resident_network: str
    """The one member that may have acquisition tokens made for an agency."""
    portal: str
    """For which the citizen's line is sealed; the one bearer of approvals and of the feed of registrations."""
    core: str = "core"
    """For which points are sealed."""
    login: str = "login"
    """The one member that passes on what a card answered, and that is given a holder's attributes."""
    mode: str = "blind"
    """How pseudonyms are converted, as in `kiban.shared.pseudonyms`; the same for the whole deployment."""
    organisation: str = "KIBAN SIMULATED"
    """O of every issuer's name."""
    crl_shards: int = 4
    """Into how many lists of revocations each authority's certificates are divided."""

    def __post_init__(self) -> None:
        if "SIMULATED" not in self.organisation:
            raise ValueError("an issuer's name must say SIMULATED")
        if self.mode not in MODES:
            raise ValueError(f"{self.mode} is no mode: say one of {', '.join(MODES)}")
        if not 1 <= self.crl_shards <= 10_000:  # noqa: PLR2004
            raise ValueError("there are 1 to 10,000 shards")
