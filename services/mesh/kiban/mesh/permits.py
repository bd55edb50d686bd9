"""
Permits (情報提供許可): the core lets one member ask another about a person whom it cannot name.

The only way to a conversion.  What happens, in order:

1. the exchange is its sender's (or its bearer's), of this time and of an epoch that is still converted
2. the law has the row; a token has the person's own act instead
3. the sealed points are opened and converted, for the provider and for the citizen's line
4. the record is appended to the log and committed: no log, no data
5. only then the permit is signed

The core learns who asks whom for what, never about whom, and keeps no point.

Sources: DESIGN 5.1 to 5.3; the protocol's page, section 5.3 and attacks C1, C3, H1, H9, M9; plan row MSH-04.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from kiban.mesh.contract import (
    LONGEST_PERMIT,
    PERMIT,
    Basis,
    EpochPassed,
    ExchangeExpired,
    ExchangeKnown,
    NotPermitted,
    NotTheBearer,
    Permit,
    Record,
)
from kiban.mesh.keys import changes_of
from kiban.mesh.law import Case, LegalTable
from kiban.shared import tokens, trace
from kiban.shared.exchanges import (
    CONVERSION,
    LINE,
    POINTS,
    TOKEN,
    Blinded,
    Claims,
    TokenPayload,
    aside,
)
from kiban.shared.members import Identity, Member
from kiban.shared.points import NotAPoint
from kiban.shared.pseudonyms import Mode

LEEWAY = timedelta(seconds=5)
"""Clocks of members may differ by this much."""


class Keys(Protocol):
    """The conversion keys (one for each domain and epoch), which the core alone holds."""

    def epoch(self, domain: str) -> int:
        """The epoch in which the domain's pseudonyms are now."""
        ...

    def scalar(self, domain: str, epoch: int) -> int:
        """The key, a scalar of the curve."""
        ...


@dataclass(frozen=True, slots=True)
class Crossing:
    """An exchange whose right to happen was checked; made by the checks below alone."""

    blinded: Blinded
    sealer: Member
    provider: str
    basis: Basis
    source: int | None
    """The key of the maker's pseudonyms; None for the authority's person points."""


