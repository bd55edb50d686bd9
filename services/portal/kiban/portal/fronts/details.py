"""
Authorization details: what a front asks a person for, said exactly.

Two types.  `procedure`: do one procedure, and read what offices hold for it.  `item`: read one item that the law
lets people see of themselves.  There is no scope: whatever is not said here is not asked for.

Refused (invalid_authorization_details): another type, another member, a procedure or an item that there is not, two
procedures, the same thing twice.

Pure rules.  Source: RFC 9396 sections 2 and 5; DESIGN 5.7.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from kiban.portal.contract import AuthorizationDetail, ItemDetail, ProcedureDetail
from kiban.portal.country import Country
from kiban.portal.procedures import Procedures
from kiban.portal.terms import Wish
from kiban.shared.oauth import OAuthProblem
from kiban.shared.problems import Problem

MOST, LONGEST = 10, 4_000
_DETAILS: TypeAdapter[list[AuthorizationDetail]] = TypeAdapter(
    Annotated[list[AuthorizationDetail], Field(min_length=1, max_length=MOST)]
)


@dataclass(frozen=True, slots=True)
class Details:
    """What one person is asked for in one go."""

    procedure: str | None
    items: tuple[Wish, ...]

    def document(self, application: str | None = None) -> list[AuthorizationDetail]:
        """As it goes over the wire; for the front that was let in also with the application's number."""
        items = [
            ItemDetail(type="item", provider=one.provider, item=one.item) for one in self.items
        ]
        if self.procedure is None:
            return list(items)
        asked = ProcedureDetail(type="procedure", procedure=self.procedure, application=application)
        return [asked, *items]


def read(text: str, *, procedures: Procedures, country: Country) -> Details:
    """Read what a front asks for, or say what about it cannot be asked."""
    try:
        if len(text) > LONGEST:
            raise _refused(f"more than {LONGEST} characters were sent")
        said = _DETAILS.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _refused(f"{place[:100]}: {first['msg'][:200]}") from None
    found = Details(_procedure(said, procedures), _items(said, country))
    if len(found.document()) != len(said):
        raise _refused("the same thing is asked for twice, or more than one procedure")
    return found


def load(document: object) -> Details:
    """Read what `read` let in before."""
    said = _DETAILS.validate_json(json.dumps(document))
    procedures = [one.procedure for one in said if isinstance(one, ProcedureDetail)]
    items = tuple(Wish(one.item, one.provider) for one in said if isinstance(one, ItemDetail))
    return Details(procedures[0] if procedures else None, items)


def same(text: str) -> list[AuthorizationDetail] | None:
    """What this text says, to be compared; None if it says nothing."""
    try:
        return _DETAILS.validate_json(text[:LONGEST])
    except ValidationError:
        return None


def _procedure(said: Sequence[AuthorizationDetail], procedures: Procedures) -> str | None:
    asked = [one for one in said if isinstance(one, ProcedureDetail)]
    for one in asked:
        if one.application is not None:
            raise _refused("the application's number is given, and not asked for")
        try:
            procedures.find(one.procedure)
        except Problem:
            raise _refused("there is no such procedure", sent=one.procedure) from None
    return asked[0].procedure if asked else None


def _items(said: Sequence[AuthorizationDetail], country: Country) -> tuple[Wish, ...]:
    readable = set(country.readable(country.portal))
    wishes = [Wish(one.item, one.provider) for one in said if isinstance(one, ItemDetail)]
    for wish in wishes:
        if (wish.item, wish.provider) not in readable:
            raise _refused(
                "the law lets nobody see that of themselves", sent=f"{wish.provider}/{wish.item}"
            )
    return tuple(dict.fromkeys(wishes))


def _refused(detail: str, **members: str) -> OAuthProblem:
    return OAuthProblem("invalid_authorization_details", detail, **members)
