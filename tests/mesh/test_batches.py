"""What is asked at one moment travels together, and each part is granted, refused and traced for itself."""

import asyncio
from collections import Counter

import pytest

from kiban.gateway import store
from kiban.gateway.contract import PermitSpent, Presentation
from kiban.mesh.contract import NotPermitted
from kiban.shared import trace
from kiban.shared.app import each
from kiban.shared.batches import MOST, Batch, Carrier, Part, Told
from kiban.shared.exchanges import FEW, Shape
from kiban.shared.problems import NotFound, Opaque, Unavailable, Unexplained
from kiban.shared.trace import Spans
from tests.mesh_exchanges import ask, asks, permit_of

MANY = 24


class Number(Shape):
    number: int


async def double(asked: Number) -> Number:
    match asked.number:
        case 0:
            raise NotFound("no such number", sent="0")
        case 13:
            raise ZeroDivisionError("a secret of ours")
    return Number(number=2 * asked.number)


def parts(*numbers):
    return [Part(asked=Number(number=number)) for number in numbers]


def sent_to(services, path):
    return [url for url, *_ in services.http.wires.captured if url.endswith(path)]


async def at_once(services, *asked):
    """Ask all of these at one moment; give the values or the problem of each."""
    return await asyncio.gather(*(ask(services, **one) for one in asked), return_exceptions=True)


async def test_what_is_asked_at_one_moment_travels_together(services):
    people = ("hana", "taro", "mei")

    found = await at_once(services, *({"people": (people[n % 3],)} for n in range(MANY)))

    assert found == [[f"pension {people[n % 3]}"] for n in range(MANY)]
    assert len(sent_to(services, "/permits")) < MANY / 2
    assert len(sent_to(services, "/answers")) < MANY / 2
    assert len(await services.lines("hana")) == MANY / 3


async def test_who_is_refused_takes_nobody_along(services):
    lawful, unlawful = {}, {"affair": "loan"}

    found = await at_once(services, *[lawful, unlawful] * (MANY // 2))

    assert found[::2] == [["pension hana"]] * (MANY // 2)
    assert {type(one) for one in found[1::2]} == {NotPermitted}
    assert len(sent_to(services, "/permits")) < MANY / 2


async def test_a_permit_replayed_among_others_is_refused_alone_and_recorded(services):
    tax, pension = services.gateway("tax"), services.gateway("pension")
    first, second = [(await permit_of(tax))[0] for _ in range(2)]
    client = await tax.standing.neighbour("pension")
    presented = [Part(asked=Presentation(permit=permit)) for permit in (first, first, second)]

    told = await client.answer_inquiries(presented, people=3)

    spent = {"type": PermitSpent().type}
    assert (
        sum(one.problem is not None and spent.items() <= one.problem.items() for one in told) == 1
    )
    assert told[2].reply is not None
    async with pension.db.look() as connection:
        assert [one.problem for one in await store.read_refusals(connection)] == [PermitSpent.slug]


class Deaf:
    """HTTP that hears no reply to one kind of call."""

    def __init__(self, http, path):
        self.http, self.path = http, path

    async def send(self, method, url, **rest):
        reply = await self.http.send(method, url, **rest)
        if url.endswith(self.path):
            raise Unavailable("the reply was lost")
        return reply


async def test_each_who_lost_a_reply_asks_again_for_its_own(services):
    tax = services.gateway("tax")
    signed = tax.standing.signed
    people, reached = ("hana", "taro", "mei"), signed._http
    signed._http = Deaf(reached, "/answers")

    lost = await at_once(services, *({"people": (name,)} for name in people))
    signed._http = reached
    later = [await tax.ask_again(one.members["exchange"]) for one in lost]

    assert {type(one) for one in lost} == {Unavailable}
    assert [one.statements[0].values["yen"] for one in later] == [f"pension {n}" for n in people]


async def test_each_part_goes_on_in_its_own_trace(services):
    outside = Spans("the tax office's own system", services.clock)

    async def asked():
        with trace.resumed(None, "asks", outside):
            await services.gateway("tax").inquire(asks())

    await asyncio.gather(*(asked() for _ in range(MANY)))

    begun = Counter(link for span in outside.after(0) for link in span.links)
    for role, name in (("core", "POST /permits"), ("pension", "POST /answers")):
        spans = [one for one in services.apps[role].state.spans.after(0) if one.name == name]
        assert Counter(span.trace_id for span in spans if "exchange" in span.saw) == begun
        assert not {span.trace_id for span in spans if "status" in span.saw} & begun.keys()


async def test_what_breaks_on_our_side_is_told_opaquely_and_to_one_alone():
    told = await each(Batch(parts=parts(1, 0, 13, 2)), "POST /numbers", double)

    assert [one.reply and one.reply.number for one in told] == [2, None, None, 4]
    assert told[1].problem["sent"] == "0"
    assert told[2].problem == Opaque().document()


async def test_what_is_about_many_people_goes_alone():
    carried = []

    async def send(sent, people):
        carried.append((len(sent), people))
        await asyncio.sleep(0)
        return [Told(reply=await double(one.asked)) for one in sent]

    carrier = Carrier(send)

    asked = [carrier.ask(Number(number=n), people=FEW + 1 if n == 9 else 1) for n in range(1, 10)]
    assert [one.number for one in await asyncio.gather(*asked)] == [2 * n for n in range(1, 10)]

    assert (1, FEW + 1) in carried
    assert sum(people for _, people in carried) == 8 + FEW + 1


async def test_no_request_carries_more_than_it_may():
    carried = []

    async def send(sent, people):
        carried.append(len(sent))
        await asyncio.sleep(0)
        return [Told(reply=await double(one.asked)) for one in sent]

    carrier = Carrier(send)
    await asyncio.gather(*(carrier.ask(Number(number=14), people=1) for _ in range(3 * MOST)))

    assert max(carried) == MOST


@pytest.mark.parametrize("told", [[], [Told(reply=Number(number=1))] * 3, [Told()]])
async def test_a_neighbour_that_answers_in_part_is_not_believed(told):
    async def send(sent, people):
        return told

    found = await asyncio.gather(
        *(Carrier(send).ask(Number(number=n), people=1) for n in (1, 2)), return_exceptions=True
    )

    assert {type(one) for one in found} == {Unexplained}
