"""
The resident network's contract: four attributes in, a token out; and certificates for the cards it gives out.

Beside the operations of its gateway:

* `POST /acquisitions` (members): `gateway.contract.Attributes` → `authority.contract.TokenReply`
* `POST /card-certificates` (the card office alone): `CardCertification` → `authority.contract.CardCertificates`

Source: DESIGN 5.1 (issue, 取得番号); 住民基本台帳法 第30条の9以下.
"""

from pydantic import Field

from kiban.gateway.contract import Attributes
from kiban.shared.exchanges import Shape
from kiban.shared.problems import Problem


class NobodyMatches(Problem):
    slug, title, status = "nobody-matches", "No resident has exactly these four attributes", 404


class SeveralMatch(Problem):
    slug, title, status = "several-match", "More than one resident has these four attributes", 409


class AddressUnclear(Problem):
    slug, title, status = "address-unclear", "The address does not say which town it means", 422


class CardCertification(Shape):
    """The card office has made a card: whose it is, and what its two keys ask to be certified."""

    attributes: Attributes
    authentication_request: str = Field(max_length=8_000, description="PKCS#10, DER in base64url")
    signature_request: str | None = Field(default=None, max_length=8_000, description="PKCS#10")
    card_expires: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
