"""A move reaches the vault and the authority, whatever is interrupted and whoever overtakes whom."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from kiban.gateway.contract import Acquisition
from kiban.identity.authority.client import AuthorityClient
from kiban.identity.authority.contract import ChangeReply, ResidentRegistration
from kiban.registry.app import create_app as create_registry
from kiban.registry.client import RegistryClient
from kiban.registry.settings import RegistrySettings
from kiban.shared.database import Database
from kiban.shared.http import HttpxHttp
from kiban.shared.problems import Unavailable
from kiban.shared.settings import Secret
from kiban.world import cast
from kiban.world.people import person_number
from kiban.world.vault.contract import AddressUnclear, NobodyMatches
from kiban.world.vault.network import ResidentNetwork
from kiban.world.writing import SEX_IN_THE_REGISTER
from tests.registry.places import ROWS, postal_file, row
from tests.registry.places import country as written_country

PERSONA = cast.load_checked(cast.shipped_country()).people["hanako"]
HANAKO = person_number("resident-network", "hanako")
NEW, NEWER = "神奈川県鎌倉市長谷1丁目2番3号", "神奈川県鎌倉市大船9番9号"


def values(address: str) -> dict[str, str]:
    known = PERSONA.attributes()
    return {
        "name": known.name,
        "birth_date": known.birth_date,
        "sex": SEX_IN_THE_REGISTER[known.sex],
        "address": address,
    }


@dataclass
class Told:
    """The authority, and what it was told; it may be slow, or the line may break before or after it hears."""

    authority: AuthorityClient
    addresses: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    slow_for: str = ""
    waits: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    breaks: str = ""

    def __getattr__(self, name: str) -> object:
        return getattr(self.authority, name)

    async def change_attributes(self, resident: ResidentRegistration) -> ChangeReply:
        if self.breaks == "before":
            raise Unavailable
        address = resident.attributes.address.text
        if address == self.slow_for and not self.waits.is_set():
            self.waits.set()
            await self.go_on.wait()
        reply = await self.authority.change_attributes(resident)
        self.addresses.append(address)
        self.revoked += reply.revoked
        if self.breaks == "after":
            raise Unavailable
        return reply


@pytest.fixture
def network(registers):
    """The resident network, and an authority whose ears are watched."""
    real = registers.apps["gateway:resident-network"].state.network()
    return replace(real, authority=Told(real.authority))


async def test_the_next_pseudonym_is_taken_by_the_new_attributes(registers, network):
    await network.change(HANAKO, values(NEW), 1)

    tax = registers.apps["gateway:tax"].state.gateway
    before, now = PERSONA.attributes(), PERSONA.attributes().model_copy(update={"address": NEW})
    with pytest.raises(NobodyMatches):
        await tax.acquire(Acquisition(person="T1", attributes=before))
    known = await tax.acquire(Acquisition(person=person_number("tax", "hanako"), attributes=now))
    assert known.known
    resident = await network._resident(HANAKO)
    assert (resident.place.town, resident.place.rest) == ("長谷", "1丁目2番3号")


async def test_the_signature_certificate_ends_once(network):
    for _ in range(2):
        await network.change(HANAKO, values(NEW), 1)

    assert len(network.authority.revoked) == 1


@pytest.mark.parametrize("breaks", ["before", "after"])
async def test_what_was_interrupted_is_made_up_for(network, breaks):
    network.authority.breaks = breaks
    with pytest.raises(Unavailable):
        await network.change(HANAKO, values(NEW), 1)

    network.authority.breaks = ""
    await network.change(HANAKO, values(NEW), 1)

    assert network.authority.addresses[-1] == NEW
    assert len(network.authority.revoked) == 1


async def test_the_later_of_two_changes_stands_on_both_sides(network):
    network.authority.slow_for = NEW
    first = asyncio.create_task(network.change(HANAKO, values(NEW), 1))
    await network.authority.waits.wait()

    await network.change(HANAKO, values(NEWER), 2)
    network.authority.go_on.set()
    await first

    assert network.authority.addresses[-1] == NEWER
    assert (await network._resident(HANAKO)).attributes.address == NEWER


async def test_a_change_that_comes_late_tells_what_stands(network):
    await network.change(HANAKO, values(NEWER), 2)
    await network.change(HANAKO, values(NEW), 1)

    assert network.authority.addresses == [NEWER, NEWER]


@pytest.mark.parametrize("text", ["どこか遠く", "神奈川県鎌倉市", "鎌倉市長谷1丁目2番3号"])
async def test_an_address_without_a_town_changes_nothing(network, text):
    with pytest.raises(AddressUnclear):
        await network.change(HANAKO, values(text), 1)

    assert network.authority.addresses == []
    assert (await network._resident(HANAKO)).attributes == PERSONA.attributes()


async def test_a_lost_card_is_ended_wherever_its_holder_has_moved(network):
    await network.change(HANAKO, values(NEW), 1)

    await network.report_loss("hanako")

    async with network.db.read() as connection:
        lost = await network.residents.with_lost_cards(connection)
    assert HANAKO in {each.person for each in lost}


# --- which town an address means ------------------------------------------------------------------

ASAHIKAWA = {"jis": "01204", "prefecture": "北海道", "city": "旭川市"}
TOWNS = [
    *ROWS,
    row("", "", "0700000", **ASAHIKAWA),
    row("パルプ町", "パルプチョウ", "0700000", **ASAHIKAWA),
    row("東鷹栖１線", "ヒガシタカス１セン", "0718101", **ASAHIKAWA),
    row("東鷹栖１１線", "ヒガシタカス１１セン", "0718111", **ASAHIKAWA),
    row("パルプ町１条", "パルプチョウ１ジョウ", "0700001", **ASAHIKAWA),
]


@pytest.fixture
async def towns(tmp_path, clock):
    """A resident network that has only a registry, of towns that are easily mistaken."""
    settings = RegistrySettings(
        origin="http://registry.test",
        operator_key=Secret("operator"),
        country=written_country(tmp_path / "country"),
        postal_data=postal_file(tmp_path, TOWNS),
    )
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/registry.sqlite")
    app = create_registry(settings, db=db, http=HttpxHttp({}), clock=clock)
    async with app.router.lifespan_context(app):
        registry = RegistryClient(HttpxHttp({settings.origin: app}), settings.origin)
        yield ResidentNetwork("network", None, None, None, registry, clock)
    await db.close()


@pytest.mark.parametrize(
    ("text", "town", "rest"),
    [
        ("北海道旭川市東鷹栖１１線3号", "東鷹栖１１線", "3号"),
        ("北海道旭川市パルプ町１条2丁目", "パルプ町１条", "2丁目"),
        ("北海道旭川市パルプ町1番", "パルプ町", "1番"),
        ("北海道旭川市5番", "", "5番"),
    ],
)
async def test_a_town_whose_name_holds_a_number_is_told_from_its_neighbour(towns, text, town, rest):
    place = await towns._place(text)

    assert (place.town, place.rest, place.municipality) == (town, rest, "012041")


@pytest.mark.parametrize("text", ["北海道旭川市どこか", "北海道旭川市", "山形県酒田市本町1番"])
async def test_a_town_that_cannot_be_told_is_unclear(towns, text):
    with pytest.raises(AddressUnclear):
        await towns._place(text)
