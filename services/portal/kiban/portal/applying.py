"""
Applying: the main job, from an opened form to an office's decision.

The numbers are those of the story, the same everywhere.

2. open: the procedure's file says what is held, by whom, and what is asked
3. approve: the citizen sees the terms and approves exactly them at the card
4. prefill: what the offices hold is read for the citizen's eyes; only what nobody holds is asked
5. sign: the application is frozen and signed on the card of the person who is logged in
6. submit: the row enters the outbox in the transaction that says *signed*; digest and receipt are kept
7. hear back: see `receipts`

Each step can be gone once.  Who comes with a second click, from a second window or by the back button is told where
the application is now, and nothing happens twice.

A proxy goes the same steps for a principal, within the mandate; the text says that it was signed for somebody else.

Refused: an answer to what an office holds, here and not only in the form (once-only when it is submitted); a
signature over another text; a step that has passed.

Source: DESIGN 4, 6, 8.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kiban.gateway.contract import (
    InquiryReply,
    InquiryRequest,
    SignedApplication,
    SubmissionReply,
    SubmissionRequest,
)
from kiban.portal import answers, applications, held, signing, terms
from kiban.portal.answers import Checked, Registers, Setting
from kiban.portal.applications import OPEN, ActingFor, Application, Frozen
from kiban.portal.approvals import Approval
from kiban.portal.approving import Approving, Title
from kiban.portal.card import Card
from kiban.portal.contract import OnceOnlyViolated, StepPassed
from kiban.portal.country import Country
from kiban.portal.errands import Errand
from kiban.portal.held import Seen, Shown
from kiban.portal.procedures import Filed, Procedure, Procedures
from kiban.portal.sessions import Visitor
from kiban.portal.store.rows import Rows, Store
from kiban.portal.terms import Terms
from kiban.shared.clock import day_in_japan
from kiban.shared.mandates import MandateScope
from kiban.shared.problems import Problem

SUBMIT = "submit"
"""The outbox's topic for signed applications on their way to the gateway."""


class Carrier(Protocol):
    """The portal's gateway, as narrow as applying needs it."""

    async def inquire(self, request: InquiryRequest) -> InquiryReply: ...

    async def submit(self, request: SubmissionRequest) -> SubmissionReply: ...


@dataclass(frozen=True, slots=True)
class Form:
    """An application as its citizen sees it: what is held, what was typed, what is missing."""

    application: Application
    procedure: Filed
    seen: Mapping[str, Seen | None]
    """By field; None where this process has not read it, or no longer has it."""
    given: Mapping[str, str]
    approval: Approval | None

    @property
    def complete(self) -> bool:
        """Whether every held field was read and said something, be it that nothing is held."""
        return all(one is not None and one.settled for one in self.seen.values())

    @property
    def approved(self) -> bool:
        """Whether it can be read and signed under the approval of this session."""
        return self.approval is not None and self.approval.delivered


