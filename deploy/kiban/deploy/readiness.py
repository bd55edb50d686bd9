"""
Readiness: what a country tells those who want to use it, once every role answers.

The ready file is for tools and for other people's tests: addresses, personas with their PINs, the demo clients'
credentials, the keys of agencies' systems and of clerks.  It holds secrets on purpose, SIMULATED ones of made-up
people, and only its owner may read it.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kiban.deploy import clients
from kiban.deploy.house import House, role_of
from kiban.deploy.premises import write_whole
from kiban.identity.login.contract import REALM
from kiban.shared.http import get_json, get_shape
from kiban.shared.settings import Secret
from kiban.world import cast
from kiban.world.counter.app import HOME
from kiban.world.moving_in import PopulationIncomplete, PopulationReply
from kiban.world.people import CardPlan, People

SHOWN = 12
"""As many of a kind are printed; the ready file has all."""
PAUSE = 0.2
"""Seconds between two looks at who has moved in."""


async def check_all_answer(house: House) -> None:
    """Return once every role answers for itself, or raise what is wrong with the first that does not."""
    for role in house.settled.roles:
        await get_json(house.http, f"{house.origin(role)}/health")


async def wait_until_settled(house: House) -> None:
    """Return once everybody has moved in, or raise what keeps them from it."""
    for role in house.settled.roles:
        if role == "cards" or role.startswith("gateway:"):
            while not (told := await _population(house, role)).settled:
                if told.problems:
                    raise PopulationIncomplete("; ".join(told.problems), role=role)
                await asyncio.sleep(PAUSE)


async def _population(house: House, role: str) -> PopulationReply:
    return await get_shape(house.http, f"{house.origin(role)}/population", PopulationReply)


def document(house: House) -> dict[str, Any]:  # JSON
    """Everything that the ready file says."""
    people = cast.load_checked(house.settled.folder).people
    return {
        "version": version("kiban"),
        "country": house.country.id,
        "clock": house.clock().isoformat(),
        "operator_key": house.premises.secret("operator").reveal(),
        "roles": dict(house.premises.origins),
        "gateways": dict(_gateways(house)),
        "personas": [_persona(each.id, each.name, each.card) for each in people],
        "clients": [_client(house, each) for each in clients.of(house)],
        "fronts": [_front(house, each) for each in clients.fronts(house)],
    }


def write(house: House, file: Path) -> None:
    text = json.dumps(document(house), ensure_ascii=False, indent=2) + "\n"
    write_whole(file, text, mode=0o600)


def _gateways(house: House) -> Iterator[tuple[str, Mapping[str, str]]]:
    counters = dict(_counters(house))
    for member in house.country.agencies:
        key = house.premises.of_member("agency", member).reveal()
        origin = house.origin(role_of(house.country, member))
        yield member, {"origin": origin, "agency_key": key, **counters.get(member, {})}


def _counters(house: House) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Say where each municipality's counter is, and what a clerk shows there."""
    for member in cast.load_checked(house.settled.folder).municipalities:
        key = house.premises.of_member("clerk", member).reveal()
        yield member, {"counter": house.counter_origin(member) + HOME, "clerk_key": key}


def _persona(name: str, full_name: str, card: CardPlan | None) -> dict[str, Any]:
    return {
        "id": name,
        "name": full_name,
        "card": card is not None,
        "authentication_pin": _shown(card.authentication_pin if card else None),
        "signature_password": _shown(card.signature_pin if card else None),
    }


def _shown(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None


def _client(house: House, party: clients.RelyingParty) -> dict[str, Any]:
    return {
        "client_id": party.id,
        "redirect_uri": party.redirect_uri,
        "private_jwk": clients.private_jwk(clients.key(house.premises, party.id)),
        "issuer": house.origin("login") + REALM,
        "scopes": ["openid", *party.scopes],
    }


def _front(house: House, front: clients.Front) -> dict[str, Any]:
    return {
        "client_id": front.id,
        "redirect_uri": front.redirect_uri,
        "private_jwk": clients.private_jwk(clients.key(house.premises, front.id)),
        "issuer": house.origin("portal"),
    }


def show(house: House, console: Console) -> None:
    """Print the addresses and the personas' cards."""
    console.print(_addresses(house))
    console.print(_cards(cast.load_checked(house.settled.folder).people))
    _show_counters(house, console)
    console.print(
        f"Begin at [bold]{house.origin('portal')}[/].  Everything here is SIMULATED.  Ctrl-C ends it."
    )


def _addresses(house: House) -> Table:
    table = Table(title=f"{house.country.name['en']}: where everybody is", title_justify="left")
    table.add_column("role")
    table.add_column("address")
    for role in house.settled.roles:
        table.add_row(role, house.origin(role))
    if asleep := house.settled.asleep:
        table.add_row(f"{len(asleep)} members, asleep", "by a name of their own at the hall's port")
    return table


def _show_counters(house: House, console: Console) -> None:
    # Each on a line of its own, however narrow the terminal is: what is folded cannot be copied.
    console.print(
        "[italic]the municipalities' counters, and what a clerk shows there (SIMULATED)[/]"
    )
    counters = list(_counters(house))
    for member, counter in counters[:SHOWN]:
        name = house.country.agencies[member].name["ja"]
        for line in (f"{name} {counter['counter']}", f"  key {counter['clerk_key']}"):
            console.print(line, soft_wrap=True, highlight=False)
    if len(counters) > SHOWN:
        console.print(f"… and {len(counters) - SHOWN} more, in the ready file (--ready-file)")
    console.print()


def _cards(people: People) -> Table:
    table = Table(title="who lives here, and their cards (SIMULATED)", title_justify="left")
    for column in ("id", "name", "PIN", "signature password", "who"):
        table.add_column(column)
    table.caption = (
        f"… and {len(people) - SHOWN} more, in the ready file" if len(people) > SHOWN else None
    )
    for each in islice(people, SHOWN):
        pin, password = (
            (each.card.authentication_pin, each.card.signature_pin) if each.card else (None, None)
        )
        table.add_row(
            each.id, each.name, _shown(pin) or "-", _shown(password) or "-", each.about["en"]
        )
    return table
