"""
The knowledge table of DESIGN 3 as data: what kinds of things each party may hold, and which may travel between whom.

What is not allowed is forbidden.  `holds` is what lies in a party's database, log and traces; `travels` is what may be
read on a wire between two parties, by either of them or by whoever listens.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from kiban.changes import store as changes_store
from kiban.gateway import store as gateway_store
from kiban.mesh.keys import changes_of
from kiban.shared import points
from kiban.shared.http import Http, Reply, origin_of
from kiban.world.companies.catalogue import COMPANIES
from kiban.world.people import Persona
from kiban.world.vault import numbers
from tests.architecture.scanner import Value
from tests.stories.country import Country

ATTRIBUTES = {"name", "kana", "address", "birth date"}

HOLDS: dict[str, set[str]] = {
    "authority": ATTRIBUTES | {"resident record code"},
    "login": set(),
    "core": set(),
    "registry": set(),
    "portal": set(),
    "cards": {"name"},
    **{company: {"name", "kana", "address"} for company in COMPANIES},
    "mover": set(),
    "vault": ATTRIBUTES,
    "gateway": set(),
    "changes": set(),
    "office:kamakura": ATTRIBUTES | {"income", "account"},
    "office:fujisawa": ATTRIBUTES,
    "office:tax": ATTRIBUTES | {"income"},
    "office:accounts": ATTRIBUTES | {"account"},
    "office:pension": ATTRIBUTES,
    "office:health-insurer": ATTRIBUTES,
    "office:vehicles": ATTRIBUTES,
    "office:resident-network": ATTRIBUTES,
    "office:police": set(),
    "office:portal": set(),
}
"""By what is kept; `gateway` stands for every agency's gateway, whose seals and wraps hide what it keeps."""

TRAVELS: dict[tuple[str, str], set[str]] = {
    ("browser", "portal"): ATTRIBUTES | {"income", "account"},
    # The name of whom somebody acts for stands on the card's page.
    ("browser", "cards"): {"name", "signature password"},
    ("browser", "counter:kamakura"): {"name", "birth date"},
    **{("browser", company): {"name", "kana", "address"} for company in COMPANIES},
    # What she let the moving site read goes through it, and stays nowhere.
    ("browser", "mover"): ATTRIBUTES,
    ("mover", "portal"): ATTRIBUTES,
    ("browser", "login"): {"name", "kana", "address"},
    **{(company, "login"): {"name", "kana", "address"} for company in COMPANIES},
    # A signature certificate names its holder, and goes with the signature.
    ("cards", "login"): {"name", "address", "birth date"},
    ("portal", "login"): {"name", "address", "birth date"},
    ("login", "authority"): ATTRIBUTES,
    ("gateway:resident-network", "authority"): ATTRIBUTES | {"resident record code"},
    ("cards", "gateway:resident-network"): ATTRIBUTES,
    ("portal", "gateway:portal"): ATTRIBUTES | {"income", "account"},
    ("gateway:kamakura", "authority"): ATTRIBUTES,
    ("gateway:kamakura", "gateway:resident-network"): ATTRIBUTES,
    ("gateway:tax", "gateway:resident-network"): ATTRIBUTES,
    ("gateway:accounts", "gateway:resident-network"): ATTRIBUTES,
    ("gateway:pension", "gateway:resident-network"): ATTRIBUTES,
    ("gateway:health-insurer", "gateway:resident-network"): ATTRIBUTES,
    ("gateway:vehicles", "gateway:resident-network"): ATTRIBUTES,
    ("gateway:resident-network", "gateway:resident-network"): ATTRIBUTES,
}
"""By sender and receiver; between all others nothing of a person may be read."""


