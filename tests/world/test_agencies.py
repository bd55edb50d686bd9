"""Agency files: a closed list of verbs, held against the rest of the country."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from kiban.shared.country import CountryWrong, Mistakes
from kiban.world import cast
from kiban.world.office.agencies import Read
from kiban.world.office.conditions import AMemberIsYoungerThan, IsAtLeastThatOf, IsAtMost
from kiban.world.office.effects import Decided

DAY = date(2026, 4, 1)
LIBRARY = """\
id = "library"
name = { ja = "図書館（模擬）", en = "Library (SIMULATED)" }
domain = "library"

[[holds]]
item = "household"
answers = "after-a-clerk"
announces = "reading"

[[holds]]
item = "loans"

[[accepts]]
procedure = "child-allowance"
reads = [
    { item = "household" },
    { item = "income", provider = "tax", affair = "reading" },
]
waits_for_clerk = true
grants_when = [{ rule = "is", item = "income", field = "year", value = "2024" }]
applies = [
    { item = "loans", set = [
        { field = "name", from = "answer", name = "employer" },
        { field = "income", from = "read", item = "income", name = "total_income_yen" },
        { field = "since", from = "day" },
        { field = "kind", from = "text", name = "reader" },
    ] },
]
granted = { ja = "可", en = "yes" }
refused = { ja = "不可", en = "no" }
"""


@pytest.fixture
def country(tmp_path: Path):
    """A copy of the country with one more agency: what is read of it, and its mistakes by line."""
    shutil.copytree(cast.shipped_country(), tmp_path / "country")

    def add(text: str):
        file = tmp_path / "country" / "agencies" / "library.toml"
        file.write_text(text, encoding="utf-8")
        mistakes = Mistakes()
        read = cast.load(tmp_path / "country", mistakes)
        return read.agencies, [each.removeprefix(f"{file}:") for each in mistakes.lines()]

    return add


def test_the_shipped_country_has_no_mistake():
    agencies = cast.load_checked(cast.shipped_country()).agencies

    kamakura = agencies["kamakura"]
    assert kamakura.items >= {"household", "resident-record"}
    acceptance = kamakura.acceptance("child-allowance")
    assert acceptance.reads[2] == Read("bank-account", "accounts", "child-allowance", True)
    assert acceptance.reads[3] == Read(
        "income", "tax", "child-allowance", needed=False, of="spouse"
    )
    assert [type(each) for each in acceptance.grants_when] == [
        AMemberIsYoungerThan,
        IsAtMost,
        IsAtLeastThatOf,
    ]
    assert agencies["resident-network"].vault
    assert agencies["police"].items == frozenset()


def test_a_new_agency_is_one_more_file(country):
    agencies, mistakes = country(LIBRARY)

    assert mistakes == []
    library = agencies["library"]
    assert library.holding("household").answers == "after-a-clerk"
    assert library.holding("household").announces == "reading"
    assert library.holding("income") is None
    acceptance = library.acceptance("child-allowance")
    assert acceptance.waits_for_clerk
    assert library.acceptance("moving") is None
    decided = Decided({"employer": "9123"}, {"income": {"total_income_yen": 5}}, DAY)
    assert acceptance.applies[0].values(decided) == {
        "name": "9123",
        "income": 5,
        "since": "2026-04-01",
        "kind": "reader",
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("waits_for_clerk = true", "sends_a_letter = true", "unknown key 'sends_a_letter'"),
        ('rule = "is"', 'rule = "likes"', "rule: expected one of a-member-is-younger-than"),
        ('answers = "after', 'answers = "maybe-after', "answers: expected one of at-once, after"),
        ('provider = "tax"', 'provider = "taxes"', "provider: there is no agency taxes"),
        ('provider = "tax"', 'provider = "accounts"', "item: accounts does not hold income"),
        ('provider = "tax"', 'provider = "library"', "provider: leave it out for the office's own"),
        ('procedure = "child', 'procedure = "adult', "procedure: there is no procedure adult-all"),
        ('"is", item = "income"', '"is", item = "health"', "item: health is not among what the"),
        ('{ item = "loans", set', '{ item = "income", set', "item: library does not hold inc"),
        ('"read", item = "income"', '"read", item = "health"', "set: health is not among what"),
        ('from = "day"', 'from = "night"', "from: expected one of answer, address, read"),
        (
            'rule = "is", item = "income", field = "year", value = "2024"',
            'rule = "lies-in", answer = "employer", municipality = "142042"',
            "answer: the procedure asks no address called employer",
        ),
        (
            'rule = "is", item = "income", field = "year", value = "2024"',
            'rule = "lies-in", answer = "child_lives_elsewhere", municipality = "142043"',
            "municipality: ",
        ),
        (
            'rule = "is", item = "income", field = "year", value = "2024"',
            'rule = "is-within-days", answer = "from_month", days = 3',
            "answer: the procedure asks no date called from_month",
        ),
        (
            '{ item = "loans", set',
            '{ item = "loans", since = "from_month", set',
            "since: the procedure asks no date called from_month",
        ),
        ('from = "answer"', 'from = "address"', "set: the procedure asks no address called emplo"),
        ('id = "library"', 'id = "accounts"', "id: another agency has this id"),
        ('id = "library"', 'id = "Library"', "id: 'Library' is no member's name"),
    ],
)
def test_each_mistake_is_named_with_its_line(country, old, new, said):
    wrong = LIBRARY.replace(old, new)

    _, mistakes = country(wrong)

    lines = wrong.splitlines()
    assert any(
        reason.startswith(said) and new in "\n".join(lines[int(line) - 1 : int(line) + 2])
        for line, _, reason in (each.partition(": ") for each in mistakes)
    ), mistakes


def test_a_wrong_country_is_not_played(tmp_path):
    shutil.copytree(cast.shipped_country(), tmp_path / "country")
    (tmp_path / "country" / "agencies" / "library.toml").write_text('id = "library"\n')

    with pytest.raises(CountryWrong):
        cast.load_checked(tmp_path / "country")


# --- what it follows ------------------------------------------------------------------------------

READER = """\
id = "library"
name = { ja = "図書館（模擬）", en = "Library (SIMULATED)" }
domain = "library"

