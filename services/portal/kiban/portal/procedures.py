"""
Procedures (手続): what a citizen can apply for, as data, and the linter that keeps once-only.

A procedure's file names its office, its affair and its fields.  One that every office of a domain takes, as a notice
of moving out is given to the municipality where somebody lives, names the domain; the citizen says which office it is
that they write to, and nobody else does (decision 0022).  A field is either *held* (an office's record fills it) or
*asked* (only the citizen knows).  Whoever writes a form can be tempted to ask what an office holds already;
this is where that is refused first, before any citizen sees the form.

Refused, with file, line and reason: a name that the country does not have; an office that does not accept the
procedure, or may not receive it under the law; a held item that its provider does not hold, that the citizen could
not be shown, or that the office may not read; a consent where the law needs none, or none where it needs one; a
question for something that an office holds, without a lawful reason; that something is read of somebody else, or that
others follow, which no row lets them.

Source: DESIGN 1, 4, 6; in real life デジタル手続法 第11条 and the once-only principle (ワンスオンリー) of its 第2条.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import get_args

from kiban.portal import country as words
from kiban.portal.contract import AnswerType, OfficeUnknown, ProcedureUnknown
from kiban.portal.country import Country, Text
from kiban.shared import identifiers
from kiban.shared.country import Mistakes, Table, reading, toml_files

LAWFUL_REASONS = (
    "no-legal-basis",
    "holder-unavailable",
    "citizen-objected",
    "citizen-disputes",
    "not-matched",
)
"""Why something may be asked although an office holds it; anything else is no reason."""
CONSENT_DAYS = 60
LONGEST_CONSENT_DAYS = 366
FREE_TEXT = 200
"""Characters that a text answer may have, unless its field says less."""


@dataclass(frozen=True, slots=True)
class Held:
    """A field that the provider's record of an item fills."""

    name: str
    item: str
    provider: str
    """Who holds it; of a procedure of many offices empty where it is the office itself, until that is known."""
    consent: bool


@dataclass(frozen=True, slots=True)
class Beside:
    """What the office asks of somebody else for its decision: said before anybody signs, and never shown."""

    item: str
    provider: str
    of: str
    """In which relation that person stands to whoever applies."""


