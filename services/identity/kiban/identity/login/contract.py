"""
Login's contract: an OpenID provider, signature and approval transactions, and what a card is asked.

Login simulates the digital authentication app (デジタル認証アプリ).  The PIN never comes here: login asks the
card, the card answers login directly, and the browser only carries a one-time code back.

Paths below the realm `/realms/main`: `/.well-known/openid-configuration`, and below
`/protocol/openid-connect`: `auth`, `token`, `userinfo`, `certs`.

Source: DESIGN 3, 4 (steps 1, 3, 5), 6; the authentication app's public contract; OpenID Connect Core 1.0;
RFC 7636 (PKCE), RFC 7523 (private_key_jwt); plan rows IDN-05, IDN-18.
"""

from typing import Literal

from pydantic import Field

from kiban.shared.exchanges import Hex32, Hex64, MemberId, Seconds, Shape
from kiban.shared.problems import Problem

REALM = "/realms/main"
OIDC = f"{REALM}/protocol/openid-connect"
Text = dict[str, str]
"""A text by language: ja, en."""


class OAuthProblem(Problem):
    """A refusal in the words of RFC 6749: rendered with `error` beside the problem's own members."""

    slug, title, status = (
        "oauth-refused",
        "The authorization request or token request is refused",
        400,
    )


class RequestUnknown(Problem):
    slug, title, status = "request-unknown", "No such request is waiting", 404


class RequestExpired(Problem):
    slug, title, status = "request-expired", "The request was not answered in time", 410


class OtherPersonsCard(Problem):
    slug, title, status = "other-persons-card", "The card is another person's", 403


class OtherBrowser(Problem):
    slug, title, status = "other-browser", "The request was begun in another browser", 403


class TransactionUnknown(Problem):
    slug, title, status = "transaction-unknown", "No such transaction", 404


class TransactionOpen(Problem):
    slug, title, status = "transaction-open", "The person has not answered yet", 409


class SignTransaction(Shape):
    """A relying party opens a signature transaction for a digest (client-credentials token, scope sign)."""

    digest: Hex64 = Field(description="SHA-256 of what is to be signed")
    title: Text = Field(description="what it is, for the person")
    subject: str = Field(max_length=64, description="sub of the person who must sign")


class TransactionReply(Shape):
    id: Hex32


class SignResult(Shape):
    """The signature, and the certificate with which it was made."""

    certificate: str = Field(description="DER, base64url")
    signature: str = Field(description="RSASSA-PKCS1-v1_5 with SHA-256, base64url")


class TermsRecord(Shape):
    """One record of the terms, as the person is shown it on the card's page."""

    digest: Hex64
    canonical: str = Field(max_length=10_000, description="the canonical consent record itself")


class ApprovalTransaction(Shape):
    """A relying party asks the person to approve exact terms (client-credentials token, scope approve)."""

    records: list[TermsRecord] = Field(min_length=1, max_length=50)
    parties: int = Field(ge=1, le=20, description="how many tokens the authority makes")
    bearer: MemberId
    title: Text
    subject: str = Field(max_length=64, description="sub of the person who must approve")


class ApprovalResult(Shape):
    """The authority's tokens, in no order that means anything: each can be used for any one party."""

    tokens: list[str]


class CardRequest(Shape):
    """What login asks a card, as the card's page fetches and shows it."""

    id: Hex32
    kind: Literal["authenticate", "approve", "sign"]
    client: Text = Field(description="who asks, by language")
    title: Text
    audience: str = Field(description="login's origin; the card signs it when it authenticates")
    challenge: Hex64
    digest: Hex64 | None = Field(description="what is to be signed (kind sign)")
    records: list[TermsRecord] = Field(description="what is to be approved (kind approve)")
    return_to: str = Field(description="where the browser goes next; the card adds `code`")
    expires_at: Seconds


class CardResponse(Shape):
    """What the card answers to login, directly."""

    certificate: str = Field(max_length=8_000, description="DER, base64url")
    signature: str = Field(max_length=2_000, description="base64url")


class CardReply(Shape):
    code: str = Field(description="one-time; only the browser at the card carries it to login")