[[holds]]
item = "registered-address"
announces = "reading"

[[holds]]
item = "income"

[[holds]]
item = "loans"

[[follows]]
item = "four-attributes"
provider = "resident-network"
affair = "reading"
applies = [
    { item = "loans", set = [
        { field = "address", from = "read", item = "four-attributes", name = "address" },
        { field = "kept", from = "read", item = "income", name = "year" },
        { field = "since", from = "day" },
        { field = "kind", from = "text", name = "reader" },
    ] },
]

[[follows]]
item = "resident-record"
provider = "kamakura"
affair = "reading"
applies = [{ item = "registered-address", set = [
    { field = "address", from = "text", name = "-" },
    { field = "since", from = "day" },
] }]
"""


def test_what_an_office_follows_is_in_its_file(country):
    agencies, mistakes = country(READER)

    assert mistakes == []
    follow = agencies["library"].follow("four-attributes", "resident-network")
    assert (follow.affair, follow.own) == ("reading", ("income",))
    assert agencies["library"].follow("four-attributes", "kamakura") is None
    decided = Decided({}, {"four-attributes": {"address": "A"}, "income": {"year": 1}}, DAY)
    (effect,) = follow.applies
    assert effect.values(decided) == {
        "address": "A",
        "kept": 1,
        "since": "2026-04-01",
        "kind": "reader",
    }
    assert effect.as_of(decided) == DAY


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('provider = "kamakura"', 'provider = "kamakure"', "provider: there is no agency kamakure"),
        ('provider = "kamakura"', 'provider = "library"', "provider: an office has no need to"),
        ('provider = "kamakura"', 'provider = "tax"', "item: tax does not hold resident-record"),
        ('item = "resident-record"', 'item = "household"', "item: kamakura does not announce that"),
        ('[{ item = "registered-address"', '[{ item = "shelf"', "item: library does not hold"),
        (
            '"text", name = "-"',
            '"answer", name = "-"',
            "from: expected one of read, day, text",
        ),
        ('"text", name = "-"', '"address", name = "-"', "from: expected one of read, day, text"),
        (
            '{ field = "address", from = "text"',
            '{ field = "place", from = "text"',
            "set: address mis",
        ),
        (
            '{ field = "address", from = "text"',
            '{ field = "place", from = "text"',
            "set: the layout",
        ),
        (
            '{ field = "address", from = "text"',
            '{ field = "since", from = "text"',
            "set: a field is",
        ),
        (
            '"registered-address", set',
            '"registered-address", since = "x", set',
            "unknown key 'since'",
        ),
        ('"read", item = "income"', '"read", item = "shelf"', "set: shelf is not among what"),
        ('announces = "reading"', "announces = true", "announces: expected text"),
        ('affair = "reading"\napplies = [{', "applies = [{", "affair is missing: expected text"),
        ("applies = [{ item", "applied = [{ item", "applies: expected at least 1 of"),
    ],
)
def test_each_mistake_in_what_it_follows_is_named_with_its_line(country, old, new, said):
    assert READER.count(old) == 1
    wrong = READER.replace(old, new)

    _, mistakes = country(wrong)

    here = wrong[: READER.index(old)].count("\n") + 1
    assert any(
        reason.startswith(said) and abs(int(line) - here) <= FAR
        for line, _, reason in (each.partition(": ") for each in mistakes)
    ), mistakes


FAR = 4
"""Lines between a key and the head of its table, where the mistake concerns the whole."""


def test_an_item_of_a_provider_is_followed_once_and_an_item_under_one_affair(country):
    again = READER.replace('"resident-record"\nprovider = "kamakura"', FOUR)

    _, mistakes = country(again)
    assert any("an item of a provider is followed once" in each for each in mistakes), mistakes


FOUR = '"four-attributes"\nprovider = "resident-network"'


# --- who moves ------------------------------------------------------------------------------------

TOWN = """\
id = "library"
name = { ja = "図書館（模擬）", en = "Library (SIMULATED)" }
domain = "library"

