"""An architect adds an agency, or a municipality, as files: the agency answers, and somebody moves there."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kiban.deploy import house
from kiban.deploy.__main__ import main
from kiban.gateway.contract import InquiryRequest
from kiban.mesh.contract import NotPermitted
from kiban.world.people import person_number
from tests.stories.architect import add_labour_office, add_municipality, copied_country
from tests.stories.country import Country, postal_data_of, running
from tests.stories.test_moving import files

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Country]:
    place = tmp_path_factory.mktemp("added")
    folder = copied_country(place)
    add_labour_office(folder)
    add_municipality(folder)
    assert main(["check", str(folder)]) == 0
    async with running(house.settle(place / "data", folder), postal_data_of(folder, place)) as here:
        yield here


async def test_the_new_agency_answers_its_first_inquiry(country):
    tomi = person_number("kamakura", "tomi")
    kamakura, tax = country.gateway("kamakura"), country.gateway("tax")
    about_tomi = InquiryRequest(
        provider="labour", affair="child-allowance", item="labour", people=[tomi]
    )

    reply = await kamakura.inquire(about_tomi)

    assert reply.basis == "child-allowance.9"
    assert reply.statements[0].values == {"kind": "基本手当", "yearly_amount_yen": 831_700}
    with pytest.raises(NotPermitted):
        await tax.inquire(about_tomi.model_copy(update={"people": [person_number("tax", "taro")]}))


async def test_somebody_moves_to_a_new_municipality_of_which_the_law_knows_nothing(country):
    maria, clerk = country.citizen("maria"), country.clerk("zushi")
    await maria.logs_in()
    await files(maria, out="kamakura", to="逗子市桜山", movers={"movers-1": True}, on="2026-03-30")
    await maria.signs()
    await maria.sends()
    await country.settles()
    await clerk.signs_in()

    [notice] = await clerk.finds()
    await clerk.takes(notice)
    await country.settles()

    assert await maria.outcome() == "completed"
    asked = {(line["inquirer"], line["provider"], line["item"]) for line in await maria.history()}
    assert ("zushi", "kamakura", "moving-out") in asked
    assert ("kamakura", "zushi", "moved-in") in asked
    shown = (await maria.looks_at("zushi/resident-record", "tax/registered-address")).text
    assert shown.count("神奈川県逗子市桜山1丁目2番3号") == 2