@dataclass
class Recorder:
    """Stands on a party's line and keeps everything that passes."""

    sender: str
    http: Http
    kept: list[tuple[str, str, bytes]]

    async def send(
        self, method: str, url: str, *, content: bytes = b"", headers=None, **more: Any
    ) -> Reply:
        reply = await self.http.send(method, url, content=content, headers=headers, **more)
        lines = [
            f"{method} {url}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        answered = [f"{name}: {value}" for name, value in reply.headers.items()]
        whole = b"\n".join(
            ["\n".join(lines).encode(), content, "\n".join(answered).encode(), reply.content]
        )
        self.kept.append((self.sender, origin_of(url), whole))
        return reply

    async def close(self) -> None:
        await self.http.close()


@dataclass
class Wires:
    """Everything that was said between parties."""

    kept: list[tuple[str, str, bytes]] = field(default_factory=list)

    def wire(self, sender: str, http: Http) -> Http:
        return Recorder(sender, http, self.kept)

    def said(self, origins: Mapping[str, str]) -> dict[tuple[str, str], bytes]:
        """What was said, by sender and receiver."""
        roles = {origin: role for role, origin in origins.items()}
        gathered: dict[tuple[str, str], list[bytes]] = {}
        for sender, origin, whole in self.kept:
            gathered.setdefault((sender, roles[origin]), []).append(whole)
        return {pair: b"\n\n".join(each) for pair, each in gathered.items()}


def personal_values(people: Iterable[Persona]) -> Iterator[Value]:
    """The personas' actual values; what is too short to be told from chance is left out."""
    for place, persona in enumerate(people, start=1):
        yield Value("name", persona.id, persona.name)
        yield Value("kana", persona.id, persona.name_kana)
        yield Value("birth date", persona.id, persona.birth_date.isoformat())
        yield Value("address", persona.id, persona.address.text)
        yield Value("My Number", f"place {place}", numbers.my_number(place).reveal())
        yield Value(
            "resident record code", f"place {place}", numbers.resident_record_code(place).reveal()
        )
        if persona.card and persona.card.signature_pin:
            yield Value("signature password", persona.id, persona.card.signature_pin.reveal())
        for record in persona.records:
            if record.item == "income":
                yield Value("income", persona.id, str(record.values["total_income_yen"]))
            if record.item == "bank-account":
                yield Value("account", persona.id, str(record.values["number"]))


async def points_of(country: Country) -> list[Value]:
    """Every pseudonym that a gateway keeps, and the person point behind each: what no table may ever show."""
    keys = country.apps["core"].state.core.conversion
    found = []
    for app in country.apps.values():
        if not hasattr(app.state, "gateway"):
            continue
        standing, domains = app.state.gateway.standing, await _domains(app)
        async with standing.db.read() as connection:
            rows = (await connection.execute(gateway_store.people.select())).all()
        for row in rows:
            whose, code = f"{row.person} at {standing.id}", standing.people.unwrap(row.code).value
            found.append(Value("pseudonym", whose, code))
            inverse = points.inverse(keys.scalar(domains.get(row.person, standing.id), row.epoch))
            found.append(Value("person point", whose, points.times(inverse, code)))
    return found


async def _domains(app: FastAPI) -> dict[str, str]:
    """In which domain the change office's pseudonyms are: another one for each item."""
    office = getattr(app.state, "changes", None)
    if office is None:
        return {}
    async with app.state.gateway.standing.db.read() as connection:
        rows = (await connection.execute(changes_store.subscriptions.select())).all()
    return {row.person: changes_of(row.item) for row in rows}


def stored(place: Path) -> dict[str, bytes]:
    """What every database holds: its file and journal as bytes, and its rows as text."""
    found = {}
    for file in sorted(place.glob("*.sqlite")):
        beside = file.with_name(f"{file.name}-wal")
        raw = file.read_bytes() + (beside.read_bytes() if beside.exists() else b"")
        with closing(sqlite3.connect(file)) as database:
            dump = "\n".join(database.iterdump()).encode(errors="replace")
        found[file.stem] = raw + dump
    return found


def keeper(database: str) -> str:
    """Whose database this is, as the table calls it."""
    kind, _, member = database.partition("-")
    if kind == "office":
        return f"office:{member}"
    return kind
