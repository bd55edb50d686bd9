"""
Signing: the card's signature over the frozen application, checked here before anything is sent.

Login checked it, and the office will check it again with the certificate's status and whose card it was.  The portal
checks the arithmetic all the same: what it sends as *signed* is signed by that certificate's key, over that text.

Refused: a signature over another text, by another key, a certificate that cannot be read (`SignatureMismatch`).
Source: DESIGN 4 (step 5); RFC 8017, section 8.2 (RSASSA-PKCS1-v1_5).
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from kiban.gateway.contract import SignedApplication
from kiban.portal.applications import Frozen
from kiban.portal.contract import SignatureMismatch
from kiban.shared import encoding


def verified(
    frozen: Frozen, *, certificate: str, signature: str, consents: list[str]
) -> SignedApplication:
    """Give the signed application, if this certificate's key signed exactly this text."""
    try:
        key = x509.load_der_x509_certificate(encoding.decode(certificate)).public_key()
        raw = encoding.decode(signature)
    except ValueError:
        raise SignatureMismatch("certificate or signature cannot be read") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise SignatureMismatch("a signature certificate has an RSA key")
    try:
        key.verify(raw, frozen.text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise SignatureMismatch(
            "the signature is over another text", expected=frozen.digest
        ) from None
    return SignedApplication(
        application=frozen.text, certificate=certificate, signature=signature, consents=consents
    )
