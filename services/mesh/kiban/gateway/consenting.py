"""
Consenting: how a person's approval reaches its parties, and how its end does.

1. the portal's system has consents that a person approved at the card, and a token for each party
2. its gateway redeems one token for each party: the core converts the person straight into that party's pseudonym
3. it passes the records on, with the seed sealed for the party
4. the party checks token, seed and digest, and keeps the record under its own pseudonym for the person

The authority saw a digest, the core saw that somebody approved something that concerns this party, the portal
cannot read the party's pseudonym.

Sources: DESIGN 5.6; the protocol's page, section 5.6, attacks C4 and H7.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kiban.gateway import asking, blinding, consents, store
from kiban.gateway.contract import (
    CONSENT_SEED_LABEL,
    ApprovalReply,
    ApprovalUse,
    ConsentDelivery,
    ConsentEnd,
    ConsentReceipt,
    ConsentRecord,
    ConsentRefused,
    NotConsented,
)
from kiban.gateway.standing import Standing
from kiban.mesh.contract import TokenRedemption
from kiban.shared import tokens, trace
from kiban.shared.exchanges import SEED, TOKEN, TokenPayload
from kiban.shared.members import Member
from kiban.shared.problems import Forbidden, Unavailable

DELIVERIES, ENDS = "consents", "consent-end"
"""The outbox's topics for consents, and for their ends, on their way to a party."""


@dataclass(frozen=True, slots=True)
class Consenting:
    """Both sides of consents at a gateway: the portal's, and a party's."""

    standing: Standing

    # --- the portal's side --------------------------------------------------------------------

    async def deliver(self, use: ApprovalUse) -> ApprovalReply:
        """Redeem the tokens and pass the consents on to every party that they name; steps 1 to 3."""
        terms = [record.digest for record in use.records]
        parties = parties_of(use.records, self.standing.id)
        if len(parties) != len(use.tokens):
            raise ConsentRefused(
                "there is one token for each party", sent=len(use.tokens), expected=len(parties)
            )
        delivered: list[str] = []
        away: list[str] = []
        for party, token in zip(parties, use.tokens, strict=True):
            mine = [one for one in use.records if party in {one.provider, one.reader}]
            delivery = await self._prepare(party, token, mine, terms)
            arrived = await self._sent_now(party, delivery)
            (delivered if arrived else away).append(party)
        return ApprovalReply(delivered=delivered, away=away)

    async def _prepare(
        self, party: str, token: str, records: Sequence[ConsentRecord], terms: list[str]
    ) -> ConsentDelivery:
        me = self.standing
        with trace.new_trace(f"consent by {me.id}"):
            authority = await me.authority()
            payload = tokens.read(token, TokenPayload, key=authority.signing_key, typ=TOKEN)
            context = payload.claims.context
            seed = me.identity.open(payload.seed, sender=authority, label=SEED, context=context)
            permit = await me.mesh.redeem_token(TokenRedemption(token=token, party=party))
            receiver = await me.members.resolve(party)
            return ConsentDelivery(
                records=list(records),
                terms=terms,
                token=token,
                permit=permit.permit,
                seed=me.identity.seal(seed, to=receiver, label=CONSENT_SEED_LABEL, context=context),
            )

    async def _sent_now(self, party: str, delivery: ConsentDelivery) -> bool:
        """Send a delivery; if the party is away, the outbox sends it later."""
        me = self.standing
        async with me.db.begin() as connection:
            for record in delivery.records:
                await store.note_delivery(connection, record.id, party)
        try:
            await self.send_delivery(party, delivery)
        except Unavailable:
            body = {"party": party, "delivery": delivery.model_dump(mode="json")}
            async with me.db.begin() as connection:
                key = f"{delivery.records[0].id} {party}"
                await me.outbox.put(connection, DELIVERIES, body, key=key, at=me.clock())
            return False
        return True

    async def send_delivery(self, party: str, delivery: ConsentDelivery) -> None:
        """Consents on their way to one party; the party knows repeated ones."""
        me = self.standing
        await (await me.neighbour(party)).receive_consents(delivery)

    async def end(self, end: ConsentEnd, parties: Sequence[str]) -> ApprovalReply:
        """Tell the parties that a consent has ended; who is away now is told later."""
        me = self.standing
        async with me.db.begin() as connection:
            for party in parties:
                body = {"party": party, "end": end.model_dump(mode="json")}
                key = f"{end.consent} {party}"
                await me.outbox.put(connection, ENDS, body, key=key, at=me.clock())
        return ApprovalReply(delivered=list(parties), away=[])

    async def send_end(self, party: str, end: ConsentEnd) -> None:
        """One end on its way to one party; the party knows a repeated one."""
        me = self.standing
        await (await me.neighbour(party)).receive_consent_end(end)

    # --- a party's side -----------------------------------------------------------------------

    async def receive(self, sender: Member, delivery: ConsentDelivery) -> ConsentReceipt:
        """Keep consents under our own pseudonym for the person; step 4."""
        me = self.standing
        if sender.id != (await me.portal()).id:
            raise Forbidden("consents come from the portal", sent=sender.id)
        permit = blinding.read_permit(delivery.permit, await me.core())
        authority = await me.authority()
        payload = tokens.read(delivery.token, TokenPayload, key=authority.signing_key, typ=TOKEN)
        if permit.record.claims != payload.claims:
            raise ConsentRefused("the permit is for another approval", rule="claims")
        consents.check_approved(delivery.records, delivery.terms, payload.claims, party=me.id)
        opened = blinding.open_permit(
            me.identity,
            await me.mode(),
            permit,
            core=await me.core(),
            sealer=sender,
            epoch=me.epoch,
            sealed_seed=delivery.seed,
            label=CONSENT_SEED_LABEL,
        )
        trace.saw(own_pseudonym=opened.codes[0].fingerprint)
        async with me.db.begin() as connection:
            code = me.people.wrap(opened.codes[0])
            for record in delivery.records:
                await store.put_consent(connection, record, code, delivery.token, at=me.clock())
            noted = asking.noted(me, permit, opened.codes, side="answered", result="answered")
            await store.note(connection, me.outbox, [noted])
        return ConsentReceipt(consents=[record.id for record in delivery.records])

    async def receive_end(self, sender: Member, end: ConsentEnd) -> ConsentReceipt:
        """A consent has ended: from now on nothing rests on it."""
        me = self.standing
        if sender.id != (await me.portal()).id:
            raise Forbidden("the end of a consent comes from the portal", sent=sender.id)
        async with me.db.begin() as connection:
            if not await store.end_consent(connection, end.consent, at=me.clock()):
                raise NotConsented("no such consent is held here", rule="consent")
        return ConsentReceipt(consents=[end.consent])


def parties_of(records: Sequence[ConsentRecord], portal: str) -> list[str]:
    """Whom consents concern, beside the portal itself: providers and readers, in order."""
    named = {party for record in records for party in (record.provider, record.reader)}
    return sorted(named - {portal})
