"""
Renewals: a new signature certificate for a card whose signature certificate has ended (署名用電子証明書の更新).

A change of name or address ends the signature certificate, because it certified the earlier one.  At the counter of
the municipality where the holder lives now, the card makes another key, and the card office asks here:

1. whose card it is follows from its authentication certificate, which stays
2. it is the visitor's card, and the visitor lives in that counter's municipality
3. the signature certificate has ended, by the day that it names or by the authority's word
4. the authority certifies the new key, with the latest attributes

The same keys again give the same certificates, so whoever was interrupted asks again.

Refused: a card that is not known or was lost, another person's (`CardOfSomebodyElse`), a holder who lives elsewhere
(`LivesElsewhere`), a certificate that is still in force (`SignatureInForce`); whatever the authority refuses.
Sources: 公的個人認証法 第3条, 第12条; RFC 6960.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from kiban.identity.authority.client import AuthorityClient
from kiban.identity.authority.contract import (
    CardCertificates,
    CardRegistration,
    CertificateRefused,
)
from kiban.shared import encoding
from kiban.shared.members import issued_by
from kiban.shared.problems import Unexplained
from kiban.world.vault.contract import (
    CardOfSomebodyElse,
    HolderCheck,
    LivesElsewhere,
    SignatureInForce,
    SignatureRenewal,
)
from kiban.world.vault.network import ResidentNetwork
from kiban.world.vault.residents import Resident


@dataclass(frozen=True, slots=True)
class Renewals:
    """Renewals at the resident network; `status` is the authority as anybody may ask it."""

    network: ResidentNetwork
    status: AuthorityClient

    async def renew_signature(self, asked: SignatureRenewal) -> CardCertificates:
        """Steps 1 to 4."""
        card = _read(asked.authentication_certificate)
        resident = await self.network.holder(f"{card.serial_number:x}")
        await self._check_visitor(resident, asked)
        await self._check_ended(_read(asked.signature_certificate))
        return await self.network.register_card(
            resident,
            CardRegistration(
                resident_record_code=resident.code.reveal(),
                authentication_request=asked.authentication_request,
                signature_request=asked.signature_request,
                card_expires=asked.card_expires,
            ),
        )

    async def check_holder(self, asked: HolderCheck) -> None:
        """Steps 1 and 2 alone, for a PIN that is set anew: return silently if it is the visitor's card."""
        card = _read(asked.authentication_certificate)
        await self._check_visitor(await self.network.holder(f"{card.serial_number:x}"), asked)

    async def _check_visitor(
        self, resident: Resident, asked: SignatureRenewal | HolderCheck
    ) -> None:
        """
        Return silently if the card is that of the visitor, who lives here.

        A card alone does not tell whose counter is the right one of somebody undisclosed: another may hold it.
        """
        if asked.visitor is not None:
            visitor = await self.network.the_one(asked.visitor)
            if visitor.person != resident.person:
                raise CardOfSomebodyElse("the counter began the renewal for somebody else")
        hidden = asked.visitor is None and await self.network.is_undisclosed(resident.person)
        if hidden or resident.place.municipality != asked.municipality:
            raise LivesElsewhere(
                "a counter serves the cards of those who live there",
                sent=asked.municipality,
            )

    async def _check_ended(self, certificate: x509.Certificate) -> None:
        """Return silently if a signature certificate is not in force any more."""
        if certificate.not_valid_after_utc < self.network.clock():
            return
        issuer = await self._issuer(certificate)
        question = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA256())
        request = question.build().public_bytes(Encoding.DER)
        reply = ocsp.load_der_ocsp_response(await self.status.ask_status("signature", request))
        if reply.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise Unexplained("the authority does not say how it stands with a certificate")
        if reply.certificate_status is not ocsp.OCSPCertStatus.REVOKED:
            raise SignatureInForce(
                "it is renewed when it has ended", expected="a certificate that has ended"
            )

    async def _issuer(self, certificate: x509.Certificate) -> x509.Certificate:
        anchors = "".join((await self.status.read_anchors()).signature).encode()
        for each in x509.load_pem_x509_certificates(anchors):
            if issued_by(certificate, each):
                return each
        raise CertificateRefused("another authority issued the card's signature certificate")


def _read(certificate: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(encoding.decode(certificate))
    except ValueError:
        raise CertificateRefused("this is no X.509 certificate in base64url") from None
