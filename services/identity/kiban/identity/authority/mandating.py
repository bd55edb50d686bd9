"""
Mandating: the resident network enters and ends mandates, login reads those of whoever was at the card, and whoever is
shown one asks whether it holds.

The network tells both people by their resident record codes.  Login names a person by the handle that it was given,
so it reads of nobody who did not log in; it passes on to the member for which it asks what that member calls each
mandate, the other one's name, because a citizen must know for whom she may act and who may act for her, and for a
proxy a token about the principal: with it, and in no other way, the member finds out whom it means.

Source: decision 0020.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kiban.identity.authority import attributes, mandate_store, mandates, store
from kiban.identity.authority.contract import (
    ActingClaim,
    HolderAttributes,
    HolderUnknown,
    MandateEnd,
    MandateEntry,
    MandateList,
    MandateListing,
    MandateQuestion,
    MandateReply,
)
from kiban.identity.authority.handles import PersonKeys
from kiban.identity.authority.issue import Issue
from kiban.identity.authority.mandate_names import MandateNames
from kiban.identity.authority.mandates import Mandate
from kiban.identity.authority.store import By, Connection
from kiban.shared.clock import Clock
from kiban.shared.database import Database, hold
from kiban.shared.identifiers import ResidentRecordCode
from kiban.shared.mandates import MandateInForce, MandateLine, MandateUnknown


@dataclass(frozen=True, slots=True)
class Mandating:
    db: Database
    persons: PersonKeys
    names: MandateNames
    issue: Issue
    clock: Clock

    # --- the register -------------------------------------------------------------------------

    async def enter_mandate(self, asked: MandateEntry, by: By) -> MandateReply:
        """Enter a mandate; the same one again changes nothing."""
        async with self.db.begin() as connection:
            await hold(connection, "authority mandates")
            principal = await self._record(connection, asked.principal)
            proxy = await self._record(connection, asked.proxy)
            at, birth = self.clock(), attributes.birth_date(await _holder(connection, principal))
            known = await mandate_store.find_mandate(connection, asked.number)
            mandate = mandates.read(asked, principal=principal, proxy=proxy, birth=birth)
            if known is not None:
                mandates.check_repeated(known, mandate)
                return _reply(known)
            mandates.check_new(mandate, birth=birth, at=at)
            await mandate_store.add_mandate(connection, mandate)
            await store.add_act(connection, "enter_mandate", by, record=principal, at=at)
        return _reply(mandate)

    async def end_mandate(self, asked: MandateEnd, by: By) -> MandateReply:
        """End a mandate, at once and for good."""
        async with self.db.begin() as connection:
            await hold(connection, "authority mandates")
            found = await self._known(connection, asked.number)
            if found.ended_at is not None:
                return _reply(found)
            at = self.clock()
            await mandate_store.end_mandate(connection, asked.number, at)
            await store.add_act(connection, "end_mandate", by, record=found.principal, at=at)
            return _reply(await self._known(connection, asked.number))

    # --- those who act, and are acted for -----------------------------------------------------

    async def list_mandates(self, asked: MandateListing, by: By) -> MandateList:
        """Whom somebody may act for, and who may act for them; ended mandates too."""
        async with self.db.begin() as connection:
            record = await store.find_handle(connection, asked.holder, by.member)
            if record is None:
                raise HolderUnknown("this member has verified no such holder")
            found = await mandate_store.list_mandates(connection, record)
            names = {
                each: (await _holder(connection, each)).name for each in _others(found, record)
            }
            await store.add_act(connection, "list_mandates", by, record=record, at=self.clock())
        return MandateList(
            mandates=[await self._line(asked.member, record, each, names) for each in found]
        )

    async def _line(
        self, member: str, record: str, mandate: Mandate, names: dict[str, str]
    ) -> MandateLine:
        acts, in_force = mandate.proxy == record, mandate.in_force(self.clock())
        principal = mandate.principal
        return MandateLine(
            mandate=self.names.handle(mandate.number, member),
            part="proxy" if acts else "principal",
            other=names[principal if acts else mandate.proxy],
            **mandate.scope.model_dump(),
            starts=int(mandate.starts.timestamp()),
            ended_at=_reply(mandate).ended_at,
            in_force=in_force,
            token=await self.issue.for_bearer(principal, member) if acts and in_force else None,
        )

    async def check_mandate(self, asked: MandateQuestion) -> MandateInForce:
        """What a mandate allows, if it holds now; and a name for it that one other member can be shown."""
        number = self.names.of_handle(asked.mandate, asked.member)
        async with self.db.read() as connection:
            mandate = await self._known(connection, number)
            principal = await _holder(connection, mandate.principal)
        mandate.check_in_force(self.clock())
        return MandateInForce(
            **mandate.scope.model_dump(),
            principal=principal.name,
            reference=self.names.reference(number),
        )

    # --- those who check ----------------------------------------------------------------------

    async def principal(self, proxy: str, handle: str, member: str) -> str:
        """The record of whom this person may act for now, under the mandate that the member calls so."""
        return (await self._held_by(proxy, self.names.of_handle(handle, member))).principal

    async def principal_in(self, proxy: str, acting: ActingClaim) -> str:
        """The record of whom this person may act for now, in this affair."""
        mandate = await self._held_by(proxy, self.names.of_reference(acting.reference))
        mandate.scope.check_affair(acting.affair)
        return mandate.principal

    async def _held_by(self, proxy: str, number: str) -> Mandate:
        async with self.db.read() as connection:
            mandate = await self._known(connection, number)
        mandate.check(proxy=proxy, at=self.clock())
        return mandate

    async def _known(self, connection: Connection, number: str) -> Mandate:
        found = await mandate_store.find_mandate(connection, number)
        if found is None:
            raise MandateUnknown("no mandate has this number")
        return found

    async def _record(self, connection: Connection, code: str) -> str:
        record = await store.find_record(
            connection, self.persons.code_index(ResidentRecordCode(code))
        )
        if record is None:
            raise HolderUnknown("no person was registered under this resident record code")
        return record


def _others(found: Sequence[Mandate], record: str) -> set[str]:
    """The other ones of the two people of each of somebody's mandates."""
    return {person for each in found for person in (each.principal, each.proxy)} - {record}


async def _holder(connection: Connection, record: str) -> HolderAttributes:
    latest = await store.latest_attributes(connection, record)
    return HolderAttributes.model_validate(latest.body)


def _reply(mandate: Mandate) -> MandateReply:
    ended = mandate.ended_at
    return MandateReply(
        until=int(mandate.until.timestamp()),
        ended_at=None if ended is None else int(ended.timestamp()),
    )
