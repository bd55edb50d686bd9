"""A company's settings, read once, in deploy."""

from dataclasses import dataclass

from kiban.shared.settings import Secret


@dataclass(frozen=True, slots=True)
class CompanySettings:
    """What a company needs to know."""

    kind: str
    """Which of the catalogue's companies this is."""
    origin: str
    """Public origin, as browsers see it: http://bank.localhost:8000."""
    secret: Secret
    """Wraps what a login on its way and later questions need, and signs forms."""
    operator_key: Secret
    login_issuer: str
    """Login's public origin and its realm."""
    client_id: str
    """The company's name at login."""
    client_key: Secret
    """PEM of the P-256 key with which the company proves to login that it is this client."""
