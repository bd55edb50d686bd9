"""
The authority's contract: certificates, their status, the resident side of pseudonym issue.

The authority (simulates 地方公共団体情報システム機構, J-LIS, as issuer of the 公的個人認証 certificates) knows the
holders' four attributes (基本4情報) and no agency's data.  It never sees a pseudonym, a My Number, or an exchange;
it does learn who takes a pseudonym for whom.

Source: DESIGN 3, 5.1 (issue), 5.6, 6; plan rows IDN-03, IDN-07, IDN-09; 公的個人認証法.
"""

from typing import Literal

from pydantic import Field

from kiban.shared.exchanges import Count, Hex32, Hex64, MemberId, Name, Seconds, Shape
from kiban.shared.mandates import Basis, MandateLine, Reference
from kiban.shared.problems import Problem

AuthorityName = Literal["authentication", "signature", "organisation"]


class HolderUnknown(Problem):
    slug, title, status = "holder-unknown", "The authority knows no such holder", 404


class NotARegistrar(Problem):
    slug, title, status = "not-a-registrar", "Only a registrar may do this", 403


class CertificateRefused(Problem):
    slug, title, status = "certificate-refused", "The certificate does not hold", 403


class CertificateExpired(Problem):
    slug, title, status = "certificate-expired", "The certificate is not valid at this time", 403


class CertificateRevoked(Problem):
    slug, title, status = "certificate-revoked", "The certificate was revoked", 403


class ProofRefused(Problem):
    slug, title, status = "proof-refused", "The card's signature does not hold", 403


class KeyRefused(Problem):
    slug, title, status = "key-refused", "This key cannot be certified", 422


class EnrolmentRefused(Problem):
    slug, title, status = "enrolment-refused", "This member cannot be certified", 403


class BearerRefused(Problem):
    slug, title, status = "bearer-refused", "No token is issued for this bearer", 403


class MandateRefused(Problem):
    slug, title, status = "mandate-refused", "There can be no such mandate", 422


class Address(Shape):
    """An address: the registry's ids, what follows them, and the certified text."""

    municipality: str = Field(pattern=r"^[0-9]{6}$", description="全国地方公共団体コード")
    town: str = Field(max_length=64, description="the registry's id of the town (町字)")
    rest: str = Field(max_length=100, description="what follows the town: block, building, room")
    text: str = Field(min_length=1, max_length=400, description="the whole address, as certified")
    sequence: Count = Field(description="the registry's sequence that the ids were read at")


class HolderAttributes(Shape):
    """The four attributes (基本4情報), with the kana of the name."""

    name: str = Field(
        min_length=1, max_length=200, description="family name, full-width space, given name"
    )
    name_kana: str = Field(min_length=1, max_length=200)
    birth_date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    sex: Literal["male", "female", "not-applicable"]
    address: Address


class ResidentRegistration(Shape):
    """A person enters the authority's records (by the resident network)."""

    resident_record_code: str = Field(pattern=r"^[0-9]{11}$", description="住民票コード")
    attributes: HolderAttributes


class ResidentReply(Shape):
    known: bool = Field(description="whether the person was registered before")


class ChangeReply(Shape):
    """The latest attributes are recorded; what certified the earlier ones has ended."""

    revoked: list[str] = Field(description="serials of the signature certificates that ended")


class CardRegistration(Shape):
    """A card is issued: its two public keys, with proof that the card holds the private ones."""

    resident_record_code: str = Field(pattern=r"^[0-9]{11}$")
    authentication_request: str = Field(max_length=8_000, description="PKCS#10, DER in base64url")
    signature_request: str | None = Field(default=None, max_length=8_000, description="PKCS#10")
    card_expires: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class CardCertificates(Shape):
    authentication: str = Field(description="DER, base64url")
    signature: str | None


class Revocation(Shape):
    """A registrar or an event ends a certificate."""

    authority: Literal["authentication", "signature"]
    serial: str = Field(pattern=r"^[0-9a-f]{1,40}$")
    event: Literal["loss", "compromise", "attributes-changed", "renewal", "not-needed", "death"]


class RevocationReply(Shape):
    revoked_at: Seconds


class AcquisitionRequest(Shape):
    """The resident network asks for a token, for one agency and one person (取得番号)."""

    resident_record_code: str = Field(pattern=r"^[0-9]{11}$")
    bearer: MemberId


class TokenReply(Shape):
    token: str = Field(description="JWS of type kiban-token")


class RegistrationFeed(Shape):
    """One nameless token for each person registered, made for the portal when it is read."""

    tokens: list[str]
    next: Count


class Authentication(Shape):
    """A card answered a challenge with its authentication key."""

    certificate: str = Field(max_length=8_000, description="DER, base64url")
    challenge: Hex64
    audience: str = Field(
        max_length=255, description="the login's origin, which the card signed too"
    )
    signature: str = Field(max_length=2_000, description="base64url, over `authentication_message`")
    bearer: MemberId | None = Field(
        default=None, description="a member that may learn which of its pseudonyms this person is"
    )


