"""
Provision (情報提供): how an agency answers a permit that is presented to it.

Checked offline, in this order: permit and presenter; that the permit was not used; the time; the epoch; the seed
against its commitment; then whose it is; the consent where the basis says so; the agency's own flags.  One transaction
spends the permit, writes the own record and queues the outcome, with the seed sealed for the portal again.  Only then
data leaves, signed and sealed for the inquirer.

A permit answers once.  A presenter whose reply was lost says `retry` and gets the stored reply; nothing is read
anew.  Withheld and not held look alike to everybody outside.  Each refusal is recorded.

Sources: DESIGN 5.3; the protocol's page, section 5.3, attacks C2, H9, M7, M9; plan rows MSH-05, MSH-10.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import ValidationError

from kiban.gateway import consents, own_record, store
from kiban.gateway.blinding import Opened
from kiban.gateway.contract import (
    ANSWER,
    ANSWER_LABEL,
    LONGEST_ANSWER,
    RECEIPT,
    SUBMISSION_LABEL,
    AcceptedApplication,
    Answer,
    AnswerReply,
    AnswerTooLong,
    ConsentEnded,
    Desk,
    Held,
    NotAccepted,
    NotConsented,
    Package,
    PermitSpent,
    PersonUnknown,
    Presentation,
    Reading,
    Receipt,
    ReceiptReply,
    Records,
    Statement,
    Submission,
)
from kiban.gateway.receiving import Receiving
from kiban.gateway.standing import Standing
from kiban.mesh.contract import Permit
from kiban.shared import canonical, tokens
from kiban.shared.exchanges import Claims, aside
from kiban.shared.identifiers import Pseudonym
from kiban.shared.members import Member

READ_AT_ONCE = 200
"""So many people's records are read at one moment."""


