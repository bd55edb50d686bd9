"""Proxies: who is named at a municipality's counter, and goes to the portal to act."""

from datetime import timedelta

from kiban.shared.clock import day_in_japan
from kiban.world.browser import Entry, Page
from kiban.world.citizen import Citizen
from kiban.world.clerk import Clerk
from tests.stories.country import Country

MOVE: dict[str, Entry] = {
    "items": ("household", "resident-record"),
    "affairs": ("moving",),
}
"""What is needed to give notice of a move."""


def plain(name: str) -> str:
    """A name as a page's text has it: with one space between its parts."""
    return " ".join(name.split())


def spoken(country: Country, principal: str, proxy: str, **said: Entry) -> dict[str, Entry]:
    """What two people say before the clerk: the one names the other, until tomorrow."""
    tomorrow = country.clock() + timedelta(days=1)
    hers, theirs = country.people[principal], country.people[proxy]
    return {
        "principal_name": hers.name,
        "principal_birth": hers.birth_date.isoformat(),
        "proxy_name": theirs.name,
        "proxy_birth": theirs.birth_date.isoformat(),
        "basis": "counter",
        "until": day_in_japan(tomorrow).isoformat(),
        **MOVE,
        **said,
    }


async def names_proxy(
    country: Country, clerk: Clerk, principal: str, proxy: str = "hanako", **said: Entry
) -> Page:
    """Somebody is named at the counter."""
    return await clerk.tells_mandate(spoken(country, principal, proxy, **said))


async def acts_for(
    country: Country, principal: str, proxy: str = "hanako", *, scope: str = ""
) -> Citizen:
    """The proxy comes to the portal with a browser of their own, and chooses for whom to act, and in what."""
    citizen = country.citizen(proxy)
    await citizen.logs_in()
    page = await citizen.browser.open(f"{citizen.portal_origin}/mandates")
    acting = [form.name for form in page.markup.forms if form.name.startswith("act-")]
    able = [part for part in page.parts("proxy") if "代理をする" in part.text.splitlines()[-1]]
    for part, form in zip(able, acting, strict=True):
        if plain(country.people[principal].name) in part.text and scope in part.text:
            await citizen.browser.submit(form)
            return citizen
    raise LookupError(f"{proxy} may not act for {principal}")
