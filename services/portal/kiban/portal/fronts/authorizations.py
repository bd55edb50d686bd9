"""One authorization, as the portal keeps it: of code and token the digests alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a front asked for, whose visit it was opened in, and how far it has come."""

    id: str
    front: str
    redirect_uri: str
    state: str | None
    code_challenge: str
    key: str
    """Thumbprint of the key that code and token are bound to."""
    details: Sequence[Mapping[str, str | None]]
    until: datetime
    """Until when the person can be asked."""
    person: str | None = None
    session: str | None = None
    application: str | None = None
    approval: str | None = None
    code: str | None = None
    code_until: datetime | None = None
    token: str | None = None
    redeemed_at: datetime | None = None
    ended_at: datetime | None = None
    language: str | None = None
    """In which the front spoke with the person."""

    @property
    def answered(self) -> bool:
        """Whether the person said yes or no already."""
        return self.code is not None or self.ended_at is not None
