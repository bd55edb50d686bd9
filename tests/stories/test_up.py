"""The main job once over real sockets, in the country that `kiban up` runs."""

import json
import subprocess
import sys

import pytest

from kiban.deploy.story import DECIDED
from kiban.shared.http import AiohttpHttp, get_json
from kiban.world import cast
from kiban.world.citizen import Citizen
from kiban.world.companies.catalogue import COMPANIES

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sockets")]
ANSWERS = {"from_month": "2026-05", "confirm": True}
PEOPLE = cast.load_checked(cast.shipped_country()).people


@pytest.fixture
async def http(up):
    client = AiohttpHttp(up.routes)
    yield client
    await client.close()


async def test_every_role_answers_at_its_origin(up, http):
    for role, origin in up.ready["roles"].items():
        assert (await get_json(http, f"{origin}/health"))["role"] == role


def test_the_ready_file_says_what_an_integrator_needs(up):
    ready = up.ready
    hanako = next(each for each in ready["personas"] if each["id"] == "hanako")
    yoshi = next(each for each in ready["personas"] if each["id"] == "yoshi")

    assert ready["version"]
    assert ready["clock"]
    assert ready["operator_key"]
    assert set(ready["gateways"]) >= {"kamakura", "tax", "accounts", "portal"}
    assert hanako["card"]
    assert hanako["authentication_pin"]
    assert hanako["signature_password"]
    assert not yoshi["card"]
    assert {client["client_id"] for client in ready["clients"]} == {
        "portal",
        "demo",
        *COMPANIES,
    }
    assert {front["client_id"] for front in ready["fronts"]} == {"mover", "demo"}
    assert all(party["private_jwk"]["d"] for party in ready["clients"] + ready["fronts"])


async def test_hanako_applies_for_child_allowance(up, http):
    hanako = Citizen(PEOPLE["hanako"], http, up.origin("portal"))

    await hanako.logs_in()
    await hanako.applies_for("child-allowance", ANSWERS)
    while (outcome := await hanako.outcome()) not in DECIDED:
        """The city reads for itself; every look is a request, so that time passes."""

    assert outcome == "granted"
    assert all(line["verified"] == "yes" for line in await hanako.history())


async def test_a_person_logs_in_at_the_bank(up, http):
    maria = Citizen(PEOPLE["maria"], http, up.origin("portal"))

    page = await maria.logs_in_at(up.origin("bank"))

    assert "MARIA" in page.text


def test_an_integrator_logs_in_without_a_browser(up):
    place = up.data

    done = subprocess.run(
        [sys.executable, "-m", "kiban.deploy", "login", "--as", "taro", "--data", str(place)],
        capture_output=True,
        text=True,
        check=True,
    )

    told = json.loads(done.stdout)
    assert told["sub"]
    assert told["userinfo"]["name"] == "見本　太郎"


async def test_the_clock_moves_by_http(up, http):
    core = up.origin("core")
    key = {
        "authorization": f"Bearer {up.ready['operator_key']}",
        "content-type": "application/json",
    }
    before = await get_json(http, f"{core}/clock")

    (
        await http.send("PUT", f"{core}/clock", content=b'{"advance_seconds": 60}', headers=key)
    ).raise_problem()

    after = await get_json(http, f"{up.origin('portal')}/clock")
    assert after["offset_seconds"] == pytest.approx(before["offset_seconds"] + 60, abs=5)
