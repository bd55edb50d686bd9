"""
Asking: how an agency inquires (情報照会) of another, submits an application, and takes a pseudonym.

An inquiry, in order:

1. the agency's numbers become its pseudonyms, shuffled afresh and padded to a size class
2. they are blinded under one fresh seed and sent to the core, in a new trace
3. the permit that comes back is verified: it is what was asked, and what was logged
4. the own record is written, before anything is presented
5. the permit is presented to the provider directly; the answer is opened and its signature verified

Refused: a permit or an answer that is not what was asked.

Sources: DESIGN 5.1, 5.3; the protocol's page, sections 5.1 and 5.3, attacks H8, M6; plan rows MSH-03, MSH-15.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from kiban.gateway import blinding, store
from kiban.gateway.contract import (
    ANSWER,
    ANSWER_LABEL,
    RECEIPT,
    SUBMISSION_LABEL,
    Acquisition,
    Answer,
    AnswerRefused,
    InquiryReply,
    InquiryRequest,
    Package,
    PermitRefused,
    PersonReply,
    PersonUnknown,
    Presentation,
    Receipt,
    Submission,
    SubmissionReply,
    SubmissionRequest,
)
from kiban.gateway.standing import Standing
from kiban.identity.authority.contract import TokenReply
from kiban.mesh.contract import Permit, TokenRedemption
from kiban.shared import canonical, tokens, trace
from kiban.shared.exchanges import (
    TOKEN,
    Claims,
    Kind,
    Shape,
    TokenPayload,
    aside,
    new_id,
    new_seed,
)
from kiban.shared.identifiers import Pseudonym
from kiban.shared.members import Member
from kiban.shared.outbox import Letter
from kiban.shared.problems import NotFound, Problem

VALID = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an exchange is to be: its kind and claims, without the people."""

    kind: Kind
    provider: str
    affair: str
    item: str
    of: str | None = None


