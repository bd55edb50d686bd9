"""Orders of every profile, built by one short builder each, with keys that are made once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509

from kiban.identity.authority import attributes, certificates, keys, lint, profile, validity
from kiban.identity.authority import orders as rules
from kiban.identity.authority.certificates import Throwaway
from kiban.identity.authority.contract import AuthorityName
from kiban.identity.authority.issuers import Issuer
from kiban.identity.authority.orders import Addresses, Attribute, Issuing, Order
from tests.authority import builders
from tests.authority.builders import ORIGIN

NOW = datetime(2026, 4, 1, tzinfo=UTC)
SERIAL = (1 << profile.SERIAL_BITS) + 12345
END = validity.years_later(NOW, 5) - timedelta(days=2)


def key(name: str, kind="rsa-2048"):
    """A key of this name; the same one each time."""
    return _made(name, kind)


@cache
def _made(name: str, kind):
    return keys.make(kind)


def public(name: str, kind="rsa-2048") -> bytes:
    return keys.public_bytes(key(name, kind).public_key())


@cache
def issuer(authority: AuthorityName = "signature", generation: int = 1) -> Issuer:
    """An authority that certified itself."""
    kind = profile.ROOTS[authority].key
    name = f"root {authority} {generation}"
    found = root_order(authority, name)
    issuing = Issuing(found.subject, keys.key_id(found.public_key), found.not_after)
    draft = certificates.draft(found, issuing, Throwaway.of_this_process().like(kind))
    judged = lint.check(draft, found, issuing, kind)
    der = certificates.finish(judged, key(name, kind))
    return Issuer(authority, generation, x509.load_der_x509_certificate(der), key(name, kind))


def root_order(authority: AuthorityName = "signature", name="root") -> Order:
    kind = profile.ROOTS[authority]
    return Order(
        profile=kind,
        serial=SERIAL,
        subject=rules.root_name(authority, "KIBAN SIMULATED"),
        public_key=public(name, kind.key),
        not_before=NOW,
        not_after=validity.years_later(NOW, profile.ROOT_YEARS),
    )


def addresses(authority: AuthorityName) -> Addresses:
    return Addresses(
        practice=f"{ORIGIN}/cps",
        revocations=f"{ORIGIN}/crl/{authority}/1-0.crl",
        status=f"{ORIGIN}/ocsp/{authority}",
        issuer=f"{ORIGIN}/ca/{authority}.crt",
    )


def signature_order(**changes) -> Order:
    return replace(
        Order(
            profile=profile.SIGNATURE,
            serial=SERIAL,
            subject=(
                Attribute(profile.COUNTRY, "JP"),
                Attribute(profile.LOCALITY, "神奈川県"),
                Attribute(profile.LOCALITY, "142042"),
                Attribute(profile.COMMON_NAME, "20260401090000-0000303A"),
            ),
            public_key=public("holder"),
            not_before=NOW,
            not_after=END,
            other_names=attributes.other_names(builders.attributes()),
            addresses=addresses("signature"),
        ),
        **changes,
    )


def authentication_order(**changes) -> Order:
    return replace(
        Order(
            profile=profile.AUTHENTICATION,
            serial=SERIAL,
            subject=(
                Attribute(profile.COUNTRY, "JP"),
                Attribute(profile.COMMON_NAME, "20260401090000-0000303A"),
            ),
            public_key=public("holder"),
            not_before=NOW,
            not_after=END,
            addresses=addresses("authentication"),
        ),
        **changes,
    )


def member_order(**changes) -> Order:
    return replace(
        Order(
            profile=profile.MEMBER,
            serial=SERIAL,
            subject=(
                Attribute(profile.COUNTRY, "JP"),
                Attribute(profile.ORGANISATION, "KIBAN SIMULATED"),
                Attribute(profile.COMMON_NAME, "tax"),
            ),
            public_key=public("tax", "p-256"),
            not_before=NOW,
            not_after=END,
            addresses=addresses("organisation"),
            sealing_key=bytes(range(32)),
        ),
        **changes,
    )


def responder_order(**changes) -> Order:
    return replace(
        Order(
            profile=profile.RESPONDER,
            serial=SERIAL,
            subject=(
                Attribute(profile.COUNTRY, "JP"),
                Attribute(profile.ORGANISATION, "KIBAN SIMULATED"),
                Attribute(profile.COMMON_NAME, "OCSP responder"),
            ),
            public_key=public("responder", "p-256"),
            not_before=NOW,
            not_after=NOW + timedelta(days=365),
        ),
        **changes,
    )


CASES: dict[str, tuple[Order, AuthorityName]] = {}


def cases() -> dict[str, tuple[Order, AuthorityName]]:
    """One order of each profile, and who issues it."""
    if not CASES:
        CASES.update(
            {
                "signature": (signature_order(), "signature"),
                "authentication": (authentication_order(), "authentication"),
                "organisation": (member_order(), "organisation"),
                "responder": (responder_order(), "signature"),
            }
        )
    return CASES


def draft(order: Order, by: Issuer) -> bytes:
    return certificates.draft(order, by.issuing, Throwaway.of_this_process().like(by.kind))


def certificate(order: Order, by: Issuer) -> x509.Certificate:
    """What the authority issues for an order."""
    judged = lint.check(draft(order, by), order, by.issuing, by.kind)
    return x509.load_der_x509_certificate(certificates.finish(judged, by.key))
