"""
The main job, page by page: terms, form, check, signature, and what became of it.

Each application has one address; it leads to the page of the step where the application is.  Every form goes to the
address of the page that it stands on, so that reloading, going back and changing the language always find a page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from starlette.responses import Response

from kiban.portal import answers, values
from kiban.portal.answers import Checked, Choice, Search
from kiban.portal.applications import Application
from kiban.portal.applying import Applying, Form
from kiban.portal.contract import StepPassed
from kiban.portal.fronts.registrations import Fronts
from kiban.portal.held import Seen
from kiban.portal.history import Entry, History
from kiban.portal.notices import Notice
from kiban.portal.pages.site import AlsoAsProxy, InSession, Site, fields, go
from kiban.portal.procedures import Beside, Filed, Held, Procedures
from kiban.portal.sessions import Visitor
from kiban.portal.values import Value
from kiban.shared.problems import Unavailable

SEARCHED = frozenset({"company", "address"})
CHANGES = frozenset({"granted", "completed"})
"""Outcomes after which records say something new."""


@dataclass(frozen=True, slots=True)
class Line:
    """One held field as the page shows it."""

    field: Held
    seen: Seen | None
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Followers:
    """The offices that have taken over what an application changed, as far as the log can be read now."""

    entries: tuple[Entry, ...] = ()
    away: bool = False


@dataclass(frozen=True, slots=True)
class ApplyPages:
    """The pages of this chapter; collaborators are given."""

    site: Site
    applying: Applying
    procedures: Procedures
    history: History
    fronts: Fronts

    def add(self, app: FastAPI) -> None:
        in_session = AlsoAsProxy(self.site)
        self._opening(app, in_session)
        self._approving(app, in_session)
        self._filling(app, in_session)
        self._signing(app, in_session)

    def _opening(self, app: FastAPI, in_session: InSession) -> None:
        @app.post("/procedures/{procedure}/applications", include_in_schema=False)
        async def start(
            procedure: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Open a form, or the draft of it; where many offices take it, once one was chosen."""
            form = await self.site.form(request, visitor)
            office = fields(form).get("office")
            if office is None and len(self.procedures.find(procedure).offices) > 1:
                return go(f"/procedures/{procedure}")
            application = await self.applying.open(visitor, procedure, office)
            return go(_address(application))

        @app.get("/applications/{name}", include_in_schema=False)
        async def application(
            name: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Lead to the step where the application is; a sent one is shown here."""
            found = await self.applying.find(visitor, name)
            if not found.sent:
                passed = "?passed=1" if "passed" in request.query_params else ""
                return go(_step(found) + passed)
            return await self._sent(request, visitor, found)

        @app.post("/applications/{name}/discard", include_in_schema=False)
        async def discard(
            name: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Throw a draft away."""
            await self.site.form(request, visitor)
            await self.applying.discard(visitor, name)
            return go("/?discarded=1")

    def _approving(self, app: FastAPI, in_session: InSession) -> None:
        @app.get("/applications/{name}/terms", include_in_schema=False)
        async def terms(
            name: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Show who will read what, why, under which affair or consent, until when."""
            found = await self.applying.find(visitor, name)
            if not found.editable:
                return go(f"/applications/{name}")
            return await self._terms(request, visitor, found)

        @app.post("/applications/{name}/terms", include_in_schema=False)
        async def agree(
            name: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Go to the card with exactly these terms."""
            await self.site.form(request, visitor)
            try:
                state = await self.applying.agree(visitor, name)
            except StepPassed:
                return go(f"/applications/{name}?passed=1")
            return go(f"/to-card?state={state}")

    def _filling(self, app: FastAPI, in_session: InSession) -> None:
        @app.post("/applications/{name}/prefill", include_in_schema=False)
        async def prefill(
            name: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Ask again the offices that did not answer."""
            await self.site.form(request, visitor)
            try:
                await self.applying.prefill(visitor, name)
            except StepPassed:
                return go(f"/applications/{name}?passed=1")
            return go(f"/applications/{name}/answers")

        @app.get("/applications/{name}/answers", include_in_schema=False)
        async def read_answers(
            name: str,
            request: Request,
            visitor: Annotated[Visitor, Depends(in_session)],
            search: str = "",
        ) -> Response:
            """Show the form: what is held, read-only, and what only the citizen knows."""
            form = await self.applying.form(visitor, name)
            if not form.application.editable or form.application.state == "draft":
                return go(f"/applications/{name}")
            return await self._answers(request, visitor, form, searched=search)

        @app.post("/applications/{name}/answers", include_in_schema=False)
        async def give_answers(
            name: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Keep what was typed; search, save, or go on."""
            form = await self.site.form(request, visitor)
            given = fields(form, "search", "save")
            try:
                checked = await self.applying.answer(visitor, name, given)
            except StepPassed:
                return go(f"/applications/{name}?passed=1")
            if search := form.get("search"):
                return go(
                    f"/applications/{name}/answers?search={_plain(search)}#f-{_plain(search)}"
                )
            if "save" in form:
                return go(f"/applications/{name}/answers?saved=1")
            return await self._answered(request, visitor, name, checked)

    def _signing(self, app: FastAPI, in_session: InSession) -> None:
        @app.get("/applications/{name}/check", include_in_schema=False)
        async def check(
            name: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Show everything once more, as it will be signed."""
            form = await self.applying.form(visitor, name)
            if form.application.state != "answered":
                return go(f"/applications/{name}")
            checked = await self.applying.check(visitor, name)
            return await self.site.show(
                request,
                "check.html",
                visitor,
                form=form,
                lines=self._lines(form),
                checked=checked,
                ready=form.complete and form.approved and not checked.mistakes,
            )

        @app.post("/applications/{name}/check", include_in_schema=False)
        async def sign(
            name: str, request: Request, visitor: Annotated[Visitor, Depends(in_session)]
        ) -> Response:
            """Go to the card with the frozen application's digest."""
            await self.site.form(request, visitor)
            try:
                state = await self.applying.begin_signing(visitor, name)
            except StepPassed:
                return go(f"/applications/{name}?passed=1")
            return go(f"/to-card?state={state}")

    # --- how ---------------------------------------------------------------------------------------

    async def _terms(
        self, request: Request, visitor: Visitor, application: Application
    ) -> Response:
        procedure = self.applying.filed(application)
        terms = self.applying.terms(visitor, procedure)
        return await self.site.show(
            request,
            "terms.html",
            visitor,
            application=application,
            procedure=procedure,
            records=terms.records,
            by_law=self._by_law(procedure),
            beside=self._beside(procedure),
        )

    def _by_law(self, procedure: Filed) -> list[tuple[Held, str]]:
        """What the office reads because the law permits it: shown, though nobody is asked."""
        found = []
        for field in procedure.held:
            row = self.site.country.row(*_case(procedure, field))
            if field.provider == procedure.office:
                found.append((field, ""))
            elif row is not None and row.basis == "law":
                found.append((field, row.id))
        return found

    def _beside(self, procedure: Filed) -> list[tuple[Beside, str]]:
        """What the office asks of somebody else, each with its row of the law."""
        rows = (
            (one, self.site.country.row(*_case(procedure, one), of=one.of))
            for one in procedure.beside
        )
        return [(one, row.id) for one, row in rows if row]

    async def _answers(
        self,
        request: Request,
        visitor: Visitor,
        form: Form,
        *,
        checked: Checked | None = None,
        searched: str = "",
    ) -> Response:
        return await self.site.show(
            request,
            "answers.html",
            visitor,
            status=422 if checked else 200,
            form=form,
            lines=self._lines(form),
            mistakes=checked.mistakes if checked else {},
            searches=await self._searches(form, searched),
            chosen=await self._chosen(form),
            lists=self.applying.lists(form),
        )

    async def _answered(
        self, request: Request, visitor: Visitor, name: str, checked: Checked
    ) -> Response:
        form = await self.applying.form(visitor, name)
        if checked.mistakes:
            return await self._answers(request, visitor, form, checked=checked)
        if not form.complete:
            return go(f"/applications/{name}/answers#missing")
        return go(f"/applications/{name}/check")

    async def _searches(self, form: Form, searched: str) -> dict[str, Search]:
        """Search for the field whose button was pressed, and for those that wait for a choice."""
        found = {}
        for asked in form.procedure.asked:
            waits = asked.type in SEARCHED and not form.given.get(asked.name)
            if asked.type in SEARCHED and (waits or asked.name == searched):
                search = await answers.search(asked, form.given, self.applying.registers)
                if search is not None:
                    found[asked.name] = search
        return found

    async def _chosen(self, form: Form) -> dict[str, Choice]:
        """The companies and towns that were chosen before."""
        found = {
            asked.name: await answers.chosen(asked, form.given, self.applying.registers)
            for asked in form.procedure.asked
            if asked.type in SEARCHED
        }
        return {name: choice for name, choice in found.items() if choice is not None}

    async def _sent(self, request: Request, visitor: Visitor, application: Application) -> Response:
        async with self.site.store.read() as rows:
            notices = await rows.notices(visitor.person, application.id)
            asked = await rows.authorization_by_application(application.id)
        procedure = self.applying.filed(application)
        return await self.site.show(
            request,
            "application.html",
            visitor,
            application=application,
            procedure=procedure,
            notices=notices,
            front=self.fronts.by_id.get(asked.front) if asked else None,
            followers=await self._followers(visitor, application, procedure, notices),
            basis=self.history.basis,
        )

    async def _followers(
        self,
        visitor: Visitor,
        application: Application,
        procedure: Filed,
        notices: Sequence[Notice],
    ) -> Followers | None:
        """Who has taken over what a grant changed; None where nobody is to."""
        granted = [one.at for one in notices if one.event == "granted"]
        if visitor.deputy is not None:
            return None  # who read what is the principal's to see
        if procedure.followed is None or not granted or application.outcome not in CHANGES:
            return None
        try:
            entries = await self.history.followers(
                visitor.person, procedure.followed, since=granted[0]
            )
        except Unavailable:
            return Followers(away=True)
        return Followers(entries)

    def _lines(self, form: Form) -> list[Line]:
        return [
            Line(
                field,
                seen := form.seen[field.name],
                values.of(seen.statement, self.site.country) if seen and seen.statement else (),
            )
            for field in form.procedure.held
        ]


def _address(application: Application) -> str:
    return f"/applications/{application.id}"


def _step(application: Application) -> str:
    """The page of the step where a draft is."""
    match application.state:
        case "draft":
            return _address(application) + "/terms"
        case "answered":
            return _address(application) + "/check"
        case "discarded":
            return "/"
        case _:
            return _address(application) + "/answers"


def _plain(search: object) -> str:
    """The name of a field, as an address can hold it."""
    return "".join(one for one in str(search) if one.isascii() and (one.isalnum() or one == "_"))


def _case(procedure: Filed, read: Held | Beside) -> tuple[str, str, str, str, str]:
    """What the law is asked about something that the office reads for this procedure."""
    return "inquiry", procedure.office, procedure.affair, read.provider, read.item
