"""What the tests of an office share: neighbours that answer or are away, and a signed application."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from kiban.gateway.contract import (
    AcceptedApplication,
    Attributes,
    Held,
    InquiryReply,
    InquiryRequest,
    Receipt,
    SignedApplication,
    Statement,
)
from kiban.identity.authority.contract import (
    CertifiedAttributes,
    SignatureVerification,
    SignatureVerificationReply,
)
from kiban.shared import canonical
from kiban.shared.problems import NotFound, Problem
from kiban.world import cast
from kiban.world.office.agencies import Holding
from kiban.world.office.effects import Assignment, Effect
from kiban.world.office.neighbours import Neighbours
from kiban.world.office.office import Office
from kiban.world.office.records import Entry
from kiban.world.people import person_number

COUNTRY = cast.shipped_country()
CAST = cast.load_checked(COUNTRY)
HANAKO = person_number("kamakura", "hanako")
CONSENT = "c0" * 16
ALLOWANCE = Effect(
    "allowance",
    (
        Assignment("from_month", "answer", name="from_month"),
        Assignment("account", "read", item="bank-account", name="number"),
        Assignment("decided", "day"),
    ),
)


def statement(provider: str, item: str, held: Held) -> Statement:
    """As a gateway makes one; the salt stands for the version."""
    salt = hashlib.sha256(f"{provider} {item} {held.version}".encode()).hexdigest()[:32]
    return Statement(
        item=item, provider=provider, layout=1, as_of=held.as_of, values=held.values, salt=salt
    )


@dataclass
class Elsewhere:
    """The office's gateway and what lies behind it: other offices' records about Hanako."""

    office: Office
    held: dict[str, Held | None] = field(default_factory=dict)
    asked: list[InquiryRequest] = field(default_factory=list)
    told: list[Receipt] = field(default_factory=list)
    problem: Problem | None = None
    """What every inquiry meets, while it is set."""
    waits: set[str] = field(default_factory=set)
    asked_again: list[str] = field(default_factory=list)
    forgotten: bool = False
    """Nothing waits at the gateway: it was answered before."""

    async def inquire(self, request: InquiryRequest) -> InquiryReply:
        self.asked.append(request)
        if self.problem:
            raise self.problem
        held = self.held[request.item]
        waits = request.item in self.waits
        found = statement(request.provider, request.item, held) if held and not waits else None
        return InquiryReply(
            exchange=f"{len(self.asked):032x}",
            leaf="00" * 32,
            basis="child-allowance.1",
            waits=waits,
            statements=[] if waits else [found],
            answer=None,
        )

    async def ask_again(self, exchange: str) -> InquiryReply:
        """The question that bore this number, once more."""
        waiting = self.asked[int(exchange, 16) - 1]
        self.asked_again.append(waiting.item)
        if self.problem:
            raise self.problem
        if self.forgotten:
            raise NotFound
        reply = await self.inquire(waiting)
        self.asked.pop()
        return reply.model_copy(update={"exchange": exchange})

    async def read_own(self, person: str, item: str) -> Statement | None:
        agency = self.office.agency.id
        held = await self.office.records.read(
            person, item, inquirer=agency, at=self.office.records.clock()
        )
        return statement(agency, item, held) if isinstance(held, Held) else None

    async def issue_receipt(self, receipt: Receipt) -> None:
        self.told.append(receipt)


@dataclass
class Authority:
    """Says of every signature that it is Hanako's, or what else it was told to say."""

    certified: CertifiedAttributes
    problem: Problem | None = None

    async def verify_signature(self, asked: SignatureVerification) -> SignatureVerificationReply:
        if self.problem:
            raise self.problem
        return SignatureVerificationReply(
            holder="00" * 32, serial="0a", certified=self.certified, checked_at=0
        )


class Registers:
    async def check_company(self, number: str) -> None:
        """Every company is known."""

    async def check_town(self, town: str) -> None:
        """Every town is known."""


@dataclass
class Table:
    """One office with Hanako's household, and its neighbours."""

    office: Office
    mesh: Elsewhere
    authority: Authority

    async def examine(self) -> None:
        """Let the office do everything that it can do now."""
        await self.office.outbox.drain()

    @property
    def events(self) -> list[str]:
        return [receipt.event for receipt in self.mesh.told]

    async def state(self) -> str:
        for state in ("received", "waiting", "granted", "refused", "returned"):
            if await self.office.applications(state):
                return state
        return "none"


async def set_table(db, clock, *, country: Path = COUNTRY, played=CAST) -> Table:
    """An office of Kamakura in which Hanako's records lie."""
    office = Office(played, "kamakura", db=db, clock=clock, country=country)
    await office.prepare()
    hanako = played.people["hanako"]
    for record in hanako.records:
        if record.agency == "kamakura":
            await office.records.load(HANAKO, hanako.attributes(), [entry(record)])
    mesh = Elsewhere(office, held=elsewhere(hanako))
    authority = Authority(certified(hanako.attributes()))
    office.meet(Neighbours(mesh, authority, Registers()))
    return Table(office, mesh, authority)


def entry(record):
    return Entry(record.item, record.values, record.as_of, record.flag)


def elsewhere(persona) -> dict[str, Held | None]:
    return {
        record.item: Held(values=record.values, as_of=record.as_of.isoformat(), version="1")
        for record in persona.records
        if record.agency != "kamakura"
    }


def certified(attributes: Attributes) -> CertifiedAttributes:
    return CertifiedAttributes(
        name=attributes.name,
        birth_date=attributes.birth_date,
        sex=attributes.sex,
        address=attributes.address,
    )


def references(table: Table) -> list[dict[str, object]]:
    """What Hanako saw: the other offices' statements as they are now."""
    providers = {"income": "tax", "bank-account": "accounts"}
    found = []
    for item, provider in providers.items():
        held = table.mesh.held[item]
        assert held
        found.append(
            {
                "field": item.partition("-")[0],
                "item": item,
                "provider": provider,
                "layout": 1,
                "digest": statement(provider, item, held).digest,
                "exchange": "ee" * 16,
                "leaf": "ff" * 32,
            }
        )
    return found


def application(table: Table, number: int = 1, **changed) -> AcceptedApplication:
    """Hanako's application as the gateway hands it over; `changed` are members of the signed text."""
    text = canonical.encode(
        {
            "kiban": "application/1",
            "procedure": "child-allowance",
            "edition": 1,
            "office": "kamakura",
            "answers": {"from_month": "2026-05", "confirm": True},
            "held": references(table),
            "consents": [CONSENT],
            "made_at": 1_775_000_000,
            **changed,
        }
    ).decode()
    return AcceptedApplication(
        application=f"{number:032x}",
        exchange="aa" * 16,
        procedure="child-allowance",
        person=HANAKO,
        signed=SignedApplication(
            application=text, certificate="AA", signature="AA", consents=[CONSENT]
        ),
        received_at=1_775_000_000,
    )


def with_acceptance(**changed):
    """The cast, with another way of Kamakura's to decide on child allowance."""
    kamakura = CAST.agencies["kamakura"]
    acceptance = replace(kamakura.accepts[0], **changed.pop("acceptance", {}))
    agency = replace(kamakura, accepts=(acceptance,), **changed)
    return replace(CAST, agencies={**CAST.agencies, "kamakura": agency})


def that_grants_an_allowance():
    """The cast, with an office that writes and announces a record when it grants."""
    return with_acceptance(
        holds=(Holding("household"), Holding("allowance", announces=True)),
        acceptance={"applies": (ALLOWANCE,)},
    )
