"""
Lists of revocations (CRL): what every verifier may fetch and keep for a day.

Each authority's certificates are divided into shards when they are issued, and each shard has a list of its own,
whose critical issuing distribution point names the address that is written in the certificates.  A list is written
by our own small encoder, because it can be long, and judged through the library, which is the second hand here.

Refused (and so never signed): a list that forgets an entry of the one before, or whose number does not rise.

Sources: RFC 5280, section 5; identity's reference, section 5; boulder's checker of successive lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509

from kiban.identity.authority import der, keys, lint
from kiban.identity.authority.keys import PrivateKey
from kiban.identity.authority.lifecycle import Reason
from kiban.identity.authority.lint import Judged, LintFinding
from kiban.identity.authority.orders import Issuing

DAILY = timedelta(days=1)
"""A list is made anew each day, also when nothing has ended."""
LASTS = timedelta(hours=25)
"""How long a list may be used: an hour longer than the next one takes to come."""
_NUMBER, _REASON, _DISTRIBUTION_POINT, _ISSUER_KEY_ID = (
    "2.5.29.20",
    "2.5.29.21",
    "2.5.29.28",
    "2.5.29.35",
)
_ENUMERATED = 10
_URI = 6


@dataclass(frozen=True, slots=True)
class Revoked:
    serial: int
    at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class RevocationList:
    """Everything that a list is going to say."""

    number: int
    address: str
    this_update: datetime
    revoked: Sequence[Revoked]

    @property
    def next_update(self) -> datetime:
        return self.this_update + LASTS


def draft(order: RevocationList, issuing: Issuing, throwaway: PrivateKey) -> bytes:
    """The list, DER, signed with a key that is not the issuer's."""
    algorithm = lint.algorithm(keys.kind_of(throwaway))
    entries = [_entry(each) for each in order.revoked]
    body = der.sequence(
        der.integer(1),
        algorithm,
        lint.name(issuing.name),
        der.instant(order.this_update),
        der.instant(order.next_update),
        *([der.sequence(*entries)] if entries else []),
        der.tagged(0, der.sequence(*_extensions(order, issuing))),
    )
    return der.sequence(body, algorithm, der.bits(keys.sign(body, throwaway)))


def _entry(revoked: Revoked) -> bytes:
    reason = der.write(_ENUMERATED, bytes([revoked.reason]))
    said = (
        [der.sequence(_extension(_REASON, reason))]
        if revoked.reason is not Reason.UNSPECIFIED
        else []
    )
    return der.sequence(der.integer(revoked.serial), der.instant(revoked.at), *said)


def _extensions(order: RevocationList, issuing: Issuing) -> list[bytes]:
    address = der.tagged(_URI, order.address.encode("ascii"), constructed=False)
    point = der.sequence(der.tagged(0, der.tagged(0, address)))
    key_id = der.sequence(der.tagged(0, issuing.key_id, constructed=False))
    return [
        _extension(_ISSUER_KEY_ID, key_id),
        _extension(_NUMBER, der.integer(order.number)),
        _extension(_DISTRIBUTION_POINT, point, critical=True),
    ]


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return der.sequence(der.oid(oid), *([der.true()] if critical else []), der.octets(value))


def check(draft: bytes, order: RevocationList, issuing: Issuing, previous: bytes | None) -> Judged:
    """What may be signed, if it says what was ordered and forgets nothing of the list before."""
    read = x509.load_der_x509_crl(draft)
    _compare(read, order, issuing)
    if previous is not None:
        check_successor(x509.load_der_x509_crl(previous), read)
    body, algorithm, _ = der.read(draft).children()
    return Judged(body.whole, algorithm.whole)


def _compare(read: x509.CertificateRevocationList, order: RevocationList, issuing: Issuing) -> None:
    extensions = {each.oid.dotted_string: each for each in read.extensions}
    if set(extensions) != {_ISSUER_KEY_ID, _NUMBER, _DISTRIBUTION_POINT}:
        raise LintFinding("the list has other extensions than the profile")
    point = extensions[_DISTRIBUTION_POINT]
    said = (
        lint.name(issuing.name) == read.issuer.public_bytes(),
        read.last_update_utc == order.this_update.replace(microsecond=0),
        read.next_update_utc == order.next_update.replace(microsecond=0),
        number_of(read) == order.number,
        extensions[_ISSUER_KEY_ID].value == x509.AuthorityKeyIdentifier(issuing.key_id, None, None),
        point.critical and point.value == _point(order.address),
        [_entry_of(each) for each in read] == [_wanted(each) for each in order.revoked],
    )
    if not all(said):
        raise LintFinding("the list does not say what was ordered")


def _point(address: str) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(address)],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )


def check_successor(
    before: x509.CertificateRevocationList, after: x509.CertificateRevocationList
) -> None:
    """Return silently if the later list may take the place of the earlier one."""
    if number_of(after) <= number_of(before):
        raise LintFinding("the number of the list does not rise")
    if forgotten := _entries(before) - _entries(after):
        raise LintFinding(f"the list forgets or alters {len(forgotten)} entries")


def number_of(read: x509.CertificateRevocationList) -> int:
    return read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def _entries(read: x509.CertificateRevocationList) -> set[Revoked]:
    return {_entry_of(each) for each in read}


def _entry_of(entry: x509.RevokedCertificate) -> Revoked:
    return Revoked(entry.serial_number, entry.revocation_date_utc, _reason(entry))


def _wanted(revoked: Revoked) -> Revoked:
    return replace(revoked, at=revoked.at.replace(microsecond=0))


def _reason(entry: x509.RevokedCertificate) -> Reason:
    try:
        said = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return Reason.UNSPECIFIED
    return Reason[said.name.upper()]
