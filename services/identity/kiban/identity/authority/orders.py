"""
Orders: everything that a certificate is going to say, decided before anything is built.

The builder makes a certificate out of an order; the linter, which shares no code with it, compares what was built
with the same order.  An order can be written down and read again, so that after a crash exactly what was intended is
carried on.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kiban.identity.authority import profile
from kiban.identity.authority.attributes import OtherName
from kiban.identity.authority.contract import AuthorityName
from kiban.identity.authority.profile import PROFILES, Profile
from kiban.shared import encoding
from kiban.shared.clock import JAPAN


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a distinguished name."""

    oid: str
    text: str


Name = tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where to ask about a certificate, as it says itself."""

    practice: str
    revocations: str
    status: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Issuing:
    """Whose signature a certificate gets, as far as the certificate says."""

    name: Name
    key_id: bytes
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Order:
    profile: Profile
    serial: int
    subject: Name
    public_key: bytes
    """SubjectPublicKeyInfo, DER."""
    not_before: datetime
    not_after: datetime
    other_names: tuple[OtherName, ...] = ()
    addresses: Addresses | None = None
    sealing_key: bytes | None = None

    def document(self) -> dict[str, Any]:
        """The order as JSON."""
        return {
            "profile": self.profile.name,
            "serial": f"{self.serial:x}",
            "subject": [[each.oid, each.text] for each in self.subject],
            "public_key": encoding.encode(self.public_key),
            "not_before": int(self.not_before.timestamp()),
            "not_after": int(self.not_after.timestamp()),
            "other_names": [[each.oid, each.text] for each in self.other_names],
            "addresses": None if self.addresses is None else _addresses(self.addresses),
            "sealing_key": self.sealing_key.hex() if self.sealing_key else None,
        }


def read(document: dict[str, Any]) -> Order:
    """The order that was written down."""
    addresses, sealing_key = document["addresses"], document["sealing_key"]
    return Order(
        profile=PROFILES[document["profile"]],
        serial=int(document["serial"], 16),
        subject=tuple(Attribute(*each) for each in document["subject"]),
        public_key=encoding.decode(document["public_key"]),
        not_before=datetime.fromtimestamp(document["not_before"], UTC),
        not_after=datetime.fromtimestamp(document["not_after"], UTC),
        other_names=tuple(OtherName(*each) for each in document["other_names"]),
        addresses=Addresses(**addresses) if addresses else None,
        sealing_key=bytes.fromhex(sealing_key) if sealing_key else None,
    )


def _addresses(addresses: Addresses) -> dict[str, str]:
    return {name: getattr(addresses, name) for name in Addresses.__slots__}


def draw_serial() -> int:
    """A serial number that nobody can guess."""
    return (1 << profile.SERIAL_BITS) | secrets.randbits(profile.SERIAL_BITS)


def root_name(authority: AuthorityName, organisation: str) -> Name:
    """The name of an authority; all generations of its key bear it."""
    return (
        Attribute(profile.COUNTRY, "JP"),
        Attribute(profile.ORGANISATION, organisation),
        Attribute(profile.UNIT, profile.UNITS[authority]),
        Attribute(profile.UNIT, profile.OPERATOR),
    )


def alternative_name() -> Name:
    """The alternative name of an authority."""
    return (
        Attribute(profile.COUNTRY, "JP"),
        Attribute(profile.ORGANISATION, profile.ALTERNATIVE),
    )


def holder_number(issued: datetime, serial: int) -> str:
    """The common name of a holder's certificate: when it was issued, and a number; nobody's name."""
    return f"{issued.astimezone(JAPAN):%Y%m%d%H%M%S}-{serial % 2**32:08X}"


def shard_of(generation: int, serial: int, shards: int) -> str:
    """Which list of revocations a certificate belongs to, for as long as it lasts."""
    return f"{generation}-{serial % shards}"
