"""
Registration: the resident network and the counters report people, cards and changes.

A person enters once, under a record that never changes.  A card brings one key for authentication and, for whoever is
old enough and wants it, one for signature; whatever the person had before is superseded.  When attributes change, the
signature certificate, which certified the earlier ones, ends.

Refused: attributes that cannot be anybody's, a person unknown, an expired card, keys that are weak, that were
certified for somebody or something else, or whose certificate has ended.

Source: 公的個人認証法; identity's reference, sections 2.3 and 4; plan rows IDN-03, IDN-09.
"""

from dataclasses import dataclass
from datetime import date, datetime

from kiban.identity.authority import attributes, keys, orders, profile, revocation, store, validity
from kiban.identity.authority.contract import (
    CardCertificates,
    CardRegistration,
    ChangeReply,
    HolderAttributes,
    HolderUnknown,
    KeyRefused,
    ResidentRegistration,
    ResidentReply,
)
from kiban.identity.authority.freshness import Freshness
from kiban.identity.authority.handles import PersonKeys, new_record
from kiban.identity.authority.issuance import Issuance, now
from kiban.identity.authority.lifecycle import Kind
from kiban.identity.authority.orders import Attribute, Name, Order
from kiban.identity.authority.profile import Profile
from kiban.identity.authority.store import By, Connection, Intent, OnRecord
from kiban.shared import encoding
from kiban.shared.clock import Clock
from kiban.shared.database import Database, hold
from kiban.shared.identifiers import ResidentRecordCode

FIRST_VERSION = 1


@dataclass(frozen=True, slots=True, repr=False)
class _Card:
    """What a card's registration asks for, checked."""

    record: str
    expires: date
    public_keys: dict[Kind, bytes]


@dataclass(frozen=True, slots=True)
class Registration:
    db: Database
    persons: PersonKeys
    issuance: Issuance
    freshness: Freshness
    clock: Clock

    async def register_resident(self, asked: ResidentRegistration, by: By) -> ResidentReply:
        """Enter a person; one who is known stays as recorded, because changes are reported as changes."""
        attributes.check(asked.attributes, self.clock())
        index = self.persons.code_index(ResidentRecordCode(asked.resident_record_code))
        async with self.db.begin() as connection:
            await hold(connection, "authority residents")
            if await store.find_record(connection, index) is not None:
                return ResidentReply(known=True)
            record, at = new_record(), self.clock()
            await store.add_resident(connection, record, index, at)
            body = asked.attributes.model_dump()
            await store.add_attributes(connection, record, FIRST_VERSION, body, at)
            await store.add_act(connection, "register_resident", by, record=record, at=at)
        return ResidentReply(known=False)

    async def change_attributes(self, asked: ResidentRegistration, by: By) -> ChangeReply:
        """Record the latest attributes, and end what certified earlier ones."""
        attributes.check(asked.attributes, self.clock())
        async with self.db.begin() as connection:
            record = await self._record(connection, asked.resident_record_code)
            latest = await store.latest_attributes(connection, record)
            if latest.body == (body := asked.attributes.model_dump()):
                return ChangeReply(revoked=[])
            at = self.clock()
            await store.add_attributes(connection, record, latest.version + 1, body, at)
            owned = await store.list_of_owner(connection, revocation.owner_of(record))
            ended = await revocation.end(connection, owned, "attributes-changed", at)
            await store.add_act(connection, "change_attributes", by, record=record, at=at)
        await self.freshness.settle()
        return ChangeReply(revoked=ended)

    async def register_card(self, asked: CardRegistration, by: By) -> CardCertificates:
        """Certify a card's keys; the same keys again get the same certificates."""
        public_keys = _public_keys(asked)
        expires = attributes.parse_day(asked.card_expires, "body.card_expires")
        async with self.db.begin() as connection:
            record = await self._record(connection, asked.resident_record_code)
            card = _Card(record, expires, public_keys)
            found = await self._intents(connection, card)
        signed = {
            kind: each.der or await self.issuance.sign(each.intent) for kind, each in found.items()
        }
        async with self.db.begin() as connection:
            ders = {
                kind: await self.issuance.conclude(connection, each.intent, signed[kind])
                for kind, each in found.items()
            }
            superseded = await self._supersede(connection, record, found)
            if any(each.der is None for each in found.values()):
                await store.add_act(connection, "register_card", by, record=record, at=self.clock())
        if superseded:
            await self.freshness.settle()
        return CardCertificates(
            authentication=encoding.encode(ders["authentication"]),
            signature=encoding.encode(ders["signature"]) if "signature" in ders else None,
        )

    async def _record(self, connection: Connection, code: str) -> str:
        """The person's record, which nobody else changes for the length of this transaction."""
        index = self.persons.code_index(ResidentRecordCode(code))
        record = await store.find_record(connection, index)
        if record is None:
            raise HolderUnknown("no person was registered under this resident record code")
        await hold(connection, f"authority owner {revocation.owner_of(record)}")
        return record

    async def _intents(self, connection: Connection, card: _Card) -> dict[Kind, OnRecord]:
        latest = await store.latest_attributes(connection, card.record)
        holder = HolderAttributes.model_validate(latest.body)
        wanted = dict(card.public_keys)
        if not validity.old_enough_to_sign(attributes.birth_date(holder), self.clock()):
            wanted.pop("signature", None)
        return {
            kind: await self._intent(connection, kind, public_key, card, holder)
            for kind, public_key in wanted.items()
        }

    async def _intent(
        self,
        connection: Connection,
        kind: Kind,
        public_key: bytes,
        card: _Card,
        holder: HolderAttributes,
    ) -> OnRecord:
        owner = revocation.owner_of(card.record)
        known = await self.issuance.claim(connection, kind, public_key, owner)
        if known is not None:
            return _in_force(known, self.clock())
        at = now(self.clock)
        order = _order(_PROFILES[kind], public_key, holder, card.expires, at)
        owned = await store.list_of_owner(connection, owner)
        earlier = [each for each in owned if each.intent.authority == kind]
        intent = await self.issuance.intend(connection, kind, order, owner=owner, earlier=earlier)
        return store.new(intent)

    async def _supersede(
        self, connection: Connection, record: str, found: dict[Kind, OnRecord]
    ) -> list[str]:
        owned = await store.list_of_owner(connection, revocation.owner_of(record))
        others = [each for each in owned if _is_earlier(each.intent, found)]
        return await revocation.end(connection, others, "renewal", self.clock())


