"""
Issue of pseudonyms (取得番号): who is given a token about whom.

The resident network, which alone can tell who somebody is, has a token made for an agency and a person.  The portal
reads one token for everybody who is registered, nameless and in the order of registration, so that a citizen's line
that opens to nobody is a finding.  A person's own act, at the card, makes tokens for login's client and for approvals.

Refused: bearers that are no members yet, or that may have no pseudonyms; a person unknown.

Source: DESIGN 5.1, 5.6; the protocol's page, section 5.1 (Issue) and 5.6.
"""

from dataclasses import dataclass

from kiban.identity.authority import acquisition, store
from kiban.identity.authority.acquisition import Receivers
from kiban.identity.authority.contract import (
    AcquisitionRequest,
    BearerRefused,
    HolderUnknown,
    RegistrationFeed,
    TokenReply,
)
from kiban.identity.authority.enrolment import SELF, Enrolment
from kiban.identity.authority.handles import PersonKeys
from kiban.identity.authority.roll import Roll
from kiban.identity.authority.store import By
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.identifiers import ResidentRecordCode
from kiban.shared.pseudonyms import Mode

PAGE = 100
"""How many people's tokens one reading gives."""


@dataclass(frozen=True, slots=True)
class Issue:
    db: Database
    persons: PersonKeys
    enrolment: Enrolment
    roll: Roll
    clock: Clock
    mode: Mode
    core: str
    portal: str
    login: str

    async def issue_acquisition(self, asked: AcquisitionRequest, by: By) -> TokenReply:
        """A token for one agency and one person."""
        receivers = await self._receivers(asked.bearer)
        index = self.persons.code_index(ResidentRecordCode(asked.resident_record_code))
        async with self.db.begin() as connection:
            record = await store.find_record(connection, index)
            if record is None:
                raise HolderUnknown("no person was registered under this resident record code")
            await store.add_act(connection, "issue_acquisition", by, record=record, at=self.clock())
        return TokenReply(token=await self._acquisition(record, receivers))

    async def list_registrations(self, after: int) -> RegistrationFeed:
        """A token for each of the next people registered, for the portal."""
        async with self.db.read() as connection:
            found = await store.list_records(connection, after, PAGE)
        if not found:
            return RegistrationFeed(tokens=[], next=after)
        receivers = await self._receivers(self.portal)
        tokens = [await self._acquisition(each.record, receivers) for each in found]
        return RegistrationFeed(tokens=tokens, next=found[-1].number)

    async def for_bearer(self, record: str, bearer: str) -> str:
        """A token for the person who is at the card."""
        return await self._acquisition(record, await self._receivers(bearer))

    async def for_approval(self, record: str, terms: str, bearer: str, parties: int) -> list[str]:
        """A token for each party of what the person at the card has approved."""
        if bearer != self.portal:
            raise BearerRefused("approvals are borne by the portal alone", sent=bearer)
        receivers, signer = await self._receivers(bearer), await self.enrolment.identity()
        point = self.persons.point(record)
        return [
            acquisition.token(
                point,
                receivers,
                kind="approve",
                signer=signer,
                mode=self.mode,
                at=self.clock(),
                terms=terms,
            )
            for _ in range(parties)
        ]

    async def _acquisition(self, record: str, receivers: Receivers) -> str:
        return acquisition.token(
            self.persons.point(record),
            receivers,
            kind="acquire",
            signer=await self.enrolment.identity(),
            mode=self.mode,
            at=self.clock(),
        )

    async def _receivers(self, bearer: str) -> Receivers:
        acquisition.check_bearer(bearer, pointless=frozenset({self.core, self.login, SELF}))
        found = await self.roll.find({self.core, bearer, self.portal})
        for name in (self.core, self.portal, bearer):
            if name not in found:
                raise BearerRefused(f"{name} is not a member yet", sent=bearer)
        return Receivers(found[self.core], found[bearer], found[self.portal])
