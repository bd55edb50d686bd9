"""
Profile: what each kind of certificate looks like, as data (プロファイル仕様書).

Two authorities serve people, as the real service has them: user authentication (利用者証明用) and signature
(署名用).  A third one serves organisations.  Each is a self-signed root that issues directly; a new generation of
its key bears the same name, so an issuer is found by its key and never by its name.

The shape is the real profile's; names and object identifiers are our own and say SIMULATED.  `REAL` maps each of
our identifiers to the one it stands for; the real ones are never written into a certificate.

Decided here, because no source that was read says it: the order of extensions, that the authentication certificate
has no alternative name, that no holder's certificate has an extended key usage, and the second locality of a subject,
which is the municipality's code (全国地方公共団体コード): the registry alone knows its name.

Sources: identity's reference, sections 1, 2 and 9; RFC 5280; RFC 6960, section 4.2.2.2.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from kiban.identity.authority.contract import AuthorityName
from kiban.shared.members import ARC, ORGANISATION_POLICY, SEALING_KEY

KeyKind = Literal["rsa-2048", "p-256"]

# --- object identifiers: what they stand for --------------------------------------------------------

SIGNATURE_POLICY = f"{ARC}.1.1"
AUTHENTICATION_POLICY = f"{ARC}.1.3"
NAME, NAME_SUBSTITUTES, SEX, BIRTH_DATE, ADDRESS, ADDRESS_SUBSTITUTES = (
    f"{ARC}.5.{number}" for number in range(1, 7)
)
CARD_ORDER = (NAME, BIRTH_DATE, SEX, ADDRESS, NAME_SUBSTITUTES, ADDRESS_SUBSTITUTES)
"""The order in which a card's signature certificate carries its holder's attributes."""

REAL = {
    SIGNATURE_POLICY: "1.2.392.200149.8.5.1.1.20",
    AUTHENTICATION_POLICY: "1.2.392.200149.8.5.1.3.30",
    NAME: "1.2.392.200149.8.5.5.1",
    NAME_SUBSTITUTES: "1.2.392.200149.8.5.5.2",
    SEX: "1.2.392.200149.8.5.5.3",
    BIRTH_DATE: "1.2.392.200149.8.5.5.4",
    ADDRESS: "1.2.392.200149.8.5.5.5",
    ADDRESS_SUBSTITUTES: "1.2.392.200149.8.5.5.6",
}

COUNTRY, ORGANISATION, UNIT, LOCALITY, COMMON_NAME = (
    "2.5.4.6",
    "2.5.4.10",
    "2.5.4.11",
    "2.5.4.7",
    "2.5.4.3",
)

SUBJECT_KEY_ID = "2.5.29.14"
KEY_USAGE = "2.5.29.15"
ALTERNATIVE_NAME = "2.5.29.17"
BASIC_CONSTRAINTS = "2.5.29.19"
CRL_ADDRESS = "2.5.29.31"
POLICIES = "2.5.29.32"
ISSUER_KEY_ID = "2.5.29.35"
EXTENDED_USAGE = "2.5.29.37"
ACCESS = "1.3.6.1.5.5.7.1.1"
OCSP_NOCHECK = "1.3.6.1.5.5.7.48.1.5"
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
SEALING = SEALING_KEY.dotted_string

# --- profiles -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Extension:
    oid: str
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of certificate.  `usages` are named as in RFC 5280, section 4.2.1.3."""

    name: str
    key: KeyKind
    usages: frozenset[str]
    extensions: tuple[Extension, ...]
    longest: timedelta
    subject: tuple[str, ...]
    """Which attributes the subject has, in order."""
    policy: str | None = None
    ends_with_the_day: bool = False
    """Whether it ends at 23:59:59 Japanese time."""


_HOLDERS = (
    Extension(KEY_USAGE, critical=True),
    Extension(POLICIES, critical=True),
    Extension(CRL_ADDRESS),
    Extension(ACCESS),
    Extension(ISSUER_KEY_ID),
    Extension(SUBJECT_KEY_ID),
)
_ROOT = (
    Extension(BASIC_CONSTRAINTS, critical=True),
    Extension(KEY_USAGE, critical=True),
    Extension(SUBJECT_KEY_ID),
    Extension(ALTERNATIVE_NAME),
    Extension(CRL_ADDRESS),
)
_ROOT_SUBJECT = (COUNTRY, ORGANISATION, UNIT, UNIT)
_ROOT_USAGES = frozenset({"keyCertSign", "cRLSign"})
_YEAR = timedelta(days=366)

