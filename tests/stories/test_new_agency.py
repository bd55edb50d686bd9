"""An architect adds an agency, an item, a row of the law and a person as files, and the agency answers."""

import pytest

from kiban.deploy import house
from kiban.deploy.__main__ import main
from kiban.gateway.contract import InquiryRequest
from kiban.mesh.contract import NotPermitted
from kiban.world.people import person_number
from tests.stories.architect import add_labour_office, copied_country
from tests.stories.country import running


@pytest.fixture
async def country(tmp_path, postal_data):
    folder = copied_country(tmp_path)
    add_labour_office(folder)
    assert main(["check", str(folder)]) == 0
    async with running(house.settle(tmp_path / "data", folder), postal_data) as here:
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