class Waiting(Shape):
    """An inquiry whose answer is still to come: its permit, and in which order its people travel."""

    permit: str
    places: list[int]
    people: int


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """An answer that was verified, with the provider's own words for it."""

    token: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Asking:
    """The asking side of a gateway."""

    standing: Standing

    async def inquire(self, request: InquiryRequest) -> InquiryReply:
        """Ask for one item about some people; steps 1 to 5."""
        codes = await self.codes(request.people)
        order = blinding.shuffle(len(codes))
        wish = Wish("inquiry", request.provider, request.affair, request.item, request.of)
        note = bytes.fromhex(request.consent) if request.consent else blinding.NO_NOTE
        with trace.new_trace(f"inquiry by {self.standing.id}"):
            token, permit = await self.permitted(wish, order.arrange(codes), note)
            waiting = Waiting(permit=token, places=list(order.places), people=len(codes))
            await self.note(permit, codes, keep=waiting.model_dump_json())
            try:
                return await self._presented(permit, waiting, retry=False)
            except Problem as problem:
                problem.members["exchange"] = permit.record.claims.id  # by which to ask again
                raise

    async def ask_again(self, exchange: str) -> InquiryReply:
        """Present a permit again: a person at the provider had to decide, or the reply was lost; step 5 alone."""
        me = self.standing
        async with me.db.look() as connection:
            [known] = await store.find_exchanges(connection, [exchange], "asked")
        if known is None or known.reply is None:
            raise NotFound("no inquiry of this number waits for an answer", sent=exchange)
        waiting = Waiting.model_validate_json(known.reply)
        permit = blinding.read_permit(waiting.permit, await me.core())
        with trace.new_trace(f"inquiry by {me.id}, asked again"):
            return await self._presented(permit, waiting, retry=True)

    async def submit(self, request: SubmissionRequest) -> SubmissionReply:
        """Carry an application to its office; the office knows a repeated one by its id."""
        me = self.standing
        wish = Wish("submission", request.office, request.affair, request.procedure)
        with trace.new_trace(f"submission by {me.id}"):
            token, permit, _ = await self.begin(wish, [request.person], blinding.NO_NOTE)
            office = await me.members.resolve(request.office)
            package = Package(application=request.id, signed=request.signed)
            sealed = me.identity.seal(
                canonical.encode(package.model_dump(mode="json")),
                to=office,
                label=SUBMISSION_LABEL,
                context=permit.record.claims.context,
            )
            client = await me.neighbour(request.office)
            reply = await client.receive_submission(Submission(permit=token, sealed=sealed))
            receipt = read_receipt(reply.receipt, office)
            await self.became(permit, "answered")
        return SubmissionReply(exchange=permit.record.claims.id, leaf=permit.leaf, receipt=receipt)

    async def acquire(self, acquisition: Acquisition, resident_network: str) -> PersonReply:
        """Take the agency's pseudonym for a person whose four attributes it has (取得番号)."""
        me = self.standing
        async with me.db.look() as connection:
            known = await me.people.code(connection, acquisition.person)
        if known is not None:
            return PersonReply(person=acquisition.person, known=True)
        origin = await me.members.origin(resident_network)
        reply = await me.signed.post(f"{origin}/acquisitions", acquisition.attributes)
        token = reply.read(TokenReply).token
        return await self.use_token(token, acquisition.person)

    async def use_token(self, token: str, person: str) -> PersonReply:
        """Redeem the authority's token; the number that the pseudonym has here, or gets now."""
        me = self.standing
        with trace.new_trace(f"acquisition by {me.id}"):
            code = await self._redeemed(token)
            trace.saw(own_pseudonym=code.fingerprint)
        async with me.db.begin() as connection:
            new = await me.people.put(connection, code, person, epoch=me.epoch)
            kept = await me.people.person(connection, code)
        if kept is None:
            raise PersonUnknown("the number is another person's here")
        return PersonReply(person=kept, known=not new)

    async def _redeemed(self, token: str) -> Pseudonym:
        me = self.standing
        redemption = TokenRedemption(token=token, party=me.id)
        reply = await me.mesh.redeem_token(redemption)
        permit = blinding.read_permit(reply.permit, await me.core())
        sealer = await me.authority()
        payload = tokens.read(token, TokenPayload, key=sealer.signing_key, typ=TOKEN)
        if permit.record.claims != payload.claims:
            raise PermitRefused("the permit is for another token", rule="claims")
        opened = blinding.open_permit(
            me.identity,
            await me.mode(),
            permit,
            core=await me.core(),
            sealer=sealer,
            epoch=me.epoch,
        )
        await self.note(permit, opened.codes, result="answered")
        return opened.codes[0]

    async def begin(
        self, wish: Wish, people: Sequence[str], note: bytes
    ) -> tuple[str, Permit, blinding.Order]:
        """Bring an exchange as far as its receiver, steps 1 to 4: permit, and the order in which people travel."""
        codes = await self.codes(people)
        order = blinding.shuffle(len(codes))
        token, permit = await self.permitted(wish, order.arrange(codes), note)
        await self.note(permit, codes)
        return token, permit, order

    async def codes(self, people: Sequence[str]) -> list[Pseudonym]:
        """Our pseudonyms of our numbers; `PersonUnknown` if one has none."""
        known = await self.standing.codes.add(people)
        if missing := [person for person in people if person not in known]:
            raise PersonUnknown(f"{len(missing)} of {len(people)} numbers have no pseudonym here")
        return [known[person] for person in people]

    async def permitted(
        self, wish: Wish, codes: Sequence[Pseudonym], note: bytes
    ) -> tuple[str, Permit]:
        """The core's permit for an exchange, verified; `note` travels under the seal to the provider. Steps 2 and 3."""
        me = self.standing
        ends = await me.ends(wish.provider)
        claims = Claims(
            id=new_id(),
            kind=wish.kind,
            inquirer=me.id,
            provider=wish.provider,
            affair=wish.affair,
            item=wish.item,
            of=wish.of,
            people=len(codes),
            inquirer_epoch=me.epoch,
            until=int((me.clock() + VALID).timestamp()),
        )
        blind = partial(blinding.blind, me.identity, ends, await me.mode(), claims, codes)
        blinded = await aside(len(codes), partial(blind, seed=new_seed(), note=note))
        trace.saw(own_pseudonym=", ".join(sorted({code.fingerprint for code in codes})[:3]))
        reply = await me.mesh.issue_permit(blinded)
        permit = blinding.read_permit(reply.permit, ends.core)
        if (permit.record.claims, permit.record.commitment) != (claims, blinded.commitment):
            raise PermitRefused("the permit is for another exchange", rule="claims")
        trace.saw(basis=permit.record.basis.row, leaf=permit.leaf[:16])
        return reply.permit, permit

    async def _presented(self, permit: Permit, waiting: Waiting, *, retry: bool) -> InquiryReply:
        me, claims = self.standing, permit.record.claims
        provider = await me.members.resolve(permit.record.provider)
        client = await me.neighbour(provider.id)
        presentation = Presentation(permit=waiting.permit, retry=retry)
        reply = await client.answer(presentation, claims.people)
        found = None
        if reply.sealed is not None:
            found = self._opened(reply.sealed, permit, provider)
        keep = None if found else waiting.model_dump_json()
        await self.became(permit, "answered" if found else "waits", keep)
        order = blinding.Order(tuple(waiting.places))
        return InquiryReply(
            exchange=claims.id,
            leaf=permit.leaf,
            basis=permit.record.basis.row,
            waits=reply.waits,
            statements=order.restore(found.answer.statements, waiting.people) if found else [],
            answer=found.token if found else None,
        )

    def _opened(self, sealed: str, permit: Permit, provider: Member) -> SignedAnswer:
        claims = permit.record.claims
        token = self.standing.identity.open(
            sealed, sender=provider, label=ANSWER_LABEL, context=claims.context
        ).decode(errors="replace")
        answer = tokens.read(token, Answer, key=provider.signing_key, typ=ANSWER)
        expected = (claims.id, provider.id, claims.item, claims.people)
        if (answer.exchange, answer.provider, answer.item, len(answer.statements)) != expected:
            raise AnswerRefused("the answer is to another question", rule="exchange")
        return SignedAnswer(token, answer)

    async def note(
        self,
        permit: Permit,
        codes: Sequence[Pseudonym],
        result: str = "permitted",
        keep: str | None = None,
    ) -> None:
        """Write the own record; step 4."""
        me = self.standing
        row = noted(me, permit, codes, side="asked", result=result, reply=keep)
        await me.record.add(row)

    async def became(self, permit: Permit, result: str, keep: str | None = None) -> None:
        """What became of the exchange; a waiting one keeps what it needs to be asked again."""
        became = store.Became(permit.record.claims.id, "asked", result, keep)
        await self.standing.record.add(became)


def noted(
    me: Standing,
    permit: Permit,
    codes: Sequence[Pseudonym],
    *,
    side: str,
    result: str,
    reply: str | None = None,
    report: Letter | None = None,
) -> store.Noted:
    """One exchange for the own record."""
    record = permit.record
    exchange = {
        "exchange": record.claims.id,
        "side": side,
        "counterpart": record.provider if side == "asked" else record.claims.inquirer,
        "kind": record.claims.kind,
        "affair": record.claims.affair,
        "item": record.claims.item,
        "basis": record.basis.row or record.basis.kind,
        "leaf": permit.leaf,
        "at": me.clock(),
        "result": result,
        "reply": reply,
        "proven": False,
    }
    return store.Noted(exchange, [me.people.wrap(code) for code in codes], report)


def read_receipt(token: str, office: Member) -> Receipt:
    """The receipt, if this office signed it."""
    receipt = tokens.read(token, Receipt, key=office.signing_key, typ=RECEIPT)
    if receipt.office != office.id:
        raise AnswerRefused("the receipt is another office's", rule="office")
    return receipt
