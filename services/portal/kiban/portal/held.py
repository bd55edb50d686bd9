"""
What the offices hold: read for the person's own eyes, shown, and forgotten with the session.

Each held field is one inquiry of kind *own information* (自己情報) through the portal's gateway, all at once.  A value
comes with its provider, the day since when the record says so, and the basis.  An office that is away, holds nothing
or must think first is named with its reason; the citizen is never asked to fill the gap.

Values are written nowhere.  They are kept in this process's memory, sealed under a key that only the citizen's
browser brings; another copy of the portal, or this one after a restart, reads them anew.

Source: DESIGN 3 (portal), 4 (step 4), 8; once-only when it is shown.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from kiban.gateway.contract import ConsentRecord, InquiryReply, InquiryRequest, Statement
from kiban.portal.applications import Reference
from kiban.portal.country import Country, list_of
from kiban.portal.sessions import Visitor
from kiban.shared.exchanges import Shape
from kiban.shared.problems import Problem

MOST_SESSIONS = 10_000
Outcome = Literal["held", "not-held", "waits", "away", "refused", "doubtful"]
_DOUBTFUL = frozenset({"answer-refused", "token-refused", "seal-broken"})
"""What the gateway says of an answer that its provider did not sign, or that is to another question."""


class Inquiries(Protocol):
    """The portal's gateway, as narrow as reading needs it."""

    async def inquire(self, request: InquiryRequest) -> InquiryReply: ...


class Seen(Shape):
    """What came of one inquiry: the statement, or why there is none."""

    item: str
    provider: str
    outcome: Outcome
    statement: Statement | None = None
    exchange: str | None = None
    leaf: str | None = None
    answer: str | None = None
    """The provider's signed answer, for whoever wants to verify it."""
    basis: str = ""
    problem: str | None = None
    """The slug of what went wrong."""

    @property
    def name(self) -> str:
        """What it is called in the record of operations: an item, and whose it is."""
        return f"{self.provider}/{self.item}"

    def reference(self, field: str) -> Reference | None:
        """What stands in an application for this value."""
        if self.statement is None or self.exchange is None or self.leaf is None:
            return None
        return Reference(
            field=field,
            item=self.item,
            provider=self.provider,
            layout=self.statement.layout,
            digest=self.statement.digest,
            exchange=self.exchange,
            leaf=self.leaf,
        )

    @property
    def since(self) -> date | None:
        """Since when the record says so; nothing where the provider gave no real day."""
        try:
            return date.fromisoformat(self.statement.as_of) if self.statement else None
        except ValueError:
            return None

    @property
    def settled(self) -> bool:
        """Whether asking again now would tell nothing new."""
        return self.outcome in {"held", "not-held"}


async def read(
    gateway: Inquiries,
    person: str,
    records: Iterable[ConsentRecord],
    *,
    without: Collection[str] = (),
) -> list[Seen]:
    """Ask every provider at once, each under its own record; who has no approval is not asked."""
    asked = list(records)
    away = [one for one in asked if one.provider in without]
    found = await asyncio.gather(
        *(_read(gateway, person, one) for one in asked if one.provider not in without)
    )
    return [
        *found,
        *(Seen(item=one.item, provider=one.provider, outcome="away") for one in away),
    ]


async def _read(gateway: Inquiries, person: str, record: ConsentRecord) -> Seen:
    request = InquiryRequest(
        provider=record.provider,
        affair=record.affair,
        item=record.item,
        people=[person],
        consent=record.id,
    )
    try:
        reply = await gateway.inquire(request)
    except Problem as problem:
        return Seen(
            item=record.item,
            provider=record.provider,
            outcome=_why_not(problem),
            problem=problem.slug,
        )
    return _seen(record, reply)


def _why_not(problem: Problem) -> Outcome:
    if problem.slug in _DOUBTFUL:
        return "doubtful"
    return "away" if problem.status >= 500 else "refused"  # noqa: PLR2004  RFC 9110


def _seen(record: ConsentRecord, reply: InquiryReply) -> Seen:
    statement = reply.statements[0] if reply.statements else None
    if statement is not None and (statement.item, statement.provider) != (
        record.item,
        record.provider,
    ):
        statement = None  # an answer to another question is no answer
    outcome: Outcome = "held" if statement else "waits" if reply.waits else "not-held"
    return Seen(
        item=record.item,
        provider=record.provider,
        outcome=outcome,
        statement=statement,
        exchange=reply.exchange,
        leaf=reply.leaf,
        answer=reply.answer,
        basis=reply.basis,
    )


def labels(seen: Seen | None, country: Country) -> tuple[str, ...]:
    """How the entries of a held list are called: by the first field that its layout gives them."""
    if seen is None or seen.statement is None:
        return ()
    item = country.item(seen.item, seen.statement.layout)
    field = list_of(item) if item else None
    rows = seen.statement.values.get(field.name) if field else None
    if field is None or not isinstance(rows, list):
        return ()
    return tuple(str(row.get(field.fields[0].name, "")) for row in rows if isinstance(row, dict))


class Shown:
    """The values of the sessions that are open, sealed; the oldest session is forgotten first."""

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        self._sealed: OrderedDict[str, dict[str, bytes]] = OrderedDict()
        self._ends: dict[str, datetime] = {}
        self._most = most

    def __repr__(self) -> str:
        return f"Shown({len(self._sealed)} sessions)"

    def keep(self, visitor: Visitor, seen: Iterable[Seen]) -> None:
        """Keep what was read, for this session alone; a later reading replaces an earlier one."""
        session, cipher = visitor.session.id, AESSIV(visitor.token.key)
        kept = self._sealed.setdefault(session, {})
        self._sealed.move_to_end(session)
        self._ends[session] = visitor.session.ends_at
        for one in seen:
            name = _name(visitor, one.item, one.provider)
            kept[name] = cipher.encrypt(one.model_dump_json().encode(), [name.encode()])
        while len(self._sealed) > self._most:
            self.forget(next(iter(self._sealed)))

    def find(self, visitor: Visitor, item: str, provider: str) -> Seen | None:
        """Give what was read in this session, if this process still has it."""
        name = _name(visitor, item, provider)
        sealed = self._sealed.get(visitor.session.id, {}).get(name)
        if sealed is None:
            return None
        try:
            opened = AESSIV(visitor.token.key).decrypt(sealed, [name.encode()])
        except InvalidTag:
            return None
        return Seen.model_validate_json(opened)

    def forget(self, session: str) -> None:
        """Drop everything of a session that ended."""
        self._sealed.pop(session, None)
        self._ends.pop(session, None)

    def sweep(self, *, at: datetime) -> None:
        """Drop everything of sessions that have come to their end by themselves."""
        for session in [name for name, ends in self._ends.items() if ends <= at]:
            self.forget(session)


def _name(visitor: Visitor, item: str, provider: str) -> str:
    """Of a visit's values each bearer has its own: the person's browser, and a front that she let in."""
    return f"{visitor.token.digest}/{provider}/{item}"
