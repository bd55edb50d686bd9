"""What the portal is told at its start; read from the environment in deploy, field by field."""

from dataclasses import dataclass
from pathlib import Path

from kiban.shared.settings import Secret


@dataclass(frozen=True, slots=True)
class Settings:
    origin: str
    """Public origin, as browsers see it: http://portal.localhost:8000."""
    secret: Secret
    """Wraps drafts at rest and signs what goes through the browser; losing it loses drafts and sessions."""
    operator_key: Secret
    login_issuer: str
    """The issuer of ID tokens: login's public origin and its realm."""
    client_id: str
    """The portal's name at login."""
    client_key: Secret
    """PEM of the P-256 key with which the portal proves to login that it is this client."""
    gateway_origin: str
    """Public origin of the portal's own gateway."""
    agency_key: Secret
    """Bearer key of that gateway's inner side."""
    registry_origin: str
    country: Path
    """The country's directory: procedures, and the names of agencies, affairs and items."""
    fronts: str = "[]"
    """Private services that people may let in: a JSON document, each with its public keys."""
    session_minutes: int = 60
    """How long a session lasts at most, and with it every approval of own information."""
    idle_minutes: int = 20
    """How long a session lasts without a request."""
    poll_seconds: float = 2.0
    """How often the offices are asked for receipts and decisions."""
