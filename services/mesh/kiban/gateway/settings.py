"""A gateway's settings, read once, in deploy."""

from dataclasses import dataclass

from kiban.shared.settings import Secret


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What a gateway needs to know."""

    member: str
    """The agency's name among the members."""
    origin: str
    """Public origin of this gateway."""
    secret: Secret
    """Wraps keys and pseudonyms at rest, and salts the digests of statements."""
    operator_key: Secret
    """Whoever holds it may move the clock and read spans."""
    member_secret: Secret
    """With which the gateway obtains its organisation certificate."""
    agency_key: Secret
    """With which the agency's own system calls the inner side."""
    authority_origin: str
    core_origin: str
    resident_network: str
    """The member to which four attributes are sent for a pseudonym (取得番号)."""
    key_seed: Secret
    """From which the member's keys follow if they were certified before this gateway first started; else empty."""
    reads_lines: bool = False
    """True for the portal's gateway alone: it holds a pseudonym for everybody and files their lines."""
