"""
The authority's register: tables, and functions over a connection.

Everything is added and nothing is overwritten: attributes have versions, an intent is followed by a certificate, and
a certificate is ended by a revocation beside it.  Only `copies`, which says how far each running copy of this role has
read, is changed in place.

An intent is a row of its own, written before anything is signed.  An intent without a certificate is possibly an
issued certificate, so everything that ends certificates ends it too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    UniqueConstraint,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.identity.authority.contract import Act, AuthorityName
from kiban.identity.authority.crl import Revoked
from kiban.identity.authority.lifecycle import Reason
from kiban.identity.authority.ocsp import Status
from kiban.shared.database import Blob, Instant, JSONDocument, hold, insert_new
from kiban.shared.keyring import keyring_table

Connection = AsyncConnection
"""What every function here works over: one transaction of the caller's."""

METADATA = MetaData()
KEYRING = keyring_table(METADATA)

AUTHORITIES = Table(
    "authorities",
    METADATA,
    Column("authority", String(16), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("certificate", Blob, nullable=False),
)
RESIDENTS = Table(
    "residents",
    METADATA,
    Column("record", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    # The resident record code itself is not kept: it is only ever looked up.
    Column("code_index", String(64), nullable=False, unique=True),
    Column("registered_at", Instant, nullable=False),
)
ATTRIBUTES = Table(
    "attributes",
    METADATA,
    Column("record", String(32), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("body", JSONDocument, nullable=False),
    Column("at", Instant, nullable=False),
)
KEYS = Table(
    "keys",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("owner", String(120), nullable=False),
)
INTENTS = Table(
    "intents",
    METADATA,
    Column("authority", String(16), primary_key=True),
    Column("serial", String(40), primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("shard", String(20), nullable=False),
    Column("owner", String(120), nullable=False),
    Column("key_digest", String(64), nullable=False),
    Column("renewal", Integer, nullable=False),  # counts the owner's certificates of this authority
    Column("replaces", String(40)),
    Column("body", JSONDocument, nullable=False),
    Column("draft", Blob, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("ordered_at", Instant, nullable=False),
    UniqueConstraint("authority", "key_digest", "renewal", name="intents_once"),
    Index("intents_of_owner", "owner"),
    Index("intents_of_shard", "authority", "shard"),
)
CERTIFICATES = Table(
    "certificates",
    METADATA,
    Column("authority", String(16), primary_key=True),
    Column("serial", String(40), primary_key=True),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("der", Blob, nullable=False),
    Column("issued_at", Instant, nullable=False),
)
REVOCATIONS = Table(
    "revocations",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("authority", String(16), nullable=False),
    Column("serial", String(40), nullable=False),
    Column("shard", String(20), nullable=False),
    Column("event", String(32), nullable=False),
    Column("reason", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("authority", "serial", name="revocations_once"),
    Index("revocations_of_shard", "authority", "shard"),
)
LISTS = Table(
    "revocation_lists",
    METADATA,
    Column("authority", String(16), primary_key=True),
    Column("shard", String(20), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("der", Blob, nullable=False),
    Column("this_update", Instant, nullable=False),
)
HANDLES = Table(
    "handles",
    METADATA,
    Column("handle", String(64), primary_key=True),
    Column("record", String(32), nullable=False),
    Column("verifier", String(63), nullable=False),
)
ACTS = Table(
    "acts",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("member", String(63), nullable=False),
    Column("act", String(40), nullable=False),
    Column("evidence", String(64), nullable=False),
    Column("record", String(32)),
)
MANDATES = Table(
    "mandates",
    METADATA,
    Column("number", String(32), primary_key=True),
    Column("principal", String(32), nullable=False),
    Column("proxy", String(32), nullable=False),
    Column("basis", String(16), nullable=False),
    Column("items", JSONDocument, nullable=False),
    Column("affairs", JSONDocument, nullable=False),
    Column("starts", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Index("mandates_of_principal", "principal"),
    Index("mandates_of_proxy", "proxy"),
)
MANDATE_ENDS = Table(
    "mandate_ends",
    METADATA,
    Column("number", String(32), primary_key=True),
    Column("at", Instant, nullable=False),
)
COPIES = Table(
    "copies",
    METADATA,
    Column("copy", String(32), primary_key=True),
    Column("seen", BigInteger, nullable=False),
)


# --- the authorities ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Generation:
    authority: AuthorityName
    number: int
    certificate: bytes


async def list_authorities(connection: Connection) -> list[Generation]:
    """All generations of all authorities, the newest first."""
    c = AUTHORITIES.c
    query = select(c.authority, c.generation, c.certificate)
    found = await connection.execute(query.order_by(c.authority, c.generation.desc()))
    return [Generation(*row) for row in found]


async def add_authority(
    connection: Connection, authority: AuthorityName, generation: int, certificate: bytes
) -> None:
    row = {"authority": authority, "generation": generation, "certificate": certificate}
    await connection.execute(insert(AUTHORITIES).values(row))


# --- people -------------------------------------------------------------------------------------------


async def find_record(connection: Connection, code_index: str) -> str | None:
    """The record of the person whose resident record code has this index."""
    query = select(RESIDENTS.c.record).where(RESIDENTS.c.code_index == code_index)
    return (await connection.execute(query)).scalar_one_or_none()


async def add_resident(connection: Connection, record: str, code_index: str, at: datetime) -> None:
    await hold(connection, "authority residents")
    number = await _next(connection, RESIDENTS)
    row = {"record": record, "number": number, "code_index": code_index, "registered_at": at}
    await connection.execute(insert(RESIDENTS).values(row))


@dataclass(frozen=True, slots=True, repr=False)
class Registered:
    """A person in the order of registration."""

    number: int
    record: str


async def list_records(connection: Connection, after: int, limit: int) -> list[Registered]:
    """The people registered after a number, in that order."""
    c = RESIDENTS.c
    query = select(c.number, c.record).where(c.number > after).order_by(c.number).limit(limit)
    return [Registered(*row) for row in await connection.execute(query)]


async def add_attributes(
    connection: Connection, record: str, version: int, body: dict[str, Any], at: datetime
) -> None:
    row = {"record": record, "version": version, "body": body, "at": at}
    await connection.execute(insert(ATTRIBUTES).values(row))


@dataclass(frozen=True, slots=True, repr=False)
class Attributes:
    """The latest attributes of a record, and their version."""

    version: int
    body: dict[str, Any]


async def latest_attributes(connection: Connection, record: str) -> Attributes:
    c = ATTRIBUTES.c
    query = select(c.version, c.body).where(c.record == record).order_by(c.version.desc()).limit(1)
    return Attributes(*(await connection.execute(query)).one())


async def add_handle(connection: Connection, handle: str, record: str, verifier: str) -> None:
    row = {"handle": handle, "record": record, "verifier": verifier}
    await connection.execute(insert_new(HANDLES).values(row))


async def find_handle(connection: Connection, handle: str, verifier: str) -> str | None:
    """The record behind a handle, if this verifier was given it."""
    c = HANDLES.c
    query = select(c.record).where(c.handle == handle, c.verifier == verifier)
    return (await connection.execute(query)).scalar_one_or_none()


# --- certificates -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Intent:
    """What was about to be signed."""

    authority: AuthorityName
    serial: str
    generation: int
    shard: str
    owner: str
    key_digest: str
    renewal: int
    replaces: str | None
    body: dict[str, Any]
    draft: bytes
    not_before: datetime
    not_after: datetime
    ordered_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class OnRecord:
    """An intent with what became of it: a certificate or none yet, ended or not."""

    intent: Intent
    der: bytes | None
    status: Status


def new(intent: Intent) -> OnRecord:
    """An intent that was just written down."""
    return OnRecord(intent, None, Status(known=False))


async def claim_key(connection: Connection, digest: str, owner: str) -> str:
    """Whose key this is: the owner's, unless it was somebody else's before."""
    await connection.execute(insert_new(KEYS).values(digest=digest, owner=owner))
    query = select(KEYS.c.owner).where(KEYS.c.digest == digest)
    return str((await connection.execute(query)).scalar_one())


async def add_intent(connection: Connection, intent: Intent) -> None:
    """Write down what is about to be signed."""
    row = {name: getattr(intent, name) for name in Intent.__slots__}
    await connection.execute(insert(INTENTS).values(row))


async def add_certificate(
    connection: Connection, intent: Intent, der: bytes, fingerprint: str, at: datetime
) -> None:
    row = {
        "authority": intent.authority,
        "serial": intent.serial,
        "fingerprint": fingerprint,
        "der": der,
        "issued_at": at,
    }
    await connection.execute(insert_new(CERTIFICATES).values(row))


def _on_record() -> Select[Any]:
    i, c, r = INTENTS.c, CERTIFICATES.c, REVOCATIONS.c
    certificate = and_(c.authority == i.authority, c.serial == i.serial)
    revocation = and_(r.authority == i.authority, r.serial == i.serial)
    return (
        select(INTENTS, c.der, r.at.label("revoked_at"), r.reason)
        .outerjoin(CERTIFICATES, certificate)
        .outerjoin(REVOCATIONS, revocation)
    )


def _read(row: Row[Any]) -> OnRecord:
    fields = row._mapping  # noqa: SLF001  SQLAlchemy's public name for it
    intent = Intent(**{name: fields[name] for name in Intent.__slots__})
    reason = None if fields["reason"] is None else Reason(fields["reason"])
    status = Status(fields["der"] is not None, fields["revoked_at"], reason)
    return OnRecord(intent, fields["der"], status)


async def find_by_key(
    connection: Connection, authority: AuthorityName, key_digest: str
) -> OnRecord | None:
    """The newest intent for a key."""
    i = INTENTS.c
    query = (
        _on_record()
        .where(i.authority == authority, i.key_digest == key_digest)
        .order_by(i.renewal.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _read(row)


async def find_by_serial(connection: Connection, authority: str, serial: str) -> OnRecord | None:
    i = INTENTS.c
    query = _on_record().where(i.authority == authority, i.serial == serial)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _read(row)


async def find_by_fingerprint(connection: Connection, fingerprint: str) -> OnRecord | None:
    query = _on_record().where(CERTIFICATES.c.fingerprint == fingerprint)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _read(row)


async def list_of_owner(connection: Connection, owner: str) -> list[OnRecord]:
    """Everything that was ever intended for an owner, the newest first."""
    i = INTENTS.c
    query = _on_record().where(i.owner == owner).order_by(i.renewal.desc())
    return [_read(row) for row in await connection.execute(query)]


async def newest_of_owners(
    connection: Connection, owners: Iterable[str], at: datetime
) -> dict[str, bytes]:
    """The newest certificate in force of each owner that has one."""
    i, c = INTENTS.c, CERTIFICATES.c
    query = (
        select(i.owner, c.der)
        .join(CERTIFICATES, and_(c.authority == i.authority, c.serial == i.serial))
        .where(i.owner.in_(list(owners)), i.not_before <= at, i.not_after >= at)
        .order_by(i.renewal)
    )
    return {row.owner: row.der for row in await connection.execute(query)}


async def list_open(connection: Connection) -> list[OnRecord]:
    """Intents without a certificate, the oldest first."""
    query = _on_record().where(CERTIFICATES.c.serial.is_(None)).order_by(INTENTS.c.ordered_at)
    return [_read(row) for row in await connection.execute(query)]


async def find_successor(
    connection: Connection, authority: AuthorityName, serial: str
) -> str | None:
    """The serial of the certificate that took this one's place (新旧シリアル番号紐付け)."""
    i = INTENTS.c
    query = select(i.serial).where(i.authority == authority, i.replaces == serial)
    return (await connection.execute(query.order_by(i.ordered_at).limit(1))).scalar_one_or_none()


# --- revocations --------------------------------------------------------------------------------------


async def add_revocation(
    connection: Connection, intent: Intent, event: str, reason: Reason, at: datetime
) -> None:
    """End a certificate; once ended it stays as it ended first."""
    await hold(connection, "authority revocations")
    row = {
        "number": await _next(connection, REVOCATIONS),
        "authority": intent.authority,
        "serial": intent.serial,
        "shard": intent.shard,
        "event": event,
        "reason": int(reason),
        "at": at,
    }
    await connection.execute(insert_new(REVOCATIONS).values(row))


async def last_revocation(connection: Connection) -> int:
    query = select(func.coalesce(func.max(REVOCATIONS.c.number), 0))
    return int((await connection.execute(query)).scalar_one())


@dataclass(frozen=True, slots=True)
class Ended:
    """A certificate that has ended, in the order of ending."""

    number: int
    authority: AuthorityName
    serial: str
    shard: str


async def revoked_after(connection: Connection, number: int) -> list[Ended]:
    c = REVOCATIONS.c
    query = select(c.number, c.authority, c.serial, c.shard).where(c.number > number)
    return [Ended(*row) for row in await connection.execute(query.order_by(c.number))]


async def revoked_of_shard(
    connection: Connection, authority: AuthorityName, shard: str
) -> list[Revoked]:
    """Everything that has ended in a shard, in the order of ending."""
    c = REVOCATIONS.c
    query = select(c.serial, c.at, c.reason).where(c.authority == authority, c.shard == shard)
    found = await connection.execute(query.order_by(c.number))
    return [Revoked(int(row.serial, 16), row.at, Reason(row.reason)) for row in found]


async def count_revoked(connection: Connection, authority: AuthorityName, shard: str) -> int:
    c = REVOCATIONS.c
    query = select(func.count()).where(c.authority == authority, c.shard == shard)
    return int((await connection.execute(query)).scalar_one())


@dataclass(frozen=True, slots=True)
class Published:
    """A list of revocations as it was published."""

    authority: AuthorityName
    shard: str
    number: int
    entries: int
    der: bytes
    this_update: datetime


async def latest_list(
    connection: Connection, authority: AuthorityName, shard: str
) -> Published | None:
    c = LISTS.c
    query = (
        select(*(c[name] for name in Published.__slots__))
        .where(c.authority == authority, c.shard == shard)
        .order_by(c.number.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Published(*row)


async def shard_is_used(connection: Connection, authority: AuthorityName, shard: str) -> bool:
    i = INTENTS.c
    query = select(i.serial).where(i.authority == authority, i.shard == shard).limit(1)
    return (await connection.execute(query)).first() is not None


async def add_list(connection: Connection, published: Published) -> None:
    row = {name: getattr(published, name) for name in Published.__slots__}
    await connection.execute(insert(LISTS).values(row))


# --- copies of this role ------------------------------------------------------------------------------


async def enter_copy(connection: Connection, copy: str) -> int:
    """A copy says that it is there; it has read as far as there is to read, while nothing can be added."""
    await hold(connection, "authority revocations")
    seen = await last_revocation(connection)
    await connection.execute(delete(COPIES).where(COPIES.c.copy == copy))
    await connection.execute(insert(COPIES).values(copy=copy, seen=seen))
    return seen


async def note_seen(connection: Connection, copy: str, seen: int) -> bool:
    """A copy says how far it has read; false if it was forgotten in the meantime."""
    statement = update(COPIES).where(COPIES.c.copy == copy).values(seen=seen)
    return (await connection.execute(statement)).rowcount == 1


async def forget_copy(connection: Connection, copy: str) -> None:
    await connection.execute(delete(COPIES).where(COPIES.c.copy == copy))


async def forget_copies_behind(connection: Connection, number: int) -> None:
    await connection.execute(delete(COPIES).where(COPIES.c.seen < number))


async def copies_behind(connection: Connection, number: int) -> int:
    """How many copies have not yet said that they read as far as this number."""
    query = select(func.count()).select_from(COPIES).where(COPIES.c.seen < number)
    return int((await connection.execute(query)).scalar_one())


# --- the authority's own record -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class By:
    """Which member had something done, and the evidence of its signed request."""

    member: str
    evidence: str


async def add_act(
    connection: Connection, act: str, by: By, *, record: str | None, at: datetime
) -> None:
    """Write down who had what done; the last thing in a transaction, because it is numbered without gaps."""
    await hold(connection, "authority acts")
    row = {
        "number": await _next(connection, ACTS),
        "at": at,
        "member": by.member,
        "act": act,
        "evidence": by.evidence,
        "record": record,
    }
    await connection.execute(insert(ACTS).values(row))


async def list_acts(connection: Connection, after: int, limit: int) -> list[Act]:
    c = ACTS.c
    query = select(c.number, c.at, c.member, c.act, c.evidence).where(c.number > after)
    return [
        Act(
            number=row.number,
            at=int(row.at.timestamp()),
            member=row.member,
            act=row.act,
            evidence=row.evidence,
        )
        for row in await connection.execute(query.order_by(c.number).limit(limit))
    ]


async def _next(connection: Connection, table: Table) -> int:
    """The number after the last one; whoever asks holds the table's name."""
    query = select(func.coalesce(func.max(table.c.number), 0))
    return int((await connection.execute(query)).scalar_one()) + 1
