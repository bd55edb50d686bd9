"""
The core, put together: what its routes call.

Members enrol, exchanges are permitted and logged, outcomes are recorded, epochs move.  Any number of copies may
run on one database: keys and seats that another copy has added are found at the first miss.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.identity.authority.client import AuthorityClient, obtain_identity
from kiban.mesh import keys, store
from kiban.mesh.contract import (
    EPOCH,
    OUTCOME,
    Directory,
    Enrolment,
    Entry,
    EpochMove,
    EpochPassed,
    LogEntries,
    Outcome,
    OutcomeRefused,
    Record,
    UnknownMember,
    epoch_context,
)
from kiban.mesh.country import Country
from kiban.mesh.directory import Directory as Seats
from kiban.mesh.keys import ConversionKeys
from kiban.mesh.law import LegalTable
from kiban.mesh.log import Integrator, Log
from kiban.mesh.log_store import NewEntry
from kiban.mesh.permits import Permits
from kiban.mesh.settings import CoreSettings
from kiban.mesh.store import Appended
from kiban.mesh.witnessing import Witness, Witnessing
from kiban.shared import members, pseudonyms, tokens
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.gathering import Gathering
from kiban.shared.http import Http
from kiban.shared.keyring import Keyring
from kiban.shared.members import Identity, Member
from kiban.shared.membership import SignedCaller

AUTHORITY = "authority"
"""The authority's name among the members."""
LOG_KEY = "log signing key"


