"""
Login's contract: an OpenID provider, signature and approval transactions, and what a card is asked.

Login simulates the digital authentication app (デジタル認証アプリ).  The PIN never comes here: login asks the
card, the card answers login directly, and the browser only carries a one-time code back.

Paths below the realm `/realms/main`: `/.well-known/openid-configuration`, and below
`/protocol/openid-connect`: `auth`, `token`, `userinfo`, `certs`.

Source: DESIGN 3, 4 (steps 1, 3, 5), 6; the authentication app's public contract; OpenID Connect Core 1.0;
RFC 7636 (PKCE), RFC 7523 (private_key_jwt); plan rows IDN-05, IDN-18.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from kiban.shared.exchanges import Hex32, Hex64, MemberId, Seconds, Shape
from kiban.shared.mandates import MandateLine
from kiban.shared.oauth import TokenRefused
from kiban.shared.problems import Problem

REALM = "/realms/main"
OIDC = f"{REALM}/protocol/openid-connect"
CLIENT_ID = r"^[0-9a-zA-Z]{1,255}$"

Attribute = Literal["name", "address", "birthdate", "gender"]
ATTRIBUTES: tuple[Attribute, ...] = ("name", "address", "birthdate", "gender")
"""The four attributes (基本4情報), each a scope of its own."""
Consented = Attribute | Literal["offline_access"]
CONSENTED: tuple[Consented, ...] = (*ATTRIBUTES, "offline_access")
"""What a person is asked for: attributes, and that they may be read later, when nobody is there."""
Scope = Consented | Literal["openid", "sign", "approve", "pseudonym", "mandates"]
SCOPES: tuple[Scope, ...] = ("openid", *CONSENTED, "sign", "approve", "pseudonym", "mandates")


def _in_both_languages(text: dict[str, str]) -> dict[str, str]:
    if missing := {"ja", "en"} - text.keys():
        raise ValueError(f"the text lacks {', '.join(sorted(missing))}")
    return text


_Language = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]{2,8})?$")]
_Said = Annotated[str, Field(min_length=1, max_length=300)]
Text = Annotated[dict[_Language, _Said], Field(max_length=8), AfterValidator(_in_both_languages)]
"""A text by language: ja and en, and perhaps others."""


class AccessTokenRefused(TokenRefused):
    slug, title, status = "access-token-refused", "The access token does not hold", 401
    scheme = "Bearer"


class ScopeMissing(TokenRefused):
    slug, title, status = "scope-missing", "The access token does not reach so far", 403
    scheme = "Bearer"


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


class ClientRegistration(Shape):
    """A relying party as it is registered: one entry of login's document of clients."""

    client_id: str = Field(pattern=CLIENT_ID)
    name: Text
    redirect_uris: list[Annotated[str, Field(min_length=1, max_length=255)]] = Field(min_length=1)
    jwks: dict[str, list[dict[str, JsonValue]]] = Field(description="its public keys, RFC 7517")
    sector: str = Field(min_length=1, max_length=255, description="sub is the same within a sector")
    scopes: list[Scope] = Field(description="what it may ask for, beside openid")
    member: MemberId | None = Field(default=None, description="the member that it is, if any")


class Discovery(Shape):
    """The provider's metadata (OpenID Connect Discovery 1.0, section 3; RFC 8414; RFC 9207)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    acr_values_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    code_challenge_methods_supported: list[str]
    claims_supported: list[str]
    claims_parameter_supported: bool
    request_parameter_supported: bool
    request_uri_parameter_supported: bool
    authorization_response_iss_parameter_supported: bool
    prompt_values_supported: list[str]
    ui_locales_supported: list[str]


class KeySet(Shape):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, str]]


class TokenResponse(Shape):
    """What the token endpoint gives (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    id_token: str | None = None
    refresh_token: str | None = Field(
        default=None,
        description="with scope offline_access: good until the person ends the consent",
    )
    kiban_token: str | None = Field(
        default=None, description="the authority's acquisition token, for a client that is a member"
    )
    kiban_mandates: list[MandateLine] | None = Field(
        default=None, description="for whom the person may act, and who for them (scope mandates)"
    )


class AddressClaim(Shape):
    """An address (OpenID Connect Core 1.0, section 5.1.1), as certified."""

    formatted: str


class UserInfo(Shape):
    """The latest of those attributes that the person consented to (最新の基本4情報)."""

    sub: str
    name: str | None = None
    name_kana: str | None = Field(default=None, alias="name#ja-Kana-JP")
    birthdate: str | None = None
    gender: str | None = None
    address: AddressClaim | None = None


class SignTransaction(Shape):
    """A relying party opens a signature transaction for a digest (client-credentials token, scope sign)."""

    digest: Hex64 = Field(description="SHA-256 of what is to be signed")
    title: Text = Field(description="what it is, for the person")
    subject: str = Field(max_length=64, description="sub of the person who must sign")
    mandate: Hex64 | None = Field(default=None, description="under which they sign for another")


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
    mandate: Hex64 | None = Field(default=None, description="under which they approve for another")


class ApprovalResult(Shape):
    """The authority's tokens, in no order that means anything: each can be used for any one party."""

    tokens: list[str]


class MandateCheck(Shape):
    """A relying party asks whether a mandate that it was told of holds now."""

    mandate: Hex64


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
    mandate: Hex64 | None = Field(default=None, description="signed over too (kind approve)")
    acting_for: str | None = Field(default=None, description="the name of whom it is done for")
    return_to: str = Field(description="where the browser goes next; the card adds `code`")
    expires_at: Seconds


class CardResponse(Shape):
    """What the card answers to login, directly."""

    certificate: str = Field(max_length=8_000, description="DER, base64url")
    signature: str = Field(max_length=2_000, description="base64url")


class CardReply(Shape):
    code: str = Field(description="one-time; only the browser at the card carries it to login")
