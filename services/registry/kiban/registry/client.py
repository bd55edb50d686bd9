"""The registry, seen from a neighbour: one method per operation, the same name on both sides."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

from kiban.registry.contract import (
    AddressAnswer,
    AddressText,
    LegalEntities,
    LegalEntity,
    Municipalities,
    Municipality,
    SourceDescription,
    Town,
    Towns,
)
from kiban.shared.exchanges import Shape
from kiban.shared.http import Http, get_shape

_Shape = TypeVar("_Shape", bound=Shape)


class RegistryClient:
    """Public reference data: nobody needs to prove who they are."""

    def __init__(self, http: Http, origin: str) -> None:
        self._http = http
        self._origin = origin

    async def list_municipalities(
        self, *, prefecture: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Municipalities:
        asked = {"prefecture": prefecture, "limit": limit, "cursor": cursor}
        return await self._get(Municipalities, "/municipalities", asked)

    async def read_municipality(
        self, code: str, *, valid_at: date | None = None, known_at: datetime | None = None
    ) -> Municipality:
        path = f"/municipalities/{_segment(code)}"
        return await self._get(Municipality, path, {"valid_at": valid_at, "known_at": known_at})

    async def read_town(
        self, town_id: str, *, valid_at: date | None = None, known_at: datetime | None = None
    ) -> Town:
        path = f"/towns/{_segment(town_id)}"
        return await self._get(Town, path, {"valid_at": valid_at, "known_at": known_at})

    async def find_towns(
        self,
        *,
        postal_code: str | None = None,
        name: str | None = None,
        municipality: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Towns:
        """By postal code, by name (any part of the address, in kanji or kana), or by municipality."""
        asked = {
            "postal_code": postal_code,
            "name": name,
            "municipality": municipality,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._get(Towns, "/towns", asked)

    async def read_legal_entity(
        self, number: str, *, valid_at: date | None = None, known_at: datetime | None = None
    ) -> LegalEntity:
        path = f"/legal-entities/{_segment(number)}"
        return await self._get(LegalEntity, path, {"valid_at": valid_at, "known_at": known_at})

    async def find_legal_entities(
        self, *, name: str, limit: int = 20, cursor: str | None = None
    ) -> LegalEntities:
        """By any part of the name: Japanese, kana or English."""
        asked: dict[str, str | int | None] = {"name": name, "limit": limit, "cursor": cursor}
        return await self._get(LegalEntities, "/legal-entities", asked)

    async def resolve_address(self, asked: AddressText) -> AddressAnswer:
        """Say which municipality and town a free text means."""
        content = asked.model_dump_json().encode()
        headers = {"content-type": "application/json", "accept": "application/json"}
        url = f"{self._origin}/addresses/resolve"
        reply = await self._http.send("POST", url, content=content, headers=headers)
        return reply.raise_problem().read(AddressAnswer)

    async def describe_source(self) -> SourceDescription:
        """Say what the registry holds, from which editions, under which licences."""
        return await self._get(SourceDescription, "/source", {})

    async def _get(
        self, shape: type[_Shape], path: str, asked: Mapping[str, str | int | date | None]
    ) -> _Shape:
        said = {name: _said(value) for name, value in asked.items() if value is not None}
        url = f"{self._origin}{path}" + (f"?{urlencode(said)}" if said else "")
        return await get_shape(self._http, url, shape)


def _segment(text: str) -> str:
    return quote(text, safe="")


def _said(value: str | int | date) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
