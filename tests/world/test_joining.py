"""The new town: those who arrive are a household of their own, or join one that lives at their address."""

import asyncio
from datetime import date

import pytest

from kiban.gateway.contract import Attributes
from kiban.world.office import store
from kiban.world.office.households import HeadNotMoving, HouseholdNotHere, Living
from kiban.world.office.records import Entry
from kiban.world.office.relations import HEAD, RelationNeeded, restated, with_a_head
from tests.world.moving_table import NOTICE, held, moments_pass, new_town, told_of

ADDRESS = "神奈川県藤沢市湘南台1番1号"
GRANDMOTHER = {"name": "手本　とめ", "relation": HEAD, "birth_date": "1950-01-02"}
UNCLE = {"name": "手本　一郎", "relation": "子", "birth_date": "1975-01-02"}
ANOTHER = f"{2:032x}"


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
async def town(db, clock):
    """The town expects Hanako and Mei; two live at their address, and one next door."""
    table = await new_town(db, clock)
    await live(table, {"tome": GRANDMOTHER, "ichiro": UNCLE})
    neighbour = {"name": "隣　人", "relation": HEAD, "birth_date": "1960-01-02"}
    await live(table, {"neighbour": neighbour}, address="神奈川県藤沢市湘南台1番2号")
    for name in ("hanako", "mei"):
        told_of(table, name)
    await moments_pass(table, clock)
    return table


async def live(table, members, address=ADDRESS) -> None:
    for person, one in members.items():
        known = {"name": one["name"], "birth_date": one["birth_date"], "address": address}
        attributes = Attributes(**known, name_kana="テホン", sex="female")
        since = date(2020, 4, 1)
        entries = [
            Entry("resident-record", {**known, "name_kana": "テホン"}, since),
            Entry("household", {"members": list(members.values())}, since),
        ]
        await table.office.records.load(person, attributes, entries)


async def numbers(town) -> dict[str, int]:
    return {each.person: each.number for each in await town.office.counter.arrivals()}


async def relations(town, person: str, *, by: str = "resident-network") -> dict[str, str]:
    household = await held(town, person, "household", by=by)
    return {each["name"].partition("　")[2]: each["relation"] for each in household["members"]}


async def joining(town, **said: str) -> Living:
    """They join the one household that is offered, and say what they are to its head."""
    [home] = (await town.office.counter.ways(NOTICE)).households
    number = await numbers(town)
    return Living(joins=home.id, relations={number[name]: what for name, what in said.items()})


# --- joining --------------------------------------------------------------------------------------


async def test_the_household_at_that_address_is_offered_and_no_neighbour(town):
    ways = await town.office.counter.ways(NOTICE)

    assert [home.head for home in ways.households] == ["手本　とめ"]
    assert ways.head == (await numbers(town))["hanako"]
    assert ways.asked == ()


async def test_who_joins_is_one_household_with_everybody_there(town):
    living = await joining(town, hanako="子", mei="孫")

    await town.office.counter.arrive(NOTICE, living)

    everybody = {"とめ": HEAD, "一郎": "子", "花子": "子", "芽衣": "孫"}
    for person in ("tome", "ichiro", "hanako", "mei"):
        assert await relations(town, person) == everybody
    async with town.office.records.db.read() as connection:
        old, new = [
            await store.find_record(connection, person, "household") for person in ("tome", "mei")
        ]
    assert (old.version, old.held.as_of, new.held.as_of) == (2, "2026-03-30", "2026-03-30")
    assert await relations(town, "neighbour") == {"人": HEAD}


async def test_who_comes_late_joins_them_there(town, clock):
    await town.office.counter.arrive(NOTICE, await joining(town, hanako="子", mei="孫"))
    told_of(town, "sota")
    await moments_pass(town, clock)

    late = (await numbers(town))["sota"]
    ways = await town.office.counter.ways(NOTICE)
    assert (ways.head, ways.asked, ways.households) == (None, (late,), ())
    await town.office.counter.arrive(NOTICE, Living(relations={late: "孫"}))

    assert list(await relations(town, "tome")) == ["とめ", "一郎", "花子", "芽衣", "蒼太"]
    assert (await relations(town, "hanako"))["蒼太"] == "孫"


@pytest.mark.parametrize("mei", ["", "友人", HEAD])
async def test_what_each_is_to_the_head_must_be_said_in_the_registers_words(town, mei):
    living = await joining(town, hanako="子", mei=mei)

    with pytest.raises(RelationNeeded):
        await town.office.counter.arrive(NOTICE, living)

    assert await held(town, "mei", "resident-record") == "not-held"
    assert list(await relations(town, "tome")) == ["とめ", "一郎"]


async def test_a_household_that_changed_meanwhile_is_not_joined(town):
    living = await joining(town, hanako="子", mei="孫")
    async with town.office.records.db.begin() as connection:
        await town.office.records.end(connection, "ichiro", "household", date(2026, 4, 1))

    with pytest.raises(HouseholdNotHere):
        await town.office.counter.arrive(NOTICE, living)

    assert await held(town, "hanako", "household") == "not-held"


