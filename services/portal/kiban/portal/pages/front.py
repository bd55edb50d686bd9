"""
The front: what everybody sees, and what awaits a citizen who has logged in.

Also here: which offices are away, what the portal keeps of a person and what not, how accessible the pages are, and
the small public interface that lists the procedures.
"""

from dataclasses import dataclass

from fastapi import Depends, FastAPI, Request
from starlette.responses import Response

from kiban.portal.contract import (
    AskedField,
    HeldField,
    ProcedureDescription,
    ProcedureList,
    ProcedureSummary,
)
from kiban.portal.pages.site import Site
from kiban.portal.procedures import Procedure, Procedures
from kiban.portal.receipts import Receipts
from kiban.shared.access import anyone


@dataclass(frozen=True, slots=True)
class FrontPages:
    """The pages of this chapter; collaborators are given."""

    site: Site
    procedures: Procedures
    receipts: Receipts

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
                procedures=list(self.procedures),
                applications=applications,
                name=lambda one: self.procedures.name(one.procedure),
            )

        @app.get("/procedures/{name}", include_in_schema=False, dependencies=[Depends(anyone)])
        async def procedure(name: str, request: Request) -> Response:
            """Show one procedure: what is asked, and who holds the rest."""
            found = self.procedures.find(name)
            visitor = await self.site.visitor(request)
            return await self.site.show(request, "procedure.html", visitor, procedure=found)

    def _plain(self, app: FastAPI) -> None:
        @app.get("/status", include_in_schema=False, dependencies=[Depends(anyone)])
        async def status(request: Request) -> Response:
            """Show which offices answer."""
            visitor = await self.site.visitor(request)
            country = self.site.country
            others = [agency for agency in country.agencies if agency != country.portal]
            reached = await self.receipts.reach(others)
            return await self.site.show(request, "status.html", visitor, reached=reached)

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
        office=procedure.office,
    )


def _description(procedure: Procedure) -> ProcedureDescription:
    return ProcedureDescription(
        **_summary(procedure).model_dump(),
        affair=procedure.affair,
        purpose=dict(procedure.purpose),
        held=[
            HeldField(
                name=field.name, item=field.item, provider=field.provider, consent=field.consent
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
            )
            for field in procedure.asked
        ],
    )
