"""The same software is another country's, by its files alone: no agency, no item and no law is written in code."""

import pytest

from kiban.deploy import house
from kiban.deploy.__main__ import main
from kiban.gateway.contract import InquiryRequest
from kiban.mesh.contract import NotPermitted
from kiban.world.people import person_number
from tests.stories import other_country
from tests.stories.country import postal_data_of, running
from tests.stories.other_country import AFFAIR, MOST, REVENUE, TOWNS


@pytest.fixture
async def country(tmp_path):
    folder = other_country.write(tmp_path / "country")
    assert main(["check", str(folder)]) == 0
    settled = house.settle(tmp_path / "data", folder)
    async with running(settled, postal_data_of(folder, tmp_path)) as here:
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
