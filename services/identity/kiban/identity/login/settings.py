"""Login's settings, read once, in deploy."""

from dataclasses import dataclass

from kiban.shared.settings import Secret


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """What login needs to know."""

    origin: str
    """Public origin of this login; browsers open it."""
    secret: Secret
    """Wraps keys, tokens and results at rest."""
    operator_key: Secret
    """Whoever holds it may rotate the signing keys, move the clock and read spans."""
    member_secret: Secret
    """With which login obtains its organisation certificate."""
    authority_origin: str
    card_origin: str
    """Where the browser is sent to hold up a card."""
    clients: str
    """The relying parties: a JSON list of `ClientRegistration`."""
    member: str = "login"
    """Login's own name among the members."""
