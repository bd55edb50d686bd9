"""
The hall: one door for many members, each of whom sleeps until somebody speaks to it.

A nation has more municipalities than a machine has room for offices that wait.  A member of the hall has an address
of its own, a certificate and a seat in the directory from the beginning; its office, its gateway and their databases
are made when the first request comes, and that request is then answered like any other.  After some minutes in which
nothing was asked and nothing is left to do, it sleeps again.  What it is called is in the Host field, as with any
house of many tenants.

Nothing that was accepted is forgotten: a mark on the disk says who is awake, from before its first request until it
slept with an empty desk; who was awake when the process died is woken at the next start.

Refused: a name that nobody here has; a member that cannot wake, with the reason that kept it.
Source: decision 0022; DESIGN 7.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kiban.deploy.seating import Seating
from kiban.gateway.agency import Gateway
from kiban.shared import mistakes
from kiban.shared.app import service
from kiban.shared.clock import Clock
from kiban.shared.problems import Problem, Unavailable
from kiban.world.moving_in import settled as settled_in
from kiban.world.office.office import Office

IDLE = 300.0
"""Seconds without a request after which a member may sleep."""
ROUNDS = 20.0
"""Seconds between two looks at who may."""
_log = logging.getLogger("kiban.hall")


@dataclass(frozen=True, slots=True)
class Opened:
    """A member that is awake, and how to close what was opened for it."""

    app: FastAPI
    close: Callable[[], Awaitable[None]]


Open = Callable[[str], Opened]
"""Builds a member's application, ready to be started."""


@dataclass(slots=True)
class Room:
    """One member's place in the hall."""

    member: str
    app: FastAPI | None = None
    guests: int = 0
    """Requests that are being answered."""
    spoken_to_at: float = 0.0
    waking: asyncio.Lock = field(default_factory=asyncio.Lock)
    stack: AsyncExitStack | None = None


@dataclass(slots=True)
class Hall:
    """Everybody who has a room here, by the host name of each door."""

    open: Open
    marks: Path
    """Holds a file for each member that is awake."""
    idle: float = IDLE
    rooms: dict[str, Room] = field(default_factory=dict)
    doors: dict[str, Room] = field(default_factory=dict)

    def let(self, member: str, origins: list[str]) -> None:
        """Give a member a room, with a door for each of its origins."""
        self.rooms[member] = room = Room(member)
        self.doors.update({urlsplit(origin).netloc: room for origin in origins})

    @property
    def awake(self) -> dict[str, FastAPI]:
        """The members that are awake, each with its application."""
        return {room.member: room.app for room in self.rooms.values() if room.app}

    async def answer(self, room: Room, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, once the member is awake; meanwhile it does not fall asleep."""
        room.guests += 1
        try:
            app = await self._reached(room)
            await app(scope, receive, send)
        finally:
            room.guests -= 1
            room.spoken_to_at = asyncio.get_running_loop().time()

    async def _reached(self, room: Room) -> ASGIApp:
        """The member's application, or what says that it cannot wake now."""
        try:
            return await self.wake(room)
        except Exception as error:  # noqa: BLE001  whatever keeps one member, the others answer
            mistakes.log(_log, f"waking {room.member}", error)
            problem = Unavailable("this member cannot wake now; ask again later")
            return JSONResponse(
                problem.document(), problem.status, media_type="application/problem+json"
            )

    async def wake(self, room: Room) -> FastAPI:
        """Give the member's application, which is started if it was asleep; of many who call, one wakes it."""
        async with room.waking:
            if room.app is None:
                await asyncio.to_thread(self._mark, room.member)
                room.stack = stack = AsyncExitStack()
                try:
                    room.app = await self._started(room.member, stack)
                except BaseException:
                    await stack.aclose()
                    raise
            return room.app

    async def _started(self, member: str, stack: AsyncExitStack) -> FastAPI:
        opened = self.open(member)
        stack.push_async_callback(opened.close)
        await stack.enter_async_context(opened.app.router.lifespan_context(opened.app))
        await settled_in(opened.app)
        _log.info("%s is awake", member)
        return opened.app

    async def sleep(self, room: Room) -> bool:
        """Let a member sleep, if nobody speaks to it and its desk is empty; say whether it does."""
        async with room.waking:
            if room.app is None or room.stack is None or room.guests:
                return False
            if await busy(room.app):
                return False
            if room.guests:
                return False  # somebody came while we looked
            room.app, stack = None, room.stack
            await stack.aclose()
            await asyncio.to_thread(self._mark_of(room.member).unlink, missing_ok=True)
            _log.info("%s sleeps", room.member)
            return True

    async def rounds(self) -> None:
        """Look after everybody for ever; cancel to stop."""
        while True:
            await asyncio.sleep(min(ROUNDS, self.idle))
            await self.look_around()

    async def look_around(self) -> int:
        """Let whoever was left alone for long enough sleep; say how many do."""
        before = asyncio.get_running_loop().time() - self.idle
        slept = 0
        for room in self.rooms.values():
            if room.app is not None and room.spoken_to_at <= before:
                try:
                    slept += await self.sleep(room)
                except Exception as error:  # noqa: BLE001  one member's mistake keeps no other awake
                    mistakes.log(_log, f"letting {room.member} sleep", error)
        return slept

    async def wake_marked(self) -> None:
        """Wake who was awake when the process ended: something may lie on its desk."""
        for member in sorted(each.name for each in self.marks.glob("*")):
            if room := self.rooms.get(member):
                try:
                    await self.wake(room)
                except Problem as problem:
                    _log.error("%s does not wake: %s", member, problem.slug)

    async def close(self) -> None:
        """Send everybody home; whoever was awake will be woken again."""
        for room in self.rooms.values():
            if room.stack is not None:
                room.app, stack, room.stack = None, room.stack, None
                await stack.aclose()

    def _mark_of(self, member: str) -> Path:
        return self.marks / member

    def _mark(self, member: str) -> None:
        self.marks.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._mark_of(member).touch(mode=0o600)


async def busy(app: FastAPI) -> bool:
    """Whether anything is left to do, to hear or to prove for a member that is awake."""
    office: Office = app.state.office
    if await office.following.keep_up():
        return True
    if office.outbox.busy or await office.outbox.is_waiting():
        return True
    gateway: Gateway = app.state.gateway
    return not await gateway.is_settled()


def create_hall(hall: Hall, seats: Seating, *, clock: Clock) -> FastAPI:
    """The hall as an application: everybody has a seat in the directory before the first door opens."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await seats.take(hall.rooms)
        work = asyncio.gather(hall.wake_marked(), hall.rounds())
        yield
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await hall.close()

    app = service("Kiban hall (SIMULATED)", role="hall", clock=clock, lifespan=lifespan)
    app.state.hall = hall
    app.add_middleware(Doors, hall=hall)
    return app


class Doors:
    """ASGI: a request to a member goes to its room; any other to the hall itself."""

    def __init__(self, app: ASGIApp, hall: Hall) -> None:
        self._app = app
        self._hall = hall

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        room = self._hall.doors.get(_host(scope)) if scope["type"] == "http" else None
        if room is None:
            await self._app(scope, receive, send)
        else:
            await self._hall.answer(room, scope, receive, send)


def _host(scope: Scope) -> str:
    named = (value for name, value in scope["headers"] if name == b"host")
    return next(named, b"").decode("ascii", "replace")
