"""
What all pages share: who is visiting, the token of a form, the frame, and the citizen's own language.

Refused: a form without this session's token, a page of a session that has ended; to whoever acts for somebody else,
every page that does not say that proxies may come (`AlsoAsProxy`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from kiban.portal.contract import NotAsProxy, SessionEnded
from kiban.portal.country import Country
from kiban.portal.errands import LONGEST_ABOUT
from kiban.portal.sessions import Token, Visitor
from kiban.portal.store.rows import Store
from kiban.portal.visiting import Visiting
from kiban.shared.access import Access
from kiban.shared.cookies import Cookie
from kiban.shared.csrf import CSRF, FIELD
from kiban.shared.mandates import MandateEnded, MandateUnknown
from kiban.shared.pages import Pages, Texts

FLAGS = frozenset({"saved", "passed", "none", "ended", "left", "discarded"})
"""What a page that was come to after a form can say in one line, by a word in its address."""


class PortalPages(Pages):
    """
    The portal's pages.

    Also one that says what went wrong knows how to log in and come back, and whoever is visiting: who acts for
    somebody else is told so there too, and can stop.
    """

    def __init__(self, package: str, *, languages: tuple[str, ...], csrf: CSRF) -> None:
        super().__init__(package, languages=languages)
        self._csrf = csrf

    def page(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        form_targets: tuple[str, ...] = (),
        **facts: object,
    ) -> HTMLResponse:
        visitor: Visitor | None = getattr(request.state, "visitor", None)
        framed = {
            "login_path": login_path(request),
            "visitor": visitor,
            "csrf": self._csrf.token(visitor.session.id) if visitor else "",
            "unseen": 0,
            "path": request.url.path,
        }
        facts = framed | facts
        return super().page(request, template, status, form_targets=form_targets, **facts)


@dataclass(frozen=True, slots=True)
class Site:
    """The portal as a web site."""

    pages: PortalPages
    csrf: CSRF
    cookie: Cookie
    """The session's."""
    visit_cookie: Cookie
    """Of a browser that is on its way to its first login here."""
    visiting: Visiting
    store: Store
    country: Country

    async def show(
        self,
        request: Request,
        template: str,
        visitor: Visitor | None = None,
        *,
        status: int = 200,
        **facts: object,
    ) -> HTMLResponse:
        """Render one page in the frame."""
        texts = self.pages.texts(request)
        return self.pages.page(
            request,
            template,
            status,
            form_targets=(),
            visitor=visitor,
            unseen=await self._unseen(visitor),
            country=self.country,
            flags=FLAGS & request.query_params.keys(),
            say=partial(say, texts.language),
            at=at,
            known=partial(known, texts),
            **facts,
        )

    async def _unseen(self, visitor: Visitor | None) -> int:
        if visitor is None or visitor.deputy is not None:
            return 0
        async with self.store.read() as rows:
            return await rows.unseen(visitor.person)

    def token(self, request: Request) -> Token | None:
        """What the browser brought of a session."""
        value = self.cookie.read(request)
        return Token(value) if value else None

    async def recognise(self, request: Request, *, leaving: bool = False) -> Visitor:
        """Who is visiting, or why nobody is; a page that says what went wrong later knows it too."""
        visitor = await self.visiting.recognise(self.token(request), leaving=leaving)
        request.state.visitor = visitor
        return visitor

    async def visitor(self, request: Request) -> Visitor | None:
        """Who is visiting, if anybody is."""
        try:
            return await self.recognise(request)
        except (SessionEnded, MandateEnded, MandateUnknown):
            return None

    async def form(self, request: Request, visitor: Visitor) -> FormData:
        """Read a form that came from a page of ours, opened in this session."""
        form = await request.form(max_files=0, max_fields=200)
        token = form.get(FIELD, "")
        self.csrf.check(request, visitor.session.id, token if isinstance(token, str) else "")
        return form


class InSession(Access[Visitor]):
    """Whoever is logged in here, for their own affairs."""

    name = "session"

    def __init__(self, site: Site) -> None:
        self._site = site

    async def __call__(self, request: Request) -> Visitor:
        visitor = await self._site.recognise(request)
        if visitor.deputy is not None:
            raise NotAsProxy("only the person whose affairs they are comes here")
        return visitor


class MaybeInSession(Access[Visitor | None]):
    """Whoever is logged in here, for their own affairs; or somebody who has yet to log in."""

    name = "session-or-none"

    def __init__(self, site: Site) -> None:
        self._site = site

    async def __call__(self, request: Request) -> Visitor | None:
        visitor = await self._site.visitor(request)
        if visitor is not None and visitor.deputy is not None:
            raise NotAsProxy("only the person whose affairs they are comes here")
        return visitor


class AlsoAsProxy(InSession):
    """Whoever is logged in here, for their own affairs or within a mandate for somebody else's."""

    name = "session-or-proxy"

    async def __call__(self, request: Request) -> Visitor:
        return await self._site.recognise(request)


class OnTheWayOut(InSession):
    """Whoever is logged in here and leaves: that needs nobody's word."""

    name = "session-leaving"

    async def __call__(self, request: Request) -> Visitor:
        return await self._site.recognise(request, leaving=True)


def fields(form: FormData, *but: str) -> dict[str, str]:
    """Give a form's fields without the token and without the buttons."""
    left_out = {FIELD, *but}
    return {
        name: value
        for name, value in form.multi_items()
        if name not in left_out and isinstance(value, str)
    }


def go(path: str) -> RedirectResponse:
    """Send the browser on, after a form or instead of a page."""
    return RedirectResponse(path, status_code=303)


def say(language: str, text: Mapping[str, str]) -> str:
    """A text of the country's data, in the reader's language or the nearest to it."""
    return text.get(language) or text.get(language.partition("-")[0]) or text["ja"]


def at(seconds: int) -> datetime:
    """A time of the wire as a time."""
    return datetime.fromtimestamp(seconds, UTC)


def known(texts: Texts, key: str, otherwise: str) -> str:
    """A text of the catalogue, or another where the key is none of ours."""
    return texts(key) if key in texts else texts(otherwise)


def local(path: str | None) -> str:
    """A path of this site to go on with; the first page where it is none, or too long to carry."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")):
        return "/"
    plain = path.isascii() and path.isprintable() and len(path) <= LONGEST_ABOUT
    return path if plain else "/"


def login_path(request: Request) -> str:
    """Where to log in and come back to this page."""
    here = request.url.path if request.method == "GET" else "/"
    return f"/login?to={quote(local(here), safe='/')}"
