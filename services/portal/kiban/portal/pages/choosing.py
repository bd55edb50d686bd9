"""
Choosing an office: whom the citizen writes to, where many offices take a procedure.

As on an envelope: she names her municipality, by its name, and the office judges whether she is one of its people.
Nobody is asked where she lives, so that nobody learns that she is about to write (decision 0022).  What she chose
stands in the page's address as an office's id, and in the application; nowhere before.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fastapi import Request

from kiban.portal.country import Country
from kiban.portal.procedures import Procedure

MOST = 20
LONGEST = 100
"""Characters that are searched for."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What a page offers to choose from."""

    where: str
    found: tuple[str, ...]
    more: bool


def offered(request: Request, procedure: Procedure, country: Country) -> Offered:
    """The offices of a procedure whose name has the words that were searched for."""
    return _found(request, procedure.offices, country)


def beside(request: Request, country: Country) -> Offered | None:
    """Those of a crowd whose name was searched for, beside the members that a page names anyway; None without one."""
    crowd = country.crowd(MOST)
    if not crowd:
        return None
    if not request.query_params.get("where"):
        return Offered("", (), more=False)
    return _found(request, sorted(crowd), country)


def _found(request: Request, offices: Iterable[str], country: Country) -> Offered:
    where = request.query_params.get("where", "")[:LONGEST]
    found = country.called(where, offices)
    return Offered(where, tuple(found[:MOST]), more=len(found) > MOST)