@dataclass(frozen=True, slots=True)
class Provision:
    """The answering side of a gateway."""

    standing: Standing
    receiving: Receiving
    records: Records
    desk: Desk
    salt: bytes
    """Secret; makes the digest of a statement tell nobody its values."""

    async def answer(self, presenter: Member, presentation: Presentation) -> AnswerReply:
        """Answer a permit; a refusal is recorded and then raised."""
        async with self.receiving.presented(presenter, presentation.permit, "inquiry") as permit:
            return await self._answered(presenter, permit, retry=presentation.retry)

    async def receive_submission(self, presenter: Member, submission: Submission) -> ReceiptReply:
        """Take an application in; the same one again gets the same receipt."""
        async with self.receiving.presented(presenter, submission.permit, "submission") as permit:
            return await self._taken_in(presenter, permit, submission.sealed)

    async def _answered(self, presenter: Member, permit: Permit, *, retry: bool) -> AnswerReply:
        me, claims = self.standing, permit.record.claims
        spent = await me.answered.add(claims.id)
        if spent is not None and not (retry and spent.result == "waits"):
            return _repeated(spent.result, spent.reply, retry=retry)
        if spent is None:
            self.receiving.check_time(permit)
        opened = await self.receiving.opened(permit)
        try:
            return await self._decided(presenter, permit, opened, known=spent is not None)
        except (NotConsented, ConsentEnded) as problem:
            await self._spend(permit, opened, None, answered=False, result=problem.slug)
            raise

    async def _decided(
        self, presenter: Member, permit: Permit, opened: Opened, *, known: bool
    ) -> AnswerReply:
        if permit.record.basis.kind == "consent":
            async with self.standing.db.begin() as connection:
                await self._consent(connection, permit, opened)
        found = await self._read(permit, opened.codes)
        if any(reading == "waits" for _, reading in found):
            return await self._waits(permit, opened, known=known)
        item, layout = str(permit.record.claims.item), permit.record.layout
        statements = [self._statement(item, layout, *one) for one in found]
        reply = await aside(len(statements), partial(self._reply, presenter, permit, statements))
        await self._spend(permit, opened, reply, answered=any(statements))
        return AnswerReply(sealed=reply)

    async def _consent(
        self, connection: store.Connection, permit: Permit, opened: Opened
    ) -> str | None:
        """The consent on which the inquiry rests, checked; None where the law alone permits it."""
        if permit.record.basis.kind != "consent":
            return None
        me = self.standing
        found = await store.find_consent(connection, opened.note.hex(), me.people)
        consent = consents.require(found)
        consent.check(permit.record.claims, opened.codes, at=me.clock())
        return consent.record.id

    async def _read(self, permit: Permit, codes: Sequence[Pseudonym]) -> list[tuple[str, Reading]]:
        me, claims = self.standing, permit.record.claims
        persons = await me.persons.add(codes)
        found: dict[str, Reading] = {}
        held = list(persons.items())
        for start in range(0, len(held), READ_AT_ONCE):
            lot = held[start : start + READ_AT_ONCE]
            readings = await asyncio.gather(*(self._reading(claims, *one) for one in lot))
            found |= zip((person for _, person in lot), readings, strict=True)
        return [
            (persons[code], found[persons[code]]) if code in persons else ("", "not-held")
            for code in codes
        ]

    async def _reading(self, claims: Claims, code: Pseudonym, person: str) -> Reading:
        item, at = str(claims.item), self.standing.clock()
        reading = await self.records.read(
            person, item, inquirer=claims.inquirer, affair=str(claims.affair), at=at
        )
        if item == own_record.ITEM and reading != "withheld":
            return await self._own_record(code)
        return reading

    async def _own_record(self, code: Pseudonym) -> Held:
        me = self.standing
        async with me.db.look() as connection:
            notes = await store.exchanges_about(connection, me.people.wrap(code))
        return own_record.held(notes, at=me.clock())

    def _reply(self, presenter: Member, permit: Permit, statements: list[Statement | None]) -> str:
        me, claims = self.standing, permit.record.claims
        answer = Answer(
            exchange=claims.id,
            provider=me.id,
            item=str(claims.item),
            statements=statements,
            answered_at=int(me.clock().timestamp()),
        )
        signed = tokens.sign(
            answer.model_dump(mode="json"), key=me.identity.signing_key, kid=me.id, typ=ANSWER
        )
        sealed = me.identity.seal(
            signed.encode(), to=presenter, label=ANSWER_LABEL, context=claims.context
        )
        if len(sealed) > LONGEST_ANSWER:
            raise AnswerTooLong("ask about fewer people at once", expected=LONGEST_ANSWER)
        return sealed

    async def read_own(self, person: str, item: str) -> Statement | None:
        """The statement that this agency makes of its own record, for its own use."""
        me = self.standing
        reading = await self.records.read(person, item, inquirer=me.id, affair="", at=me.clock())
        directory = await me.members.directory()
        return self._statement(item, directory.layouts.get(item, 0), person, reading)

    def _statement(self, item: str, layout: int, person: str, reading: Reading) -> Statement | None:
        if not isinstance(reading, Held):
            return None
        version = canonical.encode([person, item, reading.version])
        salt = hmac.digest(self.salt, version, "sha256")
        return Statement(
            item=item,
            provider=self.standing.id,
            layout=layout,
            as_of=reading.as_of,
            values=reading.values,
            salt=salt[:16].hex(),
            marks=reading.marks,
        )

    async def _spend(
        self,
        permit: Permit,
        opened: Opened,
        reply: str | None,
        *,
        answered: bool,
        result: str | None = None,
    ) -> None:
        """Spend permit and consent, write the own record, queue the outcome: all or nothing."""
        me, consented = self.standing, permit.record.basis.kind == "consent"
        refused, result = result is not None, result or ("answered" if answered else "not-held")
        report = await self.receiving.report(permit, opened.seed, answered=answered)
        noted = self.receiving.noted(permit, opened, result, reply=reply, report=report)
        if not consented and await me.record.add(noted):
            return
        async with me.db.begin() as connection:
            if not refused and (used := await self._consent(connection, permit, opened)):
                await store.use_consent(connection, used)
            [new] = await store.note(connection, me.outbox, [noted])
            if not new:
                await self._finish_waiting(connection, noted)

    async def _finish_waiting(self, connection: store.Connection, noted: store.Noted) -> None:
        """Note what became of an exchange that waited, and report it."""
        me, row = self.standing, noted.exchange
        [spent] = await store.find_exchanges(connection, [row["exchange"]], row["side"])
        if spent is None or spent.result != "waits":
            raise PermitSpent("the permit was used at the same moment")
        became = store.Became(row["exchange"], row["side"], row["result"], row["reply"])
        await store.note(connection, me.outbox, [became])
        if noted.report:
            await me.outbox.put_all(connection, [noted.report])

    async def _waits(self, permit: Permit, opened: Opened, *, known: bool) -> AnswerReply:
        """A person must decide first: the permit is kept open for its presenter."""
        if not known:
            await self.standing.record.add(self.receiving.noted(permit, opened, "waits"))
        return AnswerReply(sealed=None, waits=True)

    async def _taken_in(self, presenter: Member, permit: Permit, sealed: str) -> ReceiptReply:
        me, claims = self.standing, permit.record.claims
        package = _package(
            me.identity.open(
                sealed, sender=presenter, label=SUBMISSION_LABEL, context=claims.context
            )
        )
        self.receiving.check_time(permit)
        opened = await self.receiving.opened(permit)
        receipt = await self._accepted(permit, opened, package)
        report = await self.receiving.report(permit, opened.seed, answered=True)
        async with me.db.begin() as connection:
            noted = self.receiving.noted(permit, opened, "answered", report=report)
            await store.note(connection, me.outbox, [noted])
            await store.put_receipt(connection, receipt)
            kept = await store.find_receipt(connection, package.application, "received")
        return ReceiptReply(receipt=self.sign_receipt(kept or receipt))

    async def _accepted(self, permit: Permit, opened: Opened, package: Package) -> Receipt:
        me, claims = self.standing, permit.record.claims
        async with me.db.look() as connection:
            person = await me.people.person(connection, opened.codes[0])
        if person is None:
            raise PersonUnknown("this office does not know the applicant")
        now = int(me.clock().timestamp())
        await self.desk.accept(
            AcceptedApplication(
                application=package.application,
                exchange=claims.id,
                procedure=str(claims.item),
                person=person,
                signed=package.signed,
                received_at=now,
            )
        )
        return Receipt(
            application=package.application,
            office=me.id,
            event="received",
            at=now,
            digest=hashlib.sha256(package.signed.application.encode()).hexdigest(),
            message={"ja": "申請を受け付けました。", "en": "The application was received."},
        )

    def sign_receipt(self, receipt: Receipt) -> str:
        me = self.standing
        return tokens.sign(
            receipt.model_dump(mode="json"), key=me.identity.signing_key, kid=me.id, typ=RECEIPT
        )


def _package(opened: bytes) -> Package:
    try:
        return Package.model_validate_json(opened)
    except ValidationError as error:
        raise NotAccepted("what was sealed is no Package", rule="form") from error


def _repeated(result: str, reply: str | None, *, retry: bool) -> AnswerReply:
    if retry and reply is not None:
        return AnswerReply(sealed=reply)
    if retry and result == "waits":
        return AnswerReply(sealed=None, waits=True)
    raise PermitSpent("the permit was used before", rule="once", result=result)
