"""Short builders of what the authority is told, and a card that signs as a chip would."""

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding

from kiban.identity.authority.contract import (
    Address,
    Approval,
    Authentication,
    CardCertificates,
    CardRegistration,
    HolderAttributes,
    ResidentRegistration,
    SignatureVerification,
    approval_message,
    authentication_message,
)
from kiban.identity.authority.settings import Settings
from kiban.shared import encoding
from kiban.shared.settings import Secret

ORIGIN = "http://127.0.0.1:8700"
LOGIN_ORIGIN = "http://login.localhost:8702"
OPERATOR = Secret("the operator's key")
HANAKO, TARO, MEI = "00000000013", "00000000021", "00000000039"
SHA256 = hashes.SHA256()


def settings(**changes) -> Settings:
    return Settings(
        **{
            "origin": ORIGIN,
            "secret": Secret("a secret of the tests"),
            "operator_key": OPERATOR,
            "enrolment_secret": Secret("an enrolment secret of the tests"),
            "registrars": ("resident-network",),
            "resident_network": "resident-network",
            "portal": "portal",
        }
        | changes
    )


def address(text="神奈川県鎌倉市御成町18-10", **changes) -> Address:
    return Address(
        **{
            "municipality": "142042",
            "town": "0001001",
            "rest": "18-10",
            "text": text,
            "sequence": 1,
        }
        | changes
    )


def attributes(**changes) -> HolderAttributes:
    return HolderAttributes(
        **{
            "name": "鎌倉　花子",
            "name_kana": "カマクラ　ハナコ",
            "birth_date": "1990-05-17",
            "sex": "female",
            "address": address(),
        }
        | changes
    )


def resident(code=HANAKO, **changes) -> ResidentRegistration:
    return ResidentRegistration(resident_record_code=code, attributes=attributes(**changes))


def new_rsa(bits=2048, exponent=65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


def request_for(key) -> str:
    """A PKCS#10 request that proves the possession of a key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a card")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256)
    return encoding.encode(made.public_bytes(Encoding.DER))


@dataclass
class Card:
    """A card's two keys, and the certificates that were written to it."""

    authentication: rsa.RSAPrivateKey = field(default_factory=new_rsa)
    signature: rsa.RSAPrivateKey = field(default_factory=new_rsa)
    certificates: CardCertificates | None = None

    def registration(self, code=HANAKO, expires="2035-05-17", **changes) -> CardRegistration:
        return CardRegistration(
            **{
                "resident_record_code": code,
                "authentication_request": request_for(self.authentication),
                "signature_request": request_for(self.signature),
                "card_expires": expires,
            }
            | changes
        )

    def serial(self, kind="authentication") -> str:
        return f"{self.certificate(kind).serial_number:x}"

    def certificate(self, kind="authentication") -> x509.Certificate:
        return x509.load_der_x509_certificate(encoding.decode(getattr(self.certificates, kind)))

    def authenticates(self, challenge="5" * 64, audience=LOGIN_ORIGIN, **changes):
        message = authentication_message(challenge, audience)
        signed = self.authentication.sign(message, padding.PKCS1v15(), SHA256)
        return Authentication(
            **{
                "certificate": self.certificates.authentication,
                "challenge": challenge,
                "audience": audience,
                "signature": encoding.encode(signed),
            }
            | changes
        )

    def approves(
        self, terms="7" * 64, challenge="5" * 64, mandate: str | None = None, **changes
    ) -> Approval:
        message = approval_message(terms, challenge, mandate)
        signed = self.authentication.sign(message, padding.PKCS1v15(), SHA256)
        return Approval(
            **{
                "certificate": self.certificates.authentication,
                "terms": terms,
                "challenge": challenge,
                "signature": encoding.encode(signed),
                "bearer": "portal",
                "parties": 1,
                "mandate": mandate,
            }
            | changes
        )

    def signs(self, digest=b"\7" * 32, **changes) -> SignatureVerification:
        signed = self.signature.sign(digest, padding.PKCS1v15(), Prehashed(SHA256))
        return SignatureVerification(
            **{
                "certificate": self.certificates.signature,
                "digest": digest.hex(),
                "signature": encoding.encode(signed),
            }
            | changes
        )
