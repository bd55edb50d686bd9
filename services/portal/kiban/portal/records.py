"""
Own records (わたしの情報): what an office holds about the citizen, read live and shown to nobody else.

The citizen chooses what to see and approves just that at the card; the portal reads it from its holder at that moment
and keeps it nowhere.  It can be seen until the session ends.

Source: DESIGN 6 (portal); plan row PTL-15; in real life 自己情報表示.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kiban.portal import held, terms
from kiban.portal.approvals import Approval
from kiban.portal.approving import Approving, Title
from kiban.portal.country import Country
from kiban.portal.held import Inquiries, Seen, Shown
from kiban.portal.sessions import Visitor
from kiban.portal.store.rows import Store
from kiban.portal.terms import Wish
from kiban.shared.problems import Malformed, Unavailable

TITLE = Title(
    ja="わたしの情報：表示の承認",
    en="Your own information: approval to show it",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One item that the law lets a person read of themselves, and what was read in this session."""

    wish: Wish
    seen: Seen | None

    @property
    def id(self) -> str:
        return f"{self.wish.provider}/{self.wish.item}"


@dataclass(frozen=True, slots=True)
class Looking:
    """Own records' use cases; collaborators are given."""

    store: Store
    gateway: Inquiries
    approving: Approving
    shown: Shown
    country: Country
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def offered(self, visitor: Visitor) -> list[Kept]:
        """Everything that can be looked at, with what is already open in this session."""
        readable = self.country.readable(self.country.portal)
        wishes = dict.fromkeys(
            Wish(item, provider) for item, provider in readable if visitor.may_read(item)
        )
        return [Kept(wish, self.shown.find(visitor, wish.item, wish.provider)) for wish in wishes]

    async def ask(self, visitor: Visitor, chosen: Sequence[str]) -> str:
        """Put the chosen items to the citizen at the card: the state to go there with."""
        known = {kept.id: kept.wish for kept in self.offered(visitor)}
        if not chosen or not set(chosen) <= known.keys():
            raise Malformed("choose one or more of the items offered", expected="those on the page")
        wanted = terms.for_showing(
            (known[one] for one in chosen),
            portal=self.country.portal,
            purpose=terms.showing(to_a_proxy=visitor.deputy is not None),
            at=self.clock(),
            session_ends=visitor.session.ends_at,
            new_id=self.new_id,
        )
        return await self.approving.ask(visitor, wanted, TITLE)

    async def approved(self, visitor: Visitor, approval: Approval) -> None:
        """The card approved: read what was chosen, for this session's eyes."""
        approval = await self.approving.deliver(approval)
        if approval.pending:
            raise Unavailable("the approval could not be handed on; try again later")
        found = await held.read(self.gateway, visitor.person, approval.shown, without=approval.away)
        self.shown.keep(visitor, found)
        items = ", ".join(seen.name for seen in found if seen.outcome == "held")
        if items:
            async with self.store.begin() as rows:
                await rows.note_act(visitor, "information-shown", items, at=self.clock())
