"""The register, as a municipality's counter asks it for whoever is protected: network, registry and own gateway."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kiban.gateway.contract import Acquisition, Attributes, Mark, PersonReply
from kiban.registry.client import RegistryClient
from kiban.registry.contract import AddressText
from kiban.shared.membership import SignedHttp
from kiban.world.vault.contract import Protection

_NUMBERS = re.compile(r"\d")


class Origins(Protocol):
    async def origin(self, member: str) -> str: ...


class Standing(Protocol):
    """A gateway's place among the members."""

    @property
    def members(self) -> Origins: ...

    @property
    def signed(self) -> SignedHttp: ...


class Gateway(Protocol):
    async def acquire(self, acquisition: Acquisition) -> PersonReply: ...


@dataclass(frozen=True, slots=True)
class ProtectingRegister:
    """What a municipality may ask of the register (a `Register` of the counter)."""

    id: str
    """Who the resident network is."""
    standing: Standing
    gateway: Gateway
    registry: RegistryClient

    async def protect(self, attributes: Attributes, marks: Sequence[Mark]) -> None:
        origin = await self.standing.members.origin(self.id)
        asked = Protection(attributes=attributes, marks=list(marks))
        await self.standing.signed.post(f"{origin}/protections", asked)

    async def acquire(self, acquisition: Acquisition) -> PersonReply:
        return await self.gateway.acquire(acquisition)

    async def lies_in(self, address: str) -> frozenset[str]:
        """The registry hears no house number."""
        asked = AddressText(text=_NUMBERS.split(address, maxsplit=1)[0])
        found = (await self.registry.resolve_address(asked)).candidates
        return frozenset(each.municipality.code for each in found)
