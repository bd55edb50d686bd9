"""What the tests of a counter share: an application with a counter alone."""

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

ORIGIN, CARDS = "http://town-counter.localhost:8706", "http://card.localhost:8702"
COUNTER = f"{ORIGIN}/counter"
KEY, CARD_COUNTERS = Secret("the clerk's key"), Secret("the counters of municipalities")
TOWN = Agency(
    "town", {"ja": "見本町（模擬）", "en": "Mihon Town (SIMULATED)"}, "municipality", "142042"
)


def counter_app_of(db, clock, http, *, origin=ORIGIN, cards=CARDS) -> FastAPI:
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
        clerks=Clerks(KEY, db, clock),
        cards=CardsForCounters(http, cards, CARD_COUNTERS),
        settings=settings,
        pages=Pages(counter_app.PACKAGE, home=counter_app.HOME),
        csrf=CSRF(settings.secret.reveal().encode()),
    )
    app = service("Town (SIMULATED)", role="gateway:town", clock=clock)
    counter_app.add_routes(app, desk)
    return app
