"""
Receiving: what every receiver of a permit does with it, whatever it permits.

Checked offline, in this order: the core's signature and leaf; the presenter; the kind; that we are the provider; then,
by who receives, that the permit was not used; the time; the epoch; the seed against its commitment.  The outcome goes
to the core with the seed sealed for the portal again, so that an inquirer who sealed rubbish hides nothing.

Each refusal is recorded.  Sources: DESIGN 5.3; the protocol's page, section 5.3, attacks C2, H9, M9.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from kiban.gateway import asking, blinding, store
from kiban.gateway.blinding import Opened
from kiban.gateway.contract import NotThePresenter, PermitExpired, PermitRefused, PermitSpent
from kiban.gateway.standing import Standing
from kiban.mesh.contract import OUTCOME, Outcome, Permit
from kiban.shared import tokens, trace
from kiban.shared.exchanges import LINE_SEED, Kind, aside
from kiban.shared.members import Member
from kiban.shared.outbox import Letter, letter
from kiban.shared.problems import Problem

OUTCOMES = "outcome"
"""The outbox's topic for second leaves on their way to the core."""


@dataclass(frozen=True, slots=True)
class Receiving:
    """The receiving side of a gateway."""

    standing: Standing

    @asynccontextmanager
    async def presented(self, presenter: Member, token: str, kind: Kind) -> AsyncIterator[Permit]:
        """The permit, checked; a refusal, here or in the block, is recorded and then raised."""
        permit: Permit | None = None
        try:
            permit = await self._checked(presenter, token, kind)
            yield permit
        except Problem as problem:
            await self._refused(presenter, permit, problem)
            raise

    async def _checked(self, presenter: Member, token: str, kind: Kind) -> Permit:
        me = self.standing
        permit = blinding.read_permit(token, await me.core())
        claims = permit.record.claims
        if (presenter.id, presenter.thumbprint) != (claims.inquirer, permit.thumbprint):
            raise NotThePresenter("a permit is presented by its inquirer", sent=presenter.id)
        if claims.kind != kind:
            raise PermitRefused(f"a permit of kind {kind} is expected", sent=claims.kind)
        if permit.record.sealer != claims.inquirer:
            raise PermitRefused("the inquirer's own seed is expected", sent=permit.record.sealer)
        if permit.record.provider != me.id:
            raise PermitRefused("the permit is for another provider", sent=permit.record.provider)
        seen = {"caller": presenter.id, "basis": permit.record.basis.row, "leaf": permit.leaf[:16]}
        trace.saw(exchange=claims.id, **seen)
        return permit

    async def check_unused(self, permit: Permit) -> None:
        """A permit that was used, or whose time is over, is refused."""
        if await self.standing.answered.add(permit.record.claims.id) is not None:
            raise PermitSpent("the permit was used before", rule="once")
        self.check_time(permit)

    def check_time(self, permit: Permit) -> None:
        now = int(self.standing.clock().timestamp())
        if now > permit.record.claims.until:
            raise PermitExpired("the permit has expired", sent=str(permit.record.claims.until))

    async def opened(self, permit: Permit) -> Opened:
        """Our own pseudonyms of the people whom the permit is about."""
        me = self.standing
        open_permit = partial(
            blinding.open_permit,
            me.identity,
            await me.mode(),
            permit,
            core=await me.core(),
            sealer=await me.members.resolve(permit.record.claims.inquirer),
            epoch=me.epoch,
        )
        opened = await aside(permit.record.claims.people, open_permit)
        shown = sorted({code.fingerprint for code in opened.codes})[:3]
        trace.saw(own_pseudonym=", ".join(shown))
        return opened

    async def spend(self, permit: Permit, opened: Opened) -> None:
        """Spend a permit that asks for no data, write the own record, queue the outcome: all or nothing."""
        report = await self.report(permit, opened.seed, answered=True)
        noted = self.noted(permit, opened, "answered", report=report)
        if not await self.standing.record.add(noted):
            raise PermitSpent("the permit was used at the same moment", rule="once")

    def noted(
        self,
        permit: Permit,
        opened: Opened,
        result: str,
        *,
        reply: str | None = None,
        report: Letter | None = None,
    ) -> store.Noted:
        """The exchange for the own record."""
        return asking.noted(
            self.standing,
            permit,
            opened.codes,
            side="answered",
            result=result,
            reply=reply,
            report=report,
        )

    async def report(self, permit: Permit, seed: bytes, *, answered: bool) -> Letter:
        """The second leaf on its way to the core, with the seed sealed for the portal again."""
        me, claims = self.standing, permit.record.claims
        sealed = me.identity.seal(
            seed, to=await me.portal(), label=LINE_SEED, context=claims.context
        )
        outcome = Outcome(exchange=claims.id, provider=me.id, answered=answered, line_seed=sealed)
        token = tokens.sign(
            outcome.model_dump(mode="json"), key=me.identity.signing_key, kid=me.id, typ=OUTCOME
        )
        return letter(OUTCOMES, {"outcome": token}, key=claims.id, at=me.clock())

    async def _refused(self, presenter: Member, permit: Permit | None, problem: Problem) -> None:
        async with self.standing.db.begin() as connection:
            await store.note_refusal(
                connection,
                at=self.standing.clock(),
                sender=presenter.id,
                problem=problem.slug,
                exchange=permit.record.claims.id if permit else None,
            )
