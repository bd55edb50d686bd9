"""
Operations: what a role offers, and a request for each that is as it should be.

What is offered is read from the running application: its OpenAPI document, and for pages its routes.  Requests are
those that were heard while the country lived; where none was, one is made after the document's schema.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI

from kiban.shared.access import declared_access
from kiban.shared.app import every_route
from tests.hostile.wire import Asked

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
KNOWN = {
    "authority": "signature",
    "code": "142042",
    "municipality": "142042",
    "persona": "taro",
    "procedure": "child-allowance",
    "postal_code": "2480012",
    "prefecture": "14",
    "pin": "2345",
    "new_pin": "2345",
    "other_pin": "TARO1103",
    "key": "authentication",
    "birth_date": "1988-11-03",
    "provider": "tax",
    "affair": "child-allowance",
    "item": "income",
    "office": "kamakura",
    "resident_record_code": "10000000001",
    "shard": "1",
    "after": 0,
}
"""What a name means everywhere: worth more than what a schema says of it."""
_HOLES: Mapping[str, Mapping[str, str]] = {
    "/faults/{name}": {"name": "answer-forged"},
    "/epochs/{name}": {"name": "police"},
    "/tile/{path}": {"path": "0/000"},
    "/consents/{name}/end": {"name": "0" * 32},
    "/history/{leaf}": {"leaf": "0" * 64},
    "/tapped/{name}": {"name": "0" * 32},
}
_HOLE = re.compile(r"\{([a-z_]+)(?::path)?\}")


@dataclass(frozen=True)
class Operation:
    """One method at one address of one role."""

    role: str
    method: str
    path: str
    access: str
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    schemas: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.role} {self.method} {self.path}"

    @property
    def key(self) -> tuple[str, str, str]:
        return self.role, self.method, self.path

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        parts = [
            (b"(.+)" if ":path" in hole else b"([^/]+)") if number % 2 else re.escape(hole.encode())
            for number, hole in enumerate(re.split(r"(\{[^}]+\})", self.path))
        ]
        return re.compile(b"".join(parts))

    def places(self, path: bytes) -> list[tuple[int, int]]:
        """Where a path has what the operation takes from it."""
        found = self.pattern.fullmatch(path)
        return [found.span(number + 1) for number in range(self.pattern.groups)] if found else []

    def sample(self) -> Asked:
        """A request after the document, with nothing in it that anybody knows."""
        parameters = self.document.get("parameters", [])
        values = {each["name"]: self._known(each["name"], each["schema"]) for each in parameters}
        taken = {each["name"] for each in parameters if each["in"] == "path"}
        values = {**_HOLES.get(self.path, {}), **values}
        path = _HOLE.sub(lambda hole: quote(str(values.get(hole[1], "x")), safe=""), self.path)
        taken |= _HOLES.get(self.path, {}).keys()
        query = "&".join(
            f"{name}={quote(str(value))}" for name, value in values.items() if name not in taken
        )
        kinds = self.document.get("requestBody", {}).get("content", {})
        kind = next(iter(kinds), "")
        body = b""
        if kind == JSON:
            body = json.dumps(self._example(kinds[JSON]["schema"])).encode()
        elif kind == FORM:
            pairs = self._example(kinds[FORM]["schema"])
            body = "&".join(f"{name}={quote(str(value))}" for name, value in pairs.items()).encode()
        headers = ((b"content-type", kind.encode()),) if kind else ()
        return Asked(self.method, path.encode(), query.encode(), headers, body)

    def _known(self, name: str, schema: Mapping[str, Any]) -> Any:
        return KNOWN[name] if name in KNOWN else self._example(schema)

    def _example(self, schema: Mapping[str, Any]) -> Any:  # noqa: PLR0911  one for each kind
        if "$ref" in schema:
            return self._example(self.schemas[schema["$ref"].rpartition("/")[2]])
        if inner := schema.get("anyOf"):
            return self._example(inner[0])
        if "enum" in schema:
            return schema["enum"][0]
        if "const" in schema:
            return schema["const"]
        match schema.get("type"):
            case "object":
                return {
                    name: self._known(name, each)
                    for name, each in schema.get("properties", {}).items()
                }
            case "array":
                return [self._example(schema.get("items", {}))]
            case "integer" | "number":
                return max(schema.get("minimum", 0), 1)
            case "boolean":
                return False
            case "null":
                return None
            case _:
                return _text(schema)


def _text(schema: Mapping[str, Any]) -> str:
    known = {
        "date": "2026-04-01",
        "date-time": "2026-04-01T00:00:00Z",
        "uuid": "00000000-0000-4000-8000-000000000000",
    }
    if schema.get("format") in known:
        return known[schema["format"]]
    pattern = schema.get("pattern", "")
    counted = re.search(r"\[0-9[^\]]*\]\{(?:\d+,)?(\d+)\}", pattern)
    if counted and "-k" not in pattern:
        return "1" * min(int(counted[1]), 64)
    if r"\d{4}-\d{2}" in pattern:
        return "2026-04-01"
    if "-k" in pattern:
        return "142042-k00000000"
    return "a" * max(schema.get("minLength", 2), 2)


def documented(role: str, document: Mapping[str, Any]) -> list[Operation]:
    """What an OpenAPI document offers."""
    schemas = document.get("components", {}).get("schemas", {})
    return [
        Operation(role, method.upper(), path, operation["x-access"], operation, schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def pages(role: str, app: FastAPI) -> list[Operation]:
    """What an application offers to browsers, and in no document."""
    return [
        Operation(role, method, route.path, declared_access(route).name)
        for route in every_route(app)
        if not route.include_in_schema
        for method in sorted(route.methods or ())
    ]


def find(offered: Iterable[Operation], asked: Asked) -> Operation | None:
    """The operation that a request is for; a plain address comes before one with holes."""
    fitting = [
        each
        for each in offered
        if each.method == asked.method and each.pattern.fullmatch(asked.path)
    ]
    return min(fitting, key=lambda each: each.pattern.groups, default=None)


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place of a JSON value, the whole of it first."""
    yield path
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, (*path, name))
    if isinstance(value, list):
        for number, each in enumerate(value[:3]):
            yield from leaves(each, (*path, number))
