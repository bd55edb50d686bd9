"""
Topology: who is wired to whom.  The only place that knows every role.

One function a role, in order of dependence: its settings, its neighbours, its application.  Read from top to
bottom.  Whatever a role is told here can be overridden by the environment, as KIBAN_ROLE_FIELD.

Source: DESIGN 2, 7; style 5.5.
"""

from collections.abc import Callable, Mapping
from functools import partial

from fastapi import FastAPI

from kiban.changes.office import ChangeOffice
from kiban.deploy import clients
from kiban.deploy.embedded import Role
from kiban.deploy.hall import Hall, Opened, create_hall
from kiban.deploy.house import CHANGES, House, role_of
from kiban.deploy.premises import HALL
from kiban.deploy.seating import Seating
from kiban.gateway.app import create_app as create_gateway
from kiban.gateway.settings import GatewaySettings
from kiban.identity.authority.app import create_app as create_authority
from kiban.identity.authority.settings import Settings as AuthoritySettings
from kiban.identity.login.app import create_app as create_login
from kiban.identity.login.contract import REALM
from kiban.identity.login.settings import LoginSettings
from kiban.mesh.app import create_app as create_core
from kiban.mesh.settings import CoreSettings
from kiban.portal.app import create_app as create_portal
from kiban.portal.settings import Settings as PortalSettings
from kiban.registry.app import create_app as create_registry
from kiban.registry.settings import RegistrySettings
from kiban.shared.database import Database
from kiban.world import cast
from kiban.world.cards.app import create_app as create_cards
from kiban.world.cards.settings import CardsSettings
from kiban.world.companies.app import create_app as create_company
from kiban.world.companies.catalogue import COMPANIES
from kiban.world.companies.settings import CompanySettings
from kiban.world.counter.settings import CounterSettings
from kiban.world.faults import add_revocation, make_unreliable
from kiban.world.mover.app import create_app as create_mover
from kiban.world.mover.settings import MoverSettings
from kiban.world.moving_in import (
    Surroundings,
    give_out_cards,
    move_in,
    move_vault_in,
    open_counter,
)
from kiban.world.office.office import Office
from kiban.world.population import checking, fetching, renewing
from kiban.world.vault.client import CardOfficeClient


def build(house: House, name: str) -> Role:
    """Build one role of the house, by its name."""
    kind, _, member = name.partition(":")
    app = gateway(house, member) if kind == "gateway" else ROLES[kind](house)
    return Role(name, house.origin(name), app)


def authority(house: House) -> FastAPI:
    settings = house.settings(
        AuthoritySettings,
        "authority",
        enrolment_secret=house.premises.secret("enrolment"),
        registrars=",".join(house.country.registrars),
        resident_network=house.country.resident_network,
        portal=house.country.portal,
    )
    return create_authority(settings, db=house.database("authority"), clock=house.clock)


def registry(house: House) -> FastAPI:
    settings = house.settings(RegistrySettings, "registry", country=str(house.settled.folder))
    return create_registry(
        settings, db=house.database("registry"), http=house.http, clock=house.clock
    )


def core(house: House) -> FastAPI:
    settings = house.settings(
        CoreSettings,
        "core",
        member_secret=house.premises.member_secret("core"),
        authority_origin=house.origin("authority"),
        country=str(house.settled.folder),
    )
    return create_core(settings, db=house.database("core"), http=house.http, clock=house.clock)


def login(house: House) -> FastAPI:
    settings = house.settings(
        LoginSettings,
        "login",
        member_secret=house.premises.member_secret("login"),
        authority_origin=house.origin("authority"),
        card_origin=house.origin("cards"),
        clients=clients.registrations(house),
    )
    return create_login(settings, db=house.database("login"), http=house.http, clock=house.clock)


def gateway(house: House, member: str) -> FastAPI:
    """An agency's gateway and office; a municipality's has a counter, and the resident network's the vault."""
    settings = gateway_settings(house, member)
    people = cast.load_checked(house.settled.folder)
    around = surroundings(house, house.database(f"office:{member}"))
    office = Office(people, member, db=around.db, clock=house.clock, country=house.settled.folder)
    app = create_gateway(
        settings,
        db=house.database(f"gateway:{member}"),
        http=house.http,
        clock=house.clock,
        records=office.records,
        desk=office.desk,
    )
    is_network = member == house.country.resident_network
    late = asleep_at(house) if is_network else frozenset[str]()
    move_in(app, office, people, around, late)
    if office.agency.municipality:
        open_counter(app, office, people, around, counter_settings(house, member))
    faults = make_unreliable(app, house.clock)
    if is_network:
        move_vault_in(
            app,
            people,
            surroundings(house, house.database("vault")),
            secret=house.premises.secret("vault"),
            card_office_secret=house.premises.secret("card-office"),
            late=late,
        )
        add_revocation(faults, people.people, app.state.network)
    return app


