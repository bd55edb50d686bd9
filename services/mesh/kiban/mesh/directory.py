"""
The directory: who takes part, as the core keeps it.

A member enters by its own organisation certificate, in a request that the certificate's key signed, and only if
the country's files know it.  Nobody can so enter for another, and the core cannot either: whoever reads the
directory believes the certificates in it, not the core.

Source: DESIGN 5.8; the protocol's page, attack H3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from kiban.mesh.contract import Entry, UnknownMember
from kiban.mesh.country import Agency
from kiban.shared import encoding, members
from kiban.shared.members import Member
from kiban.shared.problems import Forbidden


@dataclass(frozen=True, slots=True)
class Seat:
    """A verified member and where it answers."""

    member: Member
    origin: str


@dataclass(slots=True)
class Directory:
    """The seats that are taken, verified."""

    agencies: Mapping[str, Agency]
    anchors: Sequence[x509.Certificate]
    seats: dict[str, Seat] = field(default_factory=dict)

    def admit(self, name: str, certificate: bytes, origin: str, *, at: datetime) -> Seat:
        """A seat for the member whose certificate this is; nothing is kept by this."""
        member = members.read(certificate, anchors=self.anchors, at=at)
        if member.id != name:
            raise Forbidden("the certificate is another member's", sent=member.id, expected=name)
        return Seat(member, origin)

    def check_known(self, name: str) -> None:
        """Refuse who is in no file of the country."""
        if name not in self.agencies:
            raise UnknownMember("no file of agencies/ introduces this member", sent=name)

    def find(self, name: str) -> Member:
        seat = self.seats.get(name)
        if seat is None:
            raise UnknownMember(f"{name} has not enrolled", sent=name)
        return seat.member

    def entries(self, epochs: Mapping[str, int]) -> list[Entry]:
        """The directory as it is served."""
        return [self.entry(name, epochs.get(name, 0)) for name in sorted(self.seats)]

    def entry(self, name: str, epoch: int) -> Entry:
        """One seat as it is served."""
        seat = self.seats[name]
        return Entry(
            id=name,
            certificate=encoding.encode(seat.member.certificate),
            origin=seat.origin,
            name=dict(self.agencies[name].name) if name in self.agencies else {"en": name},
            epoch=epoch,
        )
