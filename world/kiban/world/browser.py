"""
A browser without a script: it opens, follows, fills in and sends, and shows what a person could read.

It goes by the same route map as the country's own clients and keeps cookies by host name alone, as browsers do: two
roles on two ports of one host would share them.  Redirects and a refresh of zero seconds are followed by themselves.

Refused: a page that answers with a problem where none was expected (`PageRefused`), a way round in circles.
Sources: RFC 6265bis 5.6; HTML, form submission (application/x-www-form-urlencoded).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlencode, urlsplit

from kiban.shared.clock import Clock
from kiban.shared.http import Http, Reply
from kiban.world.markup import Control, Form, Link, Markup, Part, TableSeen, absolute

MOST_STEPS = 30
FORM = "application/x-www-form-urlencoded"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSED = 400


class PageRefused(AssertionError):  # noqa: N818  named by what is wrong
    """The page says that something could not be done."""


Entry = str | bool | tuple[str, ...]
"""What goes into a field: a text, whether a box is ticked, or which of several boxes of one name are."""


@dataclass(frozen=True, slots=True, repr=False)
class Page:
    """What the browser shows now."""

    url: str
    status: int
    markup: Markup

    def __repr__(self) -> str:
        return f"Page({self.status} {urlsplit(self.url).path} {self.heading!r})"

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def heading(self) -> str:
        return self.markup.headings[0] if self.markup.headings else ""

    @property
    def text(self) -> str:
        return self.markup.text

    def link(self, name: str) -> Link:
        """A link by its id, its `data-testid` or its text."""
        for link in self.markup.links:
            if name in {link.attributes.get("id"), link.attributes.get("data-testid"), link.text}:
                return link
        raise LookupError(f"{self!r} has no link {name}; it has {self._links()}")

    def form(self, name: str) -> Form:
        """A form by its id or its name."""
        for form in self.markup.forms:
            if form.name == name:
                return form
        known = ", ".join(form.name or "(no id)" for form in self.markup.forms)
        raise LookupError(f"{self!r} has no form {name}; it has {known or 'none'}")

    def has_form(self, name: str) -> bool:
        return any(form.name == name for form in self.markup.forms)

    def table(self, name: str) -> TableSeen:
        for table in self.markup.tables:
            if table.name == name:
                return table
        known = ", ".join(table.name or "(no id)" for table in self.markup.tables)
        raise LookupError(f"{self!r} has no table {name}; it has {known or 'none'}")

    def parts(self, name: str) -> list[Part]:
        """Every marked part of this id or `data-testid`."""
        return [
            part
            for part in self.markup.parts
            if name in {part.attributes.get("id"), part.attributes.get("data-testid")}
        ]

    def part(self, name: str) -> Part:
        found = self.parts(name)
        if not found:
            raise LookupError(f"{self!r} marks nothing as {name}")
        return found[0]

    def _links(self) -> str:
        return ", ".join(link.attributes.get("id") or link.text for link in self.markup.links)


@dataclass(slots=True)
class Browser:
    """One person's browser."""

    http: Http
    clock: Clock = field(default_factory=Clock)
    language: str = "ja"
    patience: float = 30.0
    """Seconds that the person waits for one page."""
    page: Page | None = None
    visited: list[str] = field(default_factory=list)
    """Every address without its query, in order: where the browser has been."""
    _cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    # --- going --------------------------------------------------------------------------------

    async def open(self, url: str) -> Page:
        """Go to an address, and wherever it leads."""
        return await self._go("GET", absolute(self._here(), url))

    async def follow(self, link: str) -> Page:
        """Click a link."""
        return await self.open(self.shown.link(link).href)

    async def submit(
        self, form: str, values: Mapping[str, Entry] | None = None, *, button: str = ""
    ) -> Page:
        """Fill in a form as it stands, and send it; `button` is the name of the one that is pressed."""
        found = self.shown.form(form)
        sent = urlencode(_filled(found, values or {}) + _pressed(found, button))
        where = absolute(self._here(), found.action)
        if found.method == "get":
            return await self._go("GET", f"{where.partition('?')[0]}?{sent}")
        return await self._go("POST", where, sent.encode())

    @property
    def shown(self) -> Page:
        if self.page is None:
            raise LookupError("the browser has opened no page yet")
        return self.page

    def _here(self) -> str:
        return self.page.url if self.page else ""

    async def _go(self, method: str, url: str, content: bytes = b"") -> Page:
        for _ in range(MOST_STEPS):
            reply = await self._send(method, url, content)
            onward = _onward(reply)
            if onward is None:
                markup = Markup(reply.content.decode(errors="replace"))
                self.page = Page(url, reply.status, markup)
                onward = markup.refresh
            if onward is None:
                return self.shown
            if reply.status not in {307, 308}:
                method, content = "GET", b""
            url = absolute(url, onward)
        raise PageRefused(f"{urlsplit(url).path} leads round in circles")

    async def _send(self, method: str, url: str, content: bytes) -> Reply:
        parts = urlsplit(url)
        headers = {
            "accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
            "accept-language": self.language,
        }
        if jar := self._cookies.get(parts.hostname or ""):
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if method == "POST":
            headers["content-type"] = FORM
            headers["origin"] = f"{parts.scheme}://{parts.netloc}"
            headers["sec-fetch-site"] = "same-origin"
        self.visited.append(f"{parts.scheme}://{parts.netloc}{parts.path}")
        reply = await self.http.send(
            method,
            url.partition("#")[0],
            content=content,
            headers=headers,
            timeout=self.patience,
        )
        self._keep_cookies(parts.hostname or "", reply)
        return reply

    # --- cookies ------------------------------------------------------------------------------

    def _keep_cookies(self, host: str, reply: Reply) -> None:
        jar = self._cookies.setdefault(host, {})
        for line in reply.headers.all("set-cookie"):
            try:
                read = SimpleCookie(line)
            except CookieError:
                continue
            for name, morsel in read.items():
                if _ended(morsel["max-age"], morsel["expires"], self.clock()):
                    jar.pop(name, None)
                else:
                    jar[name] = morsel.value

    def cookies(self, host: str) -> dict[str, str]:
        """The cookies of one host, for tests that steal them."""
        return dict(self._cookies.get(host, {}))

    def forget(self) -> None:
        """Close the browser: every cookie is gone."""
        self._cookies.clear()
        self.page = None


