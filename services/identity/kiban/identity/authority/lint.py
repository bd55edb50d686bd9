"""
The linter: nothing is signed that does not say exactly what was ordered, in the form that the profile prescribes.

It reads the draft by itself, field after field, and compares each with what the order demands, written anew by the
small encoder in `der`.  It shares no code with the builder, so a mistake must be made twice to pass.  Every byte of
the draft is accounted for: a changed bit anywhere is a finding.  Rules that no order may break are judged first.

A finding is our own mistake, not a caller's: it stops the signing and reaches nobody but the log.

Sources: RFC 5280, sections 4.1 and 4.2; identity's reference, sections 2 and 11.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import NoReturn

from kiban.identity.authority import der, keys, orders, profile
from kiban.identity.authority.contract import KeyRefused
from kiban.identity.authority.der import Element, NotDER
from kiban.identity.authority.orders import Issuing, Name, Order
from kiban.identity.authority.profile import KeyKind
from kiban.shared.clock import JAPAN

_SHA256_WITH_RSA = "1.2.840.113549.1.1.11"
_ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"
_MOST_SERIAL_OCTETS = 20
_LEAST_RANDOM_BITS = 64
_EXTENSION_FIELDS = {2: False, 3: True}  # fields of an extension, and whether it says critical


class LintFinding(Exception):  # noqa: N818  named by what was found
    """The draft is not what was ordered, or the order is not what the profile allows."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What may be signed: a body that was judged, and the algorithm that it names."""

    body: bytes
    algorithm: bytes


def check(draft: bytes, order: Order, issuing: Issuing, issuer_kind: KeyKind) -> Judged:
    """What may be signed, if nothing is wrong with it."""
    _judge_order(order, issuing)
    try:
        parts = _parts(draft)
        _compare_fields(parts.body, order, issuing, issuer_kind)
    except NotDER as error:
        raise LintFinding(f"not DER: {error}") from error
    if parts.algorithm.whole != algorithm(issuer_kind):
        _found("the outer algorithm is another one than the inner")
    return Judged(parts.body.whole, parts.algorithm.whole)


# --- the order ------------------------------------------------------------------------------------------


def _judge_order(order: Order, issuing: Issuing) -> None:
    kind = order.profile
    if not 0 < order.serial < 1 << 8 * _MOST_SERIAL_OCTETS - 1:
        _found("the serial number is not positive or is longer than 20 octets")
    if order.serial.bit_length() <= _LEAST_RANDOM_BITS:
        _found("the serial number can be guessed")
    if not order.not_before < order.not_after <= issuing.not_after:
        _found("the validity is empty or outlives the issuer")
    if order.not_after - order.not_before > kind.longest:
        _found(f"longer valid than {kind.name} may be")
    if kind.ends_with_the_day and f"{order.not_after.astimezone(JAPAN):%H%M%S}" != "235959":
        _found("does not end with a day in Japan")
    if tuple(each.oid for each in order.subject) != kind.subject:
        _found("the subject has other attributes than the profile")
    wanted = profile.CARD_ORDER if kind is profile.SIGNATURE else ()
    if tuple(each.oid for each in order.other_names) != wanted:
        _found("the alternative name has other parts than the profile")
    _judge_key(order)


def _judge_key(order: Order) -> None:
    try:
        keys.check_key(keys.load_public(order.public_key), order.profile.key)
    except (KeyRefused, ValueError, TypeError) as error:
        raise LintFinding("the key may not be certified") from error


# --- the draft ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Parts:
    """A signed structure, taken apart."""

    body: Element
    algorithm: Element


def _parts(draft: bytes) -> _Parts:
    whole = der.read(draft)
    children = whole.children()
    if whole.tag != der.SEQUENCE or [child.tag for child in children] != [
        der.SEQUENCE,
        der.SEQUENCE,
        der.BIT_STRING,
    ]:
        _found("not a sequence of body, algorithm and signature")
    return _Parts(children[0], children[1])


def algorithm(kind: KeyKind) -> bytes:
    """The signature's AlgorithmIdentifier (RFC 4055, section 5; RFC 5758, section 3.2)."""
    if kind == "rsa-2048":
        return der.sequence(der.oid(_SHA256_WITH_RSA), der.null())
    return der.sequence(der.oid(_ECDSA_WITH_SHA256))


def _compare_fields(body: Element, order: Order, issuing: Issuing, issuer_kind: KeyKind) -> None:
    *fields, last = body.children()
    expected = {
        "version": der.tagged(0, der.integer(2)),
        "serial number": der.integer(order.serial),
        "signature algorithm": algorithm(issuer_kind),
        "issuer": name(issuing.name),
        "validity": der.sequence(der.instant(order.not_before), der.instant(order.not_after)),
        "subject": name(order.subject),
        "public key": order.public_key,
    }
    if len(fields) != len(expected) or last.tag != der.tagged(3)[0]:
        _found("a field is missing, or one is there that no profile has")
    for (label, wanted), field in zip(expected.items(), fields, strict=True):
        if field.whole != wanted:
            _found(f"{label} is not as ordered")
    listed = der.read(last.content)
    if listed.tag != der.SEQUENCE:
        _found("the extensions are no sequence")
    _compare_extensions(listed.children(), order, issuing)


