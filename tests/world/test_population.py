"""A new country comes to life, an old one wakes up, and one that was killed goes on; all with the real neighbours."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from kiban.gateway import store as gateway_store
from kiban.gateway.contract import Acquisition
from kiban.identity.authority.contract import CertificateRevoked
from kiban.shared.http import get_json, post_json
from kiban.shared.keyring import Wrapping
from kiban.shared.problems import Unauthenticated, Unavailable
from kiban.world import cast
from kiban.world.citizen import Citizen
from kiban.world.people import person_number
from kiban.world.population import Progress, patiently
from kiban.world.vault import numbers
from kiban.world.vault.contract import NobodyMatches
from kiban.world.vault.store import Residents

pytestmark = pytest.mark.asyncio(loop_scope="module")
OFFICES = ("kamakura", "tax", "accounts", "resident-network")
CAST = cast.load_checked(cast.shipped_country())


async def pseudonyms(country, member: str) -> dict[str, bytes]:
    gateway = country.apps[f"gateway:{member}"].state.gateway
    async with gateway.db.read() as connection:
        rows = (await connection.execute(sa.select(gateway_store.people))).all()
        return {row.person: gateway.standing.people.unwrap(row.code).value for row in rows}


async def test_every_office_has_a_pseudonym_for_each_person_whom_it_serves(same_country):
    for member in OFFICES:
        known = await pseudonyms(same_country, member)

        assert set(known) == {
            person_number(member, persona.id) for persona in CAST.people.served_by(member)
        }


async def test_no_two_offices_call_anybody_by_the_same_pseudonym(same_country):
    every = [
        code
        for member in (*OFFICES, "portal")
        for code in (await pseudonyms(same_country, member)).values()
    ]

    assert len(set(every)) == len(every)


async def test_the_portal_has_a_nameless_pseudonym_for_everybody(same_country):
    assert len(await pseudonyms(same_country, "portal")) == len(CAST.people)


async def test_an_office_that_serves_nobody_has_no_pseudonym(same_country):
    assert await pseudonyms(same_country, "police") == {}


async def test_everybody_who_is_to_have_a_card_has_one(same_country):
    cards = await get_json(same_country.http, f"{same_country.origin('cards')}/cards")

    assert {each["persona"] for each in cards["cards"]} == {
        persona.id for persona in CAST.people if persona.card
    }
    signing = {each["persona"]: each["signature"] is not None for each in cards["cards"]}
    assert signing["hanako"]
    assert not signing["mei"]


async def test_the_population_says_that_it_is_complete(same_country):
    for role in ("gateway:tax", "gateway:resident-network", "cards"):
        assert await get_json(same_country.http, f"{same_country.origin(role)}/population") == {
            "settled": True,
            "problems": [],
        }


# --- the vault ------------------------------------------------------------------------------------


async def test_four_attributes_that_are_nobodys_give_no_pseudonym(same_country):
    gateway = same_country.apps["gateway:tax"].state.gateway
    almost = CAST.people["hanako"].attributes().model_copy(update={"birth_date": "1990-05-13"})

    with pytest.raises(NobodyMatches):
        await gateway.acquire(Acquisition(person="X1", attributes=almost))

    assert "X1" not in await pseudonyms(same_country, "tax")


async def test_only_members_take_pseudonyms(same_country):
    origin = same_country.origin("gateway:resident-network")
    attributes = CAST.people["hanako"].attributes().model_dump()

    with pytest.raises(Exception, match="signature does not hold"):
        await post_json(same_country.http, f"{origin}/acquisitions", attributes)


@pytest.mark.parametrize("authorization", [{}, {"authorization": "Bearer guess"}])
async def test_only_the_card_office_has_cards_certified(same_country, authorization):
    origin = same_country.origin("gateway:resident-network")

    with pytest.raises(Unauthenticated):
        await post_json(
            same_country.http, f"{origin}/card-certificates", {"anything": 1}, headers=authorization
        )


async def test_my_numbers_have_left_the_vault_for_nowhere(same_country):
    network = same_country.apps["gateway:resident-network"].state.network()
    async with network.db.read() as connection:
        taken = [each.reveal() for each in await network.residents.my_numbers(connection)]
    assert len(taken) == len(CAST.people)
    place = same_country.house.premises.place

    files = [file for file in place.rglob("*") if file.is_file()]
    assert len(files) > 20
    for file in files:
        content = file.read_bytes()
        assert not any(number.encode() in content for number in taken), file.name


async def test_resident_record_codes_stand_nowhere_in_the_clear(same_country):
    codes = [
        numbers.resident_record_code(place).reveal() for place in range(1, len(CAST.people) + 1)
    ]

    for file in same_country.house.premises.place.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(code.encode() in content for code in codes), file.name


async def test_a_lost_card_logs_nobody_in(same_country):
    kenji = Citizen(
        CAST.people["kenji"], same_country.http, same_country.origin("portal"), same_country.clock
    )
    await kenji.goes_to_login()

    page = await kenji.holds_up_card()

    assert page.status == CertificateRevoked.status
    assert page.has_form("tap")


async def test_the_vaults_secret_opens_only_the_vaults_numbers(same_country):
    network = same_country.apps["gateway:resident-network"].state.network()
    other = Residents(Wrapping(same_country.house.premises.secret("operator")))

    async with network.db.read() as connection:
        with pytest.raises(Exception, match="does not open"):
            await other.my_numbers(connection)


# --- patience -------------------------------------------------------------------------------------


async def test_a_step_is_repeated_while_a_neighbour_is_not_there_yet():
    tries = []

    async def step():
        tries.append(1)
        if len(tries) < 3:
            raise [Unavailable, NobodyMatches][len(tries) - 1]

    await patiently(step)

    assert len(tries) == 3


async def test_a_refusal_is_not_repeated_and_the_operator_hears_of_it():
    progress, tries = Progress(), []

    async def step():
        tries.append(1)
        raise Unauthenticated

    async def part():
        await patiently(step)

    await progress.keep(part())

    assert (len(tries), progress.problem) == (1, "unauthenticated")
    assert progress.ended.is_set()
    assert not progress.settled.is_set()


async def test_patience_has_an_end():
    async def step():
        raise Unavailable

    with pytest.raises(Unavailable):
        await asyncio.wait_for(patiently(step, patience=timedelta(seconds=0.2)), 2)
