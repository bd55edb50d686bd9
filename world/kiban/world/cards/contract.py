"""
The cards' contract: problems of a card, and an API in the sense of a card reader's commands.

For integrators who want to log in without a browser: what a reader does by SELECT, VERIFY and COMPUTE DIGITAL
SIGNATURE is one call here, and `tap_card` answers a request of login as the page does.  For the counters of
municipalities: `open_renewal` lets one card have a new signature certificate, `open_new_pin` a new PIN.

Source: DESIGN 6 (cards); the public personal authentication service's rules for PINs.
"""

from typing import Literal

from pydantic import Field

from kiban.gateway.contract import Attributes
from kiban.shared.exchanges import Hex32, Hex64, MemberId, Shape
from kiban.shared.problems import Problem

KeyName = Literal["authentication", "signature"]
KEY_NAMES: tuple[KeyName, ...] = ("authentication", "signature")


class NoSuchCard(Problem):
    slug, title, status = "no-such-card", "There is no such card", 404


class NoSuchKey(Problem):
    slug, title, status = "no-such-key", "This card has no such key", 404


class WrongPIN(Problem):
    """Member: tries_left."""

    slug, title, status = "wrong-pin", "The PIN is wrong", 403


class CardLocked(Problem):
    slug, title, status = "card-locked", "This PIN is locked", 403


class PINMisshapen(Problem):
    """Member: key."""

    slug, title, status = "pin-misshapen", "The PIN does not have the required form", 422


class TermsRefused(Problem):
    slug, title, status = "terms-refused", "The card does not sign what it cannot show", 422


class RequestNotLogins(Problem):
    slug, title, status = "request-not-logins", "The request is for another login", 422


class CertificateNotOurs(Problem):
    slug, title, status = "certificate-not-ours", "The certificate is not for this card's key", 502


class PasswordsDiffer(Problem):
    slug, title, status = "passwords-differ", "The two entries of the new password differ", 422


class RenewalUnknown(Problem):
    slug, title, status = "renewal-unknown", "No counter has begun this renewal, or it is over", 404


class NewPINUnknown(Problem):
    slug, title, status = (
        "new-pin-unknown",
        "No counter has let anybody set this PIN, or it is over",
        404,
    )


class PINState(Shape):
    """How it stands with one PIN."""

    tries_left: int
    locked: bool


class CardFace(Shape):
    """A card as it lies on the table: no PIN is needed to see this."""

    persona: str
    name: str | None = Field(description="as printed on the card")
    authentication: PINState
    signature: PINState | None = Field(description="none for a card without a signature key")


class CardList(Shape):
    cards: list[CardFace]


class Certificate(Shape):
    certificate: str = Field(description="DER, base64url")


class PINEntry(Shape):
    pin: str = Field(max_length=100, repr=False)


class SignCommand(Shape):
    """Sign with one of the card's keys; a message for authentication, a digest for a signature."""

    key: KeyName
    pin: str = Field(max_length=100, repr=False)
    message: str | None = Field(default=None, max_length=4_000, description="base64url")
    digest: Hex64 | None = Field(default=None, description="SHA-256 of what is to be signed")


class Signed(Shape):
    certificate: str = Field(description="DER, base64url")
    signature: str = Field(description="RSASSA-PKCS1-v1_5 with SHA-256, base64url")


class TapCommand(Shape):
    """Answer a request of login, as a person does at the page."""

    request: Hex32
    pin: str = Field(max_length=100, repr=False)


class TapForm(Shape):
    """The form of the page at which a card is held up; `shown` is the digest of what the page showed."""

    request: Hex32
    persona: str = Field(max_length=31)
    pin: str = Field(max_length=100, repr=False)
    shown: Hex64
    csrf: str = Field(max_length=200, repr=False)


class FetchForm(Shape):
    """The form with which somebody fetches the card that lies ready for them, before they hold it up."""

    request: Hex32
    persona: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    csrf: str = Field(max_length=200, repr=False)


class Tapped(Shape):
    location: str = Field(description="where the browser that began goes next", repr=False)


class PINReset(Shape):
    """A new PIN, at the municipality's counter (窓口)."""

    key: KeyName
    new_pin: str = Field(max_length=100, repr=False)


class PINResetByOther(Shape):
    """A new PIN, by the other one, as long as that is not locked (コンビニでの初期化)."""

    key: KeyName
    new_pin: str = Field(max_length=100, repr=False)
    other_pin: str = Field(max_length=100, repr=False)


class CounterOrder(Shape):
    """What a clerk lets a visitor do with their card at its own page, soon and once."""

    id: Hex32
    office: MemberId = Field(description="whose counter it is")
    municipality: str = Field(pattern=r"^[0-9]{6}$", description="全国地方公共団体コード")
    return_to: str = Field(
        max_length=400, pattern=r"^https?://", description="the counter's page, for afterwards"
    )


class RenewalOrder(CounterOrder):
    """A clerk has seen who the visitor is, and begins the renewal of a signature certificate (窓口での更新)."""

    visitor: Attributes | None = Field(
        default=None,
        repr=False,
        description="whose card it must be; without it, any resident's of this municipality",
    )


class NewPINOrder(CounterOrder):
    """A clerk has seen who the visitor is, and lets them set a PIN of their card anew (窓口での再設定)."""

    visitor: Attributes = Field(repr=False, description="whose card it must be")


class CounterPlace(Shape):
    location: str = Field(description="the page at which the holder puts the card down")


class NewPINForm(Shape):
    """The form of the page at which a PIN is set anew; no earlier one is asked for."""

    persona: str = Field(max_length=31)
    key: KeyName
    password: str = Field(max_length=100, repr=False)
    again: str = Field(max_length=100, repr=False)
    csrf: str = Field(max_length=200, repr=False)


class RenewalForm(Shape):
    """The form of the page at which a signature certificate is renewed."""

    persona: str = Field(max_length=31)
    pin: str = Field(max_length=100, repr=False)
    password: str = Field(max_length=100, repr=False)
    again: str = Field(max_length=100, repr=False)
    csrf: str = Field(max_length=200, repr=False)
