"""Certificates: the real profile's shape, under our own names."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

from kiban.identity.authority import profile
from kiban.shared import members
from tests.authority import orders
from tests.authority.builders import ORIGIN


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


@pytest.mark.parametrize("kind", ["signature", "authentication", "organisation", "responder"])
def test_what_is_finished_is_its_issuers(kind):
    order, authority = orders.cases()[kind]

    made = orders.certificate(order, orders.issuer(authority))

    made.verify_directly_issued_by(orders.issuer(authority).certificate)


def test_nothing_real_stands_in_a_certificate():
    for order, authority in orders.cases().values():
        made = orders.certificate(order, orders.issuer(authority))
        text = made.public_bytes(Encoding.DER)
        assert b"SIMULATED" in text
        assert b"\x2a\x83\x08\x8c\x9b\x55" not in text  # 1.2.392.200149


def test_a_root_has_the_real_roots_shape():
    root = orders.issuer("authentication").certificate

    assert [each.oid.dotted_string for each in root.extensions] == [
        each.oid for each in profile.RSA_ROOT.extensions
    ]
    assert extension(root, x509.BasicConstraints).value == x509.BasicConstraints(True, None)
    usage = extension(root, x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (True, True, True)
    assert not usage.value.digital_signature
    name = extension(root, x509.SubjectAlternativeName).value[0]
    assert isinstance(name, x509.DirectoryName)
    point = extension(root, x509.CRLDistributionPoints).value[0].full_name[0]
    assert point.value == root.subject
    assert f"{root.not_valid_after_utc:%H:%M:%S}" == "14:59:59"


def test_a_signature_certificate_names_its_holder_in_other_names_alone():
    made = orders.certificate(orders.signature_order(), orders.issuer())

    names = extension(made, x509.SubjectAlternativeName).value
    assert [name.type_id.dotted_string for name in names] == list(profile.CARD_ORDER)
    assert "花子" not in made.subject.rfc4514_string()
    assert [each.value for each in made.subject.get_attributes_for_oid(NameOID.LOCALITY_NAME)] == [
        "神奈川県",
        "142042",
    ]


def test_an_authentication_certificate_says_nothing_personal():
    made = orders.certificate(orders.authentication_order(), orders.issuer("authentication"))

    assert {each.oid for each in made.subject} == {NameOID.COUNTRY_NAME, NameOID.COMMON_NAME}
    with pytest.raises(x509.ExtensionNotFound):
        extension(made, x509.SubjectAlternativeName)


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        ("signature", "2.999.392.1.1"),
        ("authentication", "2.999.392.1.3"),
        ("organisation", "2.999.392.1.4"),
    ],
)
def test_the_policy_is_critical_and_names_the_practice_statement(kind, policy):
    order, authority = orders.cases()[kind]
    found = extension(orders.certificate(order, orders.issuer(authority)), x509.CertificatePolicies)

    assert found.critical
    assert [each.policy_identifier.dotted_string for each in found.value] == [policy]
    assert found.value[0].policy_qualifiers == [f"{ORIGIN}/cps"]


def test_key_usage_is_critical_and_only_what_the_profile_says():
    signing = orders.certificate(orders.signature_order(), orders.issuer())
    entering = orders.certificate(orders.authentication_order(), orders.issuer("authentication"))

    for made, committed in ((signing, True), (entering, False)):
        usage = extension(made, x509.KeyUsage)
        assert usage.critical
        assert usage.value.digital_signature
        assert usage.value.content_commitment is committed
        assert not usage.value.key_encipherment


def test_a_certificate_says_where_to_ask_about_it():
    made = orders.certificate(orders.signature_order(), orders.issuer())

    point = extension(made, x509.CRLDistributionPoints).value[0].full_name[0].value
    access = extension(made, x509.AuthorityInformationAccess).value
    assert point == f"{ORIGIN}/crl/signature/1-0.crl"
    assert [each.access_location.value for each in access] == [
        f"{ORIGIN}/ocsp/signature",
        f"{ORIGIN}/ca/signature.crt",
    ]


def test_key_identifiers_lead_from_holder_to_issuer():
    issuer = orders.issuer()
    made = orders.certificate(orders.signature_order(), issuer)

    mine = extension(made, x509.AuthorityKeyIdentifier).value.key_identifier
    theirs = extension(issuer.certificate, x509.SubjectKeyIdentifier).value.digest
    assert mine == theirs


def test_generations_have_one_name_and_different_keys():
    first, second = orders.issuer("signature", 1), orders.issuer("signature", 2)

    assert first.certificate.subject == second.certificate.subject
    assert first.issuing.key_id != second.issuing.key_id


def test_a_members_certificate_is_read_as_one():
    issuer = orders.issuer("organisation")
    made = orders.certificate(orders.member_order(), issuer)

    member = members.read(
        made.public_bytes(Encoding.DER),
        anchors=[issuer.certificate],
        at=orders.NOW,
    )

    assert (member.id, member.sealing_key) == ("tax", bytes(range(32)))


def test_a_responder_may_sign_answers_and_is_not_asked_about_itself():
    made = orders.certificate(orders.responder_order(), orders.issuer())

    usage = extension(made, x509.ExtendedKeyUsage).value
    assert [each.dotted_string for each in usage] == [profile.OCSP_SIGNING]
    made.extensions.get_extension_for_oid(ExtensionOID.OCSP_NO_CHECK)


def test_serial_numbers_are_long_and_never_the_same():
    drawn = {orders.rules.draw_serial() for _ in range(1000)}

    assert len(drawn) == 1000
    assert {serial.bit_length() for serial in drawn} == {profile.SERIAL_BITS + 1}


def test_an_order_can_be_written_down_and_read_again():
    for order, _ in orders.cases().values():
        assert orders.rules.read(order.document()) == order