def _is_earlier(intent: Intent, found: dict[Kind, OnRecord]) -> bool:
    """Whether this belongs to a card that came before the one with these certificates."""
    for kind, each in found.items():
        if intent.authority == kind:
            return intent.renewal < each.intent.renewal
    return intent.ordered_at <= found["authentication"].intent.ordered_at


_PROFILES: dict[Kind, Profile] = {
    "authentication": profile.AUTHENTICATION,
    "signature": profile.SIGNATURE,
}


def _public_keys(asked: CardRegistration) -> dict[Kind, bytes]:
    found: dict[Kind, bytes] = {
        "authentication": keys.check_request(asked.authentication_request, "rsa-2048")
    }
    if asked.signature_request is not None:
        found["signature"] = keys.check_request(asked.signature_request, "rsa-2048")
        if found["signature"] == found["authentication"]:
            raise KeyRefused("one key cannot serve authentication and signature")
    return found


def _in_force(known: OnRecord, at: datetime) -> OnRecord:
    if known.status.revoked_at is not None or known.intent.not_after < at:
        raise KeyRefused("the certificate of this key has ended; a new one needs a new key")
    return known


def _order(
    kind: Profile, public_key: bytes, holder: HolderAttributes, expires: date, at: datetime
) -> Order:
    serial = orders.draw_serial()
    signing = kind is profile.SIGNATURE
    return Order(
        profile=kind,
        serial=serial,
        subject=_subject(holder if signing else None, orders.holder_number(at, serial)),
        public_key=public_key,
        not_before=at,
        not_after=validity.holder_end(attributes.birth_date(holder), at, expires),
        other_names=attributes.other_names(holder) if signing else (),
    )


def _subject(holder: HolderAttributes | None, number: str) -> Name:
    places = (
        (
            Attribute(profile.LOCALITY, attributes.prefecture(holder)),
            Attribute(profile.LOCALITY, holder.address.municipality),
        )
        if holder
        else ()
    )
    return (
        Attribute(profile.COUNTRY, "JP"),
        *places,
        Attribute(profile.COMMON_NAME, number),
    )