@dataclass(frozen=True, slots=True)
class Permits:
    """The use case; collaborators are given."""

    identity: Identity
    portal: str
    authority: str
    change_office: str | None
    law: LegalTable
    layouts: Callable[[str | None, datetime], int]
    mode: Mode
    keys: Keys
    member: Callable[[str], Awaitable[Member]]
    append: Callable[[Record], Awaitable[bool]]

    async def issue(self, caller: Member, blinded: Blinded, *, request: str, at: datetime) -> str:
        """A permit for a member's own exchange, as a JWS; steps 1 to 5."""
        check_time(blinded.claims, at=at)
        if blinded.claims.inquirer != caller.id:
            raise NotTheBearer("an exchange is sent by its inquirer", sent=caller.id)
        crossing = self._by_law(caller, blinded, at=at)
        return await self._cross(caller, crossing, request=request, at=at)

    async def redeem(
        self, caller: Member, token: str, party: str, *, request: str, at: datetime
    ) -> str:
        """A permit for a token of the authority, from its bearer alone; steps 1 to 5."""
        if (signer := tokens.signer(token)) != self.authority:
            raise NotPermitted("only the authority issues tokens", sent=signer)
        authority = await self.member(self.authority)
        payload = tokens.read(token, TokenPayload, key=authority.signing_key, typ=TOKEN)
        check_time(payload.claims, at=at)
        crossing = await self._by_token(caller, authority, payload, party)
        return await self._cross(caller, crossing, request=request, at=at)

    def _by_law(self, caller: Member, blinded: Blinded, *, at: datetime) -> Crossing:
        claims = blinded.claims
        if claims.provider is None or claims.affair is None or claims.item is None:
            raise NotPermitted("an exchange names provider, affair and item")
        case = Case(claims.kind, caller.id, claims.affair, claims.provider, claims.item, claims.of)
        row = self.law.check(case, at=at)
        now = self.keys.epoch(caller.id)
        if not now - 1 <= claims.inquirer_epoch <= now:
            raise EpochPassed(f"the epoch is {now}", sent=str(claims.inquirer_epoch))
        return Crossing(
            blinded=blinded,
            sealer=caller,
            provider=claims.provider,
            basis=Basis(kind=row.basis, row=row.id, edition=row.edition),
            source=self.keys.scalar(caller.id, claims.inquirer_epoch),
        )

    async def _by_token(
        self, caller: Member, authority: Member, payload: TokenPayload, party: str
    ) -> Crossing:
        claims = payload.claims
        if claims.inquirer != caller.id:
            raise NotTheBearer(f"the token was issued to {claims.inquirer}", sent=caller.id)
        if claims.kind == "acquire" and party != caller.id:
            raise NotTheBearer("a pseudonym is acquired for its bearer alone", sent=party)
        if claims.kind not in {"acquire", "approve"} or payload.sealer != authority.id:
            raise NotPermitted(f"a token of kind {claims.kind} cannot be redeemed")
        await self.member(party)
        return Crossing(
            blinded=Blinded(**payload.model_dump(exclude={"sealer"})),
            sealer=authority,
            provider=party,
            basis=Basis(kind="person", row="", edition=0),
            source=None,
        )

    async def _cross(
        self, caller: Member, crossing: Crossing, *, request: str, at: datetime
    ) -> str:
        claims, provider = crossing.blinded.claims, await self.member(crossing.provider)
        context = claims.context
        codes = self.identity.open(
            crossing.blinded.points, sender=crossing.sealer, label=POINTS, context=context
        )
        self._check_people(codes, crossing)
        domain = self._domain(provider, claims)
        epoch, portal_epoch = self.keys.epoch(domain), self.keys.epoch(self.portal)
        convert = partial(self._convert, codes, crossing)
        converted = await aside(claims.people, partial(convert, domain, epoch))
        line = await aside(claims.people, partial(convert, self.portal, portal_epoch))
        record = Record(
            claims=claims,
            provider=provider.id,
            sealer=crossing.sealer.id,
            basis=crossing.basis,
            layout=self.layouts(claims.item, at),
            provider_epoch=epoch,
            portal_epoch=portal_epoch,
            commitment=crossing.blinded.commitment,
            seed=crossing.blinded.seed,
            line_seed=crossing.blinded.line_seed,
            line=self.identity.seal(
                line, to=await self.member(self.portal), label=LINE, context=context
            ),
            request=request,
            at=int(at.timestamp()),
        )
        trace.saw(
            exchange=f"{claims.kind}: {caller.id} asks {provider.id}",
            item=claims.item or "-",
            about="a point that it cannot read",
        )
        if not await self.append(record):
            raise ExchangeKnown("this exchange was permitted before", sent=claims.id)
        sealed = self.identity.seal(converted, to=provider, label=CONVERSION, context=context)
        return self._sign(record, sealed, caller, at=at)

    def _domain(self, provider: Member, claims: Claims) -> str:
        """Whose pseudonyms the points become; the change office has others for each item."""
        if provider.id == self.change_office and claims.item is not None:
            return changes_of(claims.item)
        return provider.id

    def _check_people(self, codes: bytes, crossing: Crossing) -> None:
        width = self.mode.size if crossing.source is not None else 32
        if len(codes) != width * crossing.blinded.claims.people:
            raise NotAPoint(
                "the sealed points are not as many as the claims say",
                sent=f"{len(codes)} bytes",
                expected=f"{width * crossing.blinded.claims.people} bytes",
            )

    def _convert(self, codes: bytes, crossing: Crossing, domain: str, epoch: int) -> bytes:
        target = self.keys.scalar(domain, epoch)
        return self.mode.convert(codes, source=crossing.source, target=target)

    def _sign(self, record: Record, conversion: str, caller: Member, *, at: datetime) -> str:
        permit = Permit(
            record=record,
            leaf=record.leaf,
            conversion=conversion,
            thumbprint=caller.thumbprint,
            issued_at=int(at.timestamp()),
        )
        return tokens.sign(
            permit.model_dump(mode="json"),
            key=self.identity.signing_key,
            kid=self.identity.id,
            typ=PERMIT,
        )


def check_time(claims: Claims, *, at: datetime) -> None:
    """An exchange is valid from now for at most `LONGEST_PERMIT` seconds."""
    now = int(at.timestamp())
    longest = now + LONGEST_PERMIT + int(LEEWAY.total_seconds())
    if not now <= claims.until <= longest:
        raise ExchangeExpired(
            "`until` lies in the past or too far ahead",
            sent=str(claims.until),
            expected=f"{now} to {longest}",
        )
