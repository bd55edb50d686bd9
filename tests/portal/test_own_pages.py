"""What is the citizen's own to see, among the real neighbours: records, consents, history, and what is kept."""

import asyncio
import sys
from pathlib import Path

import pytest

from kiban.mesh import verifier
from tests.portal.citizens import (
    ANSWERS,
    arrives,
    at_the_form,
    goes,
    operations,
    parts,
    token,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("portal in a country"),
]


async def test_own_records_are_read_live_for_one_session(country):
    maria = await arrives(country, "maria")

    await maria.looks_at("kamakura/resident-record")

    assert "MARIA" in maria.page.part("record-resident-record").text
    await maria.logs_out()
    assert (await goes(maria, "/records")).status == 401


async def test_what_was_shown_stands_in_the_operations_with_its_office(country):
    maria = await arrives(country, "maria")
    await maria.looks_at("kamakura/resident-record")

    lines = await operations(maria)
    english = (await goes(maria, "/operations?lang=en")).table("operations").rows

    assert any(
        "表示しました" in line and "住民票の記載事項（鎌倉市（模擬））" in line for line in lines
    )
    assert any("Resident record (Kamakura City (SIMULATED))" in row[1] for row in english), english


async def test_leaving_ends_what_was_approved_for_the_visit(country):
    hanako = await at_the_form(country)
    session = token(hanako).digest

    await hanako.logs_out()
    await country.settles()

    async with parts(country).store.read() as rows:
        assert await rows.consents_of_session(session) == []
    await hanako.logs_in()
    await goes(hanako, "/consents")
    assert "いま有効な表示の承認はありません" in hanako.page.text
    assert "公金受取口座" in hanako.page.text


async def test_a_consent_can_be_ended_and_stays_on_record(country):
    hanako = await at_the_form(country)
    await goes(hanako, "/consents")
    ending = next(form.name for form in hanako.page.markup.forms if form.name.startswith("end-"))

    await hanako.browser.submit(ending)
    await country.settles()

    assert not hanako.page.has_form(ending)
    assert any("同意を取り消しました" in line for line in await operations(hanako))
    assert await parts(country).outbox.dead() == []


async def test_a_proof_is_shown_with_what_is_needed_to_check_it(country):
    hanako = await at_the_form(country)
    await country.settles()
    await hanako.history()
    links = [link for link in hanako.page.markup.links if "検証済み" in link.text]

    await hanako.browser.open(links[0].href)

    checkpoint = hanako.page.part("checkpoint").text
    assert "確かに入っています" in hanako.page.part("verified").text
    assert checkpoint.count("—") >= 1
    assert hanako.page.part("path").text
    source = Path(verifier.__file__).relative_to(Path(__file__).parents[2])
    assert str(source) in hanako.page.text


async def test_a_saved_proof_holds_for_a_program_that_knows_nothing_of_the_portal(
    country, tmp_path
):
    hanako = await at_the_form(country)
    await country.settles()
    await hanako.history()
    links = [link for link in hanako.page.markup.links if "検証済み" in link.text]
    await hanako.browser.open(links[0].href)
    key = hanako.page.text.partition("--key '")[2].partition("'")[0]
    cookie = f"portal-session={token(hanako).reveal()}"
    url = country.origin("portal") + hanako.page.link("proof-file").href
    saved = await country.http.send("GET", url, headers={"cookie": cookie})
    (tmp_path / "proof.json").write_bytes(saved.content)

    command = [sys.executable, verifier.__file__, "inclusion", "proof.json", "--key", key]
    checked = await asyncio.create_subprocess_exec(*command, cwd=tmp_path)

    assert await checked.wait() == 0


async def test_a_line_is_open_only_to_its_person(country):
    hanako, taro = await at_the_form(country), await arrives(country, "taro")
    await country.settles()
    await goes(hanako, "/history")
    own = next(link.href for link in hanako.page.markup.links if "/history/" in link.href)

    assert (await goes(taro, own)).status == 404


async def test_a_log_that_signs_with_another_key_is_not_believed(country, monkeypatch):
    hanako = await at_the_form(country)
    await country.settles()
    history = parts(country).history
    directory = await history.log.read_directory()
    other = directory.model_copy(update={"log_key": directory.log_key.replace("+", "x+", 1)})

    async def read_directory(_: object) -> object:
        return other

    monkeypatch.setattr(type(history.log), "read_directory", read_directory)
    lines = await hanako.history()

    assert {line["verified"] for line in lines} == {"no"}
    assert "証明が合いません" in hanako.page.text


async def test_the_portal_keeps_no_name_no_value_and_no_certificate(country):
    hanako = await at_the_form(country)
    await hanako.fills(ANSWERS)
    await hanako.signs()
    await country.settles()
    place = country.house.premises.place

    kept = b"".join(path.read_bytes() for path in place.glob("portal.sqlite*"))

    for secret in ("花子", "ミホン", "3460000", "9990512", "1990-05-12", "HANAKO512"):
        assert secret.encode() not in kept, secret
        assert secret.encode().hex().encode() not in kept, secret


async def test_the_history_agrees_with_an_offices_own_record(country):
    hanako = await at_the_form(country)
    await hanako.looks_at("tax/exchange-records")
    await country.settles()

    await goes(hanako, "/history")

    assert "一致しています" in hanako.page.part("compared").text
    assert "一致しません" not in hanako.page.part("compared").text
