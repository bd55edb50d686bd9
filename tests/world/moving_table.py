"""What the tests of moving share: the old town with a whole family, the new town with nobody, and a signed notice."""

from kiban.gateway.contract import AcceptedApplication, Held, Receipt
from kiban.world.office.following import LONGEST_DELAY
from kiban.world.office.neighbours import Neighbours
from kiban.world.office.office import Office
from kiban.world.people import person_number
from tests.world.office_table import (
    CAST,
    COUNTRY,
    Authority,
    Elsewhere,
    Registers,
    Table,
    application,
    certified,
    entry,
    set_table,
)

OLD, NEW = "kamakura", "fujisawa"
FAMILY = ("taro", "hanako", "mei", "sota")
MOVERS = FAMILY[1:]
NOTICE = f"{1:032x}"


def number(name: str) -> str:
    """What the old town calls somebody of the family."""
    return person_number(OLD, name)


async def old_town(db, clock) -> Table:
    """Kamakura, where the whole family lives."""
    table = await set_table(db, clock)
    for name in FAMILY:
        persona = CAST.people[name]
        records = [entry(each) for each in persona.records if each.agency == OLD]
        await table.office.records.load(number(name), persona.attributes(), records)
    return table


async def new_town(db, clock) -> Table:
    """Fujisawa, which serves nobody yet."""
    office = Office(CAST, NEW, db=db, clock=clock, country=COUNTRY)
    await office.prepare()
    mesh = Elsewhere(office)
    authority = Authority(certified(CAST.people["hanako"].attributes()))
    office.meet(Neighbours(mesh, authority, Registers()))
    return Table(office, mesh, authority)


# --- at the old town ------------------------------------------------------------------------------


async def notice(table: Table, number: int = 1, *, seen=None, **answers) -> AcceptedApplication:
    """Hanako's notice of moving out, for herself and the children; `seen` is the household that she was shown."""
    household = seen or await table.mesh.read_own(table.person, "household")
    given = {
        "movers": [1, 2, 3],
        "moves_to": {"town": "142051-k00000001", "rest": "1番1号", "sequence": 1},
        "moves_on": "2026-03-30",
        "visits_on": "2026-04-03",
        **answers,
    }
    reference = {
        "field": "household",
        "item": "household",
        "provider": OLD,
        "layout": 1,
        "digest": household.digest,
        "exchange": "ee" * 16,
        "leaf": "ff" * 32,
    }
    return signed(table, number, "moving-out", answers=given, held=[reference])


def withdrawal(table: Table, number: int = 2) -> AcceptedApplication:
    return signed(table, number, "moving-out-withdrawal", answers={"stays": True}, held=[])


def signed(table: Table, number: int, procedure: str, **parts) -> AcceptedApplication:
    made = application(table, number=number, procedure=procedure, consents=[], **parts)
    return made.model_copy(update={"procedure": procedure})


async def decided(table: Table, accepted: AcceptedApplication) -> Receipt:
    """What the office says of an application."""
    await table.office.desk.accept(accepted)
    await table.examine()
    return [each for each in table.mesh.told if each.application == accepted.application][-1]


def has_arrived(table: Table, name: str, *, notice: str = NOTICE, by: str = NEW) -> None:
    """Another office says that somebody of the family has moved in there."""
    values = {"came_from": OLD, "moving_day": "2026-03-30", "notice": notice}
    table.mesh.held["moved-in"] = Held(values=values, as_of="2026-04-01", version="1")
    table.mesh.hears("moved-in", number(name), by=by)


# --- at the new town ------------------------------------------------------------------------------


def told_of(table: Table, name: str, *, notice: str = NOTICE, **different) -> None:
    """The old town tells of somebody who will come; the gateway calls them by a number of its own."""
    persona = CAST.people[name]
    values = {
        "name": persona.name,
        "name_kana": persona.name_kana,
        "birth_date": persona.birth_date.isoformat(),
        "sex": "男" if persona.sex == "male" else "女",
        "relation": persona.relation,
        "old_address": persona.address.text,
        "new_address": "神奈川県藤沢市湘南台1番1号",
        "moving_day": "2026-03-30",
        "visit_day": "2026-04-03",
        "notice": notice,
        **different,
    }
    held = Held(values=values, as_of="2026-04-01", version="1")
    table.mesh.held[f"{name} moving-out"] = held
    table.mesh.hears("moving-out", name, by=OLD)


def withdrawn(table: Table, name: str) -> None:
    """The old town tells again, and holds nothing any more."""
    table.mesh.held[f"{name} moving-out"] = None
    table.mesh.hears("moving-out", name, by=OLD)


# --- both -----------------------------------------------------------------------------------------


async def moments_pass(table: Table, clock) -> None:
    """The office reads its gateway's feed, waits a moment, and does what it can do then."""
    await table.office.following.keep_up()
    clock.advance(LONGEST_DELAY)
    await table.office.outbox.drain()


async def held(table: Table, person: str, item: str, *, by: str = "resident-network"):
    """What the office holds, for another."""
    records = table.office.records
    found = await records.read(person, item, inquirer=by, at=records.clock())
    return found.values if isinstance(found, Held) else found


async def members(table: Table, person: str) -> list[str]:
    """Who stands in a person's household."""
    household = await held(table, person, "household")
    return [each["name"].partition("　")[2] for each in household["members"]]
