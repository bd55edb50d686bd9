"""
Status: what everybody may ask about a certificate, as OCSP answers and as lists of revocations.

Answers without a nonce, lists, and what is recorded of a certificate are remembered and used again while `Freshness`
allows it; everything else is looked up.  A remembered answer is never older than five minutes, a list never older
than a day, and neither is given after what it says has changed.

Source: identity's reference, sections 5, 15 and 16; DESIGN 9.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from cryptography import x509

from kiban.identity.authority import certificates, crl, keys, ocsp, orders, profile, store
from kiban.identity.authority.certificates import Throwaway
from kiban.identity.authority.contract import AuthorityName
from kiban.identity.authority.crl import RevocationList
from kiban.identity.authority.freshness import Freshness
from kiban.identity.authority.issuance import Issuance, list_address, now
from kiban.identity.authority.issuers import Finish, Issuer, Issuers
from kiban.identity.authority.keys import PrivateKey
from kiban.identity.authority.ocsp import (
    MALFORMED,
    UNAUTHORIZED,
    Question,
    Responder,
    Status,
    Unasked,
)
from kiban.identity.authority.orders import Attribute, Order
from kiban.identity.authority.store import Connection, Ended, Intent, OnRecord, Published
from kiban.shared.clock import Clock
from kiban.shared.database import Database, hold
from kiban.shared.keyring import Keyring
from kiban.shared.problems import NotFound

REMEMBERED = timedelta(minutes=5)
_MOST_REMEMBERED = 50_000
_UNKNOWN = Status(known=False)


Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[Thing]):
    """Something remembered, from when it was made until when it may be given."""

    thing: Thing
    since: datetime
    until: datetime


@dataclass(slots=True)
class Memory(Generic[Thing]):
    """What is known, by what was asked; and what depends on each certificate and shard."""

    kept: dict[object, _Kept[Thing]] = field(default_factory=dict)
    about: defaultdict[tuple[str, str], set[object]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def get(self, asked: object, at: datetime) -> Thing | None:
        kept = self.kept.get(asked)
        return kept.thing if kept is not None and kept.since <= at < kept.until else None

    def keep(
        self,
        asked: object,
        thing: Thing,
        *,
        since: datetime,
        until: datetime,
        about: tuple[str, str],
    ) -> None:
        if len(self.kept) >= _MOST_REMEMBERED:
            self.drop(None)
        self.kept[asked] = _Kept(thing, since, until)
        self.about[about].add(asked)

    def drop(self, ended: list[Ended] | None) -> None:
        """Forget everything, or what is about these certificates and their shards."""
        if ended is None:
            self.kept.clear()
            self.about.clear()
            return
        for each in ended:
            for name in (each.serial, each.shard):
                for asked in self.about.pop((each.authority, name), ()):
                    self.kept.pop(asked, None)


@dataclass(frozen=True, slots=True)
class Memories:
    """Whole answers and lists, and what is recorded of certificates."""

    answers: Memory[bytes] = field(default_factory=Memory)
    statuses: Memory[Status] = field(default_factory=Memory)

    def drop(self, ended: list[Ended] | None) -> None:
        self.answers.drop(ended)
        self.statuses.drop(ended)


class Responders:
    """Who signs the answers for each issuer; certified by it, and renewed each year."""

    def __init__(self, db: Database, keyring: Keyring, issuance: Issuance, clock: Clock) -> None:
        self._db = db
        self._keyring = keyring
        self._issuance = issuance
        self._clock = clock
        self._known: dict[tuple[AuthorityName, int], Responder] = {}

    async def get(self, issuer: Issuer) -> Responder:
        """The responder of an issuer that is itself in force."""
        known = self._known.get((issuer.authority, issuer.generation))
        if known is None or not known.covers(self._clock()):
            known = await self._certified(issuer)
            self._known[issuer.authority, issuer.generation] = known
        return known

    async def _certified(self, issuer: Issuer) -> Responder:
        owner = f"responder {issuer.authority} {issuer.generation}"
        async with self._db.begin() as connection:
            await hold(connection, f"authority owner {owner}")
            earlier = await store.list_of_owner(connection, owner)
            found = next((each for each in earlier if self._usable(each.intent)), None)
            number = len(earlier) if found is None else found.intent.renewal
            kept = await self._keyring.get_or_make(
                connection, f"{owner} {number}", lambda: keys.dump(keys.make("p-256"))
            )
            key = keys.load(kept)
            intent = (
                found.intent
                if found
                else await self._intent(connection, issuer, key, owner, earlier)
            )
        der = found.der if found else None
        return Responder(x509.load_der_x509_certificate(der or await self._concluded(intent)), key)

    def _usable(self, intent: Intent) -> bool:
        return intent.not_before <= self._clock() < intent.not_after

    async def _intent(
        self,
        connection: Connection,
        issuer: Issuer,
        key: PrivateKey,
        owner: str,
        earlier: list[OnRecord],
    ) -> Intent:
        order = self._order(issuer, keys.public_bytes(key.public_key()))
        await self._issuance.claim(connection, issuer.authority, order.public_key, owner)
        return await self._issuance.intend(
            connection, issuer.authority, order, owner=owner, earlier=earlier, issuer=issuer
        )

    async def _concluded(self, intent: Intent) -> bytes:
        der = await self._issuance.sign(intent)
        async with self._db.begin() as connection:
            return await self._issuance.conclude(connection, intent, der)

    def _order(self, issuer: Issuer, public_key: bytes) -> Order:
        at = now(self._clock)
        end = at + timedelta(days=profile.RESPONDER_DAYS)
        subject = {each.oid: each.text for each in issuer.issuing.name}
        return Order(
            profile=profile.RESPONDER,
            serial=orders.draw_serial(),
            subject=(
                Attribute(profile.COUNTRY, "JP"),
                Attribute(profile.ORGANISATION, subject[profile.ORGANISATION]),
                Attribute(
                    profile.COMMON_NAME, f"OCSP responder for {issuer.authority}, {at:%Y-%m}"
                ),
            ),
            public_key=public_key,
            not_before=at,
            not_after=min(end, issuer.issuing.not_after),
        )


@dataclass(slots=True)
class StatusDesk:
    """Where status is asked for."""

    db: Database
    issuers: Issuers
    responders: Responders
    throwaway: Throwaway
    memory: Memories
    freshness: Freshness
    clock: Clock
    origin: str
    shards: int
    finish: Finish = certificates.finish

    def remembered(self, authority: str, asked: bytes | str) -> bytes | None:
        """The answer, if it is known and may be given at once."""
        if not self.freshness.holds():
            return None
        return self.memory.answers.get((authority, asked), self.clock())

    async def answer(self, authority: AuthorityName, request: bytes) -> bytes:
        """The answer to an OCSP request, looked up now."""
        try:
            question = ocsp.read(request)
        except Unasked:
            return MALFORMED
        issuer = await self._meant(authority, question)
        if issuer is None or not issuer.covers(self.clock()):
            return UNAUTHORIZED
        responder = await self.responders.get(issuer)
        seen, at, serial = self.freshness.seen, self.clock(), f"{question.serial:x}"
        status = await self._status(issuer, serial)
        answered = ocsp.answer(question, status, responder, at)
        # What is not known today can be issued in a moment.
        if question.nonce is None and status.known and seen == self.freshness.seen:
            self.memory.answers.keep(
                (authority, request),
                answered,
                since=at,
                until=at + REMEMBERED,
                about=(authority, serial),
            )
        return answered

    async def _meant(self, authority: AuthorityName, question: Question) -> Issuer | None:
        for known in (True, False):
            if not known:
                await self.issuers.refresh()  # another copy may have made a new generation
            for issuer in self.issuers.of(authority):
                if ocsp.names(question, issuer.certificate):
                    return issuer
        return None

    async def _status(self, issuer: Issuer, serial: str) -> Status:
        """What is recorded of a certificate; remembered too, because an answer with a nonce cannot be."""
        asked, at, seen = (
            (issuer.authority, issuer.generation, serial),
            self.clock(),
            self.freshness.seen,
        )
        known = self.memory.statuses.get(asked, at) if self.freshness.holds() else None
        if known is not None:
            return known
        async with self.db.read() as connection:
            found = await store.find_by_serial(connection, issuer.authority, serial)
        if found is None or found.intent.generation != issuer.generation:
            return _UNKNOWN
        if found.status.known and seen == self.freshness.seen:
            self.memory.statuses.keep(
                asked,
                found.status,
                since=at,
                until=at + REMEMBERED,
                about=(issuer.authority, serial),
            )
        return found.status

    async def read_list(self, authority: AuthorityName, shard: str) -> bytes:
        """The list of revocations of a shard that holds now; made anew where it must be."""
        seen, at = self.freshness.seen, self.clock()
        published = await self._published(authority, shard)
        if seen == self.freshness.seen:
            self.memory.answers.keep(
                (authority, shard),
                published.der,
                since=at,
                until=published.this_update + crl.DAILY,
                about=(authority, shard),
            )
        return published.der

    async def _published(self, authority: AuthorityName, shard: str) -> Published:
        issuer = await self._issuer_of(authority, shard)
        async with self.db.read() as connection:
            latest = await store.latest_list(connection, authority, shard)
            revoked = await store.count_revoked(connection, authority, shard)
        if latest is not None and (self._holds(latest, revoked) or not issuer.covers(self.clock())):
            return latest
        async with self.db.begin() as connection:
            return await self._publish(connection, issuer, shard)

    def _holds(self, latest: Published, revoked: int) -> bool:
        at = self.clock()
        return (
            latest.entries == revoked and latest.this_update <= at < latest.this_update + crl.DAILY
        )

    async def _publish(self, connection: Connection, issuer: Issuer, shard: str) -> Published:
        authority = issuer.authority
        await hold(connection, f"authority list {authority} {shard}")
        latest = await store.latest_list(connection, authority, shard)
        revoked = await store.revoked_of_shard(connection, authority, shard)
        if latest is not None and self._holds(latest, len(revoked)):
            return latest
        order = RevocationList(
            number=latest.number + 1 if latest else 1,
            address=list_address(self.origin, authority, shard),
            this_update=now(self.clock),
            revoked=revoked,
        )
        draft = crl.draft(order, issuer.issuing, self.throwaway.like(issuer.kind))
        judged = crl.check(draft, order, issuer.issuing, latest.der if latest else None)
        published = Published(
            authority=authority,
            shard=shard,
            number=order.number,
            entries=len(revoked),
            der=self.finish(judged, issuer.key),
            this_update=order.this_update,
        )
        await store.add_list(connection, published)
        return published

    async def _issuer_of(self, authority: AuthorityName, shard: str) -> Issuer:
        """The generation that a shard belongs to, if there is such a shard."""
        generation, _, place = shard.partition("-")
        async with self.db.read() as connection:
            used = await store.shard_is_used(connection, authority, shard)
        numbers = {each.generation: each for each in self.issuers.of(authority)}
        planned = place in {str(number) for number in range(self.shards)}
        issuer = numbers.get(int(generation)) if generation.isdecimal() else None
        if issuer is None or not (used or planned) or f"{issuer.generation}-{place}" != shard:
            raise NotFound("there is no such list of revocations")
        return issuer
