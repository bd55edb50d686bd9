"""What the tests of cards share: cards that are certified by a stand-in for a registrar, and their page."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kiban.identity.authority.contract import CardCertificates
from kiban.shared import encoding
from kiban.shared.clock import FrozenClock
from kiban.shared.http import HttpxHttp
from kiban.shared.settings import Secret
from kiban.world.cards.app import create_app
from kiban.world.cards.deck import PACKAGE, Cards
from kiban.world.cards.settings import CardsSettings

SECRET = Secret("wraps the cards of these tests")
OPERATOR = Secret("operator of the cards")
COUNTERS = Secret("the counters of municipalities")
ORIGIN, LOGIN = "http://card.localhost:8702", "http://login.localhost:8701"
COUNTRY = Path(__file__).parents[2] / "world/kiban/world/country"
PIN, PASSWORD = "4649", "HANAKO1985"


def certify_anything():
    """A registrar that certifies whatever key is shown."""
    key = ec.generate_private_key(ec.SECP256R1())

    def certificate(request: bytes) -> str:
        read = x509.load_der_x509_csr(request)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "SIMULATED test")])
        now = datetime(2026, 4, 1, tzinfo=UTC)
        made = (
            x509.CertificateBuilder(name, name, read.public_key(), x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=365))
            .sign(key, hashes.SHA256())
        )
        return encoding.encode(made.public_bytes(Encoding.DER))

    async def certify(authentication: bytes, signature: bytes | None) -> CardCertificates:
        return CardCertificates(
            authentication=certificate(authentication),
            signature=None if signature is None else certificate(signature),
        )

    return certify


def renew_anything():
    """A card office that has every renewal certified, and writes down what it was asked."""
    certify, asked = certify_anything(), []

    async def renew(persona, order, succession) -> CardCertificates:
        asked.append((persona, order, succession))
        return await certify(succession.authentication_request, succession.signature_request)

    renew.asked = asked
    return renew


def believe_anybody():
    """A card office to which every card is the visitor's, and which writes down what it was asked."""
    asked = []

    async def check(order, certificate) -> None:
        asked.append((order, certificate))

    check.asked = asked
    return check


async def issue(cards: Cards, persona: str = "hanako", **different) -> None:
    wanted = {
        "authentication_pin": PIN,
        "signature_password": PASSWORD,
        "certify": certify_anything(),
        **different,
    }
    await cards.issue(persona, **wanted)


async def with_hanakos_card(db) -> None:
    """Put a card into a database from which many tests are given a copy: its keys take a while to make."""
    await issue(Cards(db, SECRET, FrozenClock()), name="見本　花子")


def settings(**different) -> CardsSettings:
    wanted = {
        "origin": ORIGIN,
        "secret": SECRET,
        "operator_key": OPERATOR,
        "counter_key": COUNTERS,
        "login_origin": LOGIN,
        "country": COUNTRY,
        **different,
    }
    return CardsSettings(**wanted)


@asynccontextmanager
async def cards_app(db, clock, *, login=None, renew=None, holder=None, **different):
    """The cards' application, with whatever plays login and the card office behind it."""
    routes = {LOGIN: login} if login else {}
    app = create_app(
        settings(**different),
        db=db,
        http=HttpxHttp(routes),
        clock=clock,
        certify_renewal=renew or renew_anything(),
        check_holder=holder or believe_anybody(),
    )
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def open_table(db, clock, **different):
    """An Http that reaches the cards' application."""
    async with cards_app(db, clock, **different) as app:
        yield HttpxHttp({ORIGIN: app})


__all__ = ["PACKAGE"]
