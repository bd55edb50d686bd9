"""
Mandates (代理権) in a visit: for whom the visitor may act, and who may act for the visitor.

The authority tells them at login, with the other people's names, so they are kept like held values: sealed under a
key that only this browser brings, and of no use to anybody who reads the database.  Of each principal the portal
knows which of its own numbers it is; of a proxy it is told nothing but the name.

Pure rules.  Source: decision 0020; DESIGN 3 (portal).
"""

from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from pydantic import TypeAdapter

from kiban.portal.contract import MandateNotHere
from kiban.portal.sessions import Session, Token
from kiban.shared.mandates import MandateLine

_LABEL = [b"mandates"]


class Known(MandateLine):
    """A mandate, and the portal's own number for its principal where the visitor is the proxy."""

    person: str | None = None


_ALL = TypeAdapter(tuple[Known, ...])


def known(line: MandateLine, person: str | None) -> Known:
    """What is kept of a line; the authority's token has served."""
    return Known(**{**line.model_dump(), "token": None}, person=person)


def sealed(found: Iterable[Known], token: Token) -> bytes:
    return AESSIV(token.key).encrypt(_ALL.dump_json(tuple(found)), _LABEL)


def opened(session: Session, token: Token) -> tuple[Known, ...]:
    if session.mandates is None:
        return ()
    return _ALL.validate_json(AESSIV(token.key).decrypt(session.mandates, _LABEL))


def find(found: Iterable[Known], mandate: str) -> Known:
    """The mandate under which the visitor asks to act."""
    for one in found:
        if one.mandate == mandate and one.person is not None:
            return one
    raise MandateNotHere("whoever is logged in may act under no such mandate")
