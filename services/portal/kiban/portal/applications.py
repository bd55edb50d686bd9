"""
Applications (申請): from a draft to a decision, and the frozen text that the citizen signs.

An application never holds a held value: for each field that an office fills it holds a *reference*, the digest of
the provider's statement and the log's leaf.  So there is nothing in it that the citizen, or the portal, could have
altered and that would be believed.  Frozen, it is one canonical text (RFC 8785):

    {"kiban":"application/1","procedure":…,"edition":…,"office":…,"answers":{…},"held":[…],"consents":[…],"made_at":…}

Where a proxy signs it, it also says so: `"acting":{"basis":…,"reference":…}`.  The reference is drawn for this text
alone; with it the office, and nobody else, can ask the authority for whom and in what the signer may act.

Refused: a step that the application has left behind (`StepPassed`), so that a second click, a second window and the
back button do nothing twice.

Pure rules.  Source: DESIGN 4 (steps 5 and 6).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from kiban.portal.contract import StepPassed
from kiban.portal.procedures import Filed
from kiban.shared import canonical
from kiban.shared.canonical import JSON

FORMAT = "application/1"
State = Literal[
    "draft",
    "approved",
    "prefilled",
    "answered",
    "signed",
    "submitted",
    "received",
    "decided",
    "undeliverable",
    "discarded",
]
_ORDER = {state: place for place, state in enumerate(get_args(State))}
OPEN: tuple[State, ...] = ("draft", "approved", "prefilled", "answered")
"""States in which the citizen can still change or discard it."""
SENT: tuple[State, ...] = ("signed", "submitted", "received", "decided", "undeliverable")
UNDECIDED: tuple[State, ...] = ("signed", "submitted", "received")
"""States in which the office has yet to say how it decided."""
AFTER_A_GRANT = ("withdrawn", "completed")
"""Events that come after a grant: taken back (取消し), or all done that had to follow (完了).  The later counts."""
DECISIONS = frozenset({"granted", "refused", "returned", *AFTER_A_GRANT})
"""Events of a receipt that end the office's part."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What stands in an application for a held value: who said it, its digest, and where the log has it."""

    field: str
    item: str
    provider: str
    layout: int
    digest: str
    exchange: str
    leaf: str

    def document(self) -> dict[str, JSON]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def read(cls, document: Mapping[str, object]) -> "Reference":
        return cls(**document)  # type: ignore[arg-type]  # written by `document` alone


@dataclass(frozen=True, slots=True)
class Application:
    """One application, as the portal keeps it.  What the citizen answered is kept apart, sealed."""

    id: str
    person: str
    procedure: str
    edition: int
    office: str
    state: State
    opened_at: datetime
    changed_at: datetime
    held: tuple[Reference, ...] = ()
    digest: str | None = None
    exchange: str | None = None
    leaf: str | None = None
    outcome: str | None = None
    """The last event that the office told, or the problem that kept the application from its desk."""

    @property
    def editable(self) -> bool:
        return self.state in OPEN

    @property
    def sent(self) -> bool:
        return self.state in SENT

    def require(self, *states: State) -> None:
        """Return silently if the application is at one of these steps."""
        if self.state not in states:
            raise StepPassed(f"it is {self.state}", sent=self.state, expected=", ".join(states))

    def reached(self, state: State) -> bool:
        """Whether it has come at least as far as this step."""
        return _ORDER[self.state] >= _ORDER[state]

    def reference(self, field: str) -> Reference | None:
        return next((one for one in self.held if one.field == field), None)


@dataclass(frozen=True, slots=True, repr=False)
class Frozen:
    """An application as it is signed, character by character."""

    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text: what the card signs, 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __repr__(self) -> str:
        return f"Frozen({self.digest[:8]}…)"


@dataclass(frozen=True, slots=True, repr=False)
class ActingFor:
    """That the signer acts for the person whose application it is: on what that rests, and how to ask."""

    basis: str
    reference: str


def freeze(
    application: Application,
    procedure: Filed,
    *,
    answers: Mapping[str, JSON],
    consents: Iterable[str],
    at: datetime,
    acting: ActingFor | None = None,
) -> Frozen:
    """Write the application down for the signature."""
    said: dict[str, JSON] = {}
    if acting is not None:
        said["acting"] = {"basis": acting.basis, "reference": acting.reference}
    text = canonical.encode(
        said
        | {
            "kiban": FORMAT,
            "procedure": procedure.id,
            "edition": procedure.edition,
            "office": procedure.office,
            "answers": dict(answers),
            "held": [reference.document() for reference in application.held],
            "consents": list(consents),
            "made_at": int(at.timestamp()),
        }
    )
    return Frozen(text.decode())


def after_receipt(state: State, event: str) -> State:
    """The state after an office's receipt; what was decided stays decided."""
    if event in DECISIONS:
        return "decided"
    return "received" if state in {"signed", "submitted", "received"} else state


def last_outcome(known: str | None, event: str) -> str:
    """The event that the citizen is shown last, in whatever order they are heard."""
    for last in reversed(AFTER_A_GRANT):
        if last in {known, event}:
            return last
    return event
