"""What is the citizen's own to see: records, the history, consents, notices, operations."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request
from starlette.responses import JSONResponse, Response

from kiban.portal import comparing, values
from kiban.portal.acting import Acting
from kiban.portal.approvals import Consent
from kiban.portal.approving import Approving
from kiban.portal.country import Text
from kiban.portal.history import History
from kiban.portal.pages import choosing
from kiban.portal.pages.site import AlsoAsProxy, InSession, Site, go
from kiban.portal.procedures import Procedures
from kiban.portal.records import Looking
from kiban.portal.sessions import Visitor
from kiban.shared.exchanges import Hex64
from kiban.shared.problems import NotFound


@dataclass(frozen=True, slots=True)
class OwnPages:
    """The pages of this chapter; collaborators are given."""

    site: Site
    looking: Looking
    history: History
    approving: Approving
    procedures: Procedures
    acting: Acting

    def add(self, app: FastAPI) -> None:
        in_session = InSession(self.site)
        self._records(app, AlsoAsProxy(self.site))
        self._history(app, in_session)
        self._consents(app, in_session)
        self._told(app, in_session)

    def _records(self, app: FastAPI, in_session: InSession) -> None:
        @app.get("/records", include_in_schema=False)
        async def records(
            request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Show what offices hold, as far as it was opened in this session."""
            country = self.site.country
            crowd, beside = country.crowd(choosing.MOST), choosing.beside(request, country)
            found = beside.found if beside else ()
            offered = [
                kept
                for kept in self.looking.offered(visitor)
                if kept.seen or kept.wish.provider not in crowd or kept.wish.provider in found
            ]
            opened = {
                kept.id: values.of(kept.seen.statement, self.site.country)
                for kept in offered
                if kept.seen and kept.seen.statement
            }
            return await self.site.show(
                request, "records.html", visitor, offered=offered, opened=opened, beside=beside
            )

        @app.post("/records", include_in_schema=False)
        async def look(
            request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Go to the card with the chosen items."""
            form = await self.site.form(request, visitor)
            chosen = [one for one in form.getlist("item") if isinstance(one, str)]
            if not chosen:
                return go("/records?none=1")
            state = await self.looking.ask(visitor, chosen)
            return go(f"/to-card?state={state}")

    def _history(self, app: FastAPI, in_session: InSession) -> None:
        @app.get("/history", include_in_schema=False)
        async def history(
            request: Request,
            visitor: Annotated[Visitor, Depends(in_session)],
            page: Annotated[int, Query(ge=1, le=10_000)] = 1,
        ) -> Response:
            """Show every exchange about the citizen, each with a verified proof."""
            stretch = await self.history.read(visitor.person, page)
            return await self.site.show(
                request,
                "history.html",
                visitor,
                stretch=stretch,
                basis=self.history.basis,
                compared=comparing.compare(stretch.lines, self.looking.offered(visitor)),
            )

        @app.get("/history/{leaf}", include_in_schema=False)
        async def proof(
            leaf: Hex64, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Show one proof, and how to check it oneself."""
            entry = await self.history.entry(visitor.person, leaf)
            return await self.site.show(
                request, "proof.html", visitor, entry=entry, basis=self.history.basis
            )

        @app.get("/history/{leaf}/proof.json", include_in_schema=False)
        async def proof_file(
            leaf: Hex64, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Give a proof as a file, to be checked elsewhere."""
            entry = await self.history.entry(visitor.person, leaf)
            if entry.verified is None:
                raise NotFound("there is no verified proof of this line yet")
            attached = {"content-disposition": 'attachment; filename="proof.json"'}
            return JSONResponse(entry.verified.proof.model_dump(mode="json"), headers=attached)

    def _consents(self, app: FastAPI, in_session: InSession) -> None:
        @app.get("/consents", include_in_schema=False)
        async def consents(
            request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Show what was ever approved: first what is in force, and how to end it."""
            at = self.approving.clock()
            async with self.site.store.read() as rows:
                found = await rows.consents(visitor.person)
            in_force = [one for one in found if one.in_force(at)]
            past = [one for one in found if not one.in_force(at)]
            return await self.site.show(
                request,
                "consents.html",
                visitor,
                given=[one for one in in_force if _given(one)],
                shown=[one for one in in_force if not _given(one)],
                past=past,
            )

        @app.post("/consents/{consent}/end", include_in_schema=False)
        async def end_consent(
            consent: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """End one consent."""
            await self.site.form(request, visitor)
            await self.approving.end(visitor, consent)
            return go("/consents?ended=1")

    def _told(self, app: FastAPI, in_session: InSession) -> None:
        @app.get("/notices", include_in_schema=False)
        async def notices(
            request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Show what offices wrote; what is shown counts as seen."""
            async with self.site.store.read() as rows:
                found = await rows.notices(visitor.person)
                applications = await rows.applications(visitor.person)
            if any(one.seen_at is None for one in found):
                async with self.site.store.begin() as rows:
                    await rows.see_notices(visitor.person, at=self.approving.clock())
            return await self.site.show(
                request,
                "notices.html",
                visitor,
                notices=found,
                about={one.id: self.procedures.name(one.procedure) for one in applications},
            )

        @app.get("/operations", include_in_schema=False)
        async def operations(
            request: Request,
            visitor: Annotated[Visitor, Depends(in_session)],
            before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
        ) -> Response:
            """Show what was done here in the citizen's name."""
            async with self.site.store.read() as rows:
                found = await rows.operations(visitor.person, before)
            return await self.site.show(
                request,
                "operations.html",
                visitor,
                operations=found,
                name=self._known_as,
                mandates={one.mandate: one for one in self.acting.known(visitor)},
            )

    # --- how ---------------------------------------------------------------------------------------

    def _known_as(self, about: str) -> list[dict[str, str]]:
        """What an operation is about, in words: procedures and items; numbers stay unsaid."""
        found, country = [], self.site.country
        for one in about.replace(":", ",").split(","):
            provider, _, name = one.strip().rpartition("/")
            if name in self.procedures.by_id:
                found.append(dict(self.procedures.by_id[name].name))
            elif country.item(name) is not None and provider in country.agencies:
                found.append(_of(country.item_name(name), country.agency_name(provider)))
            elif country.item(name) is not None:
                found.append(dict(country.item_name(name)))  # a line from before offices were noted
        return found


def _of(item: Text, office: Text) -> dict[str, str]:
    """An item with the office that holds it, as one text."""
    return {"ja": f"{item['ja']}（{office['ja']}）", "en": f"{item['en']} ({office['en']})"}


def _given(consent: Consent) -> bool:
    return consent.record.kind == "consent"
