"""
The moving site's pages: let in at the portal, filled in here, signed there, followed here.

1. `/begin` pushes what the site asks for and sends the browser to the portal with a number
2. the person logs in there, sees what is asked, and approves it with the card
3. `/callback` redeems the code; from now on the site acts within her visit at the portal
4. `/move` shows what offices hold, each value's signature verified, and asks the rest
5. she goes to the portal to look it over and to sign; nothing of the card comes here
6. `/move` says what became of it

Refused: a return that this browser did not begin, a form from elsewhere, a value that its provider did not sign.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from kiban.gateway.contract import Statement
from kiban.portal.client import Attempt, PortalClient, PortalForFronts
from kiban.portal.contract import AnswersReply, ProcedureDetail
from kiban.registry.client import RegistryClient
from kiban.shared.access import Access, anyone
from kiban.shared.app import service
from kiban.shared.clock import Clock
from kiban.shared.cookies import Cookie
from kiban.shared.csrf import CSRF, FIELD
from kiban.shared.database import Database
from kiban.shared.http import Http
from kiban.shared.keyring import Wrapping
from kiban.shared.pages import Pages
from kiban.shared.settings import Secret
from kiban.world.mover.origins import Origins
from kiban.world.mover.settings import MoverSettings
from kiban.world.mover.visits import LASTS, NoMoveBegun, Visits

OFFERED = 20
LONGEST_SEARCH = 100
OPEN = frozenset({"draft", "approved", "prefilled", "answered"})
QUERY = "-query"


@dataclass(frozen=True, slots=True)
class Moving:
    """One person's move, as far as this browser let the site in."""

    word: str
    token: str
    application: str


@dataclass(frozen=True, slots=True)
class Site:
    """The moving site's parts."""

    settings: MoverSettings
    db: Database
    clock: Clock
    pages: Pages
    portal: PortalForFronts
    procedures: PortalClient
    registry: RegistryClient
    origins: Origins
    visits: Visits
    csrf: CSRF
    cookie: Cookie

    async def kept(self, request: Request) -> dict[str, str]:
        async with self.db.read() as connection:
            return await self.visits.find(connection, self.cookie.read(request), self.clock())

    async def keep(self, request: Request, response: Response, kept: Mapping[str, str]) -> Response:
        """Keep this for the browser, in place of what was kept before."""
        async with self.db.begin() as connection:
            await self.visits.end(connection, self.cookie.read(request))
            word = await self.visits.begin(connection, kept, self.clock())
        self.cookie.put(response, word, lasts=LASTS)
        return response


class Mover(Access[Moving]):
    """Whoever moves house here: the browser that came back from the portal with a code."""

    name = "session"

    def __init__(self, site: Site) -> None:
        self._site = site

    async def __call__(self, request: Request) -> Moving:
        kept = await self._site.kept(request)
        if "token" not in kept:
            raise NoMoveBegun("you have not come back from the portal yet")
        word = self._site.cookie.read(request) or ""
        return Moving(word, kept["token"], kept["application"])


