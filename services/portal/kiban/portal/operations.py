"""
Operations (操作履歴): what was done here in the citizen's name, for the citizen to look over.

The history of exchanges tells who read what; this tells what somebody with the citizen's card did at the portal.
What a proxy did stands in the record of both people,
once: it is one line, and each reads it from their side.

Whoever sees a login here that was not theirs knows that the card is in other hands.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

What = Literal[
    "logged-in",
    "logged-out",
    "session-ended",
    "application-opened",
    "terms-approved",
    "information-shown",
    "answers-given",
    "application-signed",
    "application-sent",
    "application-undeliverable",
    "application-discarded",
    "consent-ended",
    "front-let-in",
    "acting-began",
    "acting-ended",
    "mandate-ended",
    "receipt-doubtful",
    "once-only-refused",
]


@dataclass(frozen=True, slots=True)
class Deputy:
    """Who did something for somebody else, and under which mandate."""

    proxy: str
    mandate: str


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One line: when, what, about which procedure, items or consent; and whose affair it was, by whose hand.

    An item is named with the office that holds it, as `tax/income`.
    """

    at: datetime
    what: What
    about: str
    person: str = ""
    deputy: Deputy | None = None
