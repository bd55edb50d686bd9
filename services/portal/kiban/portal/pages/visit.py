"""
Login, the way to the card and back, and leaving.

Login begins with a link and not with a form.  What begins with a form (approving, signing) is answered with a page of
our own that leads on by a link, because a form here may end nowhere else.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request
from starlette.responses import Response

from kiban.portal.applying import Applying
from kiban.portal.approving import Approving
from kiban.portal.card import Card, Returned, same_person
from kiban.portal.contract import SessionEnded
from kiban.portal.fronts.authorizing import Authorizing
from kiban.portal.pages.site import AlsoAsProxy, InSession, OnTheWayOut, Site, go, local
from kiban.portal.records import Looking
from kiban.portal.sessions import Visitor
from kiban.portal.visiting import Visiting
from kiban.shared.access import anyone
from kiban.shared.problems import Unexplained

VISIT_LASTS = timedelta(minutes=30)
LONGEST_QUERY = 2_000


@dataclass(frozen=True, slots=True)
class VisitPages:
    """The pages of this chapter; collaborators are given."""

    site: Site
    card: Card
    visiting: Visiting
    approving: Approving
    applying: Applying
    looking: Looking
    authorizing: Authorizing

    def add(self, app: FastAPI) -> None:
        in_session, also_as_proxy = InSession(self.site), AlsoAsProxy(self.site)

        @app.get("/login", include_in_schema=False, dependencies=[Depends(anyone)])
        async def login(request: Request, to: str = "/") -> Response:
            """Send the browser to the card."""
            return self._to_login(request, local(to))

        @app.get("/to-card", include_in_schema=False)
        async def to_card(
            request: Request, visitor: Annotated[Visitor, Depends(also_as_proxy)], state: str = ""
        ) -> Response:
            """Show where the browser goes now, and why."""
            language = self.site.pages.texts(request).language
            address = self.card.address(state, visitor.session.id, language=language)
            purpose = self.card.errands.back(state).purpose
            return await self.site.show(
                request, "to-card.html", visitor, address=address, purpose=purpose
            )

        @app.get("/callback", include_in_schema=False, dependencies=[Depends(anyone)])
        async def callback(
            request: Request, state: Annotated[str, Query(max_length=LONGEST_QUERY)] = ""
        ) -> Response:
            """Take the browser back from the card."""
            visitor = await self.site.visitor(request)
            browser = self._browser(request, visitor, state)
            returned = await self.card.back(dict(request.query_params), browser)
            return await self._back(request, visitor, returned)

        self._leaving(app, in_session)

    def _leaving(self, app: FastAPI, in_session: InSession) -> None:
        on_the_way_out = OnTheWayOut(self.site)

        @app.post("/logout", include_in_schema=False)
        async def logout(
            request: Request, visitor: Annotated[Visitor, Depends(on_the_way_out)]
        ) -> Response:
            """Leave, and take back what was approved for this visit."""
            await self.site.form(request, visitor)
            await self.visiting.leave(visitor)
            response = go("/?left=1")
            self.site.cookie.drop(response)
            return response

        @app.get("/sessions", include_in_schema=False)
        async def sessions(
            request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Show where else one is logged in."""
            open_now = await self.visiting.others(visitor)
            return await self.site.show(request, "sessions.html", visitor, sessions=open_now)

        @app.post("/sessions", include_in_schema=False)
        async def end_session(
            request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """End a session of one's own in another browser."""
            form = await self.site.form(request, visitor)
            await self.visiting.end(visitor, str(form.get("session", "")))
            return go("/sessions")

    # --- how ---------------------------------------------------------------------------------------

    def _to_login(self, request: Request, path: str) -> Response:
        """The browser gets a cookie of its own, which must come back with the answer."""
        word = self.site.visit_cookie.read(request) or secrets.token_urlsafe(24)
        state = self.card.send("login", browser=_digest(word), about=path)
        language = self.site.pages.texts(request).language
        response = go(self.card.address(state, _digest(word), language=language))
        self.site.visit_cookie.put(response, word, lasts=VISIT_LASTS)
        return response

    def _browser(self, request: Request, visitor: Visitor | None, state: str) -> str | None:
        """What proves that this is the browser that went: the session, or the visit's cookie."""
        if self.card.errands.back(state).purpose == "login":
            word = self.site.visit_cookie.read(request)
            return _digest(word) if word else None
        return visitor.session.id if visitor else None

    async def _back(
        self, request: Request, visitor: Visitor | None, returned: Returned
    ) -> Response:
        if returned.errand.purpose == "login":
            return await self._logged_in(visitor, returned)
        if visitor is None:
            raise SessionEnded("the session ended while the card was away")
        await self._check_person(visitor, returned)
        if returned.errand.purpose == "sign":
            return await self._signed(visitor, returned)
        return await self._approved(request, visitor, returned)

    async def _logged_in(self, before: Visitor | None, returned: Returned) -> Response:
        if returned.person.kiban_token is None:
            raise Unexplained("login did not say which of our pseudonyms this is")
        visitor = await self.visiting.arrive(
            returned.person.sub, returned.person.kiban_token, returned.person.mandates
        )
        if before is not None:
            await self.visiting.leave(before)
        response = go(returned.errand.about)
        self.site.visit_cookie.drop(response)
        self.site.cookie.put(response, visitor.token.reveal())
        return response

    async def _approved(self, request: Request, visitor: Visitor, returned: Returned) -> Response:
        """Go on with what was approved.  An office that is away shows on the page, not as an error."""
        approval = await self.approving.keep(visitor, returned.errand, returned.person.access_token)
        if approval.application is None:
            await self.looking.approved(visitor, approval)
        else:
            await self.applying.approved(visitor, approval)
        if address := await self.authorizing.approved(visitor, approval):
            return await self.site.show(request, "to-front.html", visitor, address=address)
        if approval.application is None:
            return go("/records")
        return go(f"/applications/{approval.application}")

    async def _signed(self, visitor: Visitor, returned: Returned) -> Response:
        await self.applying.signed(visitor, returned.errand, returned.person.access_token)
        return go(f"/applications/{returned.errand.about}")

    async def _check_person(self, visitor: Visitor, returned: Returned) -> None:
        async with self.site.store.read() as rows:
            same_person(await rows.subject(visitor.actor), returned)


def _digest(word: str) -> str:
    return sha256(word.encode()).hexdigest()
