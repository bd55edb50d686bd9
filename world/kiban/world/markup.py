"""
Markup: what a page offers to somebody who reads it without a script: headings, links, forms, tables, marked parts.

Only what browsers do with well-formed pages: our own.  A form has the values that its page gave it, so that sending it
unchanged sends what a browser would send.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

Attributes = dict[str, str]
_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4"})
_BLOCKS = frozenset({"p", "li", "dt", "dd", "td", "th", "div", "h1", "h2", "h3", "option", "tr"})
_NOT_SENT = frozenset({"submit", "button", "reset", "image", "file"})


@dataclass(slots=True)
class Link:
    href: str
    text: str
    attributes: Attributes


@dataclass(slots=True)
class Control:
    """One field of a form."""

    name: str
    kind: str
    value: str | None
    """What would be sent; None for a box that is not ticked."""
    choices: list[str] = field(default_factory=list)
    attributes: Attributes = field(default_factory=dict)


@dataclass(slots=True)
class Button:
    name: str
    value: str
    text: str


@dataclass(slots=True)
class Form:
    name: str
    """Its id, or its name where it has no id."""
    action: str
    method: str
    controls: list[Control] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    def control(self, name: str) -> Control:
        for control in self.controls:
            if control.name == name:
                return control
        known = ", ".join(control.name for control in self.controls)
        raise LookupError(f"the form {self.name} has no field {name}; it has {known}")


@dataclass(slots=True)
class TableSeen:
    """A table by its id; each row is a list of its cells' texts."""

    name: str
    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def records(self) -> list[dict[str, str]]:
        """The rows by the table's own column heads."""
        return [dict(zip(self.heads, row, strict=False)) for row in self.rows]


@dataclass(slots=True)
class Part:
    """An element that carries `id` or `data-testid`, and the text in it."""

    tag: str
    attributes: Attributes
    text: str = ""


class Markup(HTMLParser):
    """One page, read."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.language = ""
        self.refresh: str | None = None
        self.headings: list[str] = []
        self.links: list[Link] = []
        self.forms: list[Form] = []
        self.tables: list[TableSeen] = []
        self.parts: list[Part] = []
        self._text: list[str] = []
        self._open: list[tuple[str, int]] = []
        self._collect: list[tuple[int, object]] = []
        self._form: Form | None = None
        self._select: Control | None = None
        self._area: Control | None = None
        self._table: TableSeen | None = None
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """Everything that can be read, a line for each block."""
        lines = (" ".join(line.split()) for line in "".join(self._text).split("\n"))
        return "\n".join(line for line in lines if line)

    # --- reading ------------------------------------------------------------------------------

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS or tag == "br":
            self._text.append("\n")
        if tag not in _VOID:
            self._open.append((tag, len(self._text)))
        if "id" in given or "data-testid" in given:
            self._mark(tag, given)
        if self._form is not None:
            self._control(self._form, tag, given)
        self._structure(tag, given)

    def _structure(self, tag: str, given: Attributes) -> None:
        match tag:
            case "html":
                self.language = given.get("lang", "")
            case "meta" if given.get("http-equiv", "").lower() == "refresh":
                self.refresh = given.get("content", "").partition("url=")[2] or None
            case "a" if "href" in given:
                self._watch(Link(given["href"], "", given))
            case "form":
                self._form = Form(
                    given.get("id") or given.get("name", ""),
                    given.get("action", ""),
                    given.get("method", "get").lower(),
                )
                self.forms.append(self._form)
            case "table":
                self._table = TableSeen(given.get("id") or given.get("data-testid", ""))
                self.tables.append(self._table)
            case "tr" if self._table is not None:
                self._table.rows.append([])

    def _mark(self, tag: str, given: Attributes) -> None:
        part = Part(tag, given)
        self.parts.append(part)
        if tag not in _VOID:
            self._collect.append((len(self._open) - 1, part))

    def _watch(self, seen: object) -> None:
        self._collect.append((len(self._open) - 1, seen))

    def _control(self, form: Form, tag: str, given: Attributes) -> None:
        name, disabled = given.get("name", ""), "disabled" in given
        kind = given.get("type", "text" if tag == "input" else tag).lower()
        match tag:
            case "button":
                button = Button(name, given.get("value", ""), "")
                if given.get("type", "submit") == "submit" and not disabled:
                    form.buttons.append(button)
                    self._watch(button)
            case "option":
                self._choice(given)
            case "input" if kind in {"checkbox", "radio"} and name and not disabled:
                self._box(form, name, kind, given)
            case "input" | "select" | "textarea" if name and not disabled and kind not in _NOT_SENT:
                first = given.get("value", "") if tag == "input" else None
                control = Control(name, kind, first, attributes=given)
                form.controls.append(control)
                self._select = control if tag == "select" else self._select
                self._area = control if tag == "textarea" else self._area

    def _choice(self, given: Attributes) -> None:
        if self._select is None:
            return
        value = given.get("value", "")
        self._select.choices.append(value)
        if self._select.value is None or "selected" in given:
            self._select.value = value

    @staticmethod
    def _box(form: Form, name: str, kind: str, given: Attributes) -> None:
        value = given.get("value", "on")
        known = next((each for each in form.controls if each.name == name), None)
        if kind == "checkbox" or known is None:
            known = Control(name, kind, None)
            form.controls.append(known)
        known.choices.append(value)
        if "checked" in given:
            known.value = value

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] in {"style", "script"}:
            return
        if self._open and self._open[-1][0] == "title":
            self.title += data
            return
        self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if all(known != tag for known, _ in self._open):
            return
        while self._open:
            known, since = self._open.pop()
            inside = " ".join("".join(self._text[since:]).split())
            self._ended(known, inside)
            if known == tag:
                break
        if tag in _BLOCKS:
            self._text.append("\n")

    def _ended(self, tag: str, inside: str) -> None:
        while self._collect and self._collect[-1][0] >= len(self._open):
            self._seen(self._collect.pop()[1], inside)
        match tag:
            case "form":
                self._form = None
            case "select":
                self._select = None
            case "textarea" if self._area is not None:
                self._area.value, self._area = inside, None
            case "table":
                self._close_table()
            case "th" | "td" if self._table is not None and self._table.rows:
                self._table.rows[-1].append(inside)
            case _ if tag in _HEADINGS:
                self.headings.append(inside)

    def _seen(self, seen: object, inside: str) -> None:
        match seen:
            case Link():
                seen.text = inside
                self.links.append(seen)
            case Button() | Part():
                seen.text = inside

    def _close_table(self) -> None:
        if self._table is not None and self._table.rows:
            self._table.heads, *self._table.rows = self._table.rows
        self._table = None


def absolute(base: str, href: str) -> str:
    """An address on a page as a browser would go there."""
    return urljoin(base, href) if href else base
