"""
Enrolment: an organisation becomes a member (参加者), and so does this authority itself.

Whoever runs an organisation was given a secret for it, derived from the deployment's own.  The certificate binds the
member's name to the key that signs its requests and to the key under which things are sealed for it.

Refused: a wrong secret, a name that is the authority's own, keys that are weak or were somebody else's.

Source: DESIGN 5.8; plan row IDN-03.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiban.identity.authority import keys, orders, profile, store, validity
from kiban.identity.authority.contract import (
    EnrolmentRefused,
    MemberCertificateReply,
    MemberRequest,
)
from kiban.identity.authority.issuance import Issuance, now
from kiban.identity.authority.issuers import Issuers
from kiban.identity.authority.orders import Attribute, Order
from kiban.identity.authority.roll import Roll, owner_of
from kiban.identity.authority.store import Connection, Intent, OnRecord
from kiban.shared import encoding
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.gathering import Gathering
from kiban.shared.keyring import Keyring
from kiban.shared.members import Identity, anchor_pem
from kiban.shared.sealing import Sealer
from kiban.shared.settings import Secret

SELF = "authority"
"""The authority's own name among the members."""
RENEWAL = timedelta(days=60)
"""How long before its end a certificate is renewed for the same key."""


def member_secret(enrolment: Secret, member: str) -> str:
    """What a member must show: HMAC-SHA256 over its name, hexadecimal."""
    return hmac.digest(enrolment.reveal().encode(), member.encode(), "sha256").hex()


@dataclass(frozen=True, slots=True, order=True)
class _Keys:
    """A member's public keys, to be certified."""

    member: str
    public_key: bytes
    sealing_key: bytes


@dataclass(frozen=True, slots=True)
class _Signed:
    intent: Intent
    der: bytes


@dataclass(slots=True)
class Enrolment:
    db: Database
    keyring: Keyring
    issuers: Issuers
    issuance: Issuance
    roll: Roll
    clock: Clock
    enrolment_secret: Secret
    organisation: str
    _self: Identity | None = field(default=None, repr=False)
    _intents: Gathering[_Keys, Intent | bytes] = field(init=False, repr=False)
    _conclusions: Gathering[_Signed, bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._intents = Gathering(self._intend)
        self._conclusions = Gathering(self._conclude)

    async def certify_member(self, asked: MemberRequest) -> MemberCertificateReply:
        """Certify a member; the same keys again get the same certificate until it is near its end."""
        self._check(asked)
        public_key = keys.check_request(asked.signing_request, "p-256")
        sealing_key = keys.check_sealing_key(asked.sealing_key)
        return self._reply(await self._certify(asked.member, public_key, sealing_key))

    async def read_member(self, member: str) -> MemberCertificateReply:
        """The newest certificate of a member, for everybody."""
        return self._reply((await self.roll.resolve(member)).certificate)

    async def identity(self) -> Identity:
        """This authority as a member, certified by itself."""
        if self._self is None or self._self.member.not_after - RENEWAL <= self.clock():
            self._self = await self._become_member()
        return self._self

    def _check(self, asked: MemberRequest) -> None:
        expected = member_secret(self.enrolment_secret, asked.member)
        if not hmac.compare_digest(expected.encode(), asked.secret.encode(errors="replace")):
            raise EnrolmentRefused("this is not the secret that the member was given")
        if asked.member == SELF:
            raise EnrolmentRefused("the authority certifies itself")

    async def _become_member(self) -> Identity:
        async with self.db.begin() as connection:
            signing = keys.load(
                await self.keyring.get_or_make(
                    connection, "member signing key", lambda: keys.dump(keys.make("p-256"))
                )
            )
            sealing = X25519PrivateKey.from_private_bytes(
                await self.keyring.get_or_make(
                    connection,
                    "member sealing key",
                    lambda: X25519PrivateKey.generate().private_bytes_raw(),
                )
            )
        if not isinstance(signing, ec.EllipticCurvePrivateKey):
            raise TypeError("a member signs with a key on P-256")
        spki = keys.public_bytes(signing.public_key())
        await self._certify(SELF, spki, sealing.public_key().public_bytes_raw())
        return Identity(await self.roll.resolve(SELF), signing, Sealer(SELF, sealing))

    async def _certify(self, member: str, public_key: bytes, sealing_key: bytes) -> bytes:
        found = await self._intents.add(_Keys(member, public_key, sealing_key))
        if isinstance(found, bytes):
            return found
        return await self._conclusions.add(_Signed(found, await self.issuance.sign(found)))

    async def _intend(self, asked: Sequence[_Keys]) -> list[Intent | bytes]:
        """Store many intents in one commit; their owners are held in one order, whoever else holds some of them."""
        found: dict[_Keys, Intent | bytes] = {}
        async with self.db.begin() as connection:
            for one in sorted(set(asked)):
                found[one] = await self._intent(connection, one)
        return [found[one] for one in asked]

    async def _conclude(self, signed: Sequence[_Signed]) -> list[bytes]:
        async with self.db.begin() as connection:
            return [await self.issuance.conclude(connection, one.intent, one.der) for one in signed]

    async def _intent(self, connection: Connection, asked: _Keys) -> Intent | bytes:
        """The certificate that there is, or the intent of the one to come."""
        owner = owner_of(asked.member)
        known = await self.issuance.claim(connection, "organisation", asked.public_key, owner)
        if known is not None and self._lasts(known, asked.sealing_key):
            return known.der or known.intent
        order = self._order(asked.member, asked.public_key, asked.sealing_key)
        earlier = await store.list_of_owner(connection, owner)
        return await self.issuance.intend(
            connection, "organisation", order, owner=owner, earlier=earlier
        )

    def _lasts(self, known: OnRecord, sealing_key: bytes) -> bool:
        intent = known.intent
        same = orders.read(intent.body).sealing_key == sealing_key
        return same and intent.not_before <= self.clock() < intent.not_after - RENEWAL

    def _order(self, member: str, public_key: bytes, sealing_key: bytes) -> Order:
        at = now(self.clock)
        return Order(
            profile=profile.MEMBER,
            serial=orders.draw_serial(),
            subject=(
                Attribute(profile.COUNTRY, "JP"),
                Attribute(profile.ORGANISATION, self.organisation),
                Attribute(profile.COMMON_NAME, member),
            ),
            public_key=public_key,
            not_before=at,
            not_after=validity.years_later(at, profile.MEMBER_YEARS),
            sealing_key=sealing_key,
        )

    def _reply(self, der: bytes) -> MemberCertificateReply:
        anchors = [issuer.certificate for issuer in self.issuers.of("organisation")]
        return MemberCertificateReply(
            certificate=encoding.encode(der), anchors=[anchor_pem(each) for each in anchors]
        )
