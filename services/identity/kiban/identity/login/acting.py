"""
Acting for somebody else (代理): what a relying party may put to a proxy's card under a mandate.

The authority keeps the register and says what a mandate allows now; it sees of terms a digest alone.  Login has the
exact terms before it, so it is login that holds them against the mandate: every item and every affair is in scope,
and nothing lasts longer than the mandate.  The card's page then names the principal.

Refused: a mandate of no member, one that does not hold, terms outside it.

Source: decision 0020; the protocol's page, section 5.6.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ValidationError

from kiban.identity.authority.client import AuthorityClient
from kiban.identity.authority.contract import MandateListing, MandateQuestion
from kiban.identity.login.clients import Client
from kiban.identity.login.contract import TermsRecord
from kiban.shared.mandates import MandateInForce, MandateLine, MandateScope, Scope
from kiban.shared.problems import Forbidden, Malformed


class _Record(BaseModel):
    """Of a record of terms, what a mandate speaks of."""

    kind: Literal["self", "consent"]
    item: str
    affair: str
    until: int


@dataclass(frozen=True, slots=True)
class Acting:
    """What login asks the authority about mandates."""

    authority: AuthorityClient

    async def list(self, holder: str, client: Client) -> list[MandateLine]:
        """Somebody's mandates, as this client calls them."""
        listing = MandateListing(holder=holder, member=_member(client))
        return (await self.authority.list_mandates(listing)).mandates

    async def check(self, mandate: str, client: Client) -> MandateInForce:
        """What this mandate of the client's allows, if it holds now."""
        return await self.authority.check_mandate(
            MandateQuestion(mandate=mandate, member=_member(client))
        )


def check_terms(records: list[TermsRecord], allowed: Scope) -> None:
    """Return silently if a proxy may approve these terms."""
    for place, sent in enumerate(records):
        try:
            record = _Record.model_validate_json(sent.canonical)
        except ValidationError:
            raise Malformed(
                f"records.{place}: a proxy approves consent records alone",
                expected="kind, item, affair and until",
            ) from None
        allowed.check_item(record.item)
        if record.kind == "consent":
            allowed.check_affair(record.affair)
        if record.until > allowed.until:
            raise MandateScope(
                "what a proxy approves ends with the mandate at the latest",
                sent=record.until,
                expected=allowed.until,
            )


def _member(client: Client) -> str:
    if client.member is None:
        raise Forbidden("mandates are told to members alone", sent=client.id)
    return client.member