[[holds]]
item = "household"

[[holds]]
item = "moving-out"

[[holds]]
item = "moved-in"

[[accepts]]
procedure = "moving-out"
reads = [{ item = "household" }]
grants_when = [
    { rule = "lies-with-another-office", answer = "moves_to" },
    { rule = "is-in-window", answer = "moves_on", from = -10, to = 30 },
    { rule = "follows-within-days", answer = "visits_on" },
]
applies = [
    { item = "moved-in", each = "movers", to = "moves_to", affair = "moving", set = [
        { field = "came_from", from = "own", item = "household", name = "none" },
        { field = "moving_day", from = "person", name = "birth_date" },
        { field = "notice", from = "notice" },
    ] },
]
granted = { ja = "可", en = "yes" }
refused = { ja = "不可", en = "no" }

[[accepts]]
procedure = "moving-out-withdrawal"
reads = [{ item = "moving-out", needed = false }]
grants_when = [{ rule = "is-held", item = "moving-out" }]
withdraws = { item = "moving-out", affair = "moving", withdrawn = { ja = "取消し", en = "withdrawn" } }
granted = { ja = "可", en = "yes" }
refused = { ja = "不可", en = "no" }

[[expects]]
item = "moving-out"
affair = "moving"
applies = [
    { item = "household", since = "moving_day", set = [
        { field = "members", from = "everybody", names = ["relation"] },
    ] },
]