def accepted(page: Page) -> Page:
    """The page, unless it says that something could not be done."""
    if page.status >= _REFUSED:
        raise PageRefused(f"{page!r}: {page.text[:600]}")
    return page


def _onward(reply: Reply) -> str | None:
    return reply.headers.get("location") if reply.status in _REDIRECTS else None


def _ended(max_age: str, expires: str, now: datetime) -> bool:
    if max_age:
        return int(max_age) <= 0
    return bool(expires) and parsedate_to_datetime(expires) <= now


def _filled(form: Form, values: Mapping[str, Entry]) -> list[tuple[str, str]]:
    for name in values:
        form.control(name)
    return [
        (control.name, sent)
        for control in form.controls
        if (sent := _sent(control, values)) is not None
    ]


def _sent(control: Control, values: Mapping[str, Entry]) -> str | None:
    if control.name not in values:
        return control.value
    match values[control.name]:
        case True:
            return control.choices[0]
        case False:
            return None
        case tuple() as ticked:
            return next((each for each in control.choices if each in ticked), None)
        case str() as text:
            if control.choices and text not in control.choices:
                choices = ", ".join(control.choices)
                raise LookupError(f"{control.name} offers {choices}, not what was wanted")
            return text


def _pressed(form: Form, button: str) -> list[tuple[str, str]]:
    if not button:
        return []
    for each in form.buttons:
        if button in {each.name, each.value}:
            return [(each.name, each.value)]
    known = ", ".join(each.name or each.text for each in form.buttons)
    raise LookupError(f"the form {form.name} has no button {button}; it has {known}")
