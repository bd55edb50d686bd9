"""
The examination (審査): how an office comes from an application to a decision.

In order, and each step again after a crash:

1. the signature holds, by a certificate in force, over exactly this text
2. the certified name and date of birth are those of the person whom the office knows under that number; or a proxy
   signed who may act for that very person in this affair now, by the authority's word of this moment
3. the application is for this office, and its answers are what was asked; addresses are written out
4. the office reads each item for itself, under law or consent; what it has read is kept
5. what differs from what the citizen saw is named; the value read now counts, but whom she chose of a list counts
   only while the list is the one that she saw
6. it decides by its conditions, as of the day on which the application was received, or leaves that to a clerk
7. decision, effects, their announcement and the receipt's row are one commit; the rest goes out after it

A neighbour that is away, or whose clerk must decide first, makes the application wait; it is never a refusal.
Source: DESIGN 4 (steps 6 and 7), 8.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue

from kiban.gateway.contract import (
    ConsentEnded,
    InquiryReply,
    InquiryRequest,
    NotConsented,
    Receipt,
    Statement,
    TokenUse,
)
from kiban.identity.authority.contract import (
    ActingClaim,
    CertificateExpired,
    CertificateRefused,
    CertificateRevoked,
    CertifiedAttributes,
    ProofRefused,
    SignatureVerification,
    SignatureVerificationReply,
)
from kiban.shared.clock import Clock, day_in_japan
from kiban.shared.database import Database
from kiban.shared.mandates import MandateEnded, MandateNotYours, MandateScope, MandateUnknown
from kiban.shared.problems import Problem
from kiban.world.layouts import Layout
from kiban.world.office import answers, application, cases, choices, decisions, store
from kiban.world.office.agencies import Acceptance, Agency, Read
from kiban.world.office.answers import AnswerWrong, Form
from kiban.world.office.application import ActingFor, Application
from kiban.world.office.conditions import Values
from kiban.world.office.decisions import Decision, Returned, Text
from kiban.world.office.effects import Decided
from kiban.world.office.granting import Grant, Granting, Overtaken
from kiban.world.office.neighbours import Neighbours, ask
from kiban.world.writing import plain

EXAMINE = "examine"
"""Topic of the office's outbox."""
NOT_GOOD = (CertificateExpired, CertificateRefused, CertificateRevoked, ProofRefused)
"""What the authority says of a signature that does not hold, as against an authority that cannot say."""


NO_PROXY = (MandateEnded, MandateNotYours, MandateScope, MandateUnknown)
"""What the authority says of a signer who may not act for somebody else, or not in this."""


class NotYet(Problem):
    """The application waits, and is taken up again by itself."""

    slug, title, status = "not-yet", "The office cannot decide yet", 503


@dataclass(frozen=True, slots=True)
class Rules:
    """What the country's files say, as far as examinations need it."""

    agency: Agency
    forms: Mapping[str, Form]
    layouts: Mapping[str, Layout]
    offices: Mapping[str, str] = field(default_factory=dict)
    """Which other office is a municipality's."""

    @property
    def item_names(self) -> dict[str, Text]:
        return {item: layout.name for item, layout in self.layouts.items()}

    def acceptance(self, procedure: str) -> Acceptance:
        found = self.agency.acceptance(procedure)
        if found is None:
            raise Returned(decisions.NOT_FOR_US)
        return found


