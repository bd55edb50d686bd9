"""
Approving: exact terms, put to one person at the card, and handed to everybody whom they concern.

The portal cannot make a consent: the card signs the digest of the very records that its page shows, the authority
binds that to the person, and each party checks it for itself.  So nothing here needs to be believed.

1. terms are written down and put to the person at the card
2. the card approved: the tokens are kept, wrapped, until the gateway has them
3. the portal's gateway hands them on; a party that is away is named, and can be approved again later

Source: DESIGN 4 (step 3), 5.6.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from kiban.gateway.contract import ApprovalReply, ApprovalUse, ConsentEnd
from kiban.portal import terms as wording
from kiban.portal.approvals import Approval
from kiban.portal.card import Card
from kiban.portal.contract import CardDeclined
from kiban.portal.errands import Errand
from kiban.portal.sessions import Visitor
from kiban.portal.store.rows import Rows, Store
from kiban.portal.terms import Terms
from kiban.shared import trace
from kiban.shared.problems import Problem

_log = logging.getLogger("kiban.portal")
END_CONSENT = "end-consent"
"""The outbox's topic for ends of consents on their way to the gateway."""


class Parties(Protocol):
    """The portal's gateway, as narrow as approvals need it."""

    async def deliver_approval(self, use: ApprovalUse) -> ApprovalReply: ...

    async def end_consent(self, end: ConsentEnd) -> ApprovalReply: ...


@dataclass(frozen=True, slots=True)
class Title:
    """What the card's page says above the terms."""

    ja: str
    en: str

    def text(self) -> dict[str, str]:
        return {"ja": self.ja, "en": self.en}


@dataclass(frozen=True, slots=True)
class Approving:
    """Puts terms to people, and hands on what they approved."""

    store: Store
    gateway: Parties
    card: Card
    portal: str
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    async def ask(
        self,
        visitor: Visitor,
        terms: Terms,
        title: Title,
        *,
        application: str | None = None,
        name: str | None = None,
    ) -> str:
        """Write the terms down and give the state with which the browser goes to the card; step 1."""
        approval = Approval(
            id=name or self.new_id(),
            person=visitor.person,
            session=visitor.session.id,
            application=application,
            asked_at=self.clock(),
            records=terms.records,
        )
        trace.saw(asks=", ".join(record.item for record in terms.records))
        async with self.store.begin() as rows:
            await rows.ask_approval(approval)
            subject = await rows.subject(visitor.actor)
        transaction = await self.card.open_approval(
            records=[(one.digest, wording.canonical_text(one)) for one in terms.records],
            parties=terms.parties(self.portal),
            title=title.text(),
            subject=subject,
            mandate=visitor.session.mandate,
        )
        return self.card.send(
            "approve", browser=visitor.session.id, about=approval.id, transaction=transaction
        )

    async def keep(self, visitor: Visitor, errand: Errand, access_token: str) -> Approval:
        """The browser is back: keep the tokens, and take back what they replace; step 2."""
        tokens = await self.card.approval(errand.transaction, access_token)
        at = self.clock()
        async with self.store.begin() as rows:
            approval = await rows.approval(errand.about, visitor.person)
            if approval is None:
                raise CardDeclined("no approval of yours has this number")
            if await rows.approve(approval.id, tokens, at=at):
                await rows.note_act(visitor, "terms-approved", _about(approval), at=at)
                await self._supersede(rows, approval)
        return replace(approval, approved_at=at, pending=True)

    async def deliver(self, approval: Approval) -> Approval:
        """
        Hand the tokens on, once, and keep in mind who was not reached; step 3.

        A gateway that is away is asked again later; one that refuses means that the citizen approves anew.
        """
        async with self.store.read() as rows:
            tokens = await rows.tokens(approval.id)
        if not tokens:
            return approval
        use = ApprovalUse(records=list(approval.records), tokens=tokens)
        try:
            away = (await self.gateway.deliver_approval(use)).away
        except Problem as problem:
            _log.warning("an approval was not handed on: %s", problem.slug)
            if problem.status >= 500:  # noqa: PLR2004  RFC 9110
                return approval
            away = sorted(approval.parties)
        async with self.store.begin() as rows:
            await rows.delivered(approval.id, away)
        return replace(approval, pending=False, away=tuple(away))

    async def end(self, visitor: Visitor, consent: str) -> None:
        """End one consent of this person: here at once, at every party as soon as it answers."""
        async with self.store.begin() as rows:
            if await self._end(rows, visitor.person, consent):
                await rows.note_act(visitor, "consent-ended", consent, at=self.clock())

    async def end_showing(self, rows: Rows, person: str, session: str) -> None:
        """End what was approved for one session's eyes, in the transaction that ends the session."""
        for consent in await rows.consents_of_session(session):
            if consent.in_force(self.clock()):
                await self._end(rows, person, consent.id)

    async def end_of_application(
        self, rows: Rows, person: str, application: str, *, but: str = ""
    ) -> None:
        """End what was approved for one application, in the transaction that gives it up."""
        for consent in await rows.consents_of_application(application, but=but):
            await self._end(rows, person, consent)

    async def send_end(self, body: dict[str, str]) -> None:
        """Deliver one end; the gateway and every party know a repeated one."""
        await self.gateway.end_consent(ConsentEnd(consent=body["consent"], at=int(body["at"])))

    async def _supersede(self, rows: Rows, approval: Approval) -> None:
        """Who approves the same application again takes the earlier approval back."""
        if approval.application is not None:
            await self.end_of_application(
                rows, approval.person, approval.application, but=approval.id
            )

    async def _end(self, rows: Rows, person: str, consent: str) -> bool:
        at = self.clock()
        ended = await rows.end_consent(consent, person, at=at)
        if ended:
            body = {"consent": consent, "at": str(int(at.timestamp()))}
            await rows.enqueue(END_CONSENT, consent, body, at=at)
        return ended


def _about(approval: Approval) -> str:
    return ", ".join(dict.fromkeys(f"{one.provider}/{one.item}" for one in approval.records))
