"""An office's records: its flags, its clerk, what it announces; on both engines."""

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from kiban.gateway.contract import AnnouncementRequest, Held
from kiban.shared.outbox import Outbox
from kiban.world import cast
from kiban.world.office import store
from kiban.world.office.agencies import Agency, Holding
from kiban.world.office.records import ANNOUNCE, Entry, NothingToDecide, OfficeRecords

AGENCY = Agency(
    id="library",
    name={"ja": "図書館", "en": "Library"},
    domain="library",
    holds=(
        Holding("loans", announces="lending"),
        Holding("fines", answers="after-a-clerk"),
        Holding("card"),
    ),
)
LOANS = Entry("loans", {"books": 2}, date(2026, 1, 1))


@pytest.fixture
async def office(new_database, clock):
    db = await new_database("kiban.world.office")
    return OfficeRecords(AGENCY, db, Outbox(db, store.outbox, {}, clock), clock)


@pytest.fixture(scope="module")
def hanako():
    return cast.load_checked(cast.shipped_country()).people["hanako"].attributes()


async def read(office, item, inquirer="portal", person="L1"):
    return await office.read(person, item, inquirer=inquirer, at=office.clock())


async def announced(office):
    """What lies in the outbox: item and person of each announcement, with its id."""
    async with office.db.read() as connection:
        rows = (await connection.execute(sa.select(store.outbox))).all()
    assert {row.topic for row in rows} <= {ANNOUNCE}
    return [AnnouncementRequest.model_validate(row.body) for row in rows]


async def test_the_tables_are_those_that_the_migration_makes(office):
    async with office.db.read() as connection:
        for table in store.metadata.tables.values():
            made = await connection.run_sync(
                lambda each, name=table.name: sa.inspect(each).get_columns(name)
            )
            assert [column["name"] for column in made] == list(table.columns.keys())


async def test_what_is_held_is_answered_with_its_day_and_version(office, hanako):
    await office.load("L1", hanako, [LOANS])

    assert await read(office, "loans") == Held(values={"books": 2}, as_of="2026-01-01", version="1")


async def test_other_people_and_other_items_are_not_held(office, hanako):
    await office.load("L1", hanako, [LOANS])

    assert await read(office, "loans", person="L2") == "not-held"
    assert await read(office, "card") == "not-held"
    assert await read(office, "income") == "not-held"


async def test_a_protected_record_is_withheld_from_others_and_known_to_the_office(office, hanako):
    await office.load("L1", hanako, [Entry("card", {"n": 1}, date(2026, 1, 1), "withheld")])

    assert await read(office, "card") == "withheld"
    assert (await read(office, "card", inquirer="library")).values == {"n": 1}


async def test_loading_again_changes_nothing(office, hanako):
    await office.load("L1", hanako, [LOANS])
    await office.load("L1", hanako, [LOANS])

    assert (await read(office, "loans")).version == "1"
    assert await announced(office) == []


async def test_a_changed_file_makes_the_next_version_and_announces_it(office, hanako):
    await office.load("L1", hanako, [LOANS])
    await office.load("L1", hanako, [Entry("loans", {"books": 3}, date(2026, 2, 1))])

    now = await read(office, "loans")
    (change,) = await announced(office)
    assert (now.version, now.values) == ("2", {"books": 3})
    assert (change.affair, change.item, change.people) == ("lending", "loans", ["L1"])


async def test_another_flag_is_no_other_version(office, hanako):
    await office.load("L1", hanako, [LOANS])
    await office.load("L1", hanako, [replace(LOANS, flag="no-automatic-answer")])

    assert (await read(office, "loans", inquirer="library")).version == "1"
    assert await read(office, "loans") == "waits"
    assert await announced(office) == []


async def test_what_the_office_changed_itself_survives_loading(office, hanako):
    await office.load("L1", hanako, [LOANS])
    async with office.db.begin() as connection:
        await office.change(connection, "L1", Entry("loans", {"books": 9}, date(2026, 3, 1)))

    await office.load("L1", hanako, [LOANS])

    now = await read(office, "loans")
    assert (now.version, now.values, now.as_of) == ("2", {"books": 9}, "2026-03-01")


async def change(office, entry):
    async with office.db.begin() as connection:
        await office.change(connection, "L1", entry)


async def test_a_version_is_announced_once_and_what_says_the_same_is_none(office, hanako):
    await office.load("L1", hanako, [LOANS])
    await change(office, LOANS)
    assert await announced(office) == []

    for _ in range(2):
        await change(office, Entry("loans", {"books": 3}, date(2026, 2, 1)))
    async with office.db.begin() as connection:
        await office.announce(connection, "L1", "loans", 2)
    await change(office, LOANS)

    assert len({each.id for each in await announced(office)}) == 2


