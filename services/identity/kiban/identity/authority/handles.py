"""
Handles: what the authority calls a person, to each verifier differently, and to the mesh as a point.

A person's record is a random name, given at first entry and never changed, while a resident record code can change.
Three things are derived from it, each under a key of its own: the person point, from which every agency's pseudonym
is made; a handle for each verifier, so that two verifiers cannot join what they know; and, from the resident record
code, an index by which a record is found, so that the code itself need not be kept.

Source: DESIGN 5.1; the protocol's page, section 5.1 and attack M10; identity's reference, section 7.4.
"""

import hmac
import secrets
from dataclasses import dataclass

from kiban.shared import points
from kiban.shared.identifiers import ResidentRecordCode

KEY_SIZE = 32


def new_record() -> str:
    return secrets.token_hex(16)


def new_key() -> bytes:
    return secrets.token_bytes(KEY_SIZE)


@dataclass(frozen=True, slots=True, repr=False)
class PersonKeys:
    """The keys under which people are named."""

    points: bytes
    handles: bytes
    codes: bytes

    def point(self, record: str) -> bytes:
        """The person point H(z), where z depends on the record alone."""
        return points.person_point(hmac.digest(self.points, record.encode(), "sha256"))

    def handle(self, record: str, verifier: str) -> str:
        """What this verifier calls the person: 64 hexadecimal digits."""
        return hmac.digest(self.handles, f"{verifier} {record}".encode(), "sha256").hex()

    def code_index(self, code: ResidentRecordCode) -> str:
        """By which a resident record code is looked up."""
        return hmac.digest(self.codes, code.reveal().encode(), "sha256").hex()
