"""
Agencies: what an office's file says that the office does, in a closed list of verbs.

An agency file needs no code.  Its office *holds* items, *answers* for each at once or only after a clerk has looked,
*announces* that a record changed, *follows* records that others announce, and *accepts* procedures: it reads what it
needs, also of whoever it *relates* to the applicant, and decides by conditions or *waits for a clerk*.  What was
granted, and what it follows, it *applies* to its own records.  What another office tells this one alone about people
who move, it *expects* until they arrive, and it *completes* what it had told itself; an application can *withdraw*
what an earlier one told.  What a municipality must not learn from another it hears from whoever *passes it on*.  Name
and domain are read by the mesh as well.

How a file is read, and what is refused in it: `agency_files`.
Sources: DESIGN 2 (a country is a directory).
"""

from dataclasses import dataclass, fields
from typing import Any, Literal

from kiban.world.office.conditions import Condition, named
from kiban.world.office.effects import Effect
from kiban.world.office.relatives import Relation

Text = dict[str, str]
Answers = Literal["at-once", "after-a-clerk"]


@dataclass(frozen=True, slots=True)
class Holding:
    """One item that the office holds, and how it behaves about it."""

    item: str
    answers: Answers = "at-once"
    announces: str | None = None
    """The affair under which its changes are announced; none where nobody is told."""
    tells_where: bool = False
    """Whether a record of it, or that there is one here, says where a person is."""


@dataclass(frozen=True, slots=True)
class Read:
    """One item that the office reads for itself before it decides; without a provider, its own record."""

    item: str
    provider: str | None = None
    affair: str | None = None
    by_consent: bool = False
    needed: bool = True
    """Whether an application is returned where nothing is held."""
    of: str | None = None
    """Whose item: that of whoever stands in this relation to the applicant; none for the applicant's own."""

    @property
    def name(self) -> str:
        """What the reading is called."""
        return named(self.item, self.of)


@dataclass(frozen=True, slots=True)
class Follow:
    """One item of another office whose changes the office takes over into its own records."""

    item: str
    provider: str
    affair: str
    applies: tuple[Effect, ...]

    @property
    def own(self) -> tuple[str, ...]:
        """The office's own items that the effects read beside what is followed."""
        read = (each for effect in self.applies for each in effect.assignments)
        return tuple(
            dict.fromkeys(
                each.item for each in read if each.source == "read" and each.item != self.item
            )
        )


@dataclass(frozen=True, slots=True)
class Expectation:
    """One item that another office tells this one alone of people who will arrive, and what is written when they do."""

    item: str
    affair: str
    applies: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """One item that another office tells this one alone of people who have arrived there."""

    item: str
    affair: str
    told: str
    """The item of its own which it had told that office."""
    ends: tuple[str, ...]
    leaves: tuple[tuple[str, str], ...]
    """Items, each with its list, from which who has left is taken out in the records of those who stay."""
    completed: Text


@dataclass(frozen=True, slots=True)
class Passage:
    """One item that another office tells this one of whoever is protected, to be passed on as its own."""

    item: str
    affair: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a grant takes back: what an earlier application had told one office alone."""

    item: str
    affair: str
    withdrawn: Text
    """What is said of the earlier application."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One procedure that the office accepts, and how it comes to a decision."""

    procedure: str
    reads: tuple[Read, ...]
    grants_when: tuple[Condition, ...]
    waits_for_clerk: bool
    applies: tuple[Effect, ...]
    granted: Text
    refused: Text
    withdraws: Withdrawal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbs:
    """What one file says that an office does."""

    holds: tuple[Holding, ...] = ()
    follows: tuple[Follow, ...] = ()
    accepts: tuple[Acceptance, ...] = ()
    expects: tuple[Expectation, ...] = ()
    completes: tuple[Completion, ...] = ()
    passes_on: tuple[Passage, ...] = ()
    relates: tuple[Relation, ...] = ()

    def __add__(self, other: "Verbs") -> "Verbs":
        return Verbs(**{name: said + other.said()[name] for name, said in self.said().items()})

    def said(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(Verbs)}


@dataclass(frozen=True, slots=True)
class Agency(Verbs):
    """One agency as its file describes it."""

    id: str
    name: Text
    domain: str
    municipality: str | None = None
    vault: bool = False

    @property
    def listens(self) -> bool:
        """Whether any news is for this office."""
        return bool(self.follows or self.expects or self.completes or self.passes_on)

    @property
    def items(self) -> frozenset[str]:
        return frozenset(each.item for each in self.holds)

    def holding(self, item: str) -> Holding | None:
        return next((each for each in self.holds if each.item == item), None)

    def follow(self, item: str, provider: str) -> Follow | None:
        return next(
            (one for one in self.follows if (one.item, one.provider) == (item, provider)), None
        )

    def relation(self, name: str) -> Relation | None:
        return next((each for each in self.relates if each.id == name), None)

    def acceptance(self, procedure: str) -> Acceptance | None:
        return next((each for each in self.accepts if each.procedure == procedure), None)
