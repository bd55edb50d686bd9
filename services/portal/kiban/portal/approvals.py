"""
Approvals (承認): terms that a citizen was asked to approve at the card, and the consents that came of it.

An approval is asked for, then approved with the card, then handed to each party.  The authority's tokens are good once
and for minutes, so an approval that did not reach a party is given anew.

Source: DESIGN 5.6.
"""

from dataclasses import dataclass
from datetime import datetime

from kiban.gateway.contract import ConsentRecord


@dataclass(frozen=True, slots=True)
class Consent:
    """One record of the terms, as the citizen can look it up and end it."""

    record: ConsentRecord
    approved_at: datetime
    ended_at: datetime | None

    @property
    def id(self) -> str:
        return self.record.id

    def in_force(self, at: datetime) -> bool:
        return self.ended_at is None and at.timestamp() < self.record.until


@dataclass(frozen=True, slots=True)
class Approval:
    """What was put to one person in one session, for an application or for a look at own records."""

    id: str
    person: str
    session: str
    application: str | None
    asked_at: datetime
    records: tuple[ConsentRecord, ...]
    approved_at: datetime | None = None
    pending: bool = False
    """Whether the tokens still wait for the gateway."""
    away: tuple[str, ...] = ()
    """Parties that could not be reached: what concerns them must be approved again."""

    @property
    def approved(self) -> bool:
        return self.approved_at is not None

    @property
    def shown(self) -> tuple[ConsentRecord, ...]:
        """What the citizen is shown under it."""
        return tuple(record for record in self.records if record.kind == "self")

    @property
    def given(self) -> tuple[ConsentRecord, ...]:
        """What an office may read under it."""
        return tuple(record for record in self.records if record.kind == "consent")

    @property
    def parties(self) -> frozenset[str]:
        """Everybody whom it names."""
        return frozenset(one for each in self.records for one in (each.provider, each.reader))

    def holds(self, session: str, at: datetime) -> bool:
        """Whether it was approved in this session and can still be used for showing."""
        in_time = all(at.timestamp() < record.until for record in self.shown)
        return self.approved and self.session == session and in_time

    @property
    def delivered(self) -> bool:
        """Whether everybody whom it names has it."""
        return not self.pending and not self.away
