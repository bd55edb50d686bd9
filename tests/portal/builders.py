"""Small things that the portal's tests build, each differing from the next only by what matters."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from kiban.gateway.contract import ConsentRecord, Statement
from kiban.portal import country as words
from kiban.portal import procedures, sessions
from kiban.portal.answers import Choice
from kiban.portal.applications import Application, Reference
from kiban.portal.sessions import Limits, Session, Token
from kiban.registry.contract import UnknownLegalEntity, UnknownTown
from kiban.shared.problems import Unavailable
from kiban.world.cast import shipped_country

NOON = datetime(2026, 4, 1, 3, tzinfo=UTC)
COMPANY = "1700110000017"
"""A number whose check digit fits; no registry is asked."""
TOWN = "142042-k00000001"
LIMITS = Limits(longest=timedelta(minutes=60), idle=timedelta(minutes=20))


@cache
def country() -> words.Country:
    return words.read(shipped_country())


@cache
def procedure() -> procedures.Filed:
    return procedures.load(shipped_country()).find("child-allowance").at(None)


def ids():
    """Numbers that count up, as ids."""
    number = 0

    def new_id() -> str:
        nonlocal number
        number += 1
        return f"{number:032x}"

    return new_id


def token(word: str = "word") -> Token:
    return Token(word)


def session(person: str = "hanako", word: str = "word", at: datetime = NOON) -> Session:
    return sessions.begin(token(word), person, LIMITS, at=at)


def statement(item: str = "income", provider: str = "tax", **values) -> Statement:
    return Statement(
        item=item,
        provider=provider,
        layout=1,
        as_of="2026-01-01",
        values=values or {"year": 2025, "total_income_yen": 4_200_000, "dependants": 2},
        salt="0" * 32,
    )


def reference(field_name: str = "income", item: str = "income", provider: str = "tax") -> Reference:
    return Reference(
        field=field_name,
        item=item,
        provider=provider,
        layout=1,
        digest="d" * 64,
        exchange="e" * 32,
        leaf="f" * 64,
    )


def application(
    state="draft",
    name: str = "a" * 32,
    person: str = "hanako",
    procedure: str = "child-allowance",
    **more,
) -> Application:
    return Application(
        id=name,
        person=person,
        procedure=procedure,
        edition=1,
        office="kamakura",
        state=state,
        opened_at=NOON,
        changed_at=NOON,
        **more,
    )


def record(name: str = "1" * 32, kind="self", until: datetime | None = None) -> ConsentRecord:
    return ConsentRecord(
        id=name,
        kind=kind,
        reader="portal" if kind == "self" else "kamakura",
        provider="tax",
        affair="self-information" if kind == "self" else "child-allowance",
        item="income",
        purpose={"ja": "表示", "en": "Showing"},
        starts=int(NOON.timestamp()),
        until=int((until or NOON + timedelta(hours=1)).timestamp()),
        uses="repeated",
    )


@dataclass
class Shelf:
    """A registry of one company and one town, which can be away."""

    away: bool = False
    asked: list[str] = field(default_factory=list)

    async def companies(self, text: str) -> list[Choice]:
        return [await self.company(COMPANY)] if text in "海辺商店" else self._nothing()

    async def company(self, number: str) -> Choice:
        self._answer(number)
        if number != COMPANY:
            raise UnknownLegalEntity
        return Choice(COMPANY, "海辺商店", 7)

    async def towns(self, text: str) -> list[Choice]:
        return [await self.town(TOWN)] if text in "神奈川県鎌倉市材木座" else self._nothing()

    async def town(self, name: str) -> Choice:
        self._answer(name)
        if name != TOWN:
            raise UnknownTown
        return Choice(TOWN, "神奈川県鎌倉市材木座", 9)

    def _nothing(self) -> list[Choice]:
        self._answer("")
        return []

    def _answer(self, asked: str) -> None:
        self.asked.append(asked)
        if self.away:
            raise Unavailable
