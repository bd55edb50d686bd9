"""The same software is another country's, by its files alone: no agency, no item and no law is written in code."""

import pytest
import pytest_asyncio

from kiban.deploy import house
from kiban.deploy.__main__ import main
from kiban.gateway.contract import InquiryRequest
from kiban.mesh.contract import NotPermitted
from kiban.world.people import person_number
from tests.stories import other_country
from tests.stories.country import postal_data_of, running
from tests.stories.other_country import AFFAIR, MOST, REVENUE, TOWNS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(tmp_path_factory):
    place = tmp_path_factory.mktemp("other")
    folder = other_country.write(place / "country")
    assert main(["check", str(folder)]) == 0
    settled = house.settle(place / "data", folder)
    async with running(settled, postal_data_of(folder, place)) as here:
        yield here


async def test_each_municipality_decides_on_its_own_residents_application(country):
    for town in TOWNS:
        citizen = country.citizen(town.person)
        await citizen.logs_in()
        await citizen.applies_for(town.procedure, {"confirm": True})
        await country.settles()

        due = "granted" if town.yearly_earnings <= MOST else "refused"
        assert await citizen.outcome() == due
        history = await citizen.history()
        assert {line["verified"] for line in history} == {"yes"}


async def test_the_law_of_one_municipality_is_not_the_others(country):
    sapporo, chiyoda, _ = TOWNS
    about = InquiryRequest(
        provider=REVENUE,
        affair=AFFAIR,
        item="earnings",
        people=[person_number(sapporo.id, sapporo.person)],
    )

    reply = await country.gateway(sapporo.id).inquire(about)

    assert reply.basis == f"{AFFAIR}.{sapporo.id}.1"
    assert reply.statements[0].values == {"yen": sapporo.yearly_earnings}
    here = [person_number(chiyoda.id, chiyoda.person)]
    with pytest.raises(NotPermitted):
        await country.gateway(chiyoda.id).inquire(
            about.model_copy(update={"provider": sapporo.id, "item": "household", "people": here})
        )
