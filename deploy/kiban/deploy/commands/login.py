"""
`kiban login --as PERSONA`: log in to a running country without a browser, and print what a relying party gets.

For integrators: the whole code flow is gone through, with card and PIN, for the demo client or any other of this
deployment; or the portal's session is opened, as the cookie that a browser would hold.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kiban.deploy import clients, house, keys, premises
from kiban.deploy.commands import options
from kiban.deploy.house import House
from kiban.identity.login.client import LoginClient
from kiban.identity.login.contract import REALM
from kiban.shared.http import Headers, Http, Reply, get_json
from kiban.shared.problems import Problem
from kiban.world import cast
from kiban.world.browser import PageRefused, accepted
from kiban.world.citizen import Citizen


class PersonaUnknown(Problem):
    slug, title, status = "persona-unknown", "Nobody with a card is called so", 404


class LoginRefused(Problem):
    slug, title, status = "login-refused", "The login did not come to its end", 403


def add(commands: options.Commands) -> None:
    command = commands.add_parser("login", help="log in to a running country without a browser")
    command.add_argument("--as", dest="persona", required=True, metavar="PERSONA")
    command.add_argument("--client", default="demo", help="which relying party (%(default)s)")
    command.add_argument("--scope", default="openid name", help="what it asks for (%(default)s)")
    command.add_argument(
        "--portal", action="store_true", help="open a session at the portal instead"
    )
    options.add_data(command)
    options.add_country(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    print(json.dumps(asyncio.run(_login(arguments)), ensure_ascii=False, indent=2))
    return 0


async def _login(arguments: argparse.Namespace) -> dict[str, Any]:
    if not premises.stands(arguments.data):
        raise LoginRefused(
            f"{arguments.data} holds no country", expected="--data of one that runs: kiban up"
        )
    settled = house.settle(arguments.data, arguments.country)
    furnished = house.furnish(settled, environment=os.environ)
    try:
        told = await get_json(furnished.http, f"{furnished.origin('login')}/clock")
        furnished.clock.advance(timedelta(seconds=told["offset_seconds"]))
        if arguments.portal:
            return await _portal_session(furnished, arguments.persona)
        return await log_in(furnished, arguments.persona, arguments.client, arguments.scope)
    except PageRefused as refused:
        raise LoginRefused(str(refused)) from refused
    finally:
        await furnished.close()


async def log_in(country: House, persona: str, client_id: str, scope: str) -> dict[str, Any]:
    """Go through the code flow as this persona, for this client."""
    client = next((each for each in clients.of(country) if each.id == client_id), None)
    if client is None:
        known = ", ".join(each.id for each in clients.of(country))
        raise LoginRefused(f"no client is called {client_id}", expected=known)
    key = keys.load(clients.key(country.premises, client.id))
    login = LoginClient(
        country.http, country.origin("login") + REALM, client.id, key, country.clock
    )
    attempt = login.begin(client.redirect_uri, scope=scope)
    doorstep = Doorstep(country.http, client.redirect_uri)
    citizen = _citizen(country, persona, doorstep)
    await citizen.browser.open(login.authorization_url(attempt))
    if refused := doorstep.brought.get("error"):
        raise LoginRefused(doorstep.brought.get("error_description", refused), sent=scope)
    page = await citizen.holds_up_card()
    if accepted(page).has_form("agree"):
        await citizen.browser.submit("agree")
    code = login.returned(attempt, doorstep.brought)
    person = await login.redeem(code, attempt)
    said = await login.userinfo(person.access_token)
    return {
        "client_id": client.id,
        "sub": person.sub,
        "scope": " ".join(sorted(person.scope)),
        "access_token": person.access_token,
        "userinfo": said.model_dump(exclude_none=True),
    }


async def _portal_session(country: House, persona: str) -> dict[str, Any]:
    citizen = _citizen(country, persona, country.http)
    await citizen.logs_in()
    host = urlsplit(country.origin("portal")).hostname or ""
    cookies = citizen.browser.cookies(host)
    return {"origin": country.origin("portal"), "cookies": cookies}


def _citizen(country: House, persona: str, http: Http) -> Citizen:
    people = cast.load_checked(country.settled.folder).people
    holders = [each.id for each in people if each.card]
    if persona not in holders:
        raise PersonaUnknown(f"not {persona}", sent=persona, expected=", ".join(holders))
    return Citizen(people[persona], http, country.origin("portal"), country.clock)


@dataclass(slots=True)
class Doorstep:
    """HTTP that goes no further than a relying party's door: what the browser brings there is kept."""

    http: Http
    address: str
    url: str = ""

    @property
    def brought(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query))

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  as Http says
    ) -> Reply:
        if url.partition("?")[0] == self.address:
            self.url = url
            return Reply(200, Headers([]), b"")
        return await self.http.send(method, url, content=content, headers=headers, timeout=timeout)

    async def close(self) -> None:
        await self.http.close()
