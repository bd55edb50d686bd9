"""
Relaying: how announcements are heard, and the gateway's work for the change office that stands behind one of them.

A permit of kind *subscribe* or *announce* is opened like any other, into a pseudonym that is another one for each item,
and becomes a number that the change office knows the person by.  What travels beside the seed is the secret of the
subscriber's tags, or the announcement's id.  The permit is spent after the change office has done its part, which is
harmless when it is repeated.

A notice is no conversion: it goes directly, sealed under the pair key with a fresh number, and no core sees it.

Sources: DESIGN 5.5; the protocol's page, section 5.5, attacks M1 to M3, L4.
"""

import secrets
from dataclasses import dataclass

from kiban.gateway import change_store
from kiban.gateway.change_store import Change
from kiban.gateway.contract import (
    NOTICES_LABEL,
    Announcement,
    AnnouncementReceipt,
    Changes,
    NoChangeOffice,
    Notices,
    SealedNotices,
    Subscription,
    SubscriptionReceipt,
)
from kiban.gateway.following import tags_of
from kiban.gateway.receiving import Receiving
from kiban.gateway.standing import Standing
from kiban.shared import canonical
from kiban.shared.identifiers import Pseudonym
from kiban.shared.members import Member


@dataclass(frozen=True, slots=True)
class Relaying:
    """What members ask of the change office, and what it tells them."""

    standing: Standing
    receiving: Receiving
    office: Changes | None

    @property
    def changes(self) -> Changes:
        if self.office is None:
            raise NoChangeOffice("this member is not the change office", sent=self.standing.id)
        return self.office

    async def receive_subscription(
        self, presenter: Member, subscription: Subscription
    ) -> SubscriptionReceipt:
        """Keep under which tag the presenter wants to hear of each person."""
        async with self.receiving.presented(presenter, subscription.permit, "subscribe") as permit:
            changes = self.changes
            await self.receiving.check_unused(permit)
            opened = await self.receiving.opened(permit)
            tags = tags_of(opened.note, permit.record.claims)
            # A bulk is padded with people who are in it already: the first place is theirs.
            first = dict(zip(reversed(opened.codes), reversed(tags), strict=True))
            people = await self._people(list(first))
            until = await changes.subscribe(
                presenter.id,
                str(permit.record.claims.item),
                {people[code]: tag for code, tag in first.items()},
            )
            await self.receiving.spend(permit, opened)
        return SubscriptionReceipt(until=int(until.timestamp()))

    async def receive_announcement(
        self, presenter: Member, announcement: Announcement
    ) -> AnnouncementReceipt:
        """Let everybody hear who subscribed; at another member, let its own agency hear."""
        async with self.receiving.presented(presenter, announcement.permit, "announce") as permit:
            await self.receiving.check_unused(permit)
            opened = await self.receiving.opened(permit)
            number, item = opened.note.hex(), str(permit.record.claims.item)
            codes = list(dict.fromkeys(opened.codes))
            if self.office:
                known = await self.standing.persons.add(codes)
                await self.office.announce(number, presenter.id, item, list(known.values()))
            else:
                await self._heard(number, presenter.id, item, codes)
            await self.receiving.spend(permit, opened)
        return AnnouncementReceipt(announcement=number)

    async def _heard(self, number: str, announcer: str, item: str, codes: list[Pseudonym]) -> None:
        """What one member announces to us alone, once; a person who is new to us gets a number."""
        me, people = self.standing, await self._people(codes)
        async with me.db.begin() as connection:
            if await change_store.put_announcement(connection, announcer, number):
                at = me.clock()
                changes = [Change(people[code], item, at, announcer, alone=True) for code in codes]
                await change_store.put_changes(connection, changes)
        me.news.set()

    async def _people(self, codes: list[Pseudonym]) -> dict[Pseudonym, str]:
        """Our numbers of these people; who is new gets one."""
        me = self.standing
        async with me.db.begin() as connection:
            await me.people.put_all(
                connection, {code: secrets.token_hex(16) for code in codes}, epoch=me.epoch
            )
            [known] = await me.people.persons(connection, [codes])
        return known

    async def list_notices(self, reader: Member, after: int) -> SealedNotices:
        """A member's own notices behind a place, sealed for it."""
        return self._sealed(reader, await self.changes.notices(reader.id, after))

    async def push(self, subscriber: str, notices: Notices) -> None:
        """Carry notices to a subscriber."""
        me = self.standing
        reader = await me.members.resolve(subscriber)
        client = await me.neighbour(subscriber)
        await client.receive_notices(self._sealed(reader, notices))

    def _sealed(self, reader: Member, notices: Notices) -> SealedNotices:
        delivery = secrets.token_hex(16)
        sealed = self.standing.identity.seal(
            canonical.encode(notices.model_dump(mode="json")),
            to=reader,
            label=NOTICES_LABEL,
            context=bytes.fromhex(delivery),
        )
        return SealedNotices(delivery=delivery, sealed=sealed)
