"""
The portal's contract: its small public interface, and the problems that a citizen or a developer can meet.

Pages are for people and are no contract; the ids of their forms and tables are kept stable all the same, because
tests and teachers' scripts rely on them: link `login`; forms `start-PROCEDURE`, `agree`, `answers`, `sign`,
`submit`; tables `held`, `history`, `notices`.

Source: DESIGN 3, 4, 6 (portal); plan rows PTL-03, PTL-07, PTL-10.
"""

from typing import Literal

from pydantic import Field

from kiban.shared.exchanges import Count, MemberId, Name, Shape
from kiban.shared.problems import Problem

Text = dict[str, str]
"""A text by language: ja, en."""
AnswerType = Literal["text", "month", "date", "yes", "company", "address", "members"]


class OnceOnlyViolated(Problem):
    slug, title, status = (
        "once-only-violated",
        "An office holds this already: it is never taken from a form",
        422,
    )


class ProcedureUnknown(Problem):
    slug, title, status = "procedure-unknown", "There is no such procedure", 404


class ApplicationUnknown(Problem):
    slug, title, status = "application-unknown", "You have no such application", 404


class StepPassed(Problem):
    slug, title, status = "step-passed", "The application is no longer at this step", 409


class SessionEnded(Problem):
    slug, title, status = "session-ended", "You are not logged in, or the session has ended", 401


class ErrandRefused(Problem):
    slug, title, status = (
        "errand-refused",
        "This return from the card does not belong to this browser",
        403,
    )


class CardDeclined(Problem):
    slug, title, status = "card-declined", "The card was not used", 403


class PersonMismatch(Problem):
    slug, title, status = (
        "person-mismatch",
        "Login and gateway speak of two different persons",
        502,
    )


class SignatureMismatch(Problem):
    slug, title, status = "signature-mismatch", "The signature is not over this application", 422


class ConsentUnknown(Problem):
    slug, title, status = "consent-unknown", "You have given no such consent", 404


class HeldField(Shape):
    """A field that an office's record fills: shown read-only, never asked (once-only, ワンスオンリー)."""

    name: Name | str
    item: Name
    provider: MemberId
    consent: bool = Field(description="whether the office needs the person's consent to read it")


class AskedField(Shape):
    """A field that only the citizen can fill."""

    name: str
    type: AnswerType
    label: Text
    required: bool
    ask_reason: str | None = Field(description="why it is asked although an office holds it")


class ProcedureSummary(Shape):
    """One procedure (手続) that a citizen can start."""

    id: Name
    edition: Count
    name: Text
    summary: Text
    office: MemberId


class ProcedureList(Shape):
    procedures: list[ProcedureSummary]


class ProcedureDescription(ProcedureSummary):
    """A procedure with its fields: what is asked, and what is already held by whom."""

    affair: Name
    purpose: Text
    held: list[HeldField]
    asked: list[AskedField]
