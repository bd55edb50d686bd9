"""The cards, seen from a municipality's counter: one method per operation, the same name on both sides."""

from kiban.shared import canonical
from kiban.shared.http import Http
from kiban.shared.settings import Secret
from kiban.world.cards.contract import CounterOrder, CounterPlace, NewPINOrder, RenewalOrder


class CardsForCounters:
    """What a counter asks, with the secret that only counters and the cards hold."""

    def __init__(self, http: Http, origin: str, secret: Secret) -> None:
        self._http = http
        self._origin = origin
        self._secret = secret

    def __repr__(self) -> str:
        return f"CardsForCounters({self._origin})"

    async def open_renewal(self, order: RenewalOrder) -> CounterPlace:
        return await self._open("/renewals", order)

    async def open_new_pin(self, order: NewPINOrder) -> CounterPlace:
        return await self._open("/new-pins", order)

    async def _open(self, path: str, order: CounterOrder) -> CounterPlace:
        headers = {
            "authorization": f"Bearer {self._secret.reveal()}",
            "content-type": "application/json",
            "accept": "application/json",
        }
        content = canonical.encode(order.model_dump(mode="json"))
        reply = await self._http.send("POST", self._origin + path, content=content, headers=headers)
        return reply.raise_problem().read(CounterPlace)
