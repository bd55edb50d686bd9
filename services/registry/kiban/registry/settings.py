"""The registry's settings, read once, in deploy."""

from dataclasses import dataclass
from pathlib import Path

from kiban.shared.settings import Secret


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """What a registry needs to know."""

    origin: str
    """Public origin of this registry."""
    operator_key: Secret
    """Whoever holds it may move the clock and read spans."""
    country: Path
    """The country's directory: legal-entities.toml lies there."""
    postal_data: Path | None = None
    """A postal data file in the package's form; None takes the package's own."""