[[completes]]
item = "moved-in"
affair = "moving"
told = "moving-out"
ends = ["household"]
leaves = [{ item = "household", list = "members" }]
completed = { ja = "完了", en = "completed" }
"""


def test_what_an_office_does_for_who_moves_is_in_its_file(country):
    agencies, mistakes = country(TOWN)

    assert mistakes == []
    library = agencies["library"]
    assert library.listens
    (effect,) = library.accepts[0].applies
    assert (effect.each, effect.to, effect.affair) == ("movers", "moves_to", "moving")
    assert effect.own == ("household",)
    assert not library.accepts[1].reads[0].needed
    assert library.accepts[1].withdraws.item == "moving-out"
    assert library.accepts[1].withdraws.withdrawn["en"] == "withdrawn"
    assert library.expects[0].applies[0].listed == "members"
    (completion,) = library.completes
    assert (completion.told, completion.leaves) == ("moving-out", (("household", "members"),))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('each = "movers"', 'each = "moves_on"', "each: the procedure asks no members called mo"),
        ('reads = [{ item = "household" }]', "reads = []", "each: household, from which it choo"),
        ('to = "moves_to", affair', 'to = "moves_on", affair', "to: the procedure asks no address"),
        ('to = "moves_to", affair = "moving"', 'to = "moves_to"', "affair is missing"),
        ('from = "own", item = "household"', 'from = "own", item = "income"', "set: library does"),
        (
            'from = "person", name = "birth_date"',
            'from = "person", name = "x"',
            "name: expected one",
        ),
        ('from = "everybody", names', 'from = "entry", names', "from: expected one of read, day"),
        (
            '{ field = "notice", from = "notice" }',
            '{ field = "notice", from = "origin" }',
            "from: ",
        ),
        ('answer = "moves_to" }', 'answer = "moves_on" }', "answer: the procedure asks no address"),
        ('answer = "moves_on", from', 'answer = "moves_to", from', "answer: the procedure asks no"),
        ('answer = "visits_on"', 'answer = "moves_on"', "answer: the procedure does not say what"),
        (
            'withdraws = { item = "moving-out"',
            'withdraws = { item = "income"',
            "item: library does",
        ),
        ('[[expects]]\nitem = "moving-out"', '[[expects]]\nitem = "income"', "item: the layout of"),
        ('[[expects]]\nitem = "moving-out"', '[[expects]]\nitem = "loans"', "item: no agency hol"),
        ('[[expects]]\nitem = "moving-out"', '[[expects]]\nitem = "moved-in"', "item: the layout"),
        ('told = "moving-out"', 'told = "income"', "told: library does not hold income"),
        ('ends = ["household"]', 'ends = ["income"]', "ends: library does not hold income"),
        ('leaves = [{ item = "household"', 'leaves = [{ item = "income"', "leaves: library does"),
        ("leaves = [{", "loses = [{", "unknown key 'loses'"),
        ("withdrawn = {", "gone = {", "withdrawn is missing"),
    ],
)
def test_each_mistake_in_what_it_does_for_who_moves_is_named_with_its_line(country, old, new, said):
    assert TOWN.count(old) == 1
    wrong = TOWN.replace(old, new)

    _, mistakes = country(wrong)

    here = wrong[: TOWN.index(old)].count("\n") + 1
    assert any(
        reason.startswith(said) and abs(int(line) - here) <= 3 * FAR
        for line, _, reason in (each.partition(": ") for each in mistakes)
    ), mistakes


# --- what every member of a domain does -------------------------------------------------------------

VILLAGE = """\
id = "village"
name = { ja = "村（模擬）", en = "Village (SIMULATED)" }
domain = "municipality"
municipality = "142085"
"""


@pytest.fixture
def files(tmp_path: Path):
    """A copy of the country to which files are written: what is read of it, and its mistakes."""
    place = Path(shutil.copytree(cast.shipped_country(), tmp_path / "country"))

    def write(name: str, text: str):
        (place / name).write_text(text, encoding="utf-8")
        mistakes = Mistakes()
        read = cast.load(place, mistakes)
        return read.agencies, [each.removeprefix(f"{place}/") for each in mistakes.lines()]

    return write


def test_a_municipality_is_a_file_of_four_lines(files):
    agencies, mistakes = files("agencies/village.toml", VILLAGE)

    village, kamakura = agencies["village"], agencies["kamakura"]
    assert mistakes == []
    assert village.items == kamakura.items
    assert village.acceptance("moving-out") == kamakura.acceptance("moving-out")
    assert village.acceptance("child-allowance") is None
    followed = {one.provider for one in agencies["resident-network"].follows}
    assert followed == {"village", "kamakura", "fujisawa"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("domains/towns.toml", 'domain = "library"', "domains/towns.toml:1: domain: the file of"),
        ("domains/fishing.toml", 'domain = "fishing"', "fishing.toml:1: domain: no member is of"),
        ("domains/tax.toml", 'domain = "tax"\n[[hoards]]', "unknown key 'hoards'"),
        (
            "agencies/village.toml",
            VILLAGE + '[[holds]]\nitem = "household"',
            "[[holds]] says the same of village twice",
        ),
    ],
)
def test_a_mistake_about_a_domain_is_named(files, name, text, said):
    _, mistakes = files(name, text)

    assert any(said in each for each in mistakes), mistakes


def test_whoever_follows_a_domain_follows_its_members_and_no_domain_that_is_not(files):
    network = (cast.shipped_country() / "agencies/resident-network.toml").read_text("utf-8")
    wrong = network.replace('{ domain = "municipality" }', '{ domain = "fishing" }')

    _, mistakes = files("agencies/resident-network.toml", wrong)

    assert any("no other member is of the domain fishing" in each for each in mistakes), mistakes
