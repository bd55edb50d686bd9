"""
A gateway, put together: what its routes and the agency's own system call.

The gateway becomes a member when it starts, delivers what its outbox holds (outcomes to the core, ends of consents to
their parties), checks later that the leaves that it acted on are in the log's tree, and moves its pseudonyms when the
core begins a new epoch.  The portal's gateway also follows the log.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kiban.gateway import lines, log_store, store
from kiban.gateway.asking import Asking, read_receipt
from kiban.gateway.consenting import DELIVERIES, ENDS, Consenting
from kiban.gateway.contract import (
    RECEIPT_LABEL,
    Acquisition,
    AnnouncementReceipt,
    AnnouncementRequest,
    AnotherCore,
    ApprovalReply,
    ChangeFeed,
    Changes,
    ConsentDelivery,
    ConsentEnd,
    Desk,
    InquiryReply,
    InquiryRequest,
    Line,
    PersonReply,
    PersonUnknown,
    Receipt,
    Receipts,
    Records,
    SealedReceipt,
    SealedReceipts,
    Statement,
    SubscriptionReply,
    SubscriptionRequest,
    TokenUse,
)
from kiban.gateway.following import ANNOUNCEMENTS, Following
from kiban.gateway.moving import Moving
from kiban.gateway.provision import Provision
from kiban.gateway.reading import LogReader
from kiban.gateway.receiving import OUTCOMES, Receiving
from kiban.gateway.relaying import Relaying
from kiban.gateway.settings import GatewaySettings
from kiban.gateway.standing import Standing
from kiban.identity.authority.client import AuthorityClient, obtain_identity
from kiban.mesh.client import Members, MeshClient, proven
from kiban.mesh.contract import Enrolment, InclusionProof, OutcomeReport
from kiban.shared import encoding, mistakes
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.http import Http
from kiban.shared.keyring import Keyring, Wrapping
from kiban.shared.members import Member
from kiban.shared.membership import SignedHttp
from kiban.shared.outbox import Outbox
from kiban.shared.problems import Forbidden, Problem, Unavailable

_log = logging.getLogger("kiban.gateway")
_PATIENCE = timedelta(seconds=30)
_RHYTHM = 5.0
"""Seconds between two looks at what moves by itself."""
_READERS_RHYTHM = 1.0
"""The same for the portal's gateway, which follows the log."""
GATHERING = 0.2
"""Seconds in which outcomes, which are durable already, gather to be reported together."""
LEAVES_AT_ONCE = 500
MERGE_DELAY = timedelta(seconds=10)
"""How long the core may take to bring a leaf into the tree, as a log's maximum merge delay."""
SALT = "statement salt"
LOG_KEY = "log key of the core"


