"""The core's settings, read once, in deploy."""

from dataclasses import dataclass
from pathlib import Path

from kiban.shared.settings import Secret


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """What a core needs to know."""

    origin: str
    """Public origin of this core."""
    secret: Secret
    """Wraps the keys at rest."""
    operator_key: Secret
    """Whoever holds it may rotate epochs and read spans."""
    member_secret: Secret
    """With which the core obtains its organisation certificate."""
    authority_origin: str
    country: Path
    """The country's directory: agencies, law, layouts."""
    mode: str = "blind"
    """How pseudonyms are converted: blind or classic."""
    member: str = "core"
    """The core's own name among the members."""
    witnesses: tuple[str, ...] = ()
    """Who cosigns the log's heads: a verifier key, a space and an address each (c2sp.org/tlog-witness)."""
