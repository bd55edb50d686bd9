"""
Origins: where a value came from, proven by its provider's own signature.

The site believes neither the portal nor the directory: a provider's key counts under its organisation certificate,
and that under the authority's.  With the two at hand, nobody need be asked.

Source: DESIGN 5.7, 5.8.
"""

from dataclasses import dataclass

from cryptography import x509

from kiban.gateway.contract import Statement
from kiban.identity.authority.client import AuthorityClient
from kiban.mesh import client as mesh
from kiban.portal.client import verified
from kiban.portal.contract import HeldValue
from kiban.shared import members
from kiban.shared.clock import Clock
from kiban.shared.http import Http
from kiban.shared.members import Member


@dataclass(frozen=True, slots=True)
class Origins:
    """Who takes part, as their certificates say."""

    http: Http
    core_origin: str
    authority_origin: str
    clock: Clock

    async def proven(self, values: dict[str, HeldValue | None]) -> dict[str, Statement]:
        """Every value that came, each verified; one that is not its provider's is refused."""
        given = {name: one for name, one in values.items() if one and one.statement}
        known = await self._members() if given else {}
        return {
            name: verified(one, key=known[one.provider].signing_key) for name, one in given.items()
        }

    async def _members(self) -> dict[str, Member]:
        directory = await mesh.read_directory(self.http, self.core_origin)
        anchors = (
            await AuthorityClient(self.http, self.authority_origin).read_anchors()
        ).organisation
        trusted = [x509.load_pem_x509_certificate(one.encode()) for one in anchors]
        found = [
            members.read(members.load(one.certificate), anchors=trusted, at=self.clock())
            for one in directory.members
        ]
        return {one.id: one for one in found}
