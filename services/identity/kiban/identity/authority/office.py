"""
The office: everything that the authority's routes call, put together once, when the role starts.

Opening it loads or makes the authority's keys, makes the three authorities where there are none, and makes the
authority a member.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kiban.identity.authority import certificates, store
from kiban.identity.authority.certificates import Throwaway
from kiban.identity.authority.contract import (
    Acts,
    Anchors,
    AuthorityName,
    OpenIntent,
    OpenIntents,
)
from kiban.identity.authority.enrolment import Enrolment
from kiban.identity.authority.freshness import Freshness
from kiban.identity.authority.handles import PersonKeys, new_key
from kiban.identity.authority.issuance import Issuance
from kiban.identity.authority.issue import Issue
from kiban.identity.authority.issuers import AUTHORITIES, Finish, Issuers
from kiban.identity.authority.mandate_names import MandateNames
from kiban.identity.authority.mandating import Mandating
from kiban.identity.authority.registration import Registration
from kiban.identity.authority.revocation import Revocations
from kiban.identity.authority.roll import Roll
from kiban.identity.authority.settings import Settings
from kiban.identity.authority.status import Memories, Responders, StatusDesk
from kiban.identity.authority.verification import Verification
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.keyring import Keyring
from kiban.shared.members import anchor_pem
from kiban.shared.pseudonyms import MODES

PACKAGE = "kiban.identity.authority"
ACTS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Office:
    db: Database
    issuers: Issuers
    enrolment: Enrolment
    registration: Registration
    revocations: Revocations
    issue: Issue
    verification: Verification
    mandating: Mandating
    status: StatusDesk
    freshness: Freshness

    def anchors(self) -> Anchors:
        """The certificates of all authorities."""
        return Anchors(
            **{
                name: [anchor_pem(each.certificate) for each in self.issuers.of(name)]
                for name in AUTHORITIES
            }
        )

    def issuer(self, authority: AuthorityName) -> bytes:
        """The newest certificate of an authority, DER."""
        newest: x509.Certificate = self.issuers.of(authority)[0].certificate
        return newest.public_bytes(Encoding.DER)

    async def open_intents(self) -> OpenIntents:
        """What was about to be signed, and of which no certificate is stored."""
        async with self.db.read() as connection:
            found = await store.list_open(connection)
        return OpenIntents(
            intents=[
                OpenIntent(
                    authority=each.intent.authority,
                    serial=each.intent.serial,
                    ordered_at=int(each.intent.ordered_at.timestamp()),
                )
                for each in found
            ]
        )

    async def acts(self, after: int) -> Acts:
        """The authority's own record."""
        async with self.db.read() as connection:
            found = await store.list_acts(connection, after, ACTS_AT_ONCE)
        return Acts(acts=found, next=found[-1].number if found else after)


async def open_office(
    settings: Settings,
    db: Database,
    clock: Clock,
    monotonic: Callable[[], float],
    finish: Finish = certificates.finish,
) -> Office:
    """Make the office, with everything that must be there before somebody calls."""
    keyring = Keyring(store.KEYRING, settings.secret)
    throwaway = Throwaway.of_this_process()
    persons = await _person_keys(db, keyring)
    issuers = Issuers(db, keyring, throwaway, settings.organisation)
    await _make_authorities(db, issuers, clock)
    issuance = Issuance(issuers, throwaway, clock, settings.origin, settings.crl_shards, finish)
    roll = Roll(db, issuers, clock)
    enrolment = Enrolment(
        db,
        keyring,
        issuers,
        issuance,
        roll,
        clock,
        settings.enrolment_secret,
        settings.organisation,
    )
    memory = Memories()
    freshness = Freshness(db, monotonic, memory.drop)
    issue = Issue(
        db=db,
        persons=persons,
        enrolment=enrolment,
        roll=roll,
        clock=clock,
        mode=MODES[settings.mode],
        core=settings.core,
        portal=settings.portal,
        login=settings.login,
    )
    mandating = Mandating(db, persons, MandateNames.of(persons), issue, clock)
    status = StatusDesk(
        db=db,
        issuers=issuers,
        responders=Responders(db, keyring, issuance, clock),
        throwaway=throwaway,
        memory=memory,
        freshness=freshness,
        clock=clock,
        origin=settings.origin,
        shards=settings.crl_shards,
        finish=finish,
    )
    await enrolment.identity()
    return Office(
        db=db,
        issuers=issuers,
        enrolment=enrolment,
        registration=Registration(db, persons, issuance, freshness, clock),
        revocations=Revocations(db, freshness, clock),
        issue=issue,
        verification=Verification(db, issuers, persons, issue, mandating, clock),
        mandating=mandating,
        status=status,
        freshness=freshness,
    )


async def _person_keys(db: Database, keyring: Keyring) -> PersonKeys:
    async with db.begin() as connection:
        return PersonKeys(
            points=await keyring.get_or_make(connection, "person points", new_key),
            handles=await keyring.get_or_make(connection, "handles", new_key),
            codes=await keyring.get_or_make(connection, "resident record codes", new_key),
        )


async def _make_authorities(db: Database, issuers: Issuers, clock: Clock) -> None:
    """See that each authority is there and in force."""
    await issuers.refresh()
    async with db.begin() as connection:
        for authority in AUTHORITIES:
            await issuers.able(connection, authority, at=clock(), until=clock() + timedelta(days=1))
    await issuers.refresh()
