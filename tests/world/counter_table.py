"""What the tests of a counter share: an application with a counter alone, and people who are expected there."""

from dataclasses import dataclass, field, replace

from fastapi import FastAPI

from kiban.shared.app import service
from kiban.shared.csrf import CSRF
from kiban.shared.pages import Pages
from kiban.shared.settings import Secret
from kiban.world.cards.client import CardsForCounters
from kiban.world.counter import app as counter_app
from kiban.world.counter.clerks import Clerks
from kiban.world.counter.settings import CounterSettings
from kiban.world.office.agencies import Agency
from kiban.world.office.counter import Arrival
from kiban.world.office.records import NothingToDecide

ORIGIN, CARDS = "http://town-counter.localhost:8706", "http://card.localhost:8702"
COUNTER = f"{ORIGIN}/counter"
KEY, CARD_COUNTERS = Secret("the clerk's key"), Secret("the counters of municipalities")
FAMILY, ALONE, GONE = "a" * 32, "b" * 32, "c" * 32
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
        "moving_day": "2026-04-03",
        "visit_day": "2026-04-06",
        "notice": notice,
        **different,
    }
    return Arrival(number, notice, f"T{number}", "village", values, state)


@dataclass
class Expecting:
    """A counter that expects whom a test wants it to expect."""

    people: list[Arrival] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    async def arrivals(self) -> list[Arrival]:
        return list(self.people)

    async def arrive(self, notice: str) -> None:
        if not any((each.notice, each.state) == (notice, "expected") for each in self.people):
            raise NothingToDecide
        self.taken.append(notice)
        self.people = [
            replace(each, state="arrived") if each.notice == notice else each
            for each in self.people
        ]


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
    )
    desk = counter_app.Desk(
        agency=TOWN,
        names=NAMES,
        counter=lambda: expecting,
        clerks=Clerks(KEY, db, clock),
        cards=CardsForCounters(http, cards, CARD_COUNTERS),
        settings=settings,
        pages=Pages(counter_app.PACKAGE, home=counter_app.HOME),
        csrf=CSRF(settings.secret.reveal().encode()),
    )
    app = service("Town (SIMULATED)", role="gateway:town", clock=clock)
    counter_app.add_routes(app, desk)
    return app
