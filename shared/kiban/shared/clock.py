"""
The clock: what time it is in the simulated country.

All roles of a process share one; a test or an integrator moves it, over HTTP too, and the country lives on from
there.  Only the country's time goes through it: timeouts, leases of sockets and durations are the machine's.

Refused: times without a zone, years before 2000 or after 2200, a setting that says two things.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated

from fastapi import Depends, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from kiban.shared.access import anyone, operator
from kiban.shared.problems import Problem
from kiban.shared.routes import PLUMBING, shared_routes

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2200, 1, 1, tzinfo=UTC)
JAPAN = timezone(timedelta(hours=9), "JST")
"""Japan has one zone, and no summer time since 1951 (明治28年勅令第167号)."""


def day_in_japan(at: datetime) -> date:
    """The day of the country: it begins at 15:00 UTC of the day before."""
    return at.astimezone(JAPAN).date()


class ClockSettingUnclear(Problem):
    slug, title, status = "clock-setting-unclear", "Say one of at, advance_seconds and reset", 422


class ClockOutOfRange(Problem):
    slug, title, status = "clock-out-of-range", "The clock does not go there", 422


class Clock:
    """Call it for the aware UTC time."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        return self._machine() + self.offset

    def set_to(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ClockOutOfRange("a time needs its zone", expected="2026-04-01T09:00:00+09:00")
        if not FIRST <= at < LAST:
            raise ClockOutOfRange(f"{at.year} is out of range", expected="the years 2000 to 2199")
        self.offset = at.astimezone(UTC) - self._machine()

    def advance(self, by: timedelta) -> None:
        try:
            self.set_to(self() + by)
        except OverflowError as error:
            raise ClockOutOfRange("that is too far", expected="the years 2000 to 2199") from error

    def reset(self) -> None:
        """Go back to the machine's time."""
        self.offset = timedelta(0)

    def _machine(self) -> datetime:
        return datetime.now(UTC)


class FrozenClock(Clock):
    """A clock that stands until it is moved: for tests."""

    def __init__(self, at: datetime = datetime(2026, 4, 1, tzinfo=UTC)) -> None:
        super().__init__()
        self._at = at.astimezone(UTC)

    def _machine(self) -> datetime:
        return self._at


class ClockSetting(BaseModel):
    """Where to move the clock; exactly one of the three."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime | None = None
    advance_seconds: Annotated[float, Field(allow_inf_nan=False)] | None = None
    reset: bool = False


class ClockReading(BaseModel):
    """The country's time, and how far it is from the machine's."""

    at: datetime
    offset_seconds: float


routes = shared_routes(tags=[PLUMBING])
"""GET and PUT /clock, of `app.state.clock`; `service()` adds them where it is given an operator's key."""


@routes.get("/clock", dependencies=[Depends(anyone)])
async def read_clock(request: Request) -> ClockReading:
    """Tell the country's time."""
    return _reading(request.app.state.clock)


@routes.put("/clock", dependencies=[Depends(operator)])
async def set_clock(setting: ClockSetting, request: Request) -> ClockReading:
    """Move the country's time."""
    move(request.app.state.clock, setting)
    return _reading(request.app.state.clock)


def _reading(clock: Clock) -> ClockReading:
    return ClockReading(at=clock(), offset_seconds=clock.offset.total_seconds())


def move(clock: Clock, setting: ClockSetting) -> None:
    """Apply one setting, or say what is unclear about it."""
    match setting:
        case ClockSetting(at=datetime() as at, advance_seconds=None, reset=False):
            clock.set_to(at)
        case ClockSetting(at=None, advance_seconds=float() as seconds, reset=False):
            try:
                clock.advance(timedelta(seconds=seconds))
            except OverflowError as error:
                raise ClockOutOfRange(
                    "that is too far", expected="the years 2000 to 2199"
                ) from error
        case ClockSetting(at=None, advance_seconds=None, reset=True):
            clock.reset()
        case _:
            raise ClockSettingUnclear(expected="exactly one of at, advance_seconds, reset")
