"""
The portal's contract: its small public interface, and the problems that a citizen or a developer can meet.

Pages are for people and are no contract; the ids of their forms and tables are kept stable all the same, because
tests and teachers' scripts rely on them: link `login`; forms `start-PROCEDURE`, `agree`, `answers`, `sign`,
`submit`; tables `held`, `history`, `notices`.

Source: DESIGN 3, 4, 6 (portal); plan rows PTL-03, PTL-07, PTL-10.
"""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from kiban.gateway.contract import Statement
from kiban.shared.exchanges import Count, Hex32, Hex64, MemberId, Name, Shape
from kiban.shared.oauth import TokenRefused
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


class OfficeUnknown(Problem):
    slug, title, status = "office-unknown", "This procedure is not filed with that office", 422


class MandateNotHere(Problem):
    slug, title, status = "mandate-not-here", "You can act under no such mandate", 404


class NotAsProxy(Problem):
    slug, title, status = "not-as-proxy", "This is done for oneself alone", 403


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


class AuthorizationUnknown(Problem):
    slug, title, status = (
        "authorization-unknown",
        "No private service asks for anything under this number",
        404,
    )


class _FrontRefused(TokenRefused):
    scheme, parameters = "DPoP", ', algs="ES256"'


class FrontTokenRefused(_FrontRefused):
    slug, title, status = "front-token-refused", "The front's access token does not hold", 401


class PossessionUnproven(_FrontRefused):
    slug, title, status = "possession-unproven", "The proof of possession does not hold", 401


class NotAuthorized(_FrontRefused):
    slug, title, status = "not-authorized", "The person did not approve this", 403


class ReturnMismatch(Problem):
    slug, title, status = "return-mismatch", "The answer belongs to no attempt that was begun", 403


class ValueUnproven(Problem):
    slug, title, status = "value-unproven", "Nobody's signature proves this value", 422


class HeldField(Shape):
    """A field that an office's record fills: shown read-only, never asked (once-only, ワンスオンリー)."""

    name: Name | str
    item: Name
    provider: MemberId | None = Field(description="none where it is the office itself")
    consent: bool = Field(description="whether the office needs the person's consent to read it")


class DayWindow(Shape):
    """In which days a date may lie, counted from the day on which it is answered."""

    first: int
    last: int


class DayAfter(Shape):
    """A date is the day of another field, or one of so many days after it."""

    field: str
    days: Count


class AskedField(Shape):
    """A field that only the citizen can fill."""

    name: str
    type: AnswerType
    label: Text
    required: bool
    ask_reason: str | None = Field(description="why it is asked although an office holds it")
    window: DayWindow | None = Field(default=None, description="of a date")
    follows: DayAfter | None = Field(default=None, description="of a date")


class ProcedureSummary(Shape):
    """One procedure (手続) that a citizen can start."""

    id: Name
    edition: Count
    name: Text
    summary: Text
    office: MemberId | None = Field(description="none where the person says which of many it is")
    taken_by: Text = Field(description="what that office is called, or those offices together")


class ProcedureList(Shape):
    procedures: list[ProcedureSummary]


class ProcedureDescription(ProcedureSummary):
    """A procedure with its fields: what is asked, and what is already held by whom."""

    affair: Name
    purpose: Text
    held: list[HeldField]
    asked: list[AskedField]


# --- private fronts ---------------------------------------------------------------------------------


class FrontRegistration(Shape):
    """A private service as it is registered: one entry of the portal's document of fronts."""

    client_id: str = Field(pattern=r"^[0-9a-zA-Z]{1,255}$")
    name: Text
    home: str = Field(min_length=1, max_length=255)
    redirect_uris: list[Annotated[str, Field(min_length=1, max_length=255)]] = Field(min_length=1)
    jwks: dict[str, list[dict[str, JsonValue]]] = Field(description="its public keys, RFC 7517")


class ProcedureDetail(Shape):
    """Do one procedure for the person, and read what offices hold for it (RFC 9396)."""

    type: Literal["procedure"]
    procedure: Name
    application: Hex32 | None = Field(default=None, description="given back with the token")


class ItemDetail(Shape):
    """Read one item that the law lets people see of themselves (RFC 9396)."""

    type: Literal["item"]
    provider: MemberId
    item: Name


AuthorizationDetail = Annotated[ProcedureDetail | ItemDetail, Field(discriminator="type")]


class ServerMetadata(Shape):
    """The authorization server's metadata (RFC 8414; RFC 9126, 9207, 9396, 9449)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    pushed_authorization_request_endpoint: str
    require_pushed_authorization_requests: bool
    response_types_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    authorization_details_types_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    ui_locales_supported: list[str]


class PushedRequest(Shape):
    """The number under which the browser is sent (RFC 9126, section 2.2)."""

    request_uri: str
    expires_in: int


class FrontTokens(Shape):
    """What a front gets for a code: good with its key, for the rest of the person's visit (RFC 9449, section 5)."""

    access_token: str
    token_type: Literal["DPoP"]
    expires_in: int
    authorization_details: list[AuthorizationDetail]


class HeldValue(Shape):
    """What one office holds, with its own signature: whoever gets it can prove where it came from."""

    item: Name
    provider: MemberId
    item_name: Text = Field(description="in words, by language")
    provider_name: Text
    outcome: Literal["held", "not-held", "waits", "away", "refused", "doubtful"]
    statement: Statement | None = None
    basis: str = Field(default="", description="row of the legal table")
    provision: Text | None = Field(default=None, description="that row in words")
    exchange: Hex32 | None = None
    leaf: Hex64 | None = Field(default=None, description="where the log has it")
    answer: str | None = Field(
        default=None, description="the provider's signed answer, JWS of type kiban-answer"
    )


class HeldValues(Shape):
    """By field of the procedure; null where it could not be read yet."""

    values: dict[str, HeldValue | None]


class Answers(Shape):
    """What the person typed at the front, by field; names as in the portal's own form."""

    answers: dict[
        Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=1_000)]
    ] = Field(max_length=200)


class AnswersReply(Shape):
    """Whether the person can sign now; else what is to be mended, by field."""

    ready: bool
    mistakes: dict[str, str]
    sign_at: str = Field(description="where the person looks it over and signs, with the card")


class OfficeNotice(Shape):
    """What an office wrote about an application."""

    event: str
    at: int
    message: Text


class ApplicationStatus(Shape):
    """How far an application has come."""

    id: Hex32
    procedure: Name
    state: str
    outcome: str | None
    digest: Hex64 | None = Field(description="of the text that was signed")
    leaf: Hex64 | None = Field(description="where the log has its sending")
    notices: list[OfficeNotice]
