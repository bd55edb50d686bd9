"""What the portal's citizens do again and again."""

from urllib.parse import urlsplit

from kiban.portal.app import Parts
from kiban.portal.sessions import Token
from kiban.world.browser import Page
from kiban.world.citizen import Citizen
from tests.stories.country import Country

ANSWERS = {"from_month": "2026-05", "confirm": True}
FORM = "child-allowance"


async def arrives(country: Country, name: str = "hanako") -> Citizen:
    citizen = country.citizen(name)
    await citizen.logs_in()
    return citizen


async def opens_anew(citizen: Citizen) -> None:
    """Open the form, without the draft that an earlier test left."""
    await citizen.opens(FORM)
    if not citizen.page.has_form("agree"):
        await citizen.browser.submit("discard")
        await citizen.opens(FORM)


async def at_the_form(country: Country, name: str = "hanako") -> Citizen:
    """A citizen with a form of their own, approved and filled from what offices hold."""
    citizen = await arrives(country, name)
    await opens_anew(citizen)
    await citizen.agrees()
    return citizen


async def goes(citizen: Citizen, path: str) -> Page:
    return await citizen.browser.open(citizen.portal_origin + path)


async def second_window(country: Country, citizen: Citizen) -> Citizen:
    """Another window of the same browser, at the same page."""
    window = country.citizen(citizen.persona.id)
    window.browser._cookies = citizen.browser._cookies
    await window.browser.open(citizen.page.url)
    return window


def token(citizen: Citizen) -> Token:
    host = urlsplit(citizen.portal_origin).hostname or ""
    return Token(citizen.browser.cookies(host)["portal-session"])


def parts(country: Country) -> Parts:
    return country.apps["portal"].state.parts


def number(citizen: Citizen) -> str:
    """The application whose page is shown."""
    return citizen.page.path.split("/")[2]


async def kinds(citizen: Citizen, kind: str) -> int:
    return sum(line["kind"] == kind for line in await citizen.history())


async def operations(citizen: Citizen) -> list[str]:
    page = await goes(citizen, "/operations")
    return [row[1] for row in page.table("operations").rows]
