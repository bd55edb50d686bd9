"""The resident network, seen from municipalities and from the card office: a method for each operation."""

from pydantic import BaseModel

from kiban.identity.authority.contract import CardCertificates, MandateReply
from kiban.shared import canonical
from kiban.shared.http import Http, Reply
from kiban.shared.membership import SignedHttp
from kiban.shared.settings import Secret
from kiban.world.vault.contract import (
    CardCertification,
    HolderCheck,
    MandateEndNotice,
    MandateNotice,
    SignatureRenewal,
)


class MunicipalityClient:
    """What a municipality tells the resident network, in its own signed name."""

    def __init__(self, signed: SignedHttp, origin: str) -> None:
        self._signed = signed
        self._origin = origin

    async def tell_mandate(self, notice: MandateNotice) -> MandateReply:
        reply = await self._signed.post(f"{self._origin}/mandates", notice)
        return reply.read(MandateReply)

    async def tell_mandate_end(self, notice: MandateEndNotice) -> MandateReply:
        reply = await self._signed.post(f"{self._origin}/mandate-ends", notice)
        return reply.read(MandateReply)


class CardOfficeClient:
    """What the card office asks, with the secret that only it and the resident network hold."""

    def __init__(self, http: Http, origin: str, secret: Secret) -> None:
        self._http = http
        self._origin = origin
        self._secret = secret

    def __repr__(self) -> str:
        return f"CardOfficeClient({self._origin})"

    async def certify_card(self, asked: CardCertification) -> CardCertificates:
        return (await self._post("/card-certificates", asked)).read(CardCertificates)

    async def renew_signature(self, asked: SignatureRenewal) -> CardCertificates:
        return (await self._post("/signature-renewals", asked)).read(CardCertificates)

    async def check_holder(self, asked: HolderCheck) -> None:
        await self._post("/card-holders", asked)

    async def _post(self, path: str, asked: BaseModel) -> Reply:
        headers = {
            "authorization": f"Bearer {self._secret.reveal()}",
            "content-type": "application/json",
            "accept": "application/json",
        }
        reply = await self._http.send(
            "POST",
            self._origin + path,
            content=canonical.encode(asked.model_dump(mode="json")),
            headers=headers,
        )
        return reply.raise_problem()
