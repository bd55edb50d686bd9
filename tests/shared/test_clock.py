"""The clock: the country's time moves when it is told to, and never where it may not."""

from datetime import UTC, date, datetime, timedelta

import pytest

from kiban.shared.app import service
from kiban.shared.clock import Clock, ClockOutOfRange, FrozenClock, day_in_japan
from kiban.shared.http import HttpxHttp

ORIGIN = "http://role.localhost"
KEY = {"authorization": "Bearer key", "content-type": "application/json"}


@pytest.fixture
async def put(clock):
    http = HttpxHttp({ORIGIN: service("A role", role="role", clock=clock, operator_key="key")})

    async def put(content, headers=KEY):
        return await http.send("PUT", f"{ORIGIN}/clock", content=content.encode(), headers=headers)

    yield put
    await http.close()


def test_a_clock_runs_on_from_where_it_was_set():
    clock = Clock()
    clock.set_to(datetime(2030, 1, 1, tzinfo=UTC))
    clock.advance(timedelta(days=1))

    assert datetime(2030, 1, 2, tzinfo=UTC) <= clock() < datetime(2030, 1, 2, 1, tzinfo=UTC)
    clock.reset()
    assert abs(clock() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_day_is_japans():
    midnight = datetime(2026, 11, 22, 15, tzinfo=UTC)

    assert day_in_japan(midnight) == date(2026, 11, 23)
    assert day_in_japan(midnight - timedelta(microseconds=1)) == date(2026, 11, 22)


def test_a_frozen_clock_stands():
    clock = FrozenClock()
    assert clock() == clock()


@pytest.mark.parametrize(
    "move",
    [
        lambda clock: clock.set_to(datetime(2026, 1, 1)),  # noqa: DTZ001
        lambda clock: clock.set_to(datetime(1999, 1, 1, tzinfo=UTC)),
        lambda clock: clock.set_to(datetime(9999, 1, 1, tzinfo=UTC)),
        lambda clock: clock.advance(timedelta(days=900_000)),
        lambda clock: clock.advance(timedelta(days=-900_000)),
        lambda clock: clock.advance(timedelta.max),
    ],
)
def test_the_clock_stays_in_range(clock, move):
    before = clock()
    with pytest.raises(ClockOutOfRange):
        move(clock)
    assert clock() == before


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ('{"at": "2027-01-01T09:00:00+09:00"}', datetime(2027, 1, 1, tzinfo=UTC)),
        ('{"advance_seconds": 86400}', datetime(2026, 4, 2, tzinfo=UTC)),
        ('{"advance_seconds": -1.5}', datetime(2026, 3, 31, 23, 59, 58, 500_000, tzinfo=UTC)),
        ('{"reset": true}', datetime(2026, 4, 1, tzinfo=UTC)),
    ],
)
async def test_the_operator_moves_it_over_http(put, clock, body, at):
    reply = await put(body)

    assert (reply.status, clock()) == (200, at)
    assert datetime.fromisoformat(reply.json()["at"]) == at


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ("{}", "clock-setting-unclear"),
        ('{"reset": false}', "clock-setting-unclear"),
        ('{"reset": true, "advance_seconds": 1}', "clock-setting-unclear"),
        ('{"at": "2027-01-01T09:00:00Z", "advance_seconds": 0}', "clock-setting-unclear"),
        ('{"at": "1850-01-01T00:00:00Z"}', "clock-out-of-range"),
        ('{"advance_seconds": 1e300}', "clock-out-of-range"),
        ('{"advance_seconds": 1e11}', "clock-out-of-range"),
        ('{"at": "2027-01-01T09:00:00"}', "malformed"),
        ('{"at": "9999-12-31T23:59:59-23:59"}', "clock-out-of-range"),
        ('{"at": "0001-01-01T00:00:00+23:59"}', "clock-out-of-range"),
        ('{"advance_seconds": NaN}', "malformed"),
        ('{"ahead": 1}', "malformed"),
    ],
)
async def test_a_setting_that_is_wrong_is_named(put, clock, body, slug):
    before = clock()
    reply = await put(body)

    assert reply.json()["type"] == f"urn:kiban:problem:{slug}"
    assert clock() == before


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer no", "Basic key", "Bearer key key"]
)
async def test_nobody_else_moves_it(put, clock, authorization):
    reply = await put('{"advance_seconds": 1}', {**KEY, "authorization": authorization})

    assert reply.status == 401
    assert clock() == FrozenClock()()