async def test_a_protected_record_stays_protected_when_it_changes(office, hanako):
    await office.load("L1", hanako, [replace(LOANS, flag="withheld")])

    await change(office, Entry("loans", {"books": 3}, date(2026, 2, 1)))

    assert await read(office, "loans") == "withheld"


async def test_what_is_not_announced_leaves_nothing_in_the_outbox(office, hanako):
    await office.load("L1", hanako, [Entry("card", {"n": 1}, date(2026, 1, 1))])
    await office.load("L1", hanako, [Entry("card", {"n": 2}, date(2026, 1, 1))])

    assert await announced(office) == []


@pytest.fixture
async def asked(office, hanako):
    """A clerk's question: the portal wants the fines, which are never answered by machine."""
    await office.load("L1", hanako, [Entry("fines", {"yen": 100}, date(2026, 1, 1))])
    assert await read(office, "fines") == "waits"
    assert await read(office, "fines") == "waits"
    (waiting,) = await office.waiting()
    return waiting


async def test_an_inquirer_waits_until_the_clerk_lets_it_read(office, asked):
    await office.decide(asked, allowed=True)

    assert (await read(office, "fines")).values == {"yen": 100}
    assert await office.waiting() == []


async def test_what_a_clerk_refuses_looks_like_nothing_held(office, asked):
    await office.decide(asked, allowed=False)

    assert await read(office, "fines") == "withheld"


async def test_the_office_itself_needs_no_clerk_to_read(office, asked):
    assert (await read(office, "fines", inquirer="library")).values == {"yen": 100}


async def test_a_decision_is_for_one_inquirer_and_one_version(office, asked, hanako):
    await office.decide(asked, allowed=True)

    assert await read(office, "fines", inquirer="tax") == "waits"
    await office.load("L1", hanako, [Entry("fines", {"yen": 200}, date(2026, 2, 1))])
    assert await read(office, "fines") == "waits"


async def test_nothing_is_decided_twice(office, asked):
    await office.decide(asked, allowed=False)

    with pytest.raises(NothingToDecide):
        await office.decide(asked, allowed=True)
    assert await read(office, "fines") == "withheld"


# --- protection from violence ---------------------------------------------------------------------

ADDRESS = Entry("registered-address", {"address": "A", "since": "2026-01-01"}, date(2026, 1, 1))
INCOME = Entry("income", {"n": 1}, date(2026, 1, 1))


@pytest.fixture
async def protecting(new_database, clock, hanako):
    """An office that holds an income, and an address that others follow."""
    holds = (
        Holding("income"),
        Holding("registered-address", announces="record-upkeep", tells_where=True),
    )
    agency = Agency("tax", {"ja": "税", "en": "Tax"}, "tax", holds=holds)
    db = await new_database("kiban.world.office")
    records = OfficeRecords(agency, db, Outbox(db, store.outbox, {}, clock), clock, "portal")
    await records.load("L1", hanako, [ADDRESS, INCOME])
    return records


async def protect(office, *marks):
    async with office.db.begin() as connection:
        await office.protect(connection, "L1", marks)


async def seen(office, inquirer, affair, item="registered-address"):
    found = await office.read("L1", item, inquirer=inquirer, affair=affair, at=office.clock())
    return found if isinstance(found, str) else (found.values, found.marks)


async def test_undisclosed_hides_where_from_all_but_who_keeps_the_record_right(protecting):
    await protect(protecting, "undisclosed")

    assert await seen(protecting, "portal", "self-information") == "withheld"
    assert await seen(protecting, "portal", "record-upkeep") == "withheld"
    assert await seen(protecting, "pension", "benefits") == "withheld"
    assert await seen(protecting, "pension", "record-upkeep") == (ADDRESS.values, ["undisclosed"])
    assert await seen(protecting, "portal", "self-information", "income") == (INCOME.values, [])


async def test_no_own_information_hides_everything_from_the_portal_alone(protecting):
    await protect(protecting, "no-own-information")

    for item in ("income", "registered-address"):
        assert await seen(protecting, "portal", "self-information", item) == "withheld"
    assert await seen(protecting, "pension", "benefits") == (ADDRESS.values, [])
    assert await seen(protecting, "pension", "benefits", "income") == (INCOME.values, [])


async def test_of_a_protected_person_the_gateways_record_is_withheld(protecting):
    before = await seen(protecting, "portal", "self-information", "exchange-records")
    await protect(protecting, "undisclosed")

    now = await seen(protecting, "portal", "self-information", "exchange-records")

    assert (before, now) == ("not-held", "withheld")


async def test_who_follows_hears_once_that_marks_came_or_went(protecting):
    for marks in (["undisclosed"], ["undisclosed"], []):
        await protect(protecting, *marks)

    told = await announced(protecting)
    assert [(each.item, each.people) for each in told] == [("registered-address", ["L1"])] * 2