@dataclass(frozen=True, slots=True)
class Applying:
    """The main job's use cases; collaborators are given."""

    store: Store
    gateway: Carrier
    approving: Approving
    card: Card
    registers: Registers
    shown: Shown
    procedures: Procedures
    country: Country
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def covers(self, visitor: Visitor, procedure: Procedure) -> bool:
        """Whether the visitor may apply for this: of a proxy's mandate, the affair and all that is held for it."""
        return visitor.may_act(procedure.affair) and all(
            visitor.may_read(field.item) for field in procedure.held
        )

    def may_see(self, visitor: Visitor, application: Application) -> bool:
        """Whether it is one's own, or a proxy's mandate reaches to it."""
        known = self.procedures.by_id.get(application.procedure)
        return visitor.deputy is None or (known is not None and visitor.may_act(known.affair))

    # --- 2 and 3: open, approve --------------------------------------------------------------------

    async def open(
        self, visitor: Visitor, procedure: str, office: str | None = None, *, anew: bool = False
    ) -> Application:
        """Open the form, or the draft that the citizen has of it already; for a front always anew; step 2."""
        opened, at = self.procedures.find(procedure).at(office), self.clock()
        if not self.covers(visitor, opened):
            raise MandateScope("the mandate does not reach to this procedure", sent=procedure)
        application = Application(
            id=self.new_id(),
            person=visitor.person,
            procedure=opened.id,
            edition=opened.edition,
            office=opened.office,
            state="draft",
            opened_at=at,
            changed_at=at,
        )
        async with self.store.begin() as rows:
            if not anew and (
                draft := await rows.find_draft(visitor.person, procedure, opened.office)
            ):
                return draft
            await rows.open_application(application)
            await rows.note_act(visitor, "application-opened", procedure, at=at)
        return application

    def filed(self, application: Application) -> Filed:
        """The procedure of an application, as its office takes it."""
        return self.procedures.find(application.procedure).at(application.office)

    def terms(self, visitor: Visitor, procedure: Filed) -> Terms:
        """What the citizen would approve now; the ids are drawn anew each time; step 3."""
        return terms.for_procedure(
            procedure,
            self.country,
            at=self.clock(),
            session_ends=visitor.session.ends_at,
            purpose=terms.showing(to_a_proxy=visitor.deputy is not None),
            latest=visitor.allowed.until if visitor.allowed else None,
            new_id=self.new_id,
        )

    async def agree(self, visitor: Visitor, name: str) -> str:
        """Put the terms to the citizen at the card: the state to go there with; step 3."""
        application = await self.find(visitor, name)
        application.require(*OPEN)
        procedure = self.filed(application)
        title = Title(
            ja=f"{procedure.name['ja']}：情報の読み取りの承認",
            en=f"{procedure.name['en']}: approval to read your information",
        )
        return await self.approving.ask(
            visitor, self.terms(visitor, procedure), title, application=name
        )

    async def approved(self, visitor: Visitor, approval: Approval) -> None:
        """The card approved: go on, and read at once; steps 3 and 4."""
        name = approval.application or ""
        async with self.store.begin() as rows:
            await rows.unfreeze(name)  # it names other consents from now on
            await rows.advance(name, "approved", leaving=OPEN, at=self.clock())
        await self.prefill(visitor, name)

    # --- 4: prefill and answer ---------------------------------------------------------------------

    async def find(self, visitor: Visitor, name: str) -> Application:
        async with self.store.read() as rows:
            return await self._own(rows, visitor, name)

    async def _own(self, rows: Rows, visitor: Visitor, name: str) -> Application:
        """An application of whom it is about, if it is in an affair in which the visitor may act."""
        application = await rows.application(name, visitor.person)
        if not self.may_see(visitor, application):
            raise MandateScope("the mandate does not reach to this application")
        return application

    async def form(self, visitor: Visitor, name: str) -> Form:
        """The form with what this session has read; nothing is asked of anybody."""
        async with self.store.read() as rows:
            application = await self._own(rows, visitor, name)
            given = await rows.answers(name)
            approval = await rows.last_approval(visitor.person, name, visitor.session.id)
        if approval and not approval.holds(visitor.session.id, self.clock()):
            approval = None
        procedure = self.filed(application)
        seen = {
            field.name: self.shown.find(visitor, field.item, field.provider)
            for field in procedure.held
        }
        return Form(application, procedure, seen, given, approval)

    async def prefill(self, visitor: Visitor, name: str) -> None:
        """Read what is not known yet, under the approval of this session; step 4."""
        form = await self.form(visitor, name)
        form.application.require(*OPEN)
        if form.approval is None:
            raise StepPassed("it is not approved in this session", expected="approve again")
        approval = await self.approving.deliver(form.approval)
        if not approval.pending:
            await self._read(visitor, form, approval)

    async def answer(self, visitor: Visitor, name: str, given: Mapping[str, str]) -> Checked:
        """Keep what the citizen typed, and say what is still to be mended; step 4."""
        form = await self.form(visitor, name)
        form.application.require("approved", "prefilled", "answered")
        typed = await self._typed(visitor, form.procedure, given)
        async with self.store.begin() as rows:
            await rows.answer(name, typed)
        checked = await answers.check(form.procedure, typed, self._setting(form))
        if not checked.mistakes and form.complete:
            async with self.store.begin() as rows:
                await rows.advance(
                    name, "answered", leaving=("prefilled", "answered"), at=self.clock()
                )
                await rows.note_act(visitor, "answers-given", form.procedure.id, at=self.clock())
        return checked

    async def check(self, visitor: Visitor, name: str) -> Checked:
        """Read the kept answers once more, for the page on which the citizen looks them over."""
        form = await self.form(visitor, name)
        return await answers.check(form.procedure, form.given, self._setting(form))

    def _setting(self, form: Form) -> Setting:
        return Setting(self.registers, day_in_japan(self.clock()), self.lists(form))

    def lists(self, form: Form) -> dict[str, tuple[str, ...]]:
        """What can be chosen for each field that chooses from a held list, as far as it was read in this session."""
        return {
            asked.name: held.labels(form.seen.get(asked.of), self.country)
            for asked in form.procedure.asked
            if asked.of is not None
        }

    async def discard(self, visitor: Visitor, name: str) -> None:
        """Throw a draft away, with everything that was typed and approved for it."""
        at = self.clock()
        async with self.store.begin() as rows:
            application = await self._own(rows, visitor, name)
            application.require(*OPEN)
            await rows.advance(name, "discarded", leaving=OPEN, at=at)
            await rows.forget_text(name)
            await self.approving.end_of_application(rows, visitor.person, name)
            await rows.note_act(visitor, "application-discarded", application.procedure, at=at)

    # --- 5: sign -----------------------------------------------------------------------------------

    async def begin_signing(self, visitor: Visitor, name: str) -> str:
        """Freeze the application and open the signature: the state to go to the card with; step 5."""
        form = await self.form(visitor, name)
        form.application.require("answered")
        if not form.complete or not form.approved:
            raise StepPassed("an office's answer is missing", expected="read again")
        frozen = await self._frozen(visitor, form, await self.check(visitor, name))
        async with self.store.read() as rows:
            subject = await rows.subject(visitor.actor)
        transaction = await self.card.open_signature(
            digest=frozen.digest,
            title=dict(form.procedure.name),
            subject=subject,
            mandate=visitor.session.mandate,
        )
        return self.card.send(
            "sign", browser=visitor.session.id, about=name, transaction=transaction
        )

    async def _frozen(self, visitor: Visitor, form: Form, checked: Checked) -> Frozen:
        """Give what is frozen already, so that two windows of one visitor sign one text; else freeze it now."""
        if checked.mistakes:
            raise StepPassed("an answer is to be mended", expected="answers that hold")
        name = form.application.id
        async with self.store.begin() as rows:
            kept = await rows.frozen(name)
            if kept is not None and kept.get("by") == visitor.actor:
                return Frozen(kept["application"])
            frozen = applications.freeze(
                form.application,
                form.procedure,
                answers=checked.values,
                consents=[record.id for record in form.approval.given] if form.approval else [],
                acting=_acting(visitor),
                at=self.clock(),
            )
            await rows.freeze(name, frozen.text, frozen.digest, by=visitor.actor)
        return frozen

    # --- 6: submit ---------------------------------------------------------------------------------

    async def signed(self, visitor: Visitor, errand: Errand, access_token: str) -> None:
        """The card signed: check it, say *signed*, and put it on its way, in one; steps 5 and 6."""
        name = errand.about
        certificate, signature = await self.card.signature(errand.transaction, access_token)
        async with self.store.begin() as rows:
            application = await self._own(rows, visitor, name)
            if application.sent:
                return  # a second window signed the same text: it is on its way already
            application.require("answered")
            kept = await rows.frozen(name)
            if kept is None:
                raise StepPassed("the answers were changed after the signing began")
            signed = signing.verified(
                Frozen(kept["application"]),
                certificate=certificate,
                signature=signature,
                consents=_consents(kept["application"]),
            )
            await self._send_off(rows, visitor, application, signed)

    async def _send_off(
        self, rows: Rows, visitor: Visitor, application: Application, signed: SignedApplication
    ) -> None:
        at, name = self.clock(), application.id
        await rows.seal_signed(name, signed.model_dump())
        await rows.advance(name, "signed", leaving=("answered",), at=at)
        await rows.enqueue(SUBMIT, name, {"application": name, "person": application.person}, at=at)
        await rows.note_act(visitor, "application-signed", application.procedure, at=at)

    async def send(self, body: dict[str, str]) -> None:
        """Carry a signed application to its office and forget its text; the id makes it once; step 6."""
        name = body["application"]
        async with self.store.read() as rows:
            application = await rows.application(name, body["person"])
            kept = await rows.frozen(name)
        if kept is None:
            return  # it arrived before, and only the note of it was lost
        procedure = self.filed(application)
        request = SubmissionRequest(
            id=name,
            office=application.office,
            affair=procedure.affair,
            procedure=procedure.id,
            person=application.person,
            signed=SignedApplication.model_validate(kept),
        )
        try:
            reply = await self.gateway.submit(request)
        except Problem as problem:
            if problem.status >= 500 or problem.status in _PASSING:  # noqa: PLR2004  RFC 9110
                raise
            await self._undeliverable(application, problem)
        else:
            await self._arrived(application, reply)

    async def _arrived(self, application: Application, reply: SubmissionReply) -> None:
        at, name = self.clock(), application.id
        async with self.store.begin() as rows:
            if await rows.delivered_by(name, reply.exchange, reply.leaf, at=at):
                await rows.forget_text(name)
                await rows.note(
                    application.person, "application-sent", application.procedure, at=at
                )

    async def _undeliverable(self, application: Application, problem: Problem) -> None:
        """The office, or the law, refuses it for good: the citizen is told, and nothing is kept back."""
        at, name = self.clock(), application.id
        async with self.store.begin() as rows:
            await rows.advance(
                name, "undeliverable", leaving=("signed",), at=at, outcome=problem.slug
            )
            await rows.forget_text(name)
            await rows.note(
                application.person, "application-undeliverable", application.procedure, at=at
            )

    # --- how ---------------------------------------------------------------------------------------

    async def _read(self, visitor: Visitor, form: Form, approval: Approval) -> None:
        """Inquire for what is missing, keep values in memory and references in the draft."""
        wanted = [
            record for record in approval.shown if not _known(form, record.item, record.provider)
        ]
        found = await held.read(self.gateway, visitor.person, wanted, without=approval.away)
        self.shown.keep(visitor, found)
        items = [seen.name for seen in found if seen.outcome == "held"]
        await self._refer(visitor, form.application.id, items)

    async def _refer(self, visitor: Visitor, name: str, items: list[str]) -> None:
        form, at = await self.form(visitor, name), self.clock()
        references = [
            reference
            for field, seen in form.seen.items()
            if seen and (reference := seen.reference(field))
        ]
        async with self.store.begin() as rows:
            if references != list(form.application.held):
                await rows.refer(name, references)
            if form.complete:
                await rows.advance(name, "prefilled", leaving=("approved",), at=at)
            if items:
                await rows.note_act(visitor, "information-shown", ", ".join(items), at=at)

    async def _typed(
        self, visitor: Visitor, procedure: Procedure, given: Mapping[str, str]
    ) -> dict[str, str]:
        try:
            return answers.typed(procedure, given)
        except OnceOnlyViolated as problem:
            async with self.store.begin() as rows:
                about = f"{procedure.id}: {problem.members['sent']}"
                await rows.note_act(visitor, "once-only-refused", about, at=self.clock())
            raise


def _acting(visitor: Visitor) -> ActingFor | None:
    """What a proxy's signature says of itself; each text has a reference of its own."""
    if visitor.deputy is None:
        return None
    if visitor.allowed is None:
        raise MandateScope("nobody said what the mandate allows")
    return ActingFor(visitor.allowed.basis, visitor.allowed.reference)


_PASSING = frozenset({408, 425, 429})


def _consents(frozen: str) -> list[str]:
    """The consents that the citizen signed."""
    return [str(one) for one in json.loads(frozen)["consents"]]


def _known(form: Form, item: str, provider: str) -> bool:
    return any(
        seen is not None and seen.settled and (seen.item, seen.provider) == (item, provider)
        for seen in form.seen.values()
    )