def gateway_settings(house: House, member: str) -> GatewaySettings:
    return house.settings(
        GatewaySettings,
        role_of(house.country, member),
        member=member,
        member_secret=house.premises.member_secret(member),
        agency_key=house.premises.of_member("agency", member),
        key_seed=house.key_seed(member),
        authority_origin=house.origin("authority"),
        core_origin=house.origin("core"),
        resident_network=house.country.resident_network,
        reads_lines=str(member == house.country.portal),
    )


def counter_settings(house: House, member: str) -> CounterSettings:
    return house.settings(
        CounterSettings,
        role_of(house.country, member),
        origin=house.counter_origin(member),
        clerk_key=house.premises.of_member("clerk", member),
        cards_origin=house.origin("cards"),
        card_counters_secret=house.premises.secret("card-counters"),
        network_origin=house.origin(f"gateway:{house.country.resident_network}"),
    )


def changes(house: House) -> FastAPI:
    """The change office, with a gateway of its own before it; both keep what they have in one database."""
    member = str(house.country.change_office)
    settings = gateway_settings(house, member)
    db = house.database(CHANGES)
    office = ChangeOffice(db, house.clock)
    app = create_gateway(
        settings,
        db=db,
        http=house.http,
        clock=house.clock,
        records=office,
        desk=office,
        change_office=office,
    )
    app.state.changes = office
    app.state.outboxes["changes"] = lambda: office.outbox
    return app


def portal(house: House) -> FastAPI:
    member = house.country.portal
    settings = house.settings(
        PortalSettings,
        "portal",
        login_issuer=house.origin("login") + REALM,
        client_id="portal",
        client_key=clients.key(house.premises, "portal"),
        gateway_origin=house.origin(f"gateway:{member}"),
        agency_key=house.premises.secret(f"agency-{member}"),
        registry_origin=house.origin("registry"),
        fronts=clients.front_registrations(house),
        country=str(house.settled.folder),
    )
    return create_portal(settings, db=house.database("portal"), http=house.http, clock=house.clock)


def cards(house: House) -> FastAPI:
    settings = house.settings(
        CardsSettings,
        "cards",
        counter_key=house.premises.secret("card-counters"),
        login_origin=house.origin("login"),
        country=str(house.settled.folder),
        show_pins="true",
    )
    network = house.origin(f"gateway:{house.country.resident_network}")
    registrar = CardOfficeClient(house.http, network, house.premises.secret("card-office"))
    people, late = cast.load_checked(house.settled.folder), asleep_at(house)
    app = create_cards(
        settings,
        db=house.database("cards"),
        http=house.http,
        clock=house.clock,
        certify_renewal=renewing(registrar, people.people),
        check_holder=checking(registrar),
        fetch=fetching(registrar, people.people.living_in(late)),
    )
    give_out_cards(app, app.state.cards, people, registrar, late)
    return app


def company(house: House, *, kind: str) -> FastAPI:
    """A private service that uses login and nothing else."""
    settings = house.settings(
        CompanySettings,
        kind,
        kind=kind,
        login_issuer=house.origin("login") + REALM,
        client_id=kind,
        client_key=clients.key(house.premises, kind),
    )
    return create_company(settings, db=house.database(kind), http=house.http, clock=house.clock)


def mover(house: House) -> FastAPI:
    """A private moving site: a front of the portal, and no client of login."""
    settings = house.settings(
        MoverSettings,
        "mover",
        portal_origin=house.origin("portal"),
        client_id="mover",
        client_key=clients.key(house.premises, "mover"),
        procedure="moving-out",
        registry_origin=house.origin("registry"),
        core_origin=house.origin("core"),
        authority_origin=house.origin("authority"),
        companies=clients.companies(house),
    )
    return create_mover(settings, db=house.database("mover"), http=house.http, clock=house.clock)


def hall(house: House) -> FastAPI:
    """Whoever shares one door: an office and a gateway each, made when somebody speaks to it."""

    def open_room(member: str) -> Opened:
        async def close() -> None:
            await house.release(f"gateway:{member}")
            await house.release(f"office:{member}")

        return Opened(gateway(house, member), close)

    rooms = Hall(open_room, house.premises.place / "awake")
    for member in house.settled.asleep:
        rooms.let(member, [house.origin(f"gateway:{member}"), house.counter_origin(member)])
    return create_hall(rooms, Seating(house), clock=house.clock)


ROLES: Mapping[str, Callable[[House], FastAPI]] = {
    "authority": authority,
    "registry": registry,
    "core": core,
    "login": login,
    CHANGES: changes,
    HALL: hall,
    "portal": portal,
    "cards": cards,
    **{kind: partial(company, kind=kind) for kind in COMPANIES},
    "mover": mover,
}


def asleep_at(house: House) -> frozenset[str]:
    """The municipalities, by code, whose office is made when somebody speaks to it: their people come late, too."""
    agencies = cast.load_checked(house.settled.folder).agencies
    codes = (agencies[member].municipality for member in house.settled.asleep)
    return frozenset(code for code in codes if code)


def surroundings(house: House, db: Database) -> Surroundings:
    return Surroundings(
        db=db,
        http=house.http,
        clock=house.clock,
        authority_origin=house.origin("authority"),
        registry_origin=house.origin("registry"),
    )
