"""
The house: what every role is built from, on this machine and in this process.

Premises and country come first, then one HTTP client for all roles of the process, one clock, and a database for
each role.  Roles find each other by their public origins; the routes say where those really are.
Source: DESIGN 7.
"""

import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kiban.deploy import premises as premises_
from kiban.deploy.premises import HALL, Premises, file_name
from kiban.mesh import country as mesh_country
from kiban.mesh import witnessing
from kiban.mesh.country import Country
from kiban.shared import settings
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.http import AiohttpHttp, Http
from kiban.shared.settings import Secret
from kiban.world.companies.catalogue import COMPANIES

Settings = TypeVar("Settings")

OFFICES = ("authority", "registry", "core", "login")
CHANGES = "changes"
CROWD = 20
"""As many members of a kind have an address, and a process' attention, each of their own."""
FRONTS = ("portal", "cards", *COMPANIES, "mover")


@dataclass(frozen=True, slots=True)
class Settled:
    """A country and the premises that it lives at."""

    premises: Premises
    folder: Path
    """The country's directory."""
    country: Country

    @property
    def roles(self) -> list[str]:
        """Every role that runs from the beginning, in order of dependence."""
        names = role_names(self.country)
        asleep = {role_of(self.country, member) for member in self.asleep}
        awake = [name for name in names if name not in asleep]
        if not asleep:
            return awake
        front = awake.index(FRONTS[0])
        return [*awake[:front], HALL, *awake[front:]]

    @property
    def asleep(self) -> list[str]:
        """The members that share the hall's door, and sleep until somebody speaks to them."""
        return [each for each in sorted(self.country.agencies) if self.premises.shares_door(each)]

    def counter_origin(self, member: str) -> str:
        """Say where browsers find a municipality's counter: its gateway's door, by a host name of its own."""
        port = premises_.port_of(self.premises.origin(role_of(self.country, member)))
        return f"http://{member}-counter.localhost:{port}"


@dataclass(frozen=True, slots=True)
class House:
    """What every role is built from."""

    settled: Settled
    http: Http
    clock: Clock
    open_database: Callable[[str], Database]
    environment: Mapping[str, str] = field(default_factory=dict)
    _databases: dict[str, Database] = field(default_factory=dict)

    @property
    def premises(self) -> Premises:
        return self.settled.premises

    @property
    def country(self) -> Country:
        return self.settled.country

    def origin(self, role: str) -> str:
        return self.premises.origin(role)

    def counter_origin(self, member: str) -> str:
        return self.settled.counter_origin(member)

    def key_seed(self, member: str) -> Secret:
        """From which the keys of a member follow that is certified asleep; of any other nothing does."""
        return (
            self.premises.of_member("keys", member)
            if self.premises.shares_door(member)
            else Secret("")
        )

    def database(self, role: str) -> Database:
        """Open the database of a role, once."""
        if role not in self._databases:
            self._databases[role] = self.open_database(role)
        return self._databases[role]

    async def release(self, role: str) -> None:
        """Close the database of a role that is not needed now; it can be opened again."""
        if opened := self._databases.pop(role, None):
            await opened.close()

    def settings(self, cls: type[Settings], role: str, **wired: str | Secret) -> Settings:
        """Fill a role's settings: what every role has, what it is wired to, what the environment overrides."""
        prefix = f"KIBAN_{file_name(role).replace('-', '_').upper()}_"
        given = {
            "origin": self.origin(role),
            "secret": self.premises.secret(f"role-{file_name(role)}"),
            "operator_key": self.premises.secret("operator"),
            **wired,
        }
        texts = {
            prefix + name.upper(): value.reveal() if isinstance(value, Secret) else value
            for name, value in given.items()
        }
        return settings.read(cls, {**texts, **self.environment}, prefix)

    async def close(self) -> None:
        for database in self._databases.values():
            await database.close()
        await self.http.close()


@dataclass(frozen=True, slots=True)
class _Outside:
    """What of the core's settings lies outside of the country."""

    witnesses: tuple[str, ...] = ()


def role_names(country: Country) -> list[str]:
    """Name every role of a country in order of dependence: who is asked comes before who asks."""
    network, portal = country.resident_network, country.portal
    others = sorted(country.agencies.keys() - {network, portal})
    # The portal is a party to every pseudonym that is taken, so it becomes a member first.
    return [*OFFICES, *(role_of(country, each) for each in (portal, network, *others)), *FRONTS]


def role_of(country: Country, member: str) -> str:
    """Name the role in which a member takes part: the change office's is its own, any other's is a gateway."""
    return CHANGES if member == country.change_office else f"gateway:{member}"


def settle(
    data: Path, folder: Path, port_base: int | None = None, *, crowd: int = CROWD
) -> Settled:
    """Read the country and move into the data directory; of a kind with more than `crowd` members all share a door."""
    country = mesh_country.load(folder)
    sizes = Counter(agency.domain for agency in country.agencies.values())
    hall = [each.id for each in country.agencies.values() if sizes[each.domain] > crowd]
    doors = {role_of(country, member) for member in hall}
    roles = [role for role in role_names(country) if role not in doors]
    place = premises_.settle(data, country=country.id, roles=roles, port_base=port_base, hall=hall)
    return Settled(place, folder, country)


def mounted(data: Path, secrets: Path, folder: Path) -> Settled:
    """Take what `kiban prepare` made, as a container has it."""
    return Settled(premises_.mounted(data, secrets), folder, mesh_country.load(folder))


def furnish(
    settled: Settled,
    *,
    database: str = "sqlite",
    routes: str | None = None,
    tls: ssl.SSLContext | None = None,
    environment: Mapping[str, str],
) -> House:
    """
    Give the house its clock, its client and its databases.

    A route may say {role}, as in https://{role}:8000; `tls` is what other roles are called with.
    """

    def url(role: str) -> str:
        name = file_name(role)
        if database == "sqlite":
            return f"sqlite+aiosqlite:///{settled.premises.place / name}.sqlite"
        known = {"role": name}
        if "{password}" in database:
            known["password"] = settled.premises.secret(f"database-{name}").reveal()
        return database.format_map(known)

    return House(
        settled,
        AiohttpHttp(_routes(settled.premises, routes), outside=_witnesses(environment), tls=tls),
        Clock(),
        lambda role: Database(url(role)),
        environment,
    )


def _witnesses(environment: Mapping[str, str]) -> dict[str, str]:
    """Where the log's witnesses are: the only ones outside of the country whom a role asks for anything."""
    outside = settings.read(_Outside, environment, "KIBAN_CORE_")
    return {origin: origin for origin in witnessing.origins(outside.witnesses)}


def _routes(premises: Premises, template: str | None) -> dict[str, str]:
    """Say where each public origin really is: here, at its port, unless a template says otherwise."""
    return {
        origin: template.format(role=file_name(role))
        if template
        else f"http://127.0.0.1:{premises_.port_of(origin)}"
        for role, origin in premises.origins.items()
    }
