"""The outbox: what was committed arrives, at least once, and refusals are laid aside."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from kiban.shared.outbox import Outbox, outbox_table
from kiban.shared.problems import Forbidden, Opaque, TooMany, Unavailable
from kiban.shared.trace import Spans, resumed, traceparent

TABLE = outbox_table(sa.MetaData())


class Receiver:
    """Takes what arrives; says `answers` first, one after the other."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.got = []

    async def __call__(self, body):
        if self.answers and (answer := self.answers.pop(0)):
            raise answer
        self.got.append(body)


@pytest.fixture
async def db(new_database):
    db = await new_database()
    async with db.begin() as connection:
        await connection.run_sync(TABLE.metadata.create_all)
    return db


@pytest.fixture
def send(db, clock):
    async def send(outbox, *bodies, topic="tea"):
        async with db.begin() as connection:
            for number, body in enumerate(bodies):
                await outbox.put(connection, topic, body, key=str(body or number), at=clock())

    return send


def courier(db, clock, receiver, **options):
    return Outbox(db, TABLE, {"tea": receiver}, clock, **options)


async def test_what_was_committed_arrives_once(db, clock, send):
    receiver = Receiver()
    outbox = courier(db, clock, receiver)
    await send(outbox, *({"cup": n} for n in range(20)))

    assert await outbox.drain() == 20
    assert await outbox.drain() == 0
    assert sorted(body["cup"] for body in receiver.got) == list(range(20))


async def test_what_was_rolled_back_never_leaves(db, clock):
    receiver = Receiver()
    outbox = courier(db, clock, receiver)

    async def fail():
        async with db.begin() as connection:
            await outbox.put(connection, "tea", {}, key="1", at=clock())
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await outbox.drain() == 0
    assert receiver.got == []


async def test_the_same_key_again_is_the_same_row(db, clock, send):
    receiver = Receiver()
    outbox = courier(db, clock, receiver)
    await send(outbox, {"cup": 1})
    await send(outbox, {"cup": 1})

    await outbox.drain()
    await send(outbox, {"cup": 1})
    await outbox.drain()

    assert receiver.got == [{"cup": 1}]


@pytest.mark.parametrize("answer", [Unavailable("away"), TooMany("slowly"), LookupError("a bug")])
async def test_what_may_pass_is_tried_again_later_and_later(db, clock, send, answer):
    receiver = Receiver(answer, answer)
    outbox = courier(db, clock, receiver)
    await send(outbox, {"cup": 1})

    assert await outbox.drain() == 1
    assert await outbox.drain() == 0
    clock.advance(timedelta(seconds=1))
    assert await outbox.drain() == 1
    clock.advance(timedelta(seconds=1))
    assert await outbox.drain() == 0
    clock.advance(timedelta(seconds=1))
    assert await outbox.drain() == 1

    assert receiver.got == [{"cup": 1}]


async def test_a_lasting_refusal_lays_the_row_aside_until_released_by_hand(db, clock, send):
    receiver = Receiver(Forbidden("never"))
    outbox = courier(db, clock, receiver)
    await send(outbox, {"cup": 1})
    await outbox.drain()

    clock.advance(timedelta(days=1))
    assert await outbox.drain() == 0
    [letter] = await outbox.dead()
    assert (letter.topic, letter.problem) == ("tea", "forbidden")

    await outbox.release(letter.id)
    await outbox.drain()
    assert receiver.got == [{"cup": 1}]
    assert await outbox.dead() == []


async def test_a_row_that_nobody_hands_over_is_laid_aside(db, clock, send):
    outbox = courier(db, clock, Receiver())
    await send(outbox, {"cup": 1}, topic="rice")

    await outbox.drain()

    assert [letter.problem for letter in await outbox.dead()] == ["no-handler"]


async def test_a_courier_that_died_is_followed_by_another(db, clock, send):
    receiver = Receiver()
    outbox = courier(db, clock, receiver)
    await send(outbox, {"cup": 1})
    await outbox._claim()  # and then the process is killed

    assert await outbox.drain() == 0
    clock.advance(timedelta(seconds=11))
    assert await outbox.drain() == 1
    assert receiver.got == [{"cup": 1}]


async def test_a_courier_that_lives_keeps_its_claim(db, clock, send, monkeypatch):
    monkeypatch.setattr("kiban.shared.outbox._RENEWAL", 0.01)
    there, leave = asyncio.Event(), asyncio.Event()
    got = []

    async def slowly(body):
        got.append(body)
        there.set()
        await leave.wait()

    outbox = courier(db, clock, slowly)
    await send(outbox, {"cup": 1})
    delivering = asyncio.create_task(outbox.drain())
    await there.wait()
    for _ in range(3):
        clock.advance(timedelta(seconds=6))
        await until_claimed_anew(db, clock)
        assert await courier(db, clock, slowly).drain() == 0
    leave.set()

    assert await delivering == 1
    assert got == [{"cup": 1}]


