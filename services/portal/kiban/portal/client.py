"""The portal's public interface, seen from a neighbour.  One method per operation, the same name on both sides."""

from urllib.parse import quote

from kiban.portal.contract import ProcedureDescription, ProcedureList
from kiban.shared.http import Http, get_shape


class PortalClient:
    def __init__(self, http: Http, origin: str) -> None:
        self._http = http
        self._origin = origin

    async def list_procedures(self) -> ProcedureList:
        """Name what a citizen can apply for."""
        return await get_shape(self._http, f"{self._origin}/api/procedures", ProcedureList)

    async def read_procedure(self, procedure: str) -> ProcedureDescription:
        """Describe one procedure: what is asked, and who already holds the rest."""
        where = f"{self._origin}/api/procedures/{quote(procedure, safe='')}"
        return await get_shape(self._http, where, ProcedureDescription)
