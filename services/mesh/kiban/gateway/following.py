"""
Following: how a member hears that something changed at another, and how it says so itself.

To hear:

1. the agency's own system names people and an item; the exchange is permitted and logged like an inquiry
2. under its seal travels a secret; each person's tag is derived from it, random to everybody else
3. the tags are kept before the permit is presented, so that no notice can come too early
4. a notice brings a tag back; here it becomes the agency's own number again, in a feed that the agency reads
5. a place that is missing is fetched, so that the feed has no gap and the same notice counts once

To say: what the agency's own system announces is durable at once; the courier has it permitted and presents it, to the
change office or to one member alone.  The id that travels under the seal makes a second attempt harmless.

Sources: DESIGN 5.5; the protocol's page, section 5.5; plan rows MSH-06, MSH-39.
"""

import asyncio
import hmac
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from kiban.gateway import change_store, store
from kiban.gateway.asking import Asking, Wish
from kiban.gateway.change_store import Change
from kiban.gateway.contract import (
    NOTICES_LABEL,
    Announcement,
    AnnouncementReceipt,
    AnnouncementRequest,
    ChangeFeed,
    Notice,
    Notices,
    NoticesReceipt,
    NoticesRefused,
    SealedNotices,
    Subscription,
    SubscriptionReply,
    SubscriptionRequest,
)
from kiban.gateway.standing import Standing
from kiban.shared import trace
from kiban.shared.database import hold
from kiban.shared.exchanges import Claims
from kiban.shared.members import Member
from kiban.shared.problems import Forbidden

ANNOUNCEMENTS = "announcement"
"""The outbox's topic for announcements on their way to the change office."""
SECRET_SIZE = 16
"""Of the secret of a subscription's tags, and of an announcement's id: what fits beside a seed."""
MOST = 500
"""So many changes the agency's own system reads at once."""


