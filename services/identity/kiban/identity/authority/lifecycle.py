"""
The life of a certificate: which event ends which of a holder's certificates, and for which reason.

One table, to be read and reviewed as data.  An event is reported for one certificate.  Some events concern that one
alone, some the whole card, and a change of attributes ends what certified them.  Nothing that has ended lives again:
a hold (一時保留) is never released.

Decided here, because no source that was read says it: death ends both certificates as no longer needed
(cessationOfOperation), and a loss, which is reported for the card, holds both.

Sources: identity's reference, section 4; CPS 4.9.9 as cited there; RFC 5280, section 5.3.1.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from kiban.shared.problems import Malformed

Kind = Literal["authentication", "signature"]
Event = Literal["loss", "compromise", "attributes-changed", "renewal", "not-needed", "death"]


class Reason(IntEnum):
    """CRLReason, as far as this service uses it."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6


@dataclass(frozen=True, slots=True)
class Ending:
    """What an event does: `kinds` may be reported; `card` says that all of the card's certificates end."""

    reason: Reason
    card: bool = False
    kinds: frozenset[Kind] = frozenset({"authentication", "signature"})


ENDINGS: dict[Event, Ending] = {
    "loss": Ending(Reason.CERTIFICATE_HOLD, card=True),
    "compromise": Ending(Reason.KEY_COMPROMISE),
    "attributes-changed": Ending(Reason.AFFILIATION_CHANGED, kinds=frozenset({"signature"})),
    "renewal": Ending(Reason.SUPERSEDED),
    "not-needed": Ending(Reason.CESSATION_OF_OPERATION),
    "death": Ending(Reason.CESSATION_OF_OPERATION, card=True),
}


def ending_of(event: Event, kind: Kind) -> Ending:
    """What this event does to a certificate of this kind, if it does anything."""
    ending = ENDINGS[event]
    if kind not in ending.kinds:
        raise Malformed(
            f"{event} does not end a certificate for {kind}",
            sent=kind,
            expected=", ".join(sorted(ending.kinds)),
            at="body.event",
        )
    return ending
