"""Lists of revocations: what they say, and that none forgets what an earlier one said."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from kiban.identity.authority import certificates, crl
from kiban.identity.authority.certificates import Throwaway
from kiban.identity.authority.crl import RevocationList, Revoked
from kiban.identity.authority.lifecycle import Reason
from kiban.identity.authority.lint import LintFinding
from tests.authority import orders

ADDRESS = "http://127.0.0.1:8700/crl/signature/1-0.crl"
ENTRIES = tuple(
    Revoked(orders.SERIAL + reason, orders.NOW - timedelta(hours=reason), reason)
    for reason in Reason
)


def listed(entries=ENTRIES, number=1, this_update=orders.NOW) -> RevocationList:
    return RevocationList(number, ADDRESS, this_update, entries)


def draft(order, by=None):
    by = by or orders.issuer()
    return crl.draft(order, by.issuing, Throwaway.of_this_process().like(by.kind))


def signed(order, by=None, previous=None) -> bytes:
    by = by or orders.issuer()
    judged = crl.check(draft(order, by), order, by.issuing, previous)
    return certificates.finish(judged, by.key)


@pytest.mark.parametrize("authority", ["signature", "organisation"])
def test_a_list_is_its_authoritys_own(authority):
    by = orders.issuer(authority)

    read = x509.load_der_x509_crl(signed(listed(), by))

    assert read.is_signature_valid(by.certificate.public_key())
    assert read.issuer == by.certificate.subject


def test_a_list_says_what_has_ended_when_and_why():
    read = x509.load_der_x509_crl(signed(listed()))

    assert [each.serial_number for each in read] == [each.serial for each in ENTRIES]
    assert [each.revocation_date_utc for each in read] == [each.at for each in ENTRIES]
    reasons = [each.extensions for each in read]
    assert [len(each) for each in reasons] == [0, 1, 1, 1, 1, 1, 1]
    assert [each[0].value.reason.name for each in reasons[1:]] == [
        "key_compromise",
        "ca_compromise",
        "affiliation_changed",
        "superseded",
        "cessation_of_operation",
        "certificate_hold",
    ]


def test_a_list_names_its_number_its_shard_and_its_end():
    read = x509.load_der_x509_crl(signed(listed(number=258)))

    point = read.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert crl.number_of(read) == 258
    assert point.critical
    assert point.value.full_name[0].value == ADDRESS
    assert read.next_update_utc - read.last_update_utc == timedelta(hours=25)


def test_an_empty_list_is_a_list():
    read = x509.load_der_x509_crl(signed(listed(())))

    assert len(read) == 0


def test_what_was_listed_stays_listed():
    before = signed(listed(ENTRIES[:2]))

    signed(listed(ENTRIES, number=2), previous=before)
    with pytest.raises(LintFinding, match="forgets"):
        signed(listed(ENTRIES[1:], number=2), previous=before)
    altered = (replace(ENTRIES[0], reason=Reason.SUPERSEDED), ENTRIES[1])
    with pytest.raises(LintFinding, match="alters"):
        signed(listed(altered, number=2), previous=before)


@pytest.mark.parametrize("number", [6, 7])
def test_numbers_rise(number):
    before = signed(listed(number=7))

    with pytest.raises(LintFinding, match="rise"):
        signed(listed(number=number), previous=before)


@pytest.mark.parametrize(
    "other",
    [
        listed(ENTRIES[:-1]),
        listed(ENTRIES[::-1]),
        listed((replace(ENTRIES[0], reason=Reason.SUPERSEDED), *ENTRIES[1:])),
        listed((replace(ENTRIES[0], at=orders.NOW - timedelta(days=9)), *ENTRIES[1:])),
        listed(number=2),
        listed(this_update=orders.NOW + timedelta(seconds=1)),
        replace(listed(), address=ADDRESS + "x"),
    ],
)
def test_a_list_that_says_something_else_is_not_signed(other):
    by = orders.issuer()

    with pytest.raises(LintFinding):
        crl.check(draft(other), listed(), by.issuing, None)


def test_a_list_of_another_generation_is_not_signed():
    first, second = orders.issuer("signature", 1), orders.issuer("signature", 2)

    with pytest.raises(LintFinding):
        crl.check(draft(listed(), second), listed(), first.issuing, None)