def _compare_extensions(found: list[Element], order: Order, issuing: Issuing) -> None:
    for element, wanted in zip_longest(found, order.profile.extensions):
        if element is None or wanted is None:
            _found("an extension is missing, or one is there that the profile has not")
        fields = element.children()
        if _EXTENSION_FIELDS.get(len(fields)) is not wanted.critical:
            _found(f"extension {wanted.oid}: critical is not as the profile says")
        value = _EXTENSIONS[wanted.oid](order, issuing)
        critical = [der.true()] if wanted.critical else []
        if element.whole != der.sequence(der.oid(wanted.oid), *critical, der.octets(value)):
            _found(f"extension {wanted.oid} is not as ordered")


def _found(what: str) -> NoReturn:
    raise LintFinding(what)


# --- what the order demands, written by the second hand ------------------------------------------------


def name(attributes: Name) -> bytes:
    """A distinguished name: one attribute in each set, the country printable and the rest UTF-8."""
    return der.sequence(
        *(
            der.write(der.SET, der.sequence(der.oid(each.oid), _text(each.oid, each.text)))
            for each in attributes
        )
    )


def _text(oid: str, text: str) -> bytes:
    return der.printable(text) if oid == profile.COUNTRY else der.utf8(text)


_USAGE_BITS = {"digitalSignature": 0, "nonRepudiation": 1, "keyCertSign": 5, "cRLSign": 6}
_CPS = "1.3.6.1.5.5.7.2.1"
_OCSP = "1.3.6.1.5.5.7.48.1"
_CA_ISSUERS = "1.3.6.1.5.5.7.48.2"
_URI = 6  # tag of a GeneralName (RFC 5280, section 4.2.1.6)
_DIRECTORY = 4


def _address(text: str) -> bytes:
    return der.tagged(_URI, text.encode("ascii"), constructed=False)


def _directory(attributes: Name) -> bytes:
    return der.tagged(_DIRECTORY, name(attributes))


def _key_usage(order: Order, _: Issuing) -> bytes:
    return der.named_bits({_USAGE_BITS[usage] for usage in order.profile.usages})


def _policies(order: Order, _: Issuing) -> bytes:
    practice = der.sequence(der.oid(_CPS), der.ia5(_addresses(order).practice))
    policy = der.oid(order.profile.policy or "")
    return der.sequence(der.sequence(policy, der.sequence(practice)))


def _alternative_name(order: Order, _: Issuing) -> bytes:
    if order.profile in profile.ROOTS.values():
        return der.sequence(_directory(orders.alternative_name()))
    return der.sequence(
        *(
            der.tagged(0, der.oid(each.oid), der.tagged(0, der.utf8(each.text)))
            for each in order.other_names
        )
    )


def _crl_address(order: Order, _: Issuing) -> bytes:
    root = order.profile in profile.ROOTS.values()
    where = _directory(order.subject) if root else _address(_addresses(order).revocations)
    return der.sequence(der.sequence(der.tagged(0, der.tagged(0, where))))


def _access(order: Order, _: Issuing) -> bytes:
    found = _addresses(order)
    return der.sequence(
        der.sequence(der.oid(_OCSP), _address(found.status)),
        der.sequence(der.oid(_CA_ISSUERS), _address(found.issuer)),
    )


def _addresses(order: Order) -> orders.Addresses:
    if order.addresses is None:
        _found("the order has no addresses")
    return order.addresses


def _sealing_key(order: Order, _: Issuing) -> bytes:
    if order.sealing_key is None:
        _found("the order has no sealing key")
    return der.octets(order.sealing_key)


def _subject_key_id(order: Order, _: Issuing) -> bytes:
    bits = der.read(order.public_key).children()[1]
    return der.octets(hashlib.sha1(bits.content[1:]).digest())  # noqa: S324  RFC 5280, 4.2.1.2


_EXTENSIONS: dict[str, Callable[[Order, Issuing], bytes]] = {
    profile.BASIC_CONSTRAINTS: lambda _, __: der.sequence(der.true()),
    profile.KEY_USAGE: _key_usage,
    profile.EXTENDED_USAGE: lambda _, __: der.sequence(der.oid(profile.OCSP_SIGNING)),
    profile.OCSP_NOCHECK: lambda _, __: der.null(),
    profile.POLICIES: _policies,
    profile.ALTERNATIVE_NAME: _alternative_name,
    profile.CRL_ADDRESS: _crl_address,
    profile.ACCESS: _access,
    profile.ISSUER_KEY_ID: lambda _, issuing: der.sequence(
        der.tagged(0, issuing.key_id, constructed=False)
    ),
    profile.SUBJECT_KEY_ID: _subject_key_id,
    profile.SEALING: _sealing_key,
}
