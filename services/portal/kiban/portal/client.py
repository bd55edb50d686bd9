"""The portal's public interface, seen from a neighbour.  One method per operation, the same name on both sides."""

from urllib.parse import quote

from kiban.portal.contract import ProcedureDescription, ProcedureList
from kiban.shared.http import Http


class PortalClient:
    def __init__(self, http: Http, origin: str) -> None:
        self._http = http
        self._origin = origin

    async def list_procedures(self) -> ProcedureList:
        """Name what a citizen can apply for."""
        return ProcedureList.model_validate_json(await self._get("/api/procedures"))

    async def read_procedure(self, procedure: str) -> ProcedureDescription:
        """Describe one procedure: what is asked, and who already holds the rest."""
        path = f"/api/procedures/{quote(procedure, safe='')}"
        return ProcedureDescription.model_validate_json(await self._get(path))

    async def _get(self, path: str) -> bytes:
        accepted = {"accept": "application/json"}
        reply = await self._http.send("GET", self._origin + path, headers=accepted)
        return reply.raise_problem().content
