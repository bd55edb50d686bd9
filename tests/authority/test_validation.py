"""Validation: what a certificate and a signature must survive before they are believed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from kiban.identity.authority import profile, validation
from kiban.identity.authority.contract import (
    CertificateExpired,
    CertificateRefused,
    CertificateRevoked,
    ProofRefused,
)
from kiban.identity.authority.lifecycle import Reason
from kiban.identity.authority.ocsp import Status
from kiban.shared import encoding
from tests.authority import orders

GOOD = Status(known=True)
DIGEST = b"\7" * 32


def check(certificate=None, kind=profile.SIGNATURE, issuers=None, status=GOOD, at=orders.NOW):
    certificate = certificate or orders.certificate(orders.signature_order(), orders.issuer())
    issuers = issuers if issuers is not None else [orders.issuer().certificate]
    return validation.check(certificate, kind, issuers, status, at)


def built(change, by=None, key=None):
    """A certificate that our linter would never pass."""
    by = by or orders.issuer()
    builder = (
        x509.CertificateBuilder()
        .subject_name(by.certificate.subject)
        .issuer_name(by.certificate.subject)
        .public_key(orders.key("holder").public_key())
        .serial_number(orders.SERIAL)
        .not_valid_before(orders.NOW)
        .not_valid_after(orders.END)
    )
    return change(builder).sign(key or by.key, hashes.SHA256())


def usage(**said):
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: said.get(name, False) for name in names.split(" ")})


SIGNING = usage(digital_signature=True, content_commitment=True)


def policies(*oids):
    return x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids]
    )


def test_a_certificate_in_force_is_verified():
    verified = check()

    assert verified.serial == f"{orders.SERIAL:x}"
    assert [name.oid for name in verified.other_names()] == list(profile.CARD_ORDER)


def test_it_holds_from_its_first_to_its_last_second():
    check(at=orders.NOW)
    check(at=orders.END)


@pytest.mark.parametrize(
    "at",
    [orders.NOW - timedelta(seconds=1), orders.END + timedelta(seconds=1)],
)
def test_outside_of_its_time_it_is_refused(at):
    with pytest.raises(CertificateExpired):
        check(at=at)


def test_it_does_not_hold_longer_than_its_authority():
    with pytest.raises(CertificateExpired, match="authority's own"):
        check(at=orders.NOW + timedelta(days=366 * 10))


def test_a_revoked_certificate_is_refused_with_the_reason():
    with pytest.raises(CertificateRevoked) as refused:
        check(status=Status(True, orders.NOW, Reason.CERTIFICATE_HOLD))

    assert refused.value.members["reason"] == "certificate_hold"


def test_a_certificate_that_is_not_on_record_is_refused():
    with pytest.raises(CertificateRefused, match="no such certificate"):
        check(status=Status(known=False))


def test_another_authority_with_the_same_name_is_not_believed():
    with pytest.raises(CertificateRefused, match="another authority"):
        check(issuers=[orders.issuer("signature", 2).certificate])


def test_an_earlier_generation_is_believed_beside_a_later_one():
    generations = [orders.issuer("signature", each).certificate for each in (2, 1)]

    check(issuers=generations)


def test_a_certificate_for_authentication_signs_nothing():
    entering = orders.certificate(orders.authentication_order(), orders.issuer("authentication"))

    with pytest.raises(CertificateRefused, match="policy"):
        check(entering, issuers=[orders.issuer("authentication").certificate])


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.add_extension(SIGNING, critical=True),
        lambda made: made.add_extension(SIGNING, critical=True).add_extension(
            policies(profile.SIGNATURE_POLICY), critical=False
        ),
        lambda made: made.add_extension(SIGNING, critical=True).add_extension(
            policies("2.5.29.32.0"), critical=True
        ),
        lambda made: made.add_extension(SIGNING, critical=True).add_extension(
            policies(profile.SIGNATURE_POLICY, profile.AUTHENTICATION_POLICY), critical=True
        ),
        lambda made: made.add_extension(policies(profile.SIGNATURE_POLICY), critical=True),
        lambda made: made.add_extension(
            policies(profile.SIGNATURE_POLICY), critical=True
        ).add_extension(usage(digital_signature=True), critical=True),
        lambda made: made.add_extension(
            policies(profile.SIGNATURE_POLICY), critical=True
        ).add_extension(
            usage(digital_signature=True, content_commitment=True, key_cert_sign=True),
            critical=True,
        ),
        lambda made: (
            made.add_extension(policies(profile.SIGNATURE_POLICY), critical=True)
            .add_extension(SIGNING, critical=True)
            .add_extension(
                x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\5\0"),
                critical=True,
            )
        ),
    ],
)
def test_a_certificate_of_another_profile_is_refused(change):
    with pytest.raises(CertificateRefused):
        check(built(change))


def test_whoever_signs_for_the_authority_without_its_key_is_refused():
    def change(made):
        return made.add_extension(SIGNING, critical=True).add_extension(
            policies(profile.SIGNATURE_POLICY), critical=True
        )

    check(built(change))
    with pytest.raises(CertificateRefused, match="another authority"):
        check(built(change, key=orders.key("holder")))


def test_a_signature_over_a_digest_holds():
    signed = orders.key("holder").sign(DIGEST, padding.PKCS1v15(), Prehashed(hashes.SHA256()))

    check().check_digest(DIGEST, encoding.encode(signed))
    with pytest.raises(ProofRefused):
        check().check_digest(b"\6" * 32, encoding.encode(signed))


def test_a_signature_with_any_bit_changed_is_refused():
    message = b"what was signed"
    signed = bytearray(orders.key("holder").sign(message, padding.PKCS1v15(), hashes.SHA256()))
    verified = check()
    verified.check_message(message, encoding.encode(bytes(signed)))

    for place in range(0, len(signed), 7):
        changed = bytes([*signed[:place], signed[place] ^ 1, *signed[place + 1 :]])
        with pytest.raises(ProofRefused):
            verified.check_message(message, encoding.encode(changed))


@pytest.mark.parametrize("sent", ["", "AA", "not base64url!", "A" * 342, "AB"])
def test_what_is_no_signature_is_refused(sent):
    with pytest.raises(ProofRefused):
        check().check_message(b"", sent)


def test_a_key_that_is_not_rsa_is_refused_even_under_the_right_policy():
    by = orders.issuer()
    builder = built(lambda made: made)
    assert builder
    order = replace(orders.signature_order(), public_key=orders.public("tax", "p-256"))
    made = x509.load_der_x509_certificate(orders.draft(order, by))
    real = (
        x509.CertificateBuilder()
        .subject_name(made.subject)
        .issuer_name(made.issuer)
        .public_key(made.public_key())
        .serial_number(made.serial_number)
        .not_valid_before(orders.NOW)
        .not_valid_after(orders.END)
        .add_extension(SIGNING, critical=True)
        .add_extension(policies(profile.SIGNATURE_POLICY), critical=True)
        .sign(by.key, hashes.SHA256())
    )

    with pytest.raises(CertificateRefused, match="kind"):
        check(real)
