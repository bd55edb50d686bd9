"""
The front: what everybody sees, and what awaits a citizen who has logged in.

Also here: which offices are away, what the portal keeps of a person and what not, how accessible the pages are, and
the small public interface that lists the procedures.
"""

from dataclasses import dataclass

from fastapi import Depends, FastAPI, Request
from starlette.responses import Response

from kiban.portal.applying import Applying
from kiban.portal.contract import (
    AskedField,
    DayAfter,
    DayWindow,
    HeldField,
    ProcedureDescription,
    ProcedureList,
    ProcedureSummary,
)
from kiban.portal.pages import choosing
from kiban.portal.pages.site import Site
from kiban.portal.procedures import Asked, Procedure, Procedures
from kiban.portal.receipts import Receipts
from kiban.shared.access import anyone


@dataclass(frozen=True, slots=True)
class FrontPages:
    """The pages of this chapter; collaborators are given."""

    site: Site
    procedures: Procedures
    receipts: Receipts
    applying: Applying

    def add(self, app: FastAPI) -> None:
        self._home(app)
        self._plain(app)
        self._interface(app)

    def _home(self, app: FastAPI) -> None:
        @app.get("/", include_in_schema=False, dependencies=[Depends(anyone)])
        async def home(request: Request) -> Response:
            """Show the front page, or to a citizen what awaits them."""
            visitor = await self.site.visitor(request)
            if visitor is None:
                return await self.site.show(
                    request, "welcome.html", procedures=list(self.procedures)
                )
            async with self.site.store.read() as rows:
                applications = await rows.applications(visitor.person)
            return await self.site.show(
                request,
                "home.html",
                visitor,
                procedures=[one for one in self.procedures if self.applying.covers(visitor, one)],
                applications=[one for one in applications if self.applying.may_see(visitor, one)],
                name=lambda one: self.procedures.name(one.procedure),
            )

        @app.get("/procedures/{name}", include_in_schema=False, dependencies=[Depends(anyone)])
        async def procedure(name: str, request: Request) -> Response:
            """Show one procedure: what is asked, and who holds the rest."""
            found = self.procedures.find(name)
            filed = found.filed(request.query_params.get("office"))
            return await self.site.show(
                request,
                "procedure.html",
                await self.site.visitor(request),
                procedure=filed or found,
                offered=None if filed else choosing.offered(request, found, self.site.country),
            )

    def _plain(self, app: FastAPI) -> None:
        @app.get("/status", include_in_schema=False, dependencies=[Depends(anyone)])
        async def status(request: Request) -> Response:
            """Show which offices answer."""
            visitor = await self.site.visitor(request)
            country = self.site.country
            crowd = country.crowd(choosing.MOST)
            asked = [one for one in country.agencies if one != country.portal and one not in crowd]
            reached = await self.receipts.reach(asked)
            return await self.site.show(
                request, "status.html", visitor, reached=reached, unasked=len(crowd)
            )

        @app.get("/about", include_in_schema=False, dependencies=[Depends(anyone)])
        async def about(request: Request) -> Response:
            """Say what the portal keeps of a person, and what it never has."""
            return await self.site.show(request, "about.html", await self.site.visitor(request))

        @app.get("/accessibility", include_in_schema=False, dependencies=[Depends(anyone)])
        async def accessibility(request: Request) -> Response:
            """Say how the pages can be used, and what was tested."""
            visitor = await self.site.visitor(request)
            return await self.site.show(request, "accessibility.html", visitor)

    def _interface(self, app: FastAPI) -> None:
        @app.get("/api/procedures", dependencies=[Depends(anyone)])
        async def list_procedures() -> ProcedureList:
            """Name what a citizen can apply for."""
            return ProcedureList(procedures=[_summary(one) for one in self.procedures])

        @app.get("/api/procedures/{procedure}", dependencies=[Depends(anyone)])
        async def read_procedure(procedure: str) -> ProcedureDescription:
            """Describe one procedure: what is asked, and who already holds the rest."""
            return _description(self.procedures.find(procedure))


def _summary(procedure: Procedure) -> ProcedureSummary:
    return ProcedureSummary(
        id=procedure.id,
        edition=procedure.edition,
        name=dict(procedure.name),
        summary=dict(procedure.summary),
        office=procedure.offices[0] if len(procedure.offices) == 1 else None,
        taken_by=dict(procedure.taken_by),
    )


def _description(procedure: Procedure) -> ProcedureDescription:
    return ProcedureDescription(
        **_summary(procedure).model_dump(),
        affair=procedure.affair,
        purpose=dict(procedure.purpose),
        held=[
            HeldField(
                name=field.name,
                item=field.item,
                provider=field.provider or None,
                consent=field.consent,
            )
            for field in procedure.held
        ],
        asked=[
            AskedField(
                name=field.name,
                type=field.type,
                label=dict(field.label),
                required=field.required,
                ask_reason=field.ask_reason,
                window=_window(field),
                follows=_follows(field),
            )
            for field in procedure.asked
        ],
    )


def _window(field: Asked) -> DayWindow | None:
    found = field.window
    return DayWindow(first=found.first, last=found.last) if found else None


def _follows(field: Asked) -> DayAfter | None:
    found = field.follows
    return DayAfter(field=found.field, days=found.days) if found else None
