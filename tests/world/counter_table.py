"""What the tests of a counter share: an application with a counter alone, and people who are expected there."""

from dataclasses import dataclass, field, replace
from datetime import date

from fastapi import FastAPI

from kiban.identity.authority.contract import MandateReply
from kiban.shared.app import service
from kiban.shared.csrf import CSRF
from kiban.shared.pages import Pages
from kiban.shared.problems import Problem, Unavailable
from kiban.shared.settings import Secret
from kiban.world.cards.client import CardsForCounters
from kiban.world.counter import app as counter_app
from kiban.world.counter.clerks import Clerks
from kiban.world.counter.mandate_form import Offered
from kiban.world.counter.mandates import MandateDesk
from kiban.world.counter.register import Register
from kiban.world.counter.settings import CounterSettings
from kiban.world.office.agencies import Agency
from kiban.world.office.counter import Arrival
from kiban.world.office.households import Household, Living, Ways
from kiban.world.office.records import NothingToDecide
from kiban.world.office.shelter import Shelter
from kiban.world.vault.contract import MandateEndNotice, MandateNotice

ORIGIN, CARDS = "http://town-counter.localhost:8706", "http://card.localhost:8702"
COUNTER = f"{ORIGIN}/counter"
KEY, CARD_COUNTERS = Secret("the clerk's key"), Secret("the counters of municipalities")
FAMILY, ALONE, GONE = "a" * 32, "b" * 32, "c" * 32
GRANDMOTHERS = Household(({"name": "手本　とめ", "relation": "世帯主"},), ("T9",))
"""A household that lives where everybody moves to."""
TOWN = Agency(
    "town", {"ja": "見本町（模擬）", "en": "Mihon Town (SIMULATED)"}, "municipality", "142042"
)
NAMES = {"town": TOWN.name, "village": {"ja": "手本村（模擬）", "en": "Tehon Village (SIMULATED)"}}


def arrival(number: int, notice: str = FAMILY, state: str = "expected", **different) -> Arrival:
    values = {
        "name": f"転入　{'一二三四'[number]}",
        "name_kana": "テンニュウ　ヒト",
        "birth_date": "1990-05-06",
        "sex": "女",
        "relation": "世帯主" if number == 0 else "子",
        "old_address": "山梨県手本村大字手本99番地",
        "new_address": "神奈川県鎌倉市長谷1丁目2番3号",
        "moving_day": "2026-03-31",
        "visit_day": "2026-04-06",
        "notice": notice,
        **different,
    }
    return Arrival(number, notice, f"T{number}", "village", values, state, "moving-out")


@dataclass
class Expecting:
    """A counter that expects whom a test wants it to expect."""

    people: list[Arrival] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    lives: list[Living] = field(default_factory=list)
    """How those who were taken in live."""
    households: tuple[Household, ...] = ()
    refuses: Problem | None = None
    moves_on: date | None = None
    """The day of a move that is still to come."""

    async def arrivals(self) -> list[Arrival]:
        return list(self.people)

    async def ways(self, notice: str, head: int | None = None) -> Ways:
        coming = [each.number for each in self.people if each.notice == notice]
        return Ways(
            head or min(coming),
            asked=(2,) if self.refuses else (),
            households=self.households,
            moves_on=self.moves_on,
        )

    async def arrive(self, notice: str, living: Living) -> None:
        if self.refuses:
            raise self.refuses
        if not any((each.notice, each.state) == (notice, "expected") for each in self.people):
            raise NothingToDecide
        self.taken.append(notice)
        self.lives.append(living)
        self.people = [
            replace(each, state="arrived") if each.notice == notice else each
            for each in self.people
        ]


class NoTown:
    """A registry that knows no address."""

    async def lies_in(self, address: str) -> frozenset[str]:
        return frozenset()


class Nobody:
    """A resident network that is away."""

    async def tell_mandate(self, notice: MandateNotice) -> MandateReply:
        raise Unavailable("nobody is there")

    async def tell_mandate_end(self, notice: MandateEndNotice) -> MandateReply:
        raise Unavailable("nobody is there")


def three_notices() -> Expecting:
    """A family, somebody alone, and somebody who changed their mind."""
    return Expecting(
        [
            arrival(1),
            arrival(0),
            arrival(2),
            arrival(3, ALONE, visit_day="2026-04-02"),
            arrival(0, GONE, "withdrawn"),
        ]
    )


def counter_app_of(expecting, db, clock, http, *, origin=ORIGIN, cards=CARDS) -> FastAPI:
    """An application with a counter and nothing else."""
    settings = CounterSettings(
        origin=origin,
        secret=Secret("signs the forms of this counter"),
        clerk_key=KEY,
        cards_origin=cards,
        card_counters_secret=CARD_COUNTERS,
        network_origin="http://127.0.0.1:8799",
    )
    desk = counter_app.Desk(
        agency=TOWN,
        names=NAMES,
        network="network",
        shelter=Shelter(TOWN, None, db, clock, NoTown),
        counter=lambda: expecting,
        register=Register(db),
        mandates=MandateDesk(db, Nobody, clock),
        offered=Offered(items={}, affairs={}),
        clerks=Clerks(KEY, db, clock),
        cards=CardsForCounters(http, cards, CARD_COUNTERS),
        settings=settings,
        pages=Pages(counter_app.PACKAGE, home=counter_app.HOME),
        csrf=CSRF(settings.secret.reveal().encode()),
    )
    app = service("Town (SIMULATED)", role="gateway:town", clock=clock)
    counter_app.add_routes(app, desk)
    return app
