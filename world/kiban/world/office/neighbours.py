"""
Neighbours: whom an office asks, each as narrow as the office needs them.

Its own gateway (the only way to other agencies), the authority (whether a signature holds) and the base registries.
An office never asks another office directly, and never the core.
"""

from dataclasses import dataclass
from typing import Protocol

from kiban.gateway.contract import (
    AnnouncementReceipt,
    AnnouncementRequest,
    ChangeFeed,
    InquiryReply,
    InquiryRequest,
    PersonReply,
    Receipt,
    Statement,
    SubscriptionReply,
    SubscriptionRequest,
    TokenUse,
)
from kiban.identity.authority.contract import SignatureVerification, SignatureVerificationReply
from kiban.registry.client import RegistryClient
from kiban.registry.contract import CheckDigitWrong, UnknownLegalEntity, UnknownTown
from kiban.shared.problems import Malformed, NotFound
from kiban.world.office.answers import References, Town, UnknownReference


class News(Protocol):
    """The office's own gateway, for news: what the office tells of its records, and hears of others'."""

    async def announce(self, request: AnnouncementRequest) -> AnnouncementReceipt:
        """Tell that an item of these people changed; the same announcement again is one."""
        ...

    async def subscribe(self, request: SubscriptionRequest) -> SubscriptionReply:
        """Ask to hear of changes until a time that the reply names; asking again renews it."""
        ...

    async def read_changes(self, after: int) -> ChangeFeed:
        """What the gateway has heard: which item of whom changed, never what it says."""
        ...

    async def listen(self, within: float) -> None:
        """Wait until it has heard something more, but no longer than so many seconds."""
        ...


class Mesh(News, Protocol):
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

    async def use_token(self, use: TokenUse) -> PersonReply:
        """Learn which of the office's own numbers a token of the authority is about."""
        ...

    async def issue_receipt(self, receipt: Receipt) -> None:
        """Tell the portal about an application; the same receipt again is one receipt."""
        ...


async def ask(mesh: Mesh, request: InquiryRequest, *, waiting: str | None) -> InquiryReply:
    """Ask once for one thing: what waits for a clerk elsewhere is asked again by its exchange, not anew."""
    if waiting is not None:
        try:
            return await mesh.ask_again(waiting)
        except NotFound:
            # It was answered to a process that died before it had kept the answer.
            pass
    return await mesh.inquire(request)


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

    async def find_town(self, town: str) -> Town:
        """The town that the registry lists under this id."""
        try:
            found = await self.client.read_town(town)
        except (UnknownTown, Malformed) as problem:
            raise UnknownReference from problem
        if found.withdrawn:
            raise UnknownReference
        return Town(found.municipality, found.address)