@dataclass(frozen=True, slots=True)
class Examination:
    """The examining side of one office's desk."""

    rules: Rules
    granting: Granting
    db: Database
    clock: Clock
    neighbours: Neighbours

    async def examine(self, body: Mapping[str, Any]) -> None:
        """Take up one application (a row of the outbox); steps 1 to 7."""
        async with self.db.read() as connection:
            found = await cases.find_application(connection, str(body["application"]))
        if found is None or found.decided:
            return
        try:
            await self._settle(found, await self._decision(found))
        except NotYet:
            raise
        except Problem as problem:
            # Whatever a neighbour says that is not about this application, it may say otherwise later.
            raise NotYet("a neighbour cannot answer now", because=problem.slug) from problem

    async def tell(self, body: Mapping[str, Any]) -> None:
        """Hand one receipt to the gateway (a row of the outbox)."""
        await self.neighbours.mesh.issue_receipt(Receipt.model_validate(body))

    async def _decision(self, found: cases.Application) -> Decision:
        try:
            return await self._examined(found)
        except Returned as returned:
            return Decision("returned", returned.message)

    async def _examined(self, found: cases.Application) -> Decision:
        signed = application.read(found.accepted.signed.application)
        acceptance = self.rules.acceptance(found.accepted.procedure)
        verified = await self._verified(found, signed)
        if verified.principal is None:
            await self._check_applicant(found, verified.certified)
        else:
            await self._check_principal(found, verified.principal)
        told = await self._told(found, signed)
        read = await self._read_all(found, signed, acceptance)
        statements = _own(read)
        return decisions.decide(
            acceptance,
            statements,
            of_others={name: each.values for name, each in read.items() if name != each.item},
            answers=self._chosen(signed, told, statements),
            differing=decisions.changed(signed, statements),
            names=self.rules.item_names,
            on=day_in_japan(datetime.fromtimestamp(found.accepted.received_at, UTC)),
        )

    # --- steps 1 to 3 -------------------------------------------------------------------------

    async def _verified(
        self, found: cases.Application, application: Application
    ) -> SignatureVerificationReply:
        signed, acting = found.accepted.signed, application.acting
        asked = SignatureVerification(
            certificate=signed.certificate,
            digest=hashlib.sha256(signed.application.encode()).hexdigest(),
            signature=signed.signature,
            acting=self._claim(found, acting) if acting else None,
        )
        try:
            verified = await self.neighbours.authority.verify_signature(asked)
        except NOT_GOOD as problem:
            raise Returned(decisions.NOT_SIGNED) from problem
        except NO_PROXY as problem:
            raise Returned(decisions.NOT_A_PROXY) from problem
        if acting is not None and verified.principal is None:
            raise NotYet("the authority did not say for whom was signed")
        return verified

    def _claim(self, found: cases.Application, acting: ActingFor) -> ActingClaim:
        """In which affair the signer says to act: that of the procedure, and not what the signer might say."""
        affair = self.rules.forms[found.accepted.procedure].affair
        return ActingClaim(reference=acting.reference, affair=affair)

    async def _check_principal(self, found: cases.Application, token: str) -> None:
        """Return silently if the proxy may act for the very person whose application was submitted."""
        reply = await self.neighbours.mesh.use_token(TokenUse(token=token))
        if reply.person != found.accepted.person:
            raise Returned(decisions.NOT_A_PROXY)

    async def _check_applicant(
        self, found: cases.Application, certified: CertifiedAttributes
    ) -> None:
        async with self.db.read() as connection:
            known = await store.find_person(connection, found.accepted.person)
        if known is None or (plain(known.name), known.birth_date) != (
            plain(certified.name),
            certified.birth_date,
        ):
            raise Returned(decisions.NOT_THE_APPLICANT)

    async def _told(self, found: cases.Application, signed: Application) -> Values:
        """What the citizen answered, checked, with each address written out."""
        expected = (found.accepted.procedure, self.rules.agency.id)
        if (signed.procedure, signed.office) != expected:
            raise Returned(decisions.NOT_FOR_US)
        form = self.rules.forms[signed.procedure]
        try:
            told = await answers.check(form.questions, signed.answers, self.neighbours.references)
        except AnswerWrong as wrong:
            raise Returned(decisions.ANSWER_WRONG, wrong.field) from wrong
        return {name: self._with_office(answer) for name, answer in told.items()}

    def _with_office(self, answer: JsonValue) -> JsonValue:
        """An address also says whose office is there, if it is another one's."""
        if not isinstance(answer, dict) or "municipality" not in answer:
            return answer
        return {**answer, "office": self.rules.offices.get(str(answer["municipality"]), "")}

    def _chosen(
        self, signed: Application, told: Values, statements: Sequence[Statement]
    ) -> dict[str, JsonValue]:
        form = self.rules.forms[signed.procedure]
        return choices.chosen(signed, form, told, statements, self.rules.layouts)

    # --- step 4 -------------------------------------------------------------------------------

    async def _read_all(
        self, found: cases.Application, signed: Application, acceptance: Acceptance
    ) -> dict[str, Statement]:
        """What the office has read, by the name of each reading; of others only when nothing sends it back."""
        async with self.db.read() as connection:
            kept = await cases.kept_readings(connection, found.accepted.application)
        known = {reading.name: reading.statement for reading in kept}
        for read in acceptance.reads:
            if read.of is None and read.name not in known:
                known[read.name] = await self._read(found, signed, read)
        missing = [read.item for read in acceptance.reads if read.needed and not known[read.name]]
        if missing:
            raise Returned(decisions.NOT_HELD, decisions.named(missing, self.rules.item_names))
        for read in acceptance.reads:
            if read.name not in known:
                known[read.name] = await self._read(found, signed, read)
        return {name: statement for name, statement in known.items() if statement}

    async def _read(
        self, found: cases.Application, signed: Application, read: Read
    ) -> Statement | None:
        person = found.accepted.person if read.of is None else await self._relative(found, read.of)
        if person is None:
            return await self._kept(found, cases.Reading(read.name, None), None, self.clock())
        if read.provider is None:
            statement = await self.neighbours.mesh.read_own(person, read.item)
            return await self._kept(found, cases.Reading(read.name, statement), None, self.clock())
        try:
            reply = await self._asked(found, person, read, self._consent(signed, read))
        except (NotConsented, ConsentEnded) as problem:
            raise self._without_consent(read) from problem
        if reply.waits:
            await self._kept(found, cases.Reading(read.name, None), reply.exchange, None)
            await self._settle(found, Decision("waiting", decisions.BEING_READ))
            raise NotYet("a person at the provider decides first", provider=read.provider)
        reading = cases.Reading(read.name, reply.statements[0])
        return await self._kept(found, reading, reply.exchange, self.clock())

    async def _relative(self, found: cases.Application, name: str) -> str | None:
        """The office's number of whoever stands in this relation to the applicant, as its own record says today."""
        relation = self.rules.agency.relation(name)
        if relation is None:
            raise NotYet("the office's file relates nobody so", relation=name)
        async with self.db.read() as connection:
            applicant = await store.find_person(connection, found.accepted.person)
            record = await store.find_held(connection, found.accepted.person, relation.item)
            if applicant is None or record is None:
                return None
            related = relation.relatives(record.held.values, applicant.name, applicant.birth_date)
            numbers = [
                number
                for each in related
                for number in await store.find_people(
                    connection, str(each["name"]), str(each["birth_date"])
                )
                if (theirs := await store.find_held(connection, number, relation.item))
                and theirs.held.values == record.held.values
            ]
        if related and not numbers:
            raise Returned(decisions.NOT_FOUND, str(related[0]["name"]))
        if len(numbers) > 1:
            raise Returned(decisions.FOUND_TWICE, str(related[0]["name"]))
        return numbers[0] if numbers else None

    async def _asked(
        self, found: cases.Application, person: str, read: Read, consent: str | None
    ) -> InquiryReply:
        async with self.db.read() as connection:
            waiting = await cases.waiting_exchange(
                connection, found.accepted.application, read.name
            )
        request = InquiryRequest(
            provider=str(read.provider),
            affair=str(read.affair),
            item=read.item,
            people=[person],
            of=read.of,
            consent=consent,
        )
        return await ask(self.neighbours.mesh, request, waiting=waiting)

    async def _kept(
        self,
        found: cases.Application,
        reading: cases.Reading,
        exchange: str | None,
        at: datetime | None,
    ) -> Statement | None:
        async with self.db.begin() as connection:
            await cases.keep_reading(
                connection, found.accepted.application, reading, exchange=exchange, at=at
            )
        return reading.statement

    def _consent(self, signed: Application, read: Read) -> str | None:
        if not read.by_consent:
            return None
        order = self.rules.forms[signed.procedure].consents
        if len(order) == len(signed.consents):
            for place, consent in zip(order, signed.consents, strict=True):
                if (place.item, place.provider) == (read.item, read.provider):
                    return consent
        raise self._without_consent(read)

    def _without_consent(self, read: Read) -> Returned:
        return Returned(decisions.NO_CONSENT, decisions.named([read.item], self.rules.item_names))

    # --- step 7 -------------------------------------------------------------------------------

    async def decide_by_clerk(self, found: cases.Application, decision: Decision) -> None:
        """A clerk decides what waits for one, with the same consequences."""
        await self._settle(found, decision)

    async def _settle(self, found: cases.Application, decision: Decision) -> None:
        """Decide; what can no longer be granted when it is written goes back, or is refused."""
        try:
            await self._note(found, decision)
        except Returned as returned:
            await self._note(found, Decision("returned", returned.message))
        except Overtaken:
            refused = self.rules.acceptance(found.accepted.procedure).refused
            await self._note(found, Decision("refused", refused))

    async def _note(self, found: cases.Application, decision: Decision) -> None:
        grant = await self._grant(found) if decision.event == "granted" else None
        async with self.db.begin() as connection:
            if await self.granting.receipts.note(connection, found, decision) and grant:
                await self.granting.write(connection, grant)

    async def _grant(self, found: cases.Application) -> Grant:
        """What a grant does.  Made before the transaction, because the registry says how an address is written."""
        accepted = found.accepted
        acceptance = self.rules.acceptance(accepted.procedure)
        signed = application.read(accepted.signed.application)
        async with self.db.read() as connection:
            readings = await cases.kept_readings(connection, accepted.application)
        statements = _own({each.name: each.statement for each in readings if each.statement})
        decided = Decided(
            answers=await self._told_again(found, signed, statements) if acceptance.applies else {},
            readings={each.item: each.values for each in statements},
            on=day_in_japan(self.clock()),
        )
        return await self.granting.plan(acceptance, accepted.application, accepted.person, decided)

    async def _told_again(
        self, found: cases.Application, signed: Application, statements: Sequence[Statement]
    ) -> Values:
        try:
            return self._chosen(signed, await self._told(found, signed), statements)
        except Returned as returned:
            raise NotYet("an answer that could be taken is no longer one") from returned


def _own(read: Mapping[str, Statement]) -> list[Statement]:
    """What was read of the applicant, and not of somebody else: it has no other name than its item's."""
    return [each for name, each in read.items() if name == each.item]