@dataclass(slots=True)
class Gateway:
    """One agency's gateway."""

    settings: GatewaySettings
    records: Records
    desk: Desk
    db: Database
    http: Http
    clock: Clock
    change_office: Changes | None = None
    """Behind the change office's gateway alone."""
    standing: Standing = field(init=False)
    asking: Asking = field(init=False)
    provision: Provision = field(init=False)
    consenting: Consenting = field(init=False)
    following: Following = field(init=False)
    relaying: Relaying = field(init=False)
    moving: Moving = field(init=False)
    reader: LogReader | None = None

    async def start(self, stack: AsyncExitStack) -> None:
        """Migrate, become a member, take a seat in the directory, begin to work."""
        await self.db.migrate("kiban.gateway")
        if self.change_office:
            await self.change_office.prepare()
        keyring = Keyring(store.keyring, self.settings.secret)
        identity, anchors = await obtain_identity(
            AuthorityClient(self.http, self.settings.authority_origin),
            keyring,
            self.db,
            member=self.settings.member,
            secret=self.settings.member_secret,
            clock=self.clock,
            seed=self.settings.key_seed,
        )
        signed = SignedHttp(self.http, identity, self.clock)
        core = self.settings.core_origin
        self.standing = Standing(
            identity=identity,
            members=Members(self.http, core, anchors=anchors, clock=self.clock),
            mesh=MeshClient(signed, self.http, core),
            http=self.http,
            signed=signed,
            db=self.db,
            people=store.People(Wrapping(self.settings.secret)),
            clock=self.clock,
            outbox=Outbox(
                self.db,
                store.outbox,
                self._handlers(),
                self.clock,
                together={OUTCOMES: self._send_outcomes},
                pause=GATHERING,
            ),
        )
        async with self.db.begin() as connection:
            salt = await keyring.get_or_make(connection, SALT, lambda: secrets.token_bytes(32))
        self._furnish(salt)
        await self.moving.settle()
        await _patiently(self._enrol)
        await self._recognise(keyring)
        for work in self._works():
            stack.push_async_callback(_ended, asyncio.create_task(work))

    def _furnish(self, salt: bytes) -> None:
        self.asking = Asking(self.standing)
        receiving = Receiving(self.standing)
        self.provision = Provision(self.standing, receiving, self.records, self.desk, salt)
        self.following = Following(self.standing, self.asking)
        self.relaying = Relaying(self.standing, receiving, self.change_office)
        self.consenting = Consenting(self.standing)
        self.moving = Moving(self.standing)
        if self.settings.reads_lines:
            authority = AuthorityClient(self.standing.signed, self.settings.authority_origin)
            self.reader = LogReader(self.standing, self.asking, authority)

    def _handlers(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[None]]]:
        return {
            DELIVERIES: self._send_delivery,
            ENDS: self._send_end,
            ANNOUNCEMENTS: self._send_announcement,
        }

    def _works(self) -> list[Any]:
        own = [self.standing.outbox.run(), self._keep_up()]
        return own + ([self.change_office.run(self.relaying.push)] if self.change_office else [])

    async def _enrol(self) -> None:
        me = self.standing
        certificate = encoding.encode(me.identity.member.certificate)
        await me.mesh.enrol(me.id, Enrolment(certificate=certificate, origin=self.settings.origin))

    async def _recognise(self, keyring: Keyring) -> None:
        """Work with the core whose log we know: under another's keys every pseudonym would open to nobody."""
        seen = (await self.standing.members.directory()).log_key
        async with self.db.begin() as connection:
            known = await keyring.get_or_make(connection, LOG_KEY, seen.encode)
        if known.decode() != seen:
            raise AnotherCore(
                f"{self.standing.id} knows a core with another log; was the core's database lost?",
                sent=seen,
                expected=known.decode(),
            )

    async def _send_outcomes(self, bodies: list[dict[str, Any]]) -> None:
        report = OutcomeReport(outcomes=[body["outcome"] for body in bodies])
        await self.standing.mesh.report_outcomes(report)

    async def _send_delivery(self, body: dict[str, Any]) -> None:
        delivery = ConsentDelivery.model_validate(body["delivery"])
        await self.consenting.send_delivery(body["party"], delivery)

    async def _send_end(self, body: dict[str, Any]) -> None:
        await self.consenting.send_end(body["party"], ConsentEnd.model_validate(body["end"]))

    async def _send_announcement(self, body: dict[str, Any]) -> None:
        await self.following.send_announcement(body)

    async def _keep_up(self) -> None:
        """Look after what moves by itself; a neighbour that is away is asked again later."""
        rhythm = _READERS_RHYTHM if self.reader else _RHYTHM
        while True:
            await asyncio.sleep(rhythm)
            try:
                await self.keep_up()
            except Problem as problem:
                _log.warning("%s waits: %s", self.settings.member, problem.slug)
            except Exception as error:  # noqa: BLE001  the next look may go well
                mistakes.log(_log, f"{self.settings.member} keeping up", error)

    async def keep_up(self) -> None:
        """One look: the epoch, the leaves that we acted on, and for the portal the log."""
        await self.moving.follow()
        await self.check_leaves()
        if self.reader:
            await self.reader.follow()

    async def check_leaves(self) -> None:
        """Every leaf that we acted on must come to stand in the tree; the proofs are verified here."""
        before, after = self.clock() - MERGE_DELAY, 0
        while waiting := await self._unproven(after, before):
            found = await self.standing.mesh.prove_inclusions([one.leaf for one in waiting])
            log_key = (await self.standing.members.directory()).log_key
            here = proven(found, log_key=log_key)
            for one in waiting:
                if one.leaf not in here:
                    _log.error("%s: no leaf for %s", self.standing.id, one.exchange)
            async with self.db.begin() as connection:
                await store.note_proven(
                    connection, [one.number for one in waiting if one.leaf in here]
                )
            after = waiting[-1].number

    async def is_settled(self) -> bool:
        """Whether nothing is left that only time, or a neighbour, can finish."""
        unproven = await self._unproven(0, self.clock())
        return not unproven and not await self.standing.outbox.is_waiting()

    async def _unproven(self, after: int, before: datetime) -> list[store.Unproven]:
        async with self.db.look() as connection:
            return await store.unproven(connection, LEAVES_AT_ONCE, after=after, before=before)

    # --- inner side ---------------------------------------------------------------------------

    async def acquire(self, acquisition: Acquisition) -> PersonReply:
        return await self.asking.acquire(acquisition, self.settings.resident_network)

    async def use_token(self, use: TokenUse) -> PersonReply:
        return await self.asking.use_token(use.token, secrets.token_hex(16))

    async def end_consent(self, end: ConsentEnd) -> ApprovalReply:
        """End a consent that was delivered from here, at every party that it names."""
        async with self.db.look() as connection:
            parties = await store.delivered_to(connection, end.consent)
        return await self.consenting.end(end, parties)

    async def lines(self, person: str) -> list[Line]:
        """What the log holds about a person, newest first; nothing while the history is closed."""
        if self.reader:
            await self.reader.follow()
        async with self.db.read() as connection:
            code = await self.standing.people.code(connection, person)
            if code is None:
                raise PersonUnknown("the number has no pseudonym here")
            found = await log_store.read_lines(connection, self.standing.people.wrap(code))
        return lines.shown(found)

    async def prove(self, leaf: str) -> InclusionProof:
        return await self.standing.mesh.prove_inclusion(leaf)

    async def inquire(self, request: InquiryRequest) -> InquiryReply:
        return await self.asking.inquire(request)

    async def ask_again(self, exchange: str) -> InquiryReply:
        return await self.asking.ask_again(exchange)

    async def subscribe(self, request: SubscriptionRequest) -> SubscriptionReply:
        return await self.following.subscribe(request)

    async def announce(self, request: AnnouncementRequest) -> AnnouncementReceipt:
        return await self.following.announce(request)

    async def read_changes(self, after: int) -> ChangeFeed:
        return await self.following.read_changes(after)

    async def listen(self, within: float) -> None:
        await self.following.listen(within)

    async def read_own(self, person: str, item: str) -> Statement | None:
        return await self.provision.read_own(person, item)

    async def issue_receipt(self, receipt: Receipt) -> None:
        """Put a receipt or a decision into the feed that the portal reads; each event once."""
        async with self.db.begin() as connection:
            await store.put_receipt(connection, receipt)

    async def fetch_receipts(self, office: str, after: int) -> Receipts:
        """An office's receipts for us, opened and verified."""
        me = self.standing
        sender = await me.members.resolve(office)
        feed = await (await me.neighbour(office)).list_receipts(after)
        opened = [
            me.identity.open(
                one.sealed, sender=sender, label=RECEIPT_LABEL, context=_place(one.number)
            ).decode(errors="replace")
            for one in feed.receipts
        ]
        return Receipts(receipts=[read_receipt(one, sender) for one in opened], next=feed.next)

    # --- outer side ---------------------------------------------------------------------------

    async def sealed_receipts(self, reader: Member, after: int, limit: int = 200) -> SealedReceipts:
        """The feed of receipts, each sealed for the portal, which alone may read it."""
        me = self.standing
        if reader.id != (await me.portal()).id:
            raise Forbidden("receipts are for the portal", sent=reader.id)
        async with self.db.look() as connection:
            found = await store.read_receipts(connection, after, limit)
        sealed = [
            SealedReceipt(
                number=number,
                sealed=me.identity.seal(
                    self.provision.sign_receipt(receipt).encode(),
                    to=reader,
                    label=RECEIPT_LABEL,
                    context=_place(number),
                ),
            )
            for number, receipt in found
        ]
        return SealedReceipts(receipts=sealed, next=found[-1][0] if found else after)


def _place(number: int) -> bytes:
    return b"receipt %d" % number


async def _patiently(call: Callable[[], Awaitable[None]]) -> None:
    """Try until the neighbour is there; a starting country has an order."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _PATIENCE.total_seconds()
    while True:
        try:
            await call()
        except Unavailable:
            if loop.time() > end:
                raise
            await asyncio.sleep(0.2)
        else:
            return


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