@dataclass(slots=True)
class Core:
    """One copy of the core."""

    settings: CoreSettings
    country: Country
    db: Database
    http: Http
    clock: Clock
    conversion: ConversionKeys = field(default_factory=ConversionKeys)
    seats: Seats = field(init=False)
    identity: Identity = field(init=False)
    log: Log = field(init=False)
    integrator: Integrator = field(init=False)
    journal: Gathering[Appended, bool] = field(init=False)
    keyring: Keyring = field(init=False)
    law: LegalTable = field(init=False)
    seating: Gathering[store.Enrolled, int] = field(init=False)
    _seated_at: dict[str, datetime] = field(default_factory=dict)
    """When each of the seats that we know was taken or renewed, as the database has it."""

    async def start(self, stack: AsyncExitStack) -> None:
        """Migrate, become a member, know who else is one, and begin to integrate the log."""
        await self.db.migrate("kiban.mesh")
        self.keyring = Keyring(store.keyring, self.settings.secret)
        self.law = self.country.law()
        self.seating = Gathering(self._seat_all)
        client = AuthorityClient(self.http, self.settings.authority_origin)
        self.identity, anchors = await obtain_identity(
            client,
            self.keyring,
            self.db,
            member=self.settings.member,
            secret=self.settings.member_secret,
            clock=self.clock,
        )
        await self._open_log()
        await self._seat(client, anchors)
        witnesses = [Witness.read(text) for text in self.settings.witnesses]
        witnessing = Witnessing(self.log, self.http, witnesses)
        for background in (self.integrator.run(), *([witnessing.run()] if witnesses else [])):
            stack.push_async_callback(_ended, asyncio.create_task(background))

    async def _open_log(self) -> None:
        async with self.db.begin() as connection:
            raw = await self.keyring.get_or_make(
                connection, LOG_KEY, lambda: secrets.token_bytes(32)
            )
        key = Ed25519PrivateKey.from_private_bytes(raw)
        origin = self.settings.origin.removeprefix("http://").removeprefix("https://")
        self.integrator = Integrator(self.db, store.log, key, origin, self.clock)
        self.log = Log(self.db, store.log, self.clock, wake=self.integrator.wake)
        self.journal = Gathering(self._commit)
        await self.integrator.integrate()

    async def _seat(self, client: AuthorityClient, anchors: Sequence[x509.Certificate]) -> None:
        """Take our own seat and the authority's; know the others'."""
        self.seats = Seats(self.country.agencies, anchors)
        known = await client.read_member(AUTHORITY)
        await self._take_seat(
            "authority", members.load(known.certificate), self.settings.authority_origin
        )
        me = self.identity.member
        await self._take_seat(me.id, me.certificate, self.settings.origin)
        async with self.db.begin() as connection:
            for item in sorted(self.country.announced):
                await self._begin_epoch(connection, keys.changes_of(item), keys.FIRST_EPOCH)
        await self.refresh()

    async def refresh(self) -> None:
        """Read seats and keys that another copy may have added; what is known already is not read again."""
        async with self.db.look() as connection:
            taken = await store.read_seats(connection)
            new = [name for name, at in taken.items() if self._seated_at.get(name) != at]
            enrolled = await store.read_members(connection, new)
            for domain, epoch in await store.read_epochs(connection):
                if self.conversion.knows(domain, epoch):
                    continue
                raw = await self.keyring.get(connection, keys.name(domain, epoch))
                if raw is not None:
                    self.conversion.put(domain, epoch, int.from_bytes(raw, "big"))
        for one in enrolled:
            seat = self.seats.admit(one.id, one.certificate, one.origin, at=self.clock())
            self.seats.seats[one.id] = seat
            self._seated_at[one.id] = taken[one.id]

    # --- members ------------------------------------------------------------------------------

    async def member(self, name: str) -> Member:
        """The enrolled member of this name."""
        try:
            return self.seats.find(name)
        except UnknownMember:
            await self.refresh()
        return self.seats.find(name)

    async def newcomer(self, certificate: str, name: str) -> Member:
        """Who asks for a seat, by the certificate in its request."""
        self.seats.check_known(name)
        return self.seats.admit(name, members.load(certificate), "", at=self.clock()).member

    async def enrol(self, name: str, enrolment: Enrolment) -> Entry:
        """Take or renew a seat in the directory."""
        self.seats.check_known(name)
        await self._take_seat(name, members.load(enrolment.certificate), enrolment.origin)
        return self.seats.entry(name, self.conversion.epoch(name))

    async def _take_seat(self, name: str, certificate: bytes, origin: str) -> None:
        seat = self.seats.admit(name, certificate, origin, at=self.clock())
        key = await self.seating.add(store.Enrolled(name, certificate, origin))
        self.conversion.put(name, keys.FIRST_EPOCH, key)
        self.seats.seats[name] = seat

    async def _seat_all(self, enrolled: Sequence[store.Enrolled]) -> list[int]:
        """Write many seats down in one commit, and give each member's first key."""
        async with self.db.begin() as connection:
            for one in sorted(enrolled, key=lambda each: each.id):
                await store.put_member(connection, one, at=self.clock())
            return [
                await self._begin_epoch(connection, one.id, keys.FIRST_EPOCH) for one in enrolled
            ]

    def _entries(self) -> list[Entry]:
        return self.seats.entries({name: self.conversion.epoch(name) for name in self.seats.seats})

    async def directory(self) -> Directory:
        return Directory(
            mode="classic" if self.settings.mode == "classic" else "blind",
            core=self.identity.id,
            authority=AUTHORITY,
            portal=self.country.portal,
            change_office=self.country.change_office,
            log_key=str(self.integrator.verifier_key),
            layouts=self.country.editions(self.clock()),
            members=self._entries(),
        )

    # --- exchanges ----------------------------------------------------------------------------

    def permits(self, caller: SignedCaller) -> Permits:
        """The use case, for one request: what it appends carries that request's evidence."""

        async def append(record: Record) -> bool:
            entry = NewEntry("record", record.claims.id, record.body)
            return await self.journal.add(Appended(entry, self._evidence(caller)))

        return Permits(
            identity=self.identity,
            portal=self.country.portal,
            authority=AUTHORITY,
            change_office=self.country.change_office,
            law=self.law,
            layouts=self.country.edition,
            mode=pseudonyms.MODES[self.settings.mode],
            keys=self.conversion,
            member=self.member,
            append=append,
        )

    def _evidence(self, caller: SignedCaller) -> store.Evidence:
        presented = caller.presented
        return store.Evidence(
            request=presented.evidence,
            member=caller.member.id,
            signed=presented.base.decode(),
            signature=presented.signature,
            at=self.clock(),
        )

    async def _commit(self, batch: Sequence[Appended]) -> list[bool]:
        return await store.append(self.db, self.log, batch)

    async def record_outcomes(self, reports: Sequence[str]) -> int:
        """Log what providers say of their exchanges; each once, by its provider alone."""
        outcomes = [await self._outcome(token) for token in reports]
        records = await self.log.records([outcome.exchange for outcome in outcomes])
        for outcome in outcomes:
            _check_outcome(outcome, records.get(outcome.exchange))
        entries = [
            NewEntry("outcome", outcome.exchange, token)
            for outcome, token in zip(outcomes, reports, strict=True)
        ]
        new = await asyncio.gather(*(self.journal.add(Appended(one, None)) for one in entries))
        return sum(new)

    async def _outcome(self, token: str) -> Outcome:
        provider = await self.member(tokens.signer(token))
        outcome = tokens.read(token, Outcome, key=provider.signing_key, typ=OUTCOME)
        if outcome.provider != provider.id:
            raise OutcomeRefused("a provider reports its own exchanges alone", sent=provider.id)
        return outcome

    async def entries(self, after: int, limit: int) -> LogEntries:
        found = await self.log.read_entries(after, limit)
        return LogEntries(entries=found, next=found[-1].index + 1 if found else after)

    # --- epochs -------------------------------------------------------------------------------

    async def epoch(self, caller: Member) -> EpochMove:
        """The member's current epoch, and the ratio to it from the one before, sealed."""
        await self.refresh()
        epoch = self.conversion.epoch(caller.id)
        if epoch == keys.FIRST_EPOCH:
            return EpochMove(epoch=epoch, ratio=None)
        old = self.conversion.scalar(caller.id, epoch - 1)
        new = self.conversion.scalar(caller.id, epoch)
        ratio = pseudonyms.MODES[self.settings.mode].ratio(old, new)
        if ratio is None:
            raise EpochPassed("in this mode a member cannot move its pseudonyms by itself")
        sealed = self.identity.seal(
            ratio.to_bytes(keys.SIZE, "big"),
            to=caller,
            label=EPOCH,
            context=epoch_context(epoch),
        )
        return EpochMove(epoch=epoch, ratio=sealed)

    async def begin_epoch(self, name: str) -> EpochMove:
        """Give a member's domain a new key; the member moves by itself."""
        await self.member(name)
        await self.refresh()
        if self.settings.mode == "classic":
            raise EpochPassed("in this mode a member cannot move its pseudonyms by itself")
        if name == self.country.change_office:
            raise EpochPassed("the change office's pseudonyms stay in their first epoch")
        epoch = self.conversion.epoch(name) + 1
        async with self.db.begin() as connection:
            key = await self._begin_epoch(connection, name, epoch)
        self.conversion.put(name, epoch, key)
        return EpochMove(epoch=epoch, ratio=None)

    async def _begin_epoch(self, connection: AsyncConnection, domain: str, epoch: int) -> int:
        """The key of this domain and epoch, made where there is none."""
        raw = await self.keyring.get_or_make(connection, keys.name(domain, epoch), keys.draw)
        await store.begin_epoch(connection, domain, epoch, at=self.clock())
        return int.from_bytes(raw, "big")


def _check_outcome(outcome: Outcome, record: str | None) -> None:
    if record is None:
        raise OutcomeRefused("no record of this exchange", sent=outcome.exchange)
    if Record.model_validate_json(record).provider != outcome.provider:
        raise OutcomeRefused("the exchange has another provider", sent=outcome.provider)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