class AuthenticationReply(Shape):
    """Who it was, as a handle that this verifier alone is given."""

    holder: Hex64
    serial: str
    token: str | None = Field(description="an acquisition token for the bearer")


class Approval(Shape):
    """A card approved terms with its authentication key."""

    certificate: str = Field(max_length=8_000)
    terms: Hex64
    challenge: Hex64
    signature: str = Field(max_length=2_000, description="base64url, over `approval_message`")
    bearer: MemberId
    parties: int = Field(ge=1, le=20, description="how many tokens: one for each party")
    mandate: Hex64 | None = Field(
        default=None,
        description="under which somebody approves for another, as the bearer calls it",
    )


class ApprovalTokens(Shape):
    holder: Hex64
    tokens: list[str] = Field(
        description="JWS of type kiban-token, kind approve, one for each party"
    )


class SignatureVerification(Shape):
    """Is this signature over this digest good, now and by a certificate in force (署名検証)?"""

    certificate: str = Field(max_length=8_000)
    digest: Hex64
    signature: str = Field(max_length=2_000)
    acting: "ActingClaim | None" = Field(
        default=None, description="where what was signed says that it was signed for somebody else"
    )


class ActingClaim(Shape):
    """Under which mandate the signer says to act, and in which affair."""

    reference: Reference
    affair: Name


class CertifiedAttributes(Shape):
    """What a signature certificate certifies, as text."""

    name: str
    birth_date: str
    sex: str
    address: str


class SignatureVerificationReply(Shape):
    """The signature holds; `holder` is a handle for this verifier alone."""

    holder: Hex64
    serial: str
    certified: CertifiedAttributes
    checked_at: Seconds
    principal: str | None = Field(
        default=None, description="an acquisition token about whom the signer may act for"
    )


class MandateEntry(Shape):
    """Somebody may act for somebody (代理権), as the resident network was told."""

    number: Hex32 = Field(description="drawn by whoever enters it: the same again is no second one")
    principal: str = Field(pattern=r"^[0-9]{11}$", description="whose affairs they are")
    proxy: str = Field(pattern=r"^[0-9]{11}$", description="who may act")
    basis: Basis
    items: list[Name] = Field(max_length=32, description="what the proxy may read")
    affairs: list[Name] = Field(max_length=16, description="in what the proxy may apply")
    starts: Seconds
    until: Seconds = Field(description="a guardian's ends at eighteen, whatever stands here")


class MandateEnd(Shape):
    number: Hex32


class MandateReply(Shape):
    until: Seconds
    ended_at: Seconds | None


class MandateListing(Shape):
    """Login asks for the mandates of somebody whom it has verified, to tell them to this member."""

    holder: Hex64
    member: MemberId


class MandateList(Shape):
    mandates: list[MandateLine]


class MandateQuestion(Shape):
    """Login asks for this member: does the mandate hold now?"""

    mandate: Hex64
    member: MemberId


class AttributesRequest(Shape):
    """The latest four attributes of a consenting holder (最新の基本4情報), for login to pass on."""

    holder: Hex64


class MemberRequest(Shape):
    """An organisation asks to be certified as a member, with the secret it was given for that."""

    member: MemberId
    secret: str = Field(max_length=200)
    signing_request: str = Field(max_length=8_000, description="PKCS#10, P-256, DER in base64url")
    sealing_key: Hex64 = Field(description="X25519 public key")


class MemberCertificateReply(Shape):
    certificate: str = Field(description="DER, base64url")
    anchors: list[str] = Field(description="the organisation authority's certificates, PEM")


class Anchors(Shape):
    """The certificates of the three authorities, all generations, PEM; the newest first."""

    authentication: list[str]
    signature: list[str]
    organisation: list[str]


class OpenIntent(Shape):
    """A certificate that was about to be signed, of which none is stored: treat it as possibly issued."""

    authority: AuthorityName
    serial: str
    ordered_at: Seconds


class OpenIntents(Shape):
    intents: list[OpenIntent]


class Act(Shape):
    """One line of the authority's own record: which member had it do what; nobody is named."""

    number: Count
    at: Seconds
    member: MemberId
    act: str = Field(description="the operation's name")
    evidence: Hex64 = Field(description="of the member's signed request")


class Acts(Shape):
    acts: list[Act]
    next: Count


def authentication_message(challenge: str, audience: str) -> bytes:
    """What a card signs to log in: purpose, challenge and for whom."""
    return f"kiban authentication\n{audience}\n{challenge}".encode()


def approval_message(terms: str, challenge: str, mandate: str | None = None) -> bytes:
    """What a card signs to approve terms: purpose, digest, a challenge, and under which mandate, if any."""
    return "\n".join(filter(None, ["kiban approval", terms, challenge, mandate])).encode()
