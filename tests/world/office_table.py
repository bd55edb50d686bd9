"""What the tests of an office share: neighbours that answer or are away, and a signed application."""

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from kiban.gateway.contract import (
    AcceptedApplication,
    AnnouncementReceipt,
    AnnouncementRequest,
    Attributes,
    Changed,
    ChangeFeed,
    Held,
    InquiryReply,
    InquiryRequest,
    PersonReply,
    Receipt,
    SignedApplication,
    Statement,
    SubscriptionReply,
    SubscriptionRequest,
    TokenUse,
)
from kiban.identity.authority.contract import (
    ActingClaim,
    CertifiedAttributes,
    SignatureVerification,
    SignatureVerificationReply,
)
from kiban.shared import canonical
from kiban.shared.problems import NotFound, Problem
from kiban.world import cast
from kiban.world.office import store
from kiban.world.office.agencies import Holding
from kiban.world.office.answers import Town
from kiban.world.office.effects import Assignment, Effect
from kiban.world.office.neighbours import Neighbours
from kiban.world.office.office import Office
from kiban.world.office.records import Entry
from kiban.world.people import person_number

COUNTRY = cast.shipped_country()
CAST = cast.load_checked(COUNTRY)
HANAKO = person_number("kamakura", "hanako")
TARO = person_number("kamakura", "taro")
NEW_ADDRESS = "神奈川県鎌倉市長谷1番1号"
CONSENT = "c0" * 16
DAYS = 90
"""How long a subscription lasts."""
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
    """The office's gateway and what lies behind it: other offices' records about Hanako, and their news."""

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
    announced: list[AnnouncementRequest] = field(default_factory=list)
    subscribed: list[SubscriptionRequest] = field(default_factory=list)
    heard: list[Changed] = field(default_factory=list)
    """The gateway's feed."""
    mute: Problem | None = None
    """What every announcement meets, while it is set."""

    async def inquire(self, request: InquiryRequest) -> InquiryReply:
        self.asked.append(request)
        if self.problem:
            raise self.problem
        held = self._of(request)
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

    def _of(self, request: InquiryRequest) -> Held | None:
        """What is held of an item: by this provider, of this person, or of anybody."""
        [person] = request.people
        for named in (f"{request.provider} {request.item}", f"{person} {request.item}"):
            if named in self.held:
                return self.held[named]
        return self.held[request.item]

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

    async def use_token(self, use: TokenUse) -> PersonReply:
        """A token of the authority of these tests is the number of whom it is about."""
        return PersonReply(person=use.token, known=True)

    async def issue_receipt(self, receipt: Receipt) -> None:
        self.told.append(receipt)

    async def announce(self, request: AnnouncementRequest) -> AnnouncementReceipt:
        if self.mute:
            raise self.mute
        if all(known.id != request.id for known in self.announced):
            self.announced.append(request)
        return AnnouncementReceipt(announcement=request.id)

    async def subscribe(self, request: SubscriptionRequest) -> SubscriptionReply:
        if self.problem:
            raise self.problem
        self.subscribed.append(request)
        until = self.office.records.clock() + timedelta(days=DAYS)
        return SubscriptionReply(exchange="00" * 16, leaf="00" * 32, until=int(until.timestamp()))

    async def read_changes(self, after: int) -> ChangeFeed:
        """Two at a time, so that somebody must go on reading."""
        changes = [each for each in self.heard if each.number > after][:2]
        return ChangeFeed(changes=changes, next=changes[-1].number if changes else after)

    async def listen(self, within: float) -> None:
        await asyncio.sleep(within)

    def hears(
        self, item: str, person: str, *, by: str | None = None, told_by: str | None = None
    ) -> None:
        """An item of a person has changed; `by` announced it to this office alone, `told_by` to all who follow."""
        self.heard.append(
            Changed(
                number=len(self.heard) + 1,
                person=person,
                item=item,
                by=by or told_by,
                alone=by is not None,
                at=1_775_000_000,
            )
        )


