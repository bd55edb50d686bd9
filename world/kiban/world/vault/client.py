"""The resident network, seen from the card office: one method per operation, the same name on both sides."""

from pydantic import BaseModel

from kiban.identity.authority.contract import CardCertificates
from kiban.shared import canonical
from kiban.shared.http import Http
from kiban.shared.settings import Secret
from kiban.world.vault.contract import CardCertification, SignatureRenewal


class CardOfficeClient:
    """What the card office asks, with the secret that only it and the resident network hold."""

    def __init__(self, http: Http, origin: str, secret: Secret) -> None:
        self._http = http
        self._origin = origin
        self._secret = secret

    def __repr__(self) -> str:
        return f"CardOfficeClient({self._origin})"

    async def certify_card(self, asked: CardCertification) -> CardCertificates:
        return await self._post("/card-certificates", asked)

    async def renew_signature(self, asked: SignatureRenewal) -> CardCertificates:
        return await self._post("/signature-renewals", asked)

    async def _post(self, path: str, asked: BaseModel) -> CardCertificates:
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
        return reply.raise_problem().read(CardCertificates)
