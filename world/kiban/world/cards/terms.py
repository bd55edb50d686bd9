"""
Terms: what a person is about to approve, in words, and the digest that the card signs.

The card trusts nobody's summary.  It takes each record from its canonical text, shows every field of it, and signs
the digest of exactly what it showed.

Refused: a text whose digest is another, that is not canonical, or that is no consent record; a challenge or an
address of another login than the card's own.

Source: DESIGN 5.6; the gateway's contract (consent records), the authority's (what a card signs).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from kiban.gateway.contract import ConsentRecord, terms_digest
from kiban.identity.authority.contract import approval_message, authentication_message
from kiban.identity.login.contract import CardRequest, TermsRecord
from kiban.shared import canonical, encoding
from kiban.shared.problems import Malformed
from kiban.world.cards.contract import KeyName, RequestNotLogins, TermsRefused
from kiban.world.cards.names import Names

Text = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Named:
    """A name by language; `known` says whether the country's directory has it."""

    text: Text
    known: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One record in words: who reads what from whom, for what, until when."""

    kind: str
    reader: Named
    provider: Named
    item: Named
    affair: Named
    purpose: Text
    starts: datetime
    until: datetime
    uses: str


def check_request(request: CardRequest, *, login_origin: str) -> None:
    """Return silently if the request is our own login's: the card signs whom it authenticates to."""
    if request.audience != login_origin or request.return_to != f"{login_origin}/continue":
        raise RequestNotLogins(
            "audience and return_to must be those of the login that the card knows",
            sent=request.audience[:255],
            expected=login_origin,
        )


def lines(request: CardRequest, names: Names) -> list[Line]:
    """Everything that the person is to approve, a line for each record."""
    return [_line(_record(each), names) for each in request.records]


def key_for(request: CardRequest) -> KeyName:
    """Which of the card's keys answers this kind of request."""
    return "signature" if request.kind == "sign" else "authentication"


def digest_to_sign(request: CardRequest) -> bytes:
    """The SHA-256 digest that the card signs for this request."""
    match request.kind:
        case "authenticate":
            message = authentication_message(request.challenge, request.audience)
            return hashlib.sha256(message).digest()
        case "approve":
            digests = [_checked(each).digest for each in request.records]
            if not digests:
                raise TermsRefused("there is nothing to approve")
            message = approval_message(terms_digest(digests), request.challenge, request.mandate)
            return hashlib.sha256(message).digest()
        case "sign":
            if request.digest is None:
                raise TermsRefused("there is nothing to sign")
            return bytes.fromhex(request.digest)


def digest_of(message: str) -> bytes:
    """The SHA-256 of a message that was sent as base64url."""
    try:
        return hashlib.sha256(encoding.decode(message)).digest()
    except ValueError:
        raise Malformed("message is not base64url", expected="canonical, without padding") from None


def _checked(sent: TermsRecord) -> TermsRecord:
    _record(sent)
    return sent


def _record(sent: TermsRecord) -> ConsentRecord:
    found = hashlib.sha256(sent.canonical.encode()).hexdigest()
    if found != sent.digest:
        raise TermsRefused("a digest is not that of its text", sent=sent.digest, expected=found)
    try:
        record = ConsentRecord.model_validate_json(sent.canonical)
    except ValidationError as error:
        raise TermsRefused("a text is no consent record") from error
    if canonical.encode(record.model_dump()).decode() != sent.canonical:
        raise TermsRefused("a text is not canonical: it may say more than can be shown")
    return record


def _line(record: ConsentRecord, names: Names) -> Line:
    return Line(
        kind=record.kind,
        reader=_named(record.reader, names.agencies),
        provider=_named(record.provider, names.agencies),
        item=_named(record.item, names.items),
        affair=_named(record.affair, names.affairs),
        purpose=_in_both(record.purpose),
        starts=_shown(record.starts),
        until=_shown(record.until),
        uses=record.uses,
    )


def _shown(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise TermsRefused("a time is later than any that can be shown") from None


def _named(name: str, known: Mapping[str, Text]) -> Named:
    return Named(known.get(name, {"ja": name, "en": name}), name in known)


def _in_both(text: Text) -> Text:
    """A purpose is shown in the reader's language, or as it was written."""
    written = " / ".join(text.values())
    return {language: text.get(language, written) for language in ("ja", "en")}