@dataclass
class Authority:
    """Says of every signature that it is Hanako's, or what else it was told to say."""

    certified: CertifiedAttributes
    problem: Problem | None = None
    principal: str = ""
    """For whom a proxy may act."""
    claims: list[ActingClaim] = field(default_factory=list)

    async def verify_signature(self, asked: SignatureVerification) -> SignatureVerificationReply:
        if self.problem:
            raise self.problem
        if asked.acting:
            self.claims.append(asked.acting)
        return SignatureVerificationReply(
            holder="00" * 32,
            serial="0a",
            certified=self.certified,
            checked_at=0,
            principal=self.principal if asked.acting else None,
        )


class Registers:
    async def check_company(self, number: str) -> None:
        """Every company is known."""

    async def find_town(self, town: str) -> Town:
        """Every town is known, by an id that begins with its municipality."""
        return Town(town.partition("-")[0], "神奈川県鎌倉市長谷")


@dataclass
class Table:
    """One office with Hanako's household, and its neighbours."""

    office: Office
    mesh: Elsewhere
    authority: Authority
    person: str = HANAKO
    """What the office calls Hanako."""

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
    """An office of Kamakura in which Hanako's and her husband's records lie."""
    office = Office(played, "kamakura", db=db, clock=clock, country=country)
    await office.prepare()
    hanako, taro = played.people["hanako"], played.people["taro"]
    for number, person in ((HANAKO, hanako), (TARO, taro)):
        own = [entry(record) for record in person.records if record.agency == "kamakura"]
        await office.records.load(number, person.attributes(), own)
    theirs = {f"{TARO} {item}": held for item, held in elsewhere(taro).items()}
    mesh = Elsewhere(office, held=elsewhere(hanako) | theirs)
    authority = Authority(certified(hanako.attributes()))
    office.meet(Neighbours(mesh, authority, Registers()))
    return Table(office, mesh, authority)


async def follower(db, clock, agency: str) -> Table:
    """An office that follows another's record, in which Hanako's records lie, and which has her pseudonym."""
    office = Office(CAST, agency, db=db, clock=clock, country=COUNTRY)
    await office.prepare()
    hanako, person = CAST.people["hanako"], person_number(agency, "hanako")
    own = [entry(each) for each in hanako.records if each.agency == agency]
    await office.records.load(person, hanako.attributes(), own)
    async with db.begin() as connection:
        await store.note_acquired(connection, person, clock())
    mesh = Elsewhere(office, held={"fujisawa resident-record": None})
    authority = Authority(certified(hanako.attributes()))
    office.meet(Neighbours(mesh, authority, Registers()))
    return Table(office, mesh, authority, person)


def moved(table: Table, *, address: str = NEW_ADDRESS, as_of: str = "2026-04-01") -> None:
    """Hanako has moved: the provider holds another address, and the office's gateway has heard of it."""
    followed = {(one.item, one.provider) for one in table.office.agency.follows}
    [record] = [
        each for each in CAST.people["hanako"].records if (each.item, each.agency) in followed
    ]
    values = {**record.values, "address": address}
    table.mesh.held[record.item] = Held(values=values, as_of=as_of, version="2")
    table.mesh.hears(record.item, table.person, told_by=record.agency)


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
    allowance = kamakura.acceptance("child-allowance")
    assert allowance
    acceptance = replace(allowance, **changed.pop("acceptance", {}))
    agency = replace(kamakura, accepts=(acceptance,), **changed)
    return replace(CAST, agencies={**CAST.agencies, "kamakura": agency})


def that_grants_an_allowance():
    """The cast, with an office that writes and announces a record when it grants."""
    return with_acceptance(
        holds=(Holding("household"), Holding("allowance", announces="record-upkeep")),
        acceptance={"applies": (ALLOWANCE,)},
    )
