"""
The page on which a person lets a private service in: who asks, for what, in words; then the card.

A front sends the browser here with a number alone, so that nothing of a person and nothing that a browser could alter
stands in the address.  A person who is not logged in is told which front sent them and why, logs in as always, and
comes back.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from starlette.responses import Response

from kiban.portal.fronts.authorizing import Authorizing
from kiban.portal.pages import choosing
from kiban.portal.pages.site import InSession, MaybeInSession, Site, fields, go
from kiban.portal.sessions import Visitor
from kiban.shared.access import anyone


@dataclass(frozen=True, slots=True)
class AuthorizePages:
    """The pages of this chapter; collaborators are given."""

    site: Site
    authorizing: Authorizing

    def add(self, app: FastAPI) -> None:
        in_session, maybe = InSession(self.site), MaybeInSession(self.site)

        @app.get("/authorize", include_in_schema=False, dependencies=[Depends(anyone)])
        async def authorize(client_id: str = "", request_uri: str = "") -> Response:
            """Take a browser that a front sent (RFC 9126, section 4), in the language that it spoke there."""
            pushed = await self.authorizing.sent(client_id, request_uri)
            language = f"?lang={pushed.language}" if pushed.language else ""
            return go(f"/authorize/{pushed.id}{language}")

        @app.get("/authorize/{number}", include_in_schema=False)
        async def show_authorization(
            number: str, request: Request, visitor: Annotated[Visitor | None, Depends(maybe)]
        ) -> Response:
            """Show who asks for what; to somebody who has yet to log in, who asks."""
            if visitor is None:
                asks = await self.authorizing.introduced(number)
                return await self.site.show(
                    request, "front-login.html", front=asks.front, procedure=asks.procedure
                )
            office = request.query_params.get("office")
            asked = await self.authorizing.asked(visitor, number, office)
            choice = asked.procedure if asked.filed is None else None
            return await self.site.show(
                request,
                "authorize.html",
                visitor,
                number=number,
                front=asked.front,
                records=asked.terms.records,
                procedure=asked.filed or asked.procedure,
                offered=choosing.offered(request, choice, self.site.country) if choice else None,
            )

        @app.post("/authorize/{number}", include_in_schema=False)
        async def let_in(
            number: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Go to the card with exactly these terms."""
            office = fields(await self.site.form(request, visitor)).get("office")
            return go(f"/to-card?state={await self.authorizing.agree(visitor, number, office)}")

        @app.post("/authorize/{number}/decline", include_in_schema=False)
        async def keep_out(
            number: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Send the browser back with a no."""
            await self.site.form(request, visitor)
            address = await self.authorizing.decline(visitor, number)
            return await self.site.show(request, "to-front.html", visitor, address=address)
