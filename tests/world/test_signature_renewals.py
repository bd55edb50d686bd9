"""The resident network certifies a new signature key for the right card, at the right counter, at the right time."""

import asyncio
from copy import copy

import pytest

from kiban.identity.authority.contract import CertificateRefused, CertificateRevoked, KeyRefused
from kiban.shared import encoding
from kiban.shared.problems import Unauthenticated
from kiban.shared.settings import Secret
from kiban.world import cast
from kiban.world.cards import card
from kiban.world.cards.contract import RenewalOrder
from kiban.world.population import renewing
from kiban.world.vault.client import CardOfficeClient
from kiban.world.vault.contract import (
    CardOfSomebodyElse,
    HolderCheck,
    LivesElsewhere,
    NobodyMatches,
    SignatureInForce,
    SignatureRenewal,
)
from tests.world.power import Dying, PowerCut
from tests.world.test_moves import HANAKO, NEW, NEWER, values

PEOPLE = cast.load_checked(cast.shipped_country()).people
HERE, ELSEWHERE = "142042", "131016"


class CardOffice:
    """The card office, with its hands on a persona's chips."""

    def __init__(self, registers, secret: Secret | None = None) -> None:
        self.country = registers
        self.cards = registers.apps["cards"].state.cards
        premises = registers.house.premises
        self.client = CardOfficeClient(
            registers.http,
            registers.origin("gateway:resident-network"),
            secret or premises.secret("card-office"),
        )
        self.key = card.new_key()

    async def asks(self, persona: str = "hanako", **different):
        async with self.cards._db.read() as connection:
            chips = await self.cards._drawer.chips(connection, persona)
        authentication, signature = chips
        wanted = {
            "municipality": HERE,
            "authentication_certificate": encoding.encode(authentication.certificate),
            "authentication_request": encoding.encode(
                card.certification_request(authentication.private_key)
            ),
            "signature_certificate": encoding.encode(signature.certificate),
            "signature_request": encoding.encode(card.certification_request(self.key)),
            "card_expires": PEOPLE[persona].card.expires.isoformat(),
            **different,
        }
        return await self.client.renew_signature(SignatureRenewal(**wanted))

    async def checks(self, *, persona: str = "hanako", **different) -> None:
        certificate = await self.cards.authentication_certificate(persona)
        wanted = {
            "municipality": HERE,
            "visitor": of("hanako"),
            "authentication_certificate": encoding.encode(certificate),
            **different,
        }
        await self.client.check_holder(HolderCheck(**wanted))


@pytest.fixture
def network(registers):
    return registers.apps["gateway:resident-network"].state.network()


@pytest.fixture
async def office(registers, network):
    """The card office, after Hanako has moved within the city."""
    await network.change(HANAKO, values(NEW), 1)
    return CardOffice(registers)


def of(name: str, address: str = ""):
    known = PEOPLE[name].attributes()
    return known.model_copy(update={"address": address or known.address})


async def test_the_new_certificate_names_the_new_address(office):
    given = await office.asks(visitor=of("hanako", NEW))

    assert NEW.encode() in encoding.decode(given.signature)


async def test_the_authentication_certificate_stays(office):
    before = await office.cards.authentication_certificate("hanako")

    given = await office.asks()

    assert encoding.decode(given.authentication) == before


async def test_the_same_keys_again_give_the_same_certificates(office):
    first, *others = [await office.asks() for _ in range(3)]

    assert others == [first, first]


async def test_at_once_is_the_same_as_one_after_the_other(office):
    first, second = await asyncio.gather(office.asks(), office.asks())

    assert first == second


async def test_what_is_in_force_is_not_renewed(registers):
    with pytest.raises(SignatureInForce):
        await CardOffice(registers).asks()


async def test_another_persons_card_is_refused(office):
    with pytest.raises(CardOfSomebodyElse):
        await office.asks("taro", visitor=of("hanako", NEW))


async def test_the_earlier_address_names_nobody_any_more(office):
    with pytest.raises(NobodyMatches):
        await office.asks(visitor=of("hanako"))


async def test_another_municipalitys_counter_is_refused(office):
    with pytest.raises(LivesElsewhere):
        await office.asks(municipality=ELSEWHERE)


async def test_a_lost_card_is_not_renewed(office, network):
    await network.report_loss("hanako")

    with pytest.raises(CertificateRevoked):
        await office.asks()


async def test_whoever_moved_again_meanwhile_needs_another_key(office, network):
    await office.asks()
    await network.change(HANAKO, values(NEWER), 2)

    with pytest.raises(KeyRefused):
        await office.asks()

    office.key = card.new_key()
    assert NEWER.encode() in encoding.decode((await office.asks()).signature)


async def test_a_card_is_no_other_card_by_saying_so(office):
    taros = await office.cards.authentication_certificate("taro")

    with pytest.raises(KeyRefused):
        await office.asks(authentication_certificate=encoding.encode(taros))


async def test_what_is_no_certificate_is_refused(office):
    for field in ("authentication_certificate", "signature_certificate"):
        for sent in ("", "AAAA", "not base64!", "ü"):
            with pytest.raises(CertificateRefused):
                await office.asks(**{field: sent})


async def test_a_certificate_of_another_authority_is_refused(office):
    foreign = await office.cards.authentication_certificate("hanako")

    with pytest.raises(CertificateRefused):
        await office.asks(signature_certificate=encoding.encode(foreign))


async def test_a_power_cut_after_the_authority_has_certified_loses_nothing(registers, office):
    """The card has the old certificate still, and the authority the new one in force: asking again mends it."""
    dying = copy(office.cards)
    dying._db = mortal = Dying(office.cards._db, committed=False)
    mortal.left = 4

    with pytest.raises(PowerCut):
        await renews(dying, registers)
    await renews(office.cards, registers)

    signed = await office.cards.sign_digest("hanako", "signature", "HASE2026", b"d" * 32)
    assert NEW.encode() in encoding.decode(signed.certificate)
    with pytest.raises(SignatureInForce):
        await renews(office.cards, registers)


async def renews(cards, registers):
    order = RenewalOrder(
        id="0" * 32, office="kamakura", municipality=HERE, return_to="http://town.localhost:1"
    )
    certify = renewing(CardOffice(registers).client, PEOPLE)
    await cards.renew_signature(
        "hanako",
        pin=PEOPLE["hanako"].card.authentication_pin.reveal(),
        password="HASE2026",
        certify=lambda succession: certify("hanako", order, succession),
        renewal=order.id,
    )


async def test_only_the_card_office_may_ask(registers):
    with pytest.raises(Unauthenticated):
        await CardOffice(registers, Secret("somebody's")).asks()
    with pytest.raises(Unauthenticated):
        await CardOffice(registers, Secret("somebody's")).checks()


# --- whose card it is, for a PIN that is set anew ---------------------------------------------------


async def test_the_visitors_own_card_is_believed(registers):
    await CardOffice(registers).checks()


@pytest.mark.parametrize(
    ("different", "problem"),
    [
        ({"persona": "taro"}, CardOfSomebodyElse),
        ({"municipality": ELSEWHERE}, LivesElsewhere),
        ({"visitor": of("hanako", NEW)}, NobodyMatches),
        ({"authentication_certificate": "AAAA"}, CertificateRefused),
    ],
)
async def test_another_card_or_another_counter_is_refused(registers, different, problem):
    with pytest.raises(problem):
        await CardOffice(registers).checks(**different)


async def test_of_a_lost_card_no_pin_is_set(registers, network):
    await network.report_loss("hanako")

    with pytest.raises(CertificateRevoked):
        await CardOffice(registers).checks()
