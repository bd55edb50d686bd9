"""Japan Post's rows become towns, and their traps do not become towns."""

from collections import Counter, defaultdict

from kiban.registry import japan_post, source
from kiban.registry.facts import MunicipalityFacts, PostalCode, TownFacts
from kiban.shared.identifiers import check_municipality_code
from tests.registry.places import NAKA, NISHI, SAKATA, row


def towns(*rows):
    (group, _) = japan_post.groups(rows)
    return [facts for facts in group if isinstance(facts, TownFacts)]


def municipalities(*rows):
    groups = japan_post.groups(rows)
    return [facts for group in groups for facts in group if isinstance(facts, MunicipalityFacts)]


def test_a_town_gathers_its_postal_codes_with_the_parts_they_are_for():
    (town,) = towns(
        row(note="10階", code="2480999"), row(note="その他"), row(note="その他"), row(has_chome=1)
    )

    assert (town.name, town.kana, town.has_chome) == ("御成町", "オナリマチ", True)
    assert town.postal == (
        PostalCode("2480012", ""),
        PostalCode("2480012", "その他"),
        PostalCode("2480999", "10階"),
    )


def test_a_reading_that_two_lines_repeat_is_given_once():
    inari = {"jis": "26106", "city": "京都市下京区", "several_lines": 1}
    (town,) = towns(
        row("稲荷町", "イナリチョウイナリチョウ", **inari),
        row("稲荷町", "イナリチョウ", **{**inari, "several_lines": 0}),
    )

    assert town.kana == "イナリチョウ"


def test_a_reading_that_repeats_by_itself_stays():
    assert towns(row("馬場", "ババ"))[0].kana == "ババ"


def test_a_plot_that_was_cut_in_the_middle_of_its_number_is_a_part_of_the_town():
    several = row("穴明２２地割、穴明２", "アナアケ", note="３地割")
    one = row("寅沢１", "トラサワ", note="５地割")
    whole = row("川井", "カワイ", note="第9地割〜第11地割")

    named = {town.name: town.postal[0].note for town in towns(several, one, whole)}

    assert named == {
        "穴明": "22地割、穴明23地割",
        "寅沢": "15地割",
        "川井": "第9地割〜第11地割",
    }


def test_rows_without_a_town_are_told_apart():
    kinds = {
        town.postal[0].note: (town.kind, town.name)
        for town in towns(
            row("", "", note="以下に掲載がない場合"),
            row("鎌倉市", "カマクラシ", code="2480001"),
            row(
                "鎌倉市の次に１〜６６３番地がくる場合",
                "カマクラシノツギニ",
                code="2480002",
                note="川東",
            ),
        )
    }

    assert kinds == {
        "以下に掲載がない場合": ("rest", ""),
        "次に番地がくる場合": ("direct", ""),
    }


def test_a_town_with_floors_is_a_building():
    (town,) = towns(
        row("御成タワー", "オナリタワー", note="地階・階層不明"),
        row("御成タワー", "オナリタワー", note="1階", code="2486001"),
    )

    assert town.kind == "building"


def test_two_towns_that_are_written_alike_stay_two():
    first, second = towns(
        row("本町", "ホンチョウ", **SAKATA), row("本町", "ホンマチ", code="9996835", **SAKATA)
    )

    assert first.id != second.id
    assert {first.kana, second.kana} == {"ホンチョウ", "ホンマチ"}


def test_counties_and_wards_stand_apart_in_a_municipalitys_name():
    hayama = row(jis="14301", city="三浦郡葉山町")
    koriyama = row(jis="29203", city="大和郡山市")
    miyake = row(jis="13381", city="三宅島三宅村")

    named = [
        (each.id, each.kind, each.county, each.city, each.ward)
        for each in municipalities(hayama, row(**NAKA), koriyama, miyake)
    ]

    assert named == [
        ("143014", "municipality", "三浦郡", "葉山町", ""),
        ("141046", "ward", "", "横浜市", "中区"),
        ("292036", "municipality", "", "大和郡山市", ""),
        ("133817", "municipality", "三宅島", "三宅村", ""),
        ("141003", "designated-city", "", "横浜市", ""),
    ]


def test_a_designated_citys_code_and_reading_follow_from_its_wards():
    city = municipalities(row(**NISHI), row(**NAKA))[-1]

    assert (city.id, city.name, city.kana) == ("141003", "横浜市", "ヨコハマシ")


def test_all_of_japan_is_read_and_nothing_of_it_is_lost():
    rows = list(source.rows(source.packaged()))
    readings = defaultdict(set)
    for each in rows:
        readings[each.jis, each.town].add(each.town_kana)
    groups = list(japan_post.groups(rows))
    found = [facts for group in groups for facts in group]
    towns = [facts for facts in found if isinstance(facts, TownFacts)]

    assert len(rows) == 124_526
    assert len(readings) == 119_173
    assert sum(not town for _, town in readings) == 1_870
    assert sum(len(kana) > 1 for kana in readings.values()) == 82  # 71 of them read once, not twice
    assert Counter(facts.kind for facts in found) == {
        "municipality": 1_721,
        "ward": 171,
        "designated-city": 20,
        "town": 117_181,
        "building": 85,
        "direct": 48,
        "rest": 1_870,
    }
    assert len(towns) == 119_184  # 11 names stand for two towns
    assert len({facts.id for facts in found}) == len(found)
    assert {code.code for town in towns for code in town.postal} == {
        each.postal_code for each in rows
    }


def test_every_municipality_code_has_its_check_digit(japan):
    for code in japan.places:
        check_municipality_code(code)