@dataclass(frozen=True, slots=True)
class Window:
    """In which days a date may lie, counted from the day on which it is answered."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Following:
    """A date is the day of another question of the form, or one of so many days after it."""

    field: str
    days: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A field that the citizen fills."""

    name: str
    type: AnswerType
    label: Text
    required: bool
    ask_reason: str | None
    longest: int
    window: Window | None = None
    of: str | None = None
    """The held field from whose list some are chosen, by their place: no value of an office is typed, or kept."""
    follows: Following | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """What other offices ask for once the procedure has changed a record: so the citizen sees who has taken it over."""

    affair: str
    items: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """One procedure, in one edition, as its file has it."""

    id: str
    edition: int
    name: Text
    summary: Text
    offices: tuple[str, ...]
    """With whom it can be filed."""
    taken_by: Text
    """What that office is called, or those offices together."""
    affair: str
    purpose: Text
    consent_days: int
    held: tuple[Held, ...]
    asked: tuple[Asked, ...]
    beside: tuple[Beside, ...] = ()
    followed: Followed | None = None

    def filed(self, office: str | None) -> "Filed | None":
        """The procedure as this office takes it; None where many do, and none was named yet."""
        return None if office is None and len(self.offices) > 1 else self.at(office)

    def at(self, office: str | None) -> "Filed":
        """The procedure as this office takes it; where only one does, it need not be named."""
        if office is None and len(self.offices) == 1:
            office = self.offices[0]
        if office is None or office not in self.offices:
            raise OfficeUnknown(
                f"{self.id} is filed with an office that the citizen names",
                sent=office,
                expected="one that takes it",
            )
        held = tuple(replace(one, provider=one.provider or office) for one in self.held)
        said = {one.name: getattr(self, one.name) for one in fields(Procedure)}
        return Filed(**{**said, "held": held, "office": office})

    def held_field(self, name: str) -> Held:
        return next(field for field in self.held if field.name == name)

    def asked_field(self, name: str) -> Asked | None:
        return next((field for field in self.asked if field.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed(Procedure):
    """A procedure with the one office that it is filed with; made by `at` alone."""

    office: str


@dataclass(frozen=True, slots=True)
class Procedures:
    """All procedures of a country."""

    by_id: Mapping[str, Procedure]

    def __iter__(self) -> Iterator[Procedure]:
        return iter(self.by_id.values())

    def name(self, name: str) -> Text:
        """What a procedure is called; one that was taken out of the country by its id."""
        known = self.by_id.get(name)
        return known.name if known else {"ja": name, "en": name}

    def find(self, name: str) -> Procedure:
        if name not in self.by_id:
            raise ProcedureUnknown(f"no file of procedures/ has the id {name}")
        return self.by_id[name]


def load(folder: Path) -> Procedures:
    """Read the procedures of a country, or raise `CountryWrong` with every mistake."""
    mistakes = Mistakes()
    found = check(folder, mistakes)
    mistakes.check()
    return found


def check(folder: Path, mistakes: Mistakes) -> Procedures:
    """Read and lint; what is wrong is noted in `mistakes`."""
    country = words.read(folder)
    found: dict[str, Procedure] = {}
    for file in toml_files(folder / "procedures"):
        with reading(file, mistakes) as table:
            procedure = _procedure(table, country)
        if table.readable:
            found[procedure.id] = procedure
    return Procedures(found)


def _procedure(table: Table, country: Country) -> Procedure:
    name = table.text("id", check=identifiers.check_name)
    if name and name != table.file.stem:
        table.mistake("id", f"the file of {name} is called {name}.toml")
    to = _addressed(table, country, name)
    affair = _affair(table, country)
    fields = table.tables("field", at_least=1)
    _once_each(fields)
    held = [one for one in fields if "held" in one]
    asked = [one for one in fields if "held" not in one]
    _receives(table, country, name, to.offices)
    return Procedure(
        id=name,
        edition=table.integer("edition", 1),
        name=table.localized("name"),
        summary=table.localized("summary"),
        offices=to.offices,
        taken_by=to.name,
        affair=affair,
        purpose=table.localized("purpose"),
        consent_days=_consent_days(table),
        held=tuple(_held(one, country, to.offices, affair) for one in held),
        asked=_all_asked(asked, country, to.offices, affair, held),
        beside=tuple(_beside(one, country, to.offices, affair) for one in table.tables("beside")),
        followed=_followed(table.table("followed_by"), country) if "followed_by" in table else None,
    )


@dataclass(frozen=True, slots=True)
class _Addressed:
    """With whom a procedure is filed, and what they are called."""

    offices: tuple[str, ...]
    name: Text


def _addressed(table: Table, country: Country, procedure: str) -> _Addressed:
    """One office, or every one of a domain that accepts it: `{ domain = "municipality", name = … }`."""
    if not isinstance(table.values.get("office"), dict):
        return _to_one(table, country, procedure)
    those = table.table("office")
    domain = those.text("domain")
    members = country.of_domain(domain)
    takes = tuple(one for one in members if procedure in country.agencies[one].accepts)
    if domain and not members:
        those.mistake("domain", f"no member is of the domain {domain}")
    elif domain and not takes:
        those.mistake("domain", f"no member of the domain {domain} accepts {procedure}")
    return _Addressed(takes, those.localized("name"))


def _to_one(table: Table, country: Country, procedure: str) -> _Addressed:
    office = table.text("office")
    agency = country.agencies.get(office)
    if office and agency is None:
        table.mistake("office", f"no file of agencies/ has the member {office}")
    elif agency and procedure not in agency.accepts:
        table.mistake("office", f"{office} does not accept {procedure} (agencies/{office}.toml)")
    return _Addressed((office,), country.agency_name(office))


def _affair(table: Table, country: Country) -> str:
    affair = table.text("affair")
    if affair and affair not in country.affairs:
        table.mistake("affair", f"no file of law/ has the affair {affair}")
    return affair


def _receives(table: Table, country: Country, procedure: str, offices: tuple[str, ...]) -> None:
    """The law must let the portal submit this procedure to each of these offices."""
    affair = table.values.get("affair")
    if not isinstance(affair, str):
        return
    case = ("submission", country.portal, affair)
    for office in _without(country, case, filter(None, offices), procedure):
        table.mistake(
            "affair",
            f"the law has no row for a submission of {procedure} from {country.portal} to {office}",
        )


def _without(
    country: Country, case: tuple[str, str, str], providers: Iterable[str], item: str
) -> list[str]:
    """The first of these providers for which the law has no row; one is enough to say so."""
    kind, inquirer, affair = case
    lacking = (one for one in providers if not country.row(kind, inquirer, affair, one, item))
    return list(islice(lacking, 1))


def _followed(table: Table, country: Country) -> Followed:
    """Somebody announces each item under this affair, or asks for it: else no line could ever tell of it."""
    followed = Followed(table.text("affair"), frozenset(table.texts("items")))
    for item in sorted(followed.items):
        cases = {(row.kind, row.affair, row.item) for row in country.rows}
        if not {(kind, followed.affair, item) for kind in ("announce", "inquiry")} <= cases:
            table.mistake(
                "items",
                f"under {followed.affair} the law lets nobody announce {item}, or nobody ask for it",
            )
    return followed


def _consent_days(table: Table) -> int:
    days = table.integer("consent_days", CONSENT_DAYS)
    if not 1 <= days <= LONGEST_CONSENT_DAYS:
        table.mistake("consent_days", f"expected 1 to {LONGEST_CONSENT_DAYS} days")
    return days


def _once_each(fields: list[Table]) -> None:
    known: set[str] = set()
    for one in fields:
        name = one.text("name", check=identifiers.check_field)
        if name in known:
            one.mistake("name", f"{name} is a field already")
        known.add(name)


# --- what an office holds -----------------------------------------------------------------------


def _held(table: Table, country: Country, offices: tuple[str, ...], affair: str) -> Held:
    source = table.table("held")
    own = "provider" not in source and len(offices) != 1
    field = Held(
        name=table.text("name"),
        item=source.text("item"),
        provider="" if own else source.text("provider"),
        consent=table.truth("consent", default=False),
    )
    if source.readable:
        _check_holding(source, country, field, offices if own else (field.provider,))
        for office in offices:
            _check_consent(table, country, field, office, affair)
    return field


def _check_holding(table: Table, country: Country, field: Held, providers: tuple[str, ...]) -> None:
    for provider in providers:
        agency = country.agencies.get(provider)
        if agency is None:
            table.mistake("provider", f"no file of agencies/ has the member {provider}")
        elif field.item not in agency.holds:
            table.mistake("item", f"{provider} does not hold {field.item}")
    if country.item(field.item) is None:
        table.mistake("item", f"no file of layouts/ has the item {field.item}")
    case = ("inquiry", country.portal, words.SELF)
    for provider in _without(country, case, providers, field.item):
        table.mistake(
            "item",
            f"the law has no row of {words.SELF} for {field.item} of {provider}: "
            "the citizen could not be shown it",
        )


def _check_consent(table: Table, country: Country, field: Held, office: str, affair: str) -> None:
    """What the office reads beside its own records needs a row; the row says whether by consent."""
    if field.provider in ("", office):
        if field.consent:
            table.mistake("consent", f"{office} needs no consent for its own records")
        return
    row = country.row("inquiry", office, affair, field.provider, field.item)
    if row is None:
        table.mistake(
            "held", f"the law does not let {office} read {field.item} of {field.provider}"
        )
    elif row.basis == "consent" and not field.consent:
        table.mistake("held", f"{row.id} asks for consent: write consent = true")
    elif row.basis != "consent" and field.consent:
        table.mistake("consent", f"{row.id} permits it by law: consent is not to be asked for")


def _beside(table: Table, country: Country, offices: tuple[str, ...], affair: str) -> Beside:
    """A row lets each office ask this by law: nobody consents for somebody else."""
    beside = Beside(table.text("item"), table.text("provider"), table.text("of"))
    for office in offices:
        row = country.row("inquiry", office, affair, beside.provider, beside.item, of=beside.of)
        if row is None or row.basis != "law":
            table.mistake(
                "of",
                f"the law does not let {office} read {beside.item} of the {beside.of} "
                f"of {beside.provider}",
            )
    return beside


# --- what only the citizen knows ----------------------------------------------------------------


def _all_asked(
    tables: list[Table], country: Country, offices: tuple[str, ...], affair: str, held: list[Table]
) -> tuple[Asked, ...]:
    found: list[Asked] = []
    for table in tables:
        field = _asked(table, country, offices, affair, held)
        if field.follows:
            _check_following(table, field, found)
        found.append(field)
    return tuple(found)


def _asked(
    table: Table, country: Country, offices: tuple[str, ...], affair: str, held: list[Table]
) -> Asked:
    if "consent" in table:
        table.mistake("consent", "only a held field is read by consent")
        table.truth("consent")
    field = Asked(
        name=table.text("name"),
        type=table.choice("type", get_args(AnswerType)),
        label=table.localized("label"),
        required=table.truth("required", default=True),
        ask_reason=table.choice("ask_reason", LAWFUL_REASONS) if "ask_reason" in table else None,
        longest=table.integer("longest", FREE_TEXT),
        window=_window(table) if "window" in table else None,
        of=table.text("of") if table.values.get("type") == "members" else None,
        follows=_following(table.table("follows")) if "follows" in table else None,
    )
    if field.of:
        _check_list(table, country, field.of, held)
    if not 1 <= field.longest <= FREE_TEXT:
        table.mistake("longest", f"expected 1 to {FREE_TEXT} characters")
    for office in offices[:1]:  # whoever holds it, of those that are alike one is asked
        _check_once_only(table, country, field, office, affair)
    return field


def _window(table: Table) -> Window:
    days = table.table("window")
    window = Window(first=days.integer("from"), last=days.integer("to"))
    if table.values.get("type") != "date":
        table.mistake("window", "only a date lies in a window")
    elif window.first > window.last:
        table.mistake("window", "from comes before to")
    return window


def _following(follows: Table) -> Following:
    return Following(follows.text("field"), follows.integer("days"))


def _check_following(table: Table, field: Asked, before: Iterable[Asked]) -> None:
    """Both are dates, and the first is asked above, so that a mistake stands where it is to be mended."""
    follows = field.follows or Following("", 0)
    if field.type != "date":
        table.mistake("follows", "only a date follows another")
    elif (follows.field, "date") not in ((one.name, one.type) for one in before):
        table.mistake("follows", f"no date called {follows.field} is asked above")
    elif follows.days < 0:
        table.mistake("follows", "it follows by 0 days or more")


def _check_list(table: Table, country: Country, name: str, held: list[Table]) -> None:
    """What is chosen from is a held field whose item is a list."""
    sources = [one.values.get("held") for one in held if one.values.get("name") == name]
    item = country.item(str(sources[0].get("item"))) if sources and sources[0] else None
    if item is None or words.list_of(item) is None:
        table.mistake("of", f"{name} is no held field with a list")


def _check_once_only(
    table: Table, country: Country, field: Asked, office: str, affair: str
) -> None:
    """Refuse a question for what an office holds, unless there is a lawful reason, and a true one."""
    holding = _holding(field, country, office)
    if holding is None:
        if field.ask_reason:
            table.mistake("ask_reason", "no office holds this: no reason is needed")
        return
    item, provider = holding
    if field.ask_reason is None:
        table.mistake(
            "name",
            f"{provider} holds this already ({item}): once-only. Make it a held field, or give "
            f"ask_reason, one of {', '.join(LAWFUL_REASONS)}",
        )
    elif field.ask_reason == "no-legal-basis":
        row = country.row("inquiry", office, affair, provider, item)
        if row is not None or provider == office:
            permitted = row.id if row else "its own records"
            table.mistake("ask_reason", f"{office} may read {item} of {provider} ({permitted})")


def _holding(field: Asked, country: Country, office: str) -> tuple[str, str] | None:
    """Find item and agency that hold what this question asks for, by name or by label; the office itself first."""
    asked = {field.name, *(_plain(text) for text in field.label.values())}
    for agency in sorted(country.agencies.values(), key=lambda one: one.id != office):
        for held in sorted(agency.holds):
            item = country.item(held)
            if item and asked & _known_as(item):
                return held, agency.id
    return None


def _known_as(item: words.Item) -> set[str]:
    """Everything that an item and its fields are called; a list's fields speak of others too."""
    names = {item.id, item.id.replace("-", "_"), *(_plain(text) for text in item.name.values())}
    for field in item.fields:
        names |= {field.name, *(_plain(text) for text in field.label.values())}
    return names


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
