"""For whom one may act, who may act for oneself; beginning to act, and going back."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from starlette.responses import Response

from kiban.portal.acting import Acting
from kiban.portal.pages.site import InSession, OnTheWayOut, Site, go
from kiban.portal.sessions import Visitor


@dataclass(frozen=True, slots=True)
class ActingPages:
    """The pages of this chapter; collaborators are given."""

    site: Site
    acting: Acting

    def add(self, app: FastAPI) -> None:
        in_session, on_the_way_out = InSession(self.site), OnTheWayOut(self.site)

        @app.get("/mandates", include_in_schema=False)
        async def mandates(
            request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Show for whom the citizen may act, and who may act for the citizen."""
            found = self.acting.known(visitor)
            return await self.site.show(
                request,
                "mandates.html",
                visitor,
                proxy=[one for one in found if one.part == "proxy"],
                principal=[one for one in found if one.part == "principal"],
            )

        @app.post("/acting", include_in_schema=False)
        async def act(
            request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Act for somebody from now on, in a new session."""
            form = await self.site.form(request, visitor)
            return self._turned(await self.acting.begin(visitor, str(form.get("mandate", ""))))

        @app.post("/acting/end", include_in_schema=False)
        async def end_acting(
            request: Request, visitor: Annotated[Visitor, Depends(on_the_way_out)]
        ) -> Response:
            """Go back to one's own affairs, in a new session."""
            await self.site.form(request, visitor)
            return self._turned(await self.acting.end(visitor))

    def _turned(self, visitor: Visitor) -> Response:
        response = go("/")
        self.site.cookie.put(response, visitor.token.reveal())
        return response
