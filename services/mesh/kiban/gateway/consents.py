"""
Consents (同意): a person lets one reader read one item from one provider, for one purpose, until a time.

The provider is the one who checks them, because it alone can tell whose consent it is and whose inquiry: the core
cannot, and the portal may not.  A consent is believed only with the authority's token, which binds the digest of
the terms to the person; so the portal can neither make one up, nor widen it, nor take it to another party.

Pure rules: time is an argument.  Sources: DESIGN 5.6; the protocol's page, section 5.6, attacks C4 and H7; plan
rows IDN-07, MSH-18.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kiban.gateway.contract import (
    ConsentEnded,
    ConsentRecord,
    ConsentRefused,
    NotConsented,
    terms_digest,
)
from kiban.shared.exchanges import Claims
from kiban.shared.identifiers import Pseudonym


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent as a party holds it: the record, whose it is there, and what became of it."""

    record: ConsentRecord
    person: Pseudonym
    uses: int
    ended: bool

    def check(self, claims: Claims, people: Sequence[Pseudonym], *, at: datetime) -> None:
        """Return silently, or raise the first reason why this inquiry does not rest on this consent."""
        record, now = self.record, int(at.timestamp())
        if list(people) != [self.person]:
            raise NotConsented("the consent is another person's", rule="person")
        if (record.reader, record.provider) != (claims.inquirer, claims.provider):
            raise NotConsented("given to another reader", sent=claims.inquirer, rule="reader")
        if (record.item, record.affair) != (claims.item, claims.affair):
            raise NotConsented(
                "given for another item or affair",
                sent=f"{claims.item} for {claims.affair}",
                rule="item",
            )
        if self.ended:
            raise ConsentEnded("the person ended it", rule="ended")
        if not record.starts <= now < record.until:
            raise ConsentEnded("it is not valid at this time", rule="until")
        if record.uses == "once" and self.uses:
            raise ConsentEnded("it was given for one use", rule="uses")


def check_approved(
    records: Sequence[ConsentRecord], terms: Sequence[str], claims: Claims, *, party: str
) -> None:
    """Return silently if the person approved exactly these records and this party is in each."""
    if claims.kind != "approve" or claims.terms is None:
        raise ConsentRefused("the token is no approval", rule="kind")
    if terms_digest(list(terms)) != claims.terms:
        raise ConsentRefused("these are not the terms that the person approved", rule="terms")
    for record in records:
        if record.digest not in terms:
            raise ConsentRefused("the record is not among the approved ones", rule="record")
        if party not in {record.provider, record.reader}:
            raise ConsentRefused("the record names other parties", rule="party", sent=party)
        if record.kind == "self" and record.reader != claims.inquirer:
            raise ConsentRefused("own information goes to the portal alone", rule="reader")


def require(found: Consent | None) -> Consent:
    """The consent that was named, or that there is none."""
    if found is None:
        raise NotConsented("no such consent is held here", rule="consent")
    return found
