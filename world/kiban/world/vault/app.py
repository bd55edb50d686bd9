"""The resident network's own routes, added to the application of its gateway."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, FastAPI

from kiban.gateway.contract import Attributes
from kiban.identity.authority.contract import CardCertificates, MandateReply, TokenReply
from kiban.shared.access import Access, Bearer
from kiban.shared.membership import SignedCaller
from kiban.world.vault.contract import (
    CardCertification,
    HolderCheck,
    MandateEndNotice,
    MandateNotice,
    Protection,
    SignatureRenewal,
)
from kiban.world.vault.mandates import Mandates
from kiban.world.vault.network import ResidentNetwork
from kiban.world.vault.protections import Protections
from kiban.world.vault.renewals import Renewals


class CardOffice(Bearer):
    """The office that makes cards: it is no member, and holds a secret of its own."""

    name, whom = "card-office", "the card office"


def add_routes(
    app: FastAPI,
    network: Callable[[], ResidentNetwork],
    renewals: Callable[[], Renewals],
    mandates: Callable[[], Mandates],
    protections: Callable[[], Protections],
    *,
    members: Access[SignedCaller],
    card_office: Access[None],
) -> None:
    """Add what agencies and the card office ask of the resident network."""

    @app.post("/acquisitions", tags=["resident network"])
    async def acquire_token(
        attributes: Attributes, caller: Annotated[SignedCaller, Depends(members)]
    ) -> TokenReply:
        """Give a member a token for its pseudonym of the person with these four attributes."""
        return await network().acquire(caller.member.id, attributes)

    @app.post("/mandates", tags=["resident network"])
    async def tell_mandate(
        notice: MandateNotice, caller: Annotated[SignedCaller, Depends(members)]
    ) -> MandateReply:
        """Take in that somebody may act for a resident of this municipality."""
        return await mandates().tell_mandate(caller.member.id, notice)

    @app.post("/mandate-ends", tags=["resident network"])
    async def tell_mandate_end(
        notice: MandateEndNotice, caller: Annotated[SignedCaller, Depends(members)]
    ) -> MandateReply:
        """Take in that a mandate has ended, of which this municipality told."""
        return await mandates().tell_mandate_end(caller.member.id, notice)

    @app.post("/protections", tags=["resident network"])
    async def protect(
        asked: Protection, caller: Annotated[SignedCaller, Depends(members)]
    ) -> Protection:
        """Protect somebody from violence, as a municipality's counter was asked to; or no longer."""
        return await protections().protect(caller.member.id, asked)

    @app.post("/card-certificates", tags=["resident network"], dependencies=[Depends(card_office)])
    async def certify_card(asked: CardCertification) -> CardCertificates:
        """Have the keys of a new card certified."""
        return await network().certify_card(asked)

    @app.post("/signature-renewals", tags=["resident network"], dependencies=[Depends(card_office)])
    async def renew_signature(asked: SignatureRenewal) -> CardCertificates:
        """Have the new signature key certified that a card made at a municipality's counter."""
        return await renewals().renew_signature(asked)

    @app.post(
        "/card-holders",
        tags=["resident network"],
        dependencies=[Depends(card_office)],
        status_code=204,
    )
    async def check_holder(asked: HolderCheck) -> None:
        """Say whether the card at a municipality's counter is that of the visitor, who lives there."""
        await renewals().check_holder(asked)