async def until_claimed_anew(db, clock):
    while True:
        async with db.read() as connection:
            [until] = (await connection.execute(sa.select(TABLE.c.next_at))).scalars()
        if until >= clock() + timedelta(seconds=10):
            return
        await asyncio.sleep(0.005)


async def test_a_clock_that_goes_back_holds_nothing_up(db, clock, send):
    receiver = Receiver(Unavailable("away"))
    outbox = courier(db, clock, receiver)
    clock.advance(timedelta(days=30))
    await send(outbox, {"cup": 1})
    await outbox.drain()

    clock.reset()

    assert await outbox.drain() == 1
    assert receiver.got == [{"cup": 1}]


async def test_several_couriers_never_hand_over_the_same_row_at_once(db, clock, send):
    receiver = Receiver()
    couriers = [courier(db, clock, receiver) for _ in range(4)]
    await send(couriers[0], *({"cup": n} for n in range(40)))

    await asyncio.gather(*(each.drain() for each in couriers))

    assert sorted(body["cup"] for body in receiver.got) == list(range(40))


async def test_a_commit_wakes_the_courier(db, clock, send):
    arrived = asyncio.Event()

    async def receive(body):
        arrived.set()

    outbox = courier(db, clock, receive, poll=3600)
    running = asyncio.create_task(outbox.run())
    await asyncio.sleep(0)

    await send(outbox, {"cup": 1})
    async with asyncio.timeout(5):
        await arrived.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_handler_may_use_the_same_database(db, clock, send):
    async def receive(body):
        async with db.begin() as connection:
            await connection.execute(sa.text("SELECT 1"))

    outbox = courier(db, clock, receive)
    await send(outbox, {"cup": 1})
    assert await outbox.drain() == 1
    assert await outbox.dead() == []


async def test_a_delivery_goes_on_with_the_trace_of_its_row(db, clock, send):
    spans = Spans("portal", clock)
    seen = []

    async def receive(body):
        seen.append(traceparent())

    outbox = courier(db, clock, receive, spans=spans)
    with resumed(None, "sign", spans):
        await send(outbox, {"cup": 1})
    await outbox.drain()

    signed, delivered = spans.after(0)
    assert (delivered.trace_id, delivered.parent_id) == (signed.trace_id, signed.span_id)
    assert seen == [delivered.traceparent]


class Hall(Receiver):
    """Takes many at once, unless one of them is a bad one."""

    bad = Forbidden

    async def __call__(self, bodies):
        if {"cup": "bad"} in bodies:
            raise self.bad("one is bad")
        await super().__call__(bodies)


def wide_courier(db, clock, receiver):
    return Outbox(db, TABLE, {}, clock, together={"tea": receiver})


async def test_what_goes_together_arrives_together(db, clock, send):
    hall = Hall()
    outbox = wide_courier(db, clock, hall)
    await send(outbox, *({"cup": n} for n in range(100)))

    assert await outbox.drain() == 100

    assert len(hall.got) == 1
    assert sorted(body["cup"] for body in hall.got[0]) == list(range(100))


async def test_one_bad_row_holds_no_other_up(db, clock, send):
    hall = Hall()
    outbox = wide_courier(db, clock, hall)
    await send(outbox, {"cup": 1}, {"cup": "bad"}, {"cup": 3})

    await outbox.drain()

    assert sorted(body["cup"] for [body] in hall.got) == [1, 3]
    assert [letter.problem for letter in await outbox.dead()] == ["forbidden"]


async def test_one_row_over_which_the_receiver_stumbles_holds_no_other_up(db, clock, send):
    hall = Hall()
    hall.bad = Opaque
    outbox = wide_courier(db, clock, hall)
    await send(outbox, {"cup": 1}, {"cup": "bad"}, {"cup": 3})

    await outbox.drain()

    assert sorted(body["cup"] for [body] in hall.got) == [1, 3]
    assert await outbox.dead() == []


async def test_a_receiver_who_is_away_delays_its_own_lane_alone(db, clock, send):
    got = []

    async def serve(bodies):
        if bodies[0]["guest"] == "late":
            raise Unavailable("away")
        got.append(bodies)

    outbox = Outbox(db, TABLE, {}, clock, together={"tea": serve}, lanes={"tea": "guest"})
    await send(
        outbox, *({"guest": guest, "cup": n} for n in range(3) for guest in ("late", "here"))
    )

    await outbox.drain()

    assert got == [[{"guest": "here", "cup": n} for n in range(3)]]


async def test_what_goes_together_waits_together(db, clock, send):
    hall = Hall(Unavailable("away"))
    outbox = wide_courier(db, clock, hall)
    await send(outbox, *({"cup": n} for n in range(5)))

    assert await outbox.drain() == 5
    assert await outbox.drain() == 0
    clock.advance(timedelta(seconds=1))
    assert await outbox.drain() == 5

    assert [len(bodies) for bodies in hall.got] == [5]
