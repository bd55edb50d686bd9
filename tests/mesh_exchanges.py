"""How tests of the mesh ask, permit and present."""

from kiban.gateway import blinding
from kiban.gateway.asking import Wish
from kiban.gateway.client import GatewayClient
from kiban.gateway.contract import ApprovalUse, InquiryRequest, Presentation


def asks(people=("hana",), inquirer="tax", provider="pension", affair="work", consent=None):
    return InquiryRequest(
        provider=provider,
        affair=affair,
        item="income",
        people=[f"{inquirer}-{name}" for name in people],
        consent=consent,
    )


async def ask(services, *, inquirer="tax", **differs):
    reply = await services.gateway(inquirer).inquire(asks(inquirer=inquirer, **differs))
    return [one and one.values["yen"] for one in reply.statements]


async def consented(services, person, record):
    tokens = await services.approve(person, [record])
    await services.gateway("portal").consenting.deliver(
        ApprovalUse(records=[record], tokens=tokens)
    )
    return record.id


async def permit_of(gateway, people=("hana",), provider="pension"):
    """A permit that was granted and not presented yet."""
    codes = await gateway.asking.codes([f"{gateway.standing.id}-{name}" for name in people])
    wish = Wish("inquiry", provider, "work", "income")
    return await gateway.asking.permitted(wish, codes, blinding.NO_NOTE)


async def present(inquirer, provider, token, **differs):
    client = GatewayClient(inquirer.standing.signed, provider.settings.origin)
    return await client.answer(Presentation(permit=token, **differs))