def create_app(settings: MoverSettings, *, db: Database, http: Http, clock: Clock) -> FastAPI:
    """The moving site as an application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await db.migrate("kiban.world.mover")
        yield

    pages = Pages("kiban.world.mover")
    app = service(
        "Tsubame Moves (SIMULATED)",
        role="mover",
        clock=clock,
        lifespan=lifespan,
        pages=pages,
        operator_key=settings.operator_key.reveal(),
    )
    key = _key(settings.client_key)
    site = Site(
        settings=settings,
        db=db,
        clock=clock,
        pages=pages,
        portal=PortalForFronts(http, settings.portal_origin, settings.client_id, key, clock),
        procedures=PortalClient(http, settings.portal_origin),
        registry=RegistryClient(http, settings.registry_origin),
        origins=Origins(http, settings.core_origin, settings.authority_origin, clock),
        visits=Visits(Wrapping(settings.secret)),
        csrf=CSRF(settings.secret.reveal().encode()),
        cookie=Cookie("mover", settings.origin),
    )
    _way_routes(app, site)
    _move_routes(app, site)
    return app


def _way_routes(app: FastAPI, site: Site) -> None:
    @app.get("/", dependencies=[Depends(anyone)], include_in_schema=False)
    async def welcome(request: Request) -> Response:
        return site.pages.page(request, "welcome.html")

    @app.get("/begin", dependencies=[Depends(anyone)], include_in_schema=False)
    async def begin(request: Request) -> Response:
        """Push what is asked for, and send the browser to the portal."""
        attempt = site.portal.begin(f"{site.settings.origin}/callback")
        asked = ProcedureDetail(type="procedure", procedure=site.settings.procedure)
        language = site.pages.texts(request).language
        pushed = await site.portal.push_authorization_request(attempt, [asked], ui_locales=language)
        response = RedirectResponse(site.portal.authorization_url(pushed), 303)
        kept = {
            "redirect_uri": attempt.redirect_uri,
            "state": attempt.state,
            "verifier": attempt.verifier,
        }
        return await site.keep(request, response, kept)

    @app.get("/callback", dependencies=[Depends(anyone)], include_in_schema=False)
    async def callback(request: Request) -> Response:
        """Take the browser back from the portal."""
        kept = await site.kept(request)
        if "verifier" not in kept:
            raise NoMoveBegun("you are back already")
        attempt = Attempt(**kept)
        code = site.portal.returned(attempt, request.query_params)
        given = await site.portal.issue_tokens(attempt, code)
        [let_in] = given.authorization_details
        application = let_in.application if isinstance(let_in, ProcedureDetail) else None
        now = {"token": given.access_token, "application": application or ""}
        return await site.keep(request, RedirectResponse("/move", 303), now)


def _move_routes(app: FastAPI, site: Site) -> None:
    mover = Mover(site)
    companies = site.settings.company_list()

    @app.get("/move", include_in_schema=False)
    async def show_move(request: Request, moving: Annotated[Moving, Depends(mover)]) -> Response:
        """Show the form, or what became of it."""
        status = await site.portal.read_application(moving.token, moving.application)
        if status.state in OPEN:
            return await _form(request, site, moving, {})
        return site.pages.page(
            request,
            "status.html",
            move=status,
            outcome=status.outcome or status.state,
            companies=companies,
        )

    @app.post("/move", include_in_schema=False)
    async def fill_in(request: Request, moving: Annotated[Moving, Depends(mover)]) -> Response:
        """Look a town up, or give the answers to the portal."""
        form = await request.form(max_files=0, max_fields=100)
        given = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        site.csrf.check(request, moving.word, given.pop(FIELD, ""))
        if given.pop("search", ""):
            return await _form(request, site, moving, given)
        answers = {name: value for name, value in given.items() if not name.endswith(QUERY)}
        reply = await site.portal.give_answers(moving.token, moving.application, answers)
        if not reply.ready:
            return await _form(request, site, moving, given, reply)
        return site.pages.page(request, "sign.html", sign_at=reply.sign_at)


async def _form(
    request: Request,
    site: Site,
    moving: Moving,
    given: Mapping[str, str],
    reply: AnswersReply | None = None,
) -> Response:
    held = await site.portal.read_held(moving.token, moving.application)
    proven = await site.origins.proven(held.values)
    procedure = await site.procedures.read_procedure(site.settings.procedure)
    towns = {
        asked.name: await _towns(site, given.get(asked.name + QUERY, ""))
        for asked in procedure.asked
        if asked.type == "address"
    }
    return site.pages.page(
        request,
        "move.html",
        status=422 if reply else 200,
        procedure=procedure,
        held=held.values,
        proven=proven,
        people=_people(proven),
        towns=towns,
        given=given,
        mistakes=reply.mistakes if reply else {},
        csrf=site.csrf.token(moving.word),
    )


async def _towns(site: Site, words: str) -> list[tuple[str, str]]:
    if not words.strip():
        return []
    found = await site.registry.find_towns(name=words[:LONGEST_SEARCH], limit=OFFERED)
    return [(town.id, town.address) for town in found.towns]


def _people(proven: Mapping[str, Statement]) -> list[str]:
    """The people of the first held list: who can be chosen."""
    for statement in proven.values():
        for rows in statement.values.values():
            if isinstance(rows, list):
                return [str(row.get("name", "")) for row in rows if isinstance(row, dict)]
    return []


def _key(pem: Secret) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.reveal().encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the moving site's key is on P-256")
    return key
