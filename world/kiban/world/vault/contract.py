"""
The resident network's contract: four attributes in, a token out; and certificates for the cards it gives out.

Beside the operations of its gateway:

* `POST /acquisitions` (members): `gateway.contract.Attributes` → `authority.contract.TokenReply`
* `POST /mandates`, `POST /mandate-ends` (municipalities): `MandateNotice`, `MandateEndNotice` →
  `authority.contract.MandateReply`
* `POST /protections` (municipalities): `Protection` → `Protection`
* `POST /card-certificates` (the card office alone): `CardCertification` → `authority.contract.CardCertificates`
* `POST /card-holders` (the card office alone): `HolderCheck`, answered by silence
* `POST /signature-renewals` (the card office alone): `SignatureRenewal` → `authority.contract.CardCertificates`

Source: DESIGN 5.1 (issue, 取得番号); 住民基本台帳法 第30条の9以下.
"""

from pydantic import Field

from kiban.gateway.contract import Attributes, Mark
from kiban.shared.exchanges import Hex32, Name, Seconds, Shape
from kiban.shared.mandates import Basis
from kiban.shared.problems import Problem


class NobodyMatches(Problem):
    slug, title, status = "nobody-matches", "No resident has exactly these four attributes", 404


class SeveralMatch(Problem):
    slug, title, status = "several-match", "More than one resident has these four attributes", 409


class AddressUnclear(Problem):
    slug, title, status = "address-unclear", "The address does not say which town it means", 422


class SignatureInForce(Problem):
    slug, title, status = "signature-in-force", "The signature certificate is still in force", 409


class CardOfSomebodyElse(Problem):
    slug, title, status = "card-of-somebody-else", "The card is another person's", 403


class LivesElsewhere(Problem):
    slug, title, status = "lives-elsewhere", "The holder lives in another municipality", 403


class NotAMunicipality(Problem):
    slug, title, status = "not-a-municipality", "Only a municipality may tell of this", 403


class OldCardInForce(Problem):
    slug, title, status = "old-card-in-force", "A card from before the protection is in force", 409


class Protection(Shape):
    """Somebody asks a municipality to be protected from violence (支援措置の申出), or no longer; no marks end it."""

    attributes: Attributes = Field(description="as the resident network has them now")
    marks: list[Mark] = Field(max_length=2)


class CardCertification(Shape):
    """The card office has made a card: whose it is, and what its two keys ask to be certified."""

    attributes: Attributes
    authentication_request: str = Field(max_length=8_000, description="PKCS#10, DER in base64url")
    signature_request: str | None = Field(default=None, max_length=8_000, description="PKCS#10")
    card_expires: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class MandateNotice(Shape):
    """A municipality was told that somebody may act for one of its residents (代理の届出)."""

    number: Hex32 = Field(description="drawn by the municipality: the same again is no second one")
    principal: Attributes
    proxy: Attributes
    basis: Basis
    items: list[Name] = Field(max_length=32)
    affairs: list[Name] = Field(max_length=16)
    until: Seconds


class MandateEndNotice(Shape):
    """A municipality was told that a mandate of which it told has ended."""

    number: Hex32


class HolderCheck(Shape):
    """A card lies at a municipality's counter: whether it is that of the visitor, who lives there."""

    municipality: str = Field(pattern=r"^[0-9]{6}$", description="whose counter it is")
    visitor: Attributes = Field(description="who the counter says that it is")
    authentication_certificate: str = Field(max_length=8_000, description="DER, base64url")


class SignatureRenewal(Shape):
    """A card at a municipality's counter has made a new signature key (署名用電子証明書の更新)."""

    municipality: str = Field(pattern=r"^[0-9]{6}$", description="whose counter it is")
    visitor: Attributes | None = Field(
        default=None,
        description="who the counter says that it is; otherwise the card alone says it",
    )
    authentication_certificate: str = Field(max_length=8_000, description="DER, base64url")
    authentication_request: str = Field(max_length=8_000, description="PKCS#10, DER in base64url")
    signature_certificate: str = Field(max_length=8_000, description="the one that has ended")
    signature_request: str = Field(max_length=8_000, description="PKCS#10")
    card_expires: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
