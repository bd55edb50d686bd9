"""
Neighbours: whom an office asks, each as narrow as the office needs them.

Its own gateway (the only way to other agencies), the authority (whether a signature holds) and the base registries.
An office never asks another office directly, and never the core.
"""

from dataclasses import dataclass
from typing import Protocol

from kiban.gateway.contract import InquiryReply, InquiryRequest, Receipt, Statement
from kiban.identity.authority.contract import SignatureVerification, SignatureVerificationReply
from kiban.registry.client import RegistryClient
from kiban.registry.contract import CheckDigitWrong, UnknownLegalEntity, UnknownTown
from kiban.shared.problems import Malformed
from kiban.world.office.answers import References, UnknownReference


class Mesh(Protocol):
    """The office's own gateway, from inside."""

    async def inquire(self, request: InquiryRequest) -> InquiryReply:
        """Ask another agency about people whom the office calls by its own numbers."""
        ...

    async def ask_again(self, exchange: str) -> InquiryReply:
        """Ask once more what waited for a clerk at the provider; `NotFound` if nothing waits there."""
        ...

    async def read_own(self, person: str, item: str) -> Statement | None:
        """Give the statement that the gateway makes of the office's own record, with its digest."""
        ...

    async def issue_receipt(self, receipt: Receipt) -> None:
        """Tell the portal about an application; the same receipt again is one receipt."""
        ...


class Verifier(Protocol):
    """The authority, for signatures."""

    async def verify_signature(
        self, verification: SignatureVerification
    ) -> SignatureVerificationReply: ...


@dataclass(frozen=True, slots=True)
class Neighbours:
    mesh: Mesh
    authority: Verifier
    references: References


@dataclass(frozen=True, slots=True)
class Registers:
    """The base registries through their door."""

    client: RegistryClient

    async def check_company(self, number: str) -> None:
        """Return silently if the registry lists this legal entity."""
        try:
            entity = await self.client.read_legal_entity(number)
        except (UnknownLegalEntity, CheckDigitWrong, Malformed) as problem:
            raise UnknownReference from problem
        if entity.withdrawn:
            raise UnknownReference

    async def check_town(self, town: str) -> None:
        """Return silently if the registry lists this town."""
        try:
            found = await self.client.read_town(town)
        except (UnknownTown, Malformed) as problem:
            raise UnknownReference from problem
        if found.withdrawn:
            raise UnknownReference
