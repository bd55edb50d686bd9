"""
Pages: what a citizen's browser gets, written on the server and whole without JavaScript.

One look for every office after the Digital Agency's design system, one banner that says SIMULATED, texts by
catalogue in each language, and the headers that let a browser run nothing that is not ours.  A text that is missing
is an error, not an empty line.

Language: `?lang=`, then the cookie, then Accept-Language, then Japanese.
Sources: CSP Level 3; RFC 9110 12.5.4; BCP 47; WCAG 2.2 AA.
"""

import hashlib
import mimetypes
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any
from urllib.parse import urlencode

from babel.dates import format_date, format_datetime
from fastapi import Depends, FastAPI
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from kiban.shared.access import anyone
from kiban.shared.clock import JAPAN, day_in_japan
from kiban.shared.problems import NotFound, Problem

SHARED = "kiban.shared"
LANGUAGE_COOKIE = "lang"
_A_YEAR = 365 * 24 * 60 * 60


class TextMissing(LookupError):  # noqa: N818  named by what is wrong
    """A page asks for a text that its catalogue does not have."""


@dataclass(frozen=True, slots=True)
class Texts:
    """One package's texts in one language, with the shared ones beneath."""

    language: str
    entries: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        try:
            return self.entries[key].format_map(values)
        except KeyError as error:
            raise TextMissing(f"{key} in {self.language} lacks {error}") from error

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    @property
    def tag(self) -> str:
        """The language as HTML's `lang` says it; easy Japanese (`ja-easy`) is Japanese."""
        return self.language.partition("-")[0]


def catalogue(package: str, language: str) -> dict[str, str]:
    """Read `texts/LANGUAGE.toml` of one package; tables become dotted keys."""
    place = files(package) / "texts" / f"{language}.toml"
    return dict(_flat(tomllib.loads(place.read_text(encoding="utf-8")))) if place.is_file() else {}


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            found.append((prefix + key, value))
        else:
            raise TypeError(f"{prefix}{key} is no text")
    return found


class Pages:
    """
    The pages of one package: its `templates/`, `texts/` and `static/`, over the shared ones.

    In templates: `t(key, **values)`, `lang`, `languages`, `static(name)`, `day(value)`, `moment(value)` and
    `here(language)`, this address in another language; `home`, the first page.  `scripts=True` admits scripts from
    `static/` on every page.
    """

    def __init__(
        self,
        package: str,
        *,
        languages: tuple[str, ...] = ("ja", "en"),
        scripts: bool = False,
        home: str = "/",
    ) -> None:
        packages = [package] if package == SHARED else [package, SHARED]
        self.languages = languages
        self.scripts = scripts
        self.home = home
        self._texts = {language: _texts(packages, language) for language in languages}
        self._static = _static(packages)
        self._paths = {name: f"/static/{digest}/{name}" for digest, name in self._static}
        self._environment = Environment(
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            loader=ChoiceLoader(
                [FileSystemLoader(str(files(each) / "templates")) for each in packages]
            ),
        )

    def install(self, app: FastAPI) -> None:
        """Serve the static files, each under the hash of what it holds."""

        @app.get("/static/{digest}/{name}", include_in_schema=False, dependencies=[Depends(anyone)])
        async def read_static(digest: str, name: str) -> Response:
            content = self._static.get((digest, name))
            if content is None:
                raise NotFound("no such file")
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            cached = {"Cache-Control": f"public, max-age={_A_YEAR}, immutable"}
            return Response(content, media_type=kind, headers=cached)

    def static(self, name: str) -> str:
        """Give the address of a static file."""
        return self._paths[name]

    def texts(self, request: Request) -> Texts:
        """Choose the reader's language."""
        return self._texts[self._language(request)]

    def page(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        form_targets: tuple[str, ...] = (),
        **facts: object,
    ) -> HTMLResponse:
        """Render one page.  `form_targets` are other origins that a form here may end at, by redirect."""
        texts = self.texts(request)
        html = self._environment.get_template(template).render(
            t=texts,
            lang=texts.tag,
            language=texts.language,
            languages=self.languages,
            home=self.home,
            static=self.static,
            here=_here(request),
            day=partial(_day, language=texts.tag),
            moment=partial(_moment, language=texts.tag),
            **facts,
        )
        response = HTMLResponse(html, status, headers=self._headers(form_targets))
        response.headers["Content-Language"] = texts.tag
        if request.query_params.get("lang") == texts.language:
            response.set_cookie(
                LANGUAGE_COOKIE, texts.language, max_age=_A_YEAR, httponly=True, samesite="lax"
            )
        return response

    def problem(self, request: Request, problem: Problem) -> HTMLResponse:
        """Show a problem as a page: kindly for the citizen, exactly for who has to mend it."""
        texts = self.texts(request)
        named, kind = f"problem.{problem.slug}", f"problem.{problem.status // 100}xx"
        reply = self.page(
            request,
            "problem.html",
            problem.status,
            problem=problem,
            said=texts(named if named in texts else kind),
        )
        reply.headers.update(problem.headers())
        return reply

    def _language(self, request: Request) -> str:
        accepted = _accepted(request.headers.get("accept-language", ""))
        wishes = [request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE), *accepted]
        return next((wish for wish in wishes if wish in self._texts), self.languages[0])

    def _headers(self, form_targets: tuple[str, ...]) -> dict[str, str]:
        policy = {
            "default-src": "'none'",
            "style-src": "'self'",
            "img-src": "'self'",
            "font-src": "'self'",
            "form-action": " ".join(("'self'", *form_targets)),
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
            **({"script-src": "'self'"} if self.scripts else {}),
        }
        return {
            "Content-Security-Policy": "; ".join(
                f"{name} {value}" for name, value in policy.items()
            ),
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
            "X-Frame-Options": "DENY",
            "Vary": "Accept, Accept-Language, Cookie",
        }


def _texts(packages: list[str], language: str) -> Texts:
    entries: dict[str, str] = {}
    for package in reversed(packages):
        entries |= catalogue(package, language)
    return Texts(language, entries)


def _static(packages: list[str]) -> dict[tuple[str, str], bytes]:
    found: dict[str, Traversable] = {}
    for package in reversed(packages):
        place = files(package) / "static"
        found |= {each.name: each for each in place.iterdir()} if place.is_dir() else {}
    contents = {name: each.read_bytes() for name, each in found.items() if each.is_file()}
    return {
        (hashlib.sha256(content).hexdigest()[:12], name): content
        for name, content in contents.items()
    }


def _accepted(header: str) -> list[str]:
    """Give the languages of Accept-Language, the most wanted first, with their primary tags."""
    wanted: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if weight > 0:
            wanted.append((-weight, tag.strip().lower()))
    ordered = [tag for _, tag in sorted(wanted, key=lambda pair: pair[0])]
    return [form for tag in ordered for form in (tag, tag.partition("-")[0])]


def _here(request: Request) -> Callable[[str], str]:
    """Give this very address in another language."""
    kept = [pair for pair in request.query_params.multi_items() if pair[0] != "lang"]

    def here(language: str) -> str:
        return "?" + urlencode([*kept, ("lang", language)])

    return here


def _day(value: date | datetime, *, language: str) -> str:
    if isinstance(value, datetime):
        value = day_in_japan(value)
    return format_date(value, "d MMMM y" if language == "en" else "long", locale=language)


def _moment(value: datetime, *, language: str) -> str:
    pattern = "y年M月d日 H:mm" if language == "ja" else "d MMMM y, HH:mm"
    return format_datetime(value.astimezone(JAPAN), pattern, tzinfo=JAPAN, locale=language)