@dataclass(frozen=True, slots=True)
class Following:
    """A member's side of changes: subscribing, hearing, announcing."""

    standing: Standing
    asking: Asking

    async def subscribe(self, request: SubscriptionRequest) -> SubscriptionReply:
        """Hear from now on when an item of these people changes; steps 1 to 3."""
        me, office = self.standing, await self.standing.change_office()
        people = list(dict.fromkeys(request.people))
        wish = Wish("subscribe", office.id, request.affair, request.item)
        secret = secrets.token_bytes(SECRET_SIZE)
        with trace.new_trace(f"subscription by {me.id}"):
            token, permit, order = await self.asking.begin(wish, people, secret)
            claims = permit.record.claims
            tags = {
                tag: people[place]
                for tag, place in zip(tags_of(secret, claims), order.places, strict=True)
            }
            async with me.db.begin() as connection:
                await change_store.put_subscriptions(connection, request.item, tags)
            client = await self.standing.neighbour(office.id)
            receipt = await client.receive_subscription(Subscription(permit=token), claims.people)
            await self.asking.became(permit, "answered")
        return SubscriptionReply(exchange=claims.id, leaf=permit.leaf, until=receipt.until)

    # --- hearing ------------------------------------------------------------------------------

    async def receive_notices(self, sender: Member, sealed: SealedNotices) -> NoticesReceipt:
        """Take notices in; what is missing before them is fetched.  Steps 4 and 5."""
        office = await self.standing.change_office()
        if sender.id != office.id:
            raise Forbidden("notices come from the change office", sent=sender.id)
        place, missing = await self._taken(self._opened(office, sealed))
        return NoticesReceipt(place=await self._fetched(office, place) if missing else place)

    def _opened(self, office: Member, sealed: SealedNotices) -> Notices:
        opened = self.standing.identity.open(
            sealed.sealed,
            sender=office,
            label=NOTICES_LABEL,
            context=bytes.fromhex(sealed.delivery),
        )
        try:
            return Notices.model_validate_json(opened)
        except ValidationError as error:
            raise NoticesRefused("what was sealed is no Notices", rule="form") from error

    async def _fetched(self, office: Member, place: int) -> int:
        """Fetch what is missing behind a place until there is no more; up to which place all is here."""
        client = await self.standing.neighbour(office.id)
        while True:
            found = self._opened(office, await client.list_notices(place))
            if not found.notices:
                return place
            place, missing = await self._taken(found)
            if missing:
                raise NoticesRefused("a feed has no gap", rule="place")

    async def _taken(self, found: Notices) -> tuple[int, bool]:
        """Take in what is new, in order, once: up to which place all is here, and whether some are missing."""
        me, cursor = self.standing, f"notices {found.feed}"
        async with me.db.begin() as connection:
            await hold(connection, "notices")
            seen = await store.cursor(connection, cursor)
            new = [one for one in found.notices if one.place > seen]
            if [one.place for one in new] != list(range(seen + 1, seen + 1 + len(new))):
                return seen, True
            if new:
                await self._filed(connection, new)
                await store.move_cursor(connection, cursor, new[-1].place)
        if new:
            me.news.set()
        return seen + len(new), False

    async def _filed(self, connection: store.Connection, new: Sequence[Notice]) -> None:
        me = self.standing
        people = await change_store.subscribed(connection, [one.tag for one in new])
        office = (await me.change_office()).id
        for one in new:
            if one.tag not in people:
                await store.note_refusal(
                    connection, at=me.clock(), sender=office, problem="tag-unknown", exchange=None
                )
        changes = [
            Change(people[one.tag], one.item, datetime.fromtimestamp(one.at, UTC), one.by)
            for one in new
            if one.tag in people
        ]
        await change_store.put_changes(connection, changes)

    async def read_changes(self, after: int) -> ChangeFeed:
        """The feed that the agency's own system reads, from any place again."""
        async with self.standing.db.look() as connection:
            found = await change_store.read_changes(connection, after, MOST)
        return ChangeFeed(changes=found, next=found[-1].number if found else after)

    async def listen(self, within: float) -> None:
        """Return when something new was heard here, or after so many seconds; for one who listens in this process."""
        news = self.standing.news
        with suppress(TimeoutError):
            async with asyncio.timeout(
                within
            ):  # `wait_for` would lose a cancellation that comes with the news
                await news.wait()
        news.clear()

    # --- saying -------------------------------------------------------------------------------

    async def announce(self, request: AnnouncementRequest) -> AnnouncementReceipt:
        """Announce that an item of these people changed; once this returns it will arrive, or has, at once."""
        me, body = self.standing, request.model_dump(mode="json")
        await self._hearer(request)
        await self.asking.codes(request.people)
        if request.at_once:
            await self.send_announcement(body)
            return AnnouncementReceipt(announcement=request.id)
        async with me.db.begin() as connection:
            await me.outbox.put(connection, ANNOUNCEMENTS, body, key=request.id, at=me.clock())
        return AnnouncementReceipt(announcement=request.id)

    async def send_announcement(self, body: dict[str, Any]) -> None:
        """One announcement on its way (a row of the outbox)."""
        me, request = self.standing, AnnouncementRequest.model_validate(body)
        hearer = await self._hearer(request)
        people = list(dict.fromkeys(request.people))
        wish = Wish("announce", hearer.id, request.affair, request.item)
        with trace.new_trace(f"announcement by {me.id}"):
            token, permit, _ = await self.asking.begin(wish, people, bytes.fromhex(request.id))
            client = await self.standing.neighbour(hearer.id)
            await client.receive_announcement(
                Announcement(permit=token), permit.record.claims.people
            )
            await self.asking.became(permit, "answered")

    async def _hearer(self, request: AnnouncementRequest) -> Member:
        me = self.standing
        return await (me.members.resolve(request.to) if request.to else me.change_office())


def tags_of(secret: bytes, claims: Claims) -> list[str]:
    """The tag of each place of a subscription, 32 hexadecimal digits; random to whoever has no secret."""
    return [
        hmac.digest(secret, b"tag" + claims.context + place.to_bytes(4), "sha256")[:16].hex()
        for place in range(claims.people)
    ]
