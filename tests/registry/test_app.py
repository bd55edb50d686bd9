"""The registry over HTTP, seen through its client and past it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from kiban.registry.app import create_app
from kiban.registry.client import RegistryClient
from kiban.registry.contract import (
    AddressText,
    CheckDigitWrong,
    CursorPassed,
    SearchUnclear,
    UnknownLegalEntity,
    UnknownMunicipality,
    UnknownTown,
)
from kiban.shared.app import operations
from kiban.shared.clock import FrozenClock
from kiban.shared.http import HttpxHttp
from kiban.shared.problems import Malformed
from tests.registry.conftest import ORIGIN
from tests.registry.places import ROWS, WORKS, country, entity, postal_file

DOCUMENT = Path(__file__).resolve().parents[2] / "services/registry/openapi/registry.json"


async def get(registry: RegistryClient, path: str, **headers: str):
    return await registry._http.send("GET", ORIGIN + path, headers=headers)


async def test_a_municipality_is_read_by_its_code(registry):
    kamakura = await registry.read_municipality("142042")

    assert (kamakura.name, kamakura.prefecture, kamakura.kind) == (
        "鎌倉市",
        "神奈川県",
        "municipality",
    )
    assert (kamakura.source, kamakura.sequence) == ("japan-post", 10)


async def test_a_town_is_found_by_postal_code_and_read_by_id(registry):
    (onari,) = (await registry.find_towns(postal_code="2480012")).towns

    assert onari == await registry.read_town("142042-k2nx7g4cs")
    assert (onari.address, onari.address_kana) == (
        "神奈川県鎌倉市御成町",
        "カナガワケンカマクラシオナリマチ",
    )
    assert not onari.official


async def test_a_town_is_found_by_name_everywhere_or_in_one_municipality(registry):
    everywhere = await registry.find_towns(name="町", limit=100)
    there = await registry.find_towns(name="町", municipality="141003")
    all_of_it = await registry.find_towns(municipality="142042")

    assert len(everywhere.towns) == 5
    assert [town.name for town in there.towns] == ["港町", "山下町"]
    assert [town.name for town in all_of_it.towns] == ["御成町", "由比ガ浜", ""]


async def test_pages_go_on_where_the_last_one_ended(registry):
    first = await registry.list_municipalities(limit=3)
    second = await registry.list_municipalities(limit=3, cursor=first.next)

    codes = [each.code for each in [*first.municipalities, *second.municipalities]]
    assert codes == ["062049", "141003", "141038", "141046", "142042"]
    assert second.next is None
    kanagawa = await registry.list_municipalities(prefecture="14", limit=4)
    assert (len(kanagawa.municipalities), kanagawa.next) == (4, None)


async def test_a_legal_entity_is_found_by_any_of_its_names_and_read_by_number(registry):
    works = await registry.read_legal_entity(WORKS)

    for name in ("あきつ", "アキツセイサク", "akitsu works", "株式会社あきつ製作所（模擬）"):
        assert (await registry.find_legal_entities(name=name)).legal_entities == [works]
    assert (await registry.find_legal_entities(name="ほか")).legal_entities == []
    assert works.simulated
    assert works.address.town == "142042-k2nx7g4cs"


async def test_entities_that_are_closed_come_last(opened, settings, tmp_path):
    closed = entity(number='"6900001000002"', name='"あきつ"', closed="2023-03-31")
    registry = await opened(replace(settings, country=country(tmp_path / "two", closed, entity())))

    found = await registry.find_legal_entities(name="あきつ", limit=1)
    rest = await registry.find_legal_entities(name="あきつ", limit=1, cursor=found.next)

    assert [each.valid_to for each in found.legal_entities + rest.legal_entities] == [
        None,
        date(2023, 3, 31),
    ]


async def test_an_address_in_words_becomes_ids_or_says_why_not(registry):
    resolved = await registry.resolve_address(AddressText(text="横浜市港町1-2"))
    ambiguous = await registry.resolve_address(AddressText(text="酒田市本町1"))
    partial = await registry.resolve_address(AddressText(text="鎌倉市どこか1"))

    assert (resolved.kind, resolved.candidates[0].town.name) == ("resolved", "港町")
    assert (ambiguous.kind, len(ambiguous.candidates)) == ("ambiguous", 2)
    assert (partial.kind, partial.unmatched) == ("partial", "どこか1")


async def test_the_source_says_whose_the_data_are(registry):
    source = await registry.describe_source()

    assert source.counts.model_dump() == {"municipalities": 5, "towns": 9, "legal_entities": 1}
    post, made_up = source.editions
    assert "日本郵便" in post.attribution
    assert "no copyright" in post.licence
    assert "SIMULATED" in made_up.attribution


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda registry: registry.read_municipality("142043"), CheckDigitWrong),
        (lambda registry: registry.read_municipality("131016"), UnknownMunicipality),
        (lambda registry: registry.read_municipality("x"), Malformed),
        (lambda registry: registry.read_town("142042-k00000000"), UnknownTown),
        (lambda registry: registry.read_town("142043-k00000000"), CheckDigitWrong),
        (lambda registry: registry.read_town("1420420001000"), Malformed),
        (lambda registry: registry.read_legal_entity("5900001000004"), CheckDigitWrong),
        (lambda registry: registry.read_legal_entity("8700110005901"), UnknownLegalEntity),
        (lambda registry: registry.find_towns(), SearchUnclear),
        (lambda registry: registry.find_towns(postal_code="2480012", name="町"), SearchUnclear),
        (lambda registry: registry.find_towns(municipality="142043"), CheckDigitWrong),
        (lambda registry: registry.find_towns(municipality="131016"), UnknownMunicipality),
        (lambda registry: registry.find_towns(name="町", cursor="0-0-0-0"), CursorPassed),
        (lambda registry: registry.find_towns(name="町", cursor="x"), Malformed),
        (lambda registry: registry.find_towns(name="町" * 101), Malformed),
        (lambda registry: registry.find_towns(name="町", limit=0), Malformed),
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_says_why(registry, call, problem):
    with pytest.raises(problem):
        await call(registry)


async def test_entries_can_be_asked_for_as_they_were(opened, settings, tmp_path, clock):
    before = datetime(2026, 4, 1, tzinfo=UTC)
    await opened()
    clock.advance(timedelta(days=30))
    moved = entity(rest='"99番9号"')
    registry = await opened(replace(settings, country=country(tmp_path / "moved", moved)))

    assert (await registry.read_legal_entity(WORKS)).address.rest == "99番9号"
    assert (await registry.read_legal_entity(WORKS, known_at=before)).address.rest == "99番1号"
    assert (await registry.read_municipality("142042", known_at=before)).name == "鎌倉市"
    assert (
        await registry.read_town("142042-k2nx7g4cs", valid_at=date(2020, 1, 1))
    ).name == "御成町"
    with pytest.raises(UnknownLegalEntity):
        await registry.read_legal_entity(WORKS, valid_at=date(2015, 10, 4))
    with pytest.raises(UnknownTown):
        await registry.read_town("142042-k2nx7g4cs", known_at=before - timedelta(days=1))


async def test_a_cache_may_keep_an_answer_until_the_register_changes(opened, settings, tmp_path):
    registry = await opened()
    first = await get(registry, "/municipalities/142042")
    again = await get(
        registry, "/municipalities/142042", **{"if-none-match": first.headers["etag"]}
    )
    weak = await get(registry, "/source", **{"if-none-match": f'"x", W/{first.headers["etag"]}'})

    assert first.headers["cache-control"] == "public, max-age=60"
    assert (again.status, again.content, weak.status) == (304, b"", 304)
    later = replace(settings, postal_data=postal_file(tmp_path, ROWS[1:], "later.db"))
    changed = await get(
        await opened(later), "/municipalities/142042", **{"if-none-match": first.headers["etag"]}
    )
    assert changed.status == 200


@pytest.mark.parametrize(
    "path", ["/municipalities/142042", "/towns/142042-k2nx7g4cs", f"/legal-entities/{WORKS}"]
)
async def test_the_short_way_answers_as_the_usual_one(registry, path):
    short, usual = await get(registry, path), await get(registry, f"{path}?valid_at=2026-04-01")
    head = await registry._http.send("HEAD", ORIGIN + path)

    assert short.content == usual.content
    assert dict(short.headers) == dict(usual.headers)
    assert (head.status, head.content) == (200, b"")
    assert dict(head.headers) == dict(usual.headers)


async def test_an_address_in_words_is_kept_by_no_cache(registry):
    url = f"{ORIGIN}/addresses/resolve"
    said = {"content-type": "application/json"}

    reply = await registry._http.send("POST", url, content=b'{"text": "x"}', headers=said)

    assert reply.headers["cache-control"] == "no-store"


async def test_the_client_has_a_method_for_each_operation(settings, clock):
    app = create_app(settings, db=None, http=HttpxHttp({}), clock=clock)
    methods = {name for name in vars(RegistryClient) if not name.startswith("_")}

    assert methods == set(operations(app))


def test_the_committed_document_is_what_the_application_says(settings):
    app = create_app(settings, db=None, http=HttpxHttp({}), clock=FrozenClock())

    assert json.loads(DOCUMENT.read_text(encoding="utf-8")) == json.loads(json.dumps(app.openapi()))
