"""Mischief: what is done to a request that was as it should be."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote_from_bytes

from hypothesis import strategies as st

from tests.hostile.operations import Operation, leaves
from tests.hostile.values import (
    BODIES,
    HEADERS,
    METHODS,
    SEGMENTS,
    VALUES,
    Twice,
    as_json,
    as_text,
)
from tests.hostile.wire import Asked

URLENCODED = b"urlencoded"


@dataclass(frozen=True)
class Plant:
    """Put a value somewhere in the body or, where there is none, in the query."""

    where: int
    value: object

    def do(self, asked: Asked, operation: Operation) -> Asked:
        if URLENCODED in asked.header(b"content-type"):
            return replace(asked, body=_planted(asked.body, self.where, as_text(self.value)))
        if not asked.body:
            return replace(
                asked, query=_planted(_query(asked, operation), self.where, as_text(self.value))
            )
        return _in_document(
            asked, self.where, lambda holder, key: _put(holder, key, self.value), self.value
        )


@dataclass(frozen=True)
class Drop:
    """Leave something out."""

    where: int

    def do(self, asked: Asked, operation: Operation) -> Asked:
        if URLENCODED in asked.header(b"content-type"):
            return replace(asked, body=_dropped(asked.body, self.where))
        if not asked.body:
            return replace(asked, query=_dropped(asked.query, self.where))
        return _in_document(asked, self.where, _take_out, None)


@dataclass(frozen=True)
class Repeat:
    """Say something twice, the second time otherwise."""

    where: int
    value: object

    def do(self, asked: Asked, operation: Operation) -> Asked:
        if URLENCODED in asked.header(b"content-type"):
            return replace(
                asked,
                body=asked.body + b"&" + _planted(asked.body, self.where, as_text(self.value)),
            )
        if not asked.body:
            query = _query(asked, operation)
            again = _planted(query, self.where, as_text(self.value))
            return replace(asked, query=query + b"&" + again)
        document = _read(asked.body)
        if not isinstance(document, dict) or not document:
            return asked
        name = list(document)[self.where % len(document)]
        return replace(asked, body=as_json(Twice(document, {name: self.value})))


@dataclass(frozen=True)
class Unknown:
    """Say something that nobody asked for."""

    value: object

    def do(self, asked: Asked, operation: Operation) -> Asked:
        document = _read(asked.body)
        if isinstance(document, dict):
            return replace(asked, body=as_json({**document, "kiban": self.value}))
        extra = b"kiban=" + quote_from_bytes(as_text(self.value)).encode()
        return replace(asked, query=asked.query + b"&" + extra if asked.query else extra)


@dataclass(frozen=True)
class Body:
    """Send another body altogether."""

    body: bytes

    def do(self, asked: Asked, operation: Operation) -> Asked:
        return replace(asked, body=self.body)


@dataclass(frozen=True)
class Header:
    """Send a header field, instead of the one that belongs there or after it."""

    name: bytes
    value: bytes
    again: bool = False

    def do(self, asked: Asked, operation: Operation) -> Asked:
        if self.again:
            return replace(asked, headers=(*asked.headers, (self.name, self.value)))
        return asked.with_header(self.name, self.value)


@dataclass(frozen=True)
class Segment:
    """Say something else where the path names something, or after the path."""

    where: int
    segment: bytes

    def do(self, asked: Asked, operation: Operation) -> Asked:
        places = operation.places(asked.path)
        if not places:
            return (
                replace(asked, path=asked.path + b"/" + self.segment)
                if self.where % 4 == 0
                else asked
            )
        start, end = places[self.where % len(places)]
        return replace(asked, path=asked.path[:start] + self.segment + asked.path[end:])


@dataclass(frozen=True)
class Method:
    method: str

    def do(self, asked: Asked, operation: Operation) -> Asked:
        return replace(asked, method=self.method)


Mischief = Plant | Drop | Repeat | Unknown | Body | Header | Segment | Method

_where = st.integers(0, 200)
_value = st.sampled_from(VALUES)
_header = st.sampled_from(
    [Header(name, value) for name, values in HEADERS.items() for value in values]
)
plants = st.builds(Plant, _where, _value)
mischiefs: st.SearchStrategy[Mischief] = st.one_of(
    plants,
    plants,
    plants,
    st.builds(Plant, _where, st.text(max_size=40)),
    st.builds(Segment, _where, st.sampled_from(SEGMENTS)),
    _header,
    st.builds(Drop, _where),
    st.builds(Repeat, _where, _value),
    st.builds(Body, st.sampled_from(BODIES)),
    st.builds(Unknown, _value),
    st.builds(Header, st.sampled_from(sorted(HEADERS)), st.just(b"x"), st.just(value=True)),
    st.builds(Method, st.sampled_from(METHODS)),
)


def _query(asked: Asked, operation: Operation) -> bytes:
    """The query, with every parameter that the operation knows."""
    known = [
        each["name"] for each in operation.document.get("parameters", []) if each["in"] == "query"
    ]
    said = {name for name, _ in parse_qsl(asked.query.decode(), keep_blank_values=True)}
    more = "&".join(f"{name}=" for name in known if name not in said)
    return b"&".join(part for part in (asked.query, more.encode()) if part) or b"lang=ja"


def _planted(pairs: bytes, where: int, text: bytes) -> bytes:
    parts = pairs.split(b"&")
    number = where % len(parts)
    name = parts[number].partition(b"=")[0]
    parts[number] = name + b"=" + quote_from_bytes(text).encode()
    return b"&".join(parts)


def _dropped(pairs: bytes, where: int) -> bytes:
    parts = pairs.split(b"&")
    del parts[where % len(parts)]
    return b"&".join(parts)


def _read(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


Change = Callable[[object, str | int], None]


def _in_document(asked: Asked, where: int, change: Change, whole: object) -> Asked:
    document = deepcopy(_read(asked.body))
    if not isinstance(document, dict | list):
        return asked
    places = list(leaves(document))
    path = places[where % len(places)]
    if not path:
        return replace(asked, body=as_json(whole))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return replace(asked, body=as_json(document))


def _put(holder: object, key: str | int, value: object) -> None:
    holder[key] = value


def _take_out(holder: object, key: str | int) -> None:
    del holder[key]