AUTHENTICATION = Profile(
    name="authentication",
    key="rsa-2048",
    usages=frozenset({"digitalSignature"}),
    policy=AUTHENTICATION_POLICY,
    extensions=_HOLDERS,
    subject=(COUNTRY, COMMON_NAME),
    longest=5 * _YEAR,
    ends_with_the_day=True,
)
SIGNATURE = Profile(
    name="signature",
    key="rsa-2048",
    usages=frozenset({"digitalSignature", "nonRepudiation"}),
    policy=SIGNATURE_POLICY,
    extensions=(*_HOLDERS[:2], Extension(ALTERNATIVE_NAME), *_HOLDERS[2:]),
    subject=(COUNTRY, LOCALITY, LOCALITY, COMMON_NAME),
    longest=5 * _YEAR,
    ends_with_the_day=True,
)
MEMBER = Profile(
    name="organisation",
    key="p-256",
    usages=frozenset({"digitalSignature"}),
    policy=ORGANISATION_POLICY.dotted_string,
    extensions=(*_HOLDERS, Extension(SEALING)),
    subject=(COUNTRY, ORGANISATION, COMMON_NAME),
    longest=5 * _YEAR,
)
RESPONDER = Profile(
    name="responder",
    key="p-256",
    usages=frozenset({"digitalSignature"}),
    extensions=(
        Extension(KEY_USAGE, critical=True),
        Extension(EXTENDED_USAGE),
        Extension(OCSP_NOCHECK),
        Extension(ISSUER_KEY_ID),
        Extension(SUBJECT_KEY_ID),
    ),
    subject=(COUNTRY, ORGANISATION, COMMON_NAME),
    longest=_YEAR,
)
RSA_ROOT = Profile(
    name="root-rsa",
    key="rsa-2048",
    usages=_ROOT_USAGES,
    extensions=_ROOT,
    subject=_ROOT_SUBJECT,
    longest=10 * _YEAR,
    ends_with_the_day=True,
)
EC_ROOT = Profile(
    name="root-p256",
    key="p-256",
    usages=_ROOT_USAGES,
    extensions=_ROOT,
    subject=_ROOT_SUBJECT,
    longest=10 * _YEAR,
    ends_with_the_day=True,
)

PROFILES = {
    profile.name: profile
    for profile in (AUTHENTICATION, SIGNATURE, MEMBER, RESPONDER, RSA_ROOT, EC_ROOT)
}
ROOTS: dict[AuthorityName, Profile] = {
    "authentication": RSA_ROOT,
    "signature": RSA_ROOT,
    "organisation": EC_ROOT,
}
ISSUES: dict[AuthorityName, Profile] = {
    "authentication": AUTHENTICATION,
    "signature": SIGNATURE,
    "organisation": MEMBER,
}
UNITS: dict[AuthorityName, str] = {
    "authentication": "Kiban for user authentication",
    "signature": "Kiban for digital signature",
    "organisation": "Kiban for organisations",
}
OPERATOR = "Kiban simulated certification authority"
ALTERNATIVE = "公的個人認証サービス（模擬）"
"""The organisation in the alternative name of a root, as the real roots have one."""

# --- validity -----------------------------------------------------------------------------------------

ROOT_YEARS = 10
MEMBER_YEARS = 5
RESPONDER_DAYS = 365
HOLDER_BIRTHDAYS = 5
"""A holder's certificate ends on the fifth birthday after its issue (発行の日から5回目の誕生日)."""
LEAP_DAY_FALLS_ON = (2, 28)
"""When somebody born on 29 February has a birthday in a common year."""
SIGNING_AGE = 15
"""Below it there is no signature certificate."""
SERIAL_BITS = 150
"""Random bits of a serial number, below a leading one: 19 octets, all of the same length."""