async def test_a_household_elsewhere_is_not_joined(town, clock):
    living = await joining(town, hanako="子", mei="孫")
    told_of(town, "taro", notice=ANOTHER, new_address="神奈川県藤沢市湘南台1番2号")
    await moments_pass(town, clock)

    with pytest.raises(HouseholdNotHere):
        await town.office.counter.arrive(ANOTHER, living)


async def test_of_two_families_at_once_nobody_is_lost(town, clock):
    told_of(town, "taro", notice=ANOTHER)
    await moments_pass(town, clock)
    one = await joining(town, hanako="子", mei="孫")
    other = Living(joins=one.joins, relations={(await numbers(town))["taro"]: "子の夫"})

    found = await asyncio.gather(
        town.office.counter.arrive(NOTICE, one),
        town.office.counter.arrive(ANOTHER, other),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in found) == ["HouseholdNotHere", "NoneType"]
    named = await relations(town, "tome")
    assert ("太郎" in named) != ("花子" in named)


# --- protection -----------------------------------------------------------------------------------


async def protect(town, person: str) -> None:
    async with town.office.records.db.begin() as connection:
        await town.office.records.protect(connection, person, ["undisclosed"])


@pytest.mark.parametrize("protected", ["tome", "ichiro", "mei"])
async def test_nobody_joins_or_is_joined_who_is_protected(town, protected):
    living = await joining(town, hanako="子", mei="孫")
    await protect(town, protected)

    assert (await town.office.counter.ways(NOTICE)).households == ()
    with pytest.raises(HouseholdNotHere):
        await town.office.counter.arrive(NOTICE, living)
    await town.office.counter.arrive(NOTICE)

    assert list(await relations(town, "hanako", by="fujisawa")) == ["花子", "芽衣"]
    assert list(await relations(town, "ichiro", by="fujisawa")) == ["とめ", "一郎"]


async def test_who_comes_late_and_protected_is_not_named_to_those_whom_the_others_joined(
    town, clock
):
    await town.office.counter.arrive(NOTICE, await joining(town, hanako="子", mei="孫"))
    told_of(town, "sota")
    await moments_pass(town, clock)
    await protect(town, "sota")

    await town.office.counter.arrive(NOTICE)

    assert list(await relations(town, "tome")) == ["とめ", "一郎", "花子", "芽衣"]
    assert await relations(town, "sota", by="fujisawa") == {"蒼太": HEAD}


# --- a household of their own ---------------------------------------------------------------------


async def test_another_than_the_filled_in_one_can_be_head(town, clock):
    told_of(town, "taro")
    await moments_pass(town, clock)
    number = await numbers(town)
    counter = town.office.counter
    assert (await counter.ways(NOTICE)).head == number["taro"]

    await counter.arrive(NOTICE, Living(head=number["hanako"]))

    assert await relations(town, "mei") == {"太郎": "夫", "花子": HEAD, "芽衣": "子"}


async def test_a_head_who_does_not_move_is_refused(town):
    with pytest.raises(HeadNotMoving):
        await town.office.counter.arrive(NOTICE, Living(head=999))

    assert await held(town, "hanako", "household") == "not-held"


async def test_only_what_no_office_knows_is_asked(town):
    number = await numbers(town)

    ways = await town.office.counter.ways(NOTICE, number["mei"])

    assert (ways.head, ways.asked) == (number["mei"], (number["hanako"],))
    living = Living(head=number["mei"], relations={number["hanako"]: "母"})
    await town.office.counter.arrive(NOTICE, living)
    assert await relations(town, "hanako") == {"花子": "母", "芽衣": HEAD}


# --- what anybody is to another head --------------------------------------------------------------

_PEOPLE = {
    "head": {"relation": HEAD, "sex": "男", "birth_date": "1988-01-01"},
    "wife": {"relation": "妻", "sex": "女", "birth_date": "1990-01-01"},
    "son": {"relation": "子", "sex": "男", "birth_date": "2010-01-01"},
    "daughter": {"relation": "子", "sex": "女", "birth_date": "2012-01-01"},
    "hers": {"relation": "妻の子", "sex": "女", "birth_date": "2008-01-01"},
    "mother": {"relation": "母", "sex": "女", "birth_date": "1950-01-01"},
}


@pytest.mark.parametrize(
    ("who", "head", "says"),
    [
        ("wife", "head", "妻"),
        ("head", "wife", "夫"),
        ("son", "wife", "子"),
        ("hers", "wife", "子"),
        ("head", "son", "父"),
        ("daughter", "son", "妹"),
        ("son", "daughter", "兄"),
        ("mother", "wife", None),
        ("wife", "son", None),
        ("wife", "mother", None),
    ],
)
def test_what_somebody_is_to_another_head(who, head, says):
    assert restated(_PEOPLE[who], _PEOPLE[head]) == says


def test_a_household_whose_head_left_has_the_eldest_as_its_head():
    stay = [
        {"relation": one["relation"], "birth_date": one["birth_date"]}
        for one in (_PEOPLE["wife"], _PEOPLE["son"], _PEOPLE["mother"])
    ]

    assert [one["relation"] for one in with_a_head(stay[:2])] == [HEAD, "子"]
    assert [one["relation"] for one in with_a_head(stay)] == ["縁故者", "縁故者", HEAD]
    assert with_a_head([]) == []
