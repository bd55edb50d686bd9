"""
Embedded: all roles in one process and one loop, each with a listener of its own.

Real listeners keep redirects, issuer names, cookies and certificates honest.  The roles start in order of
dependence, each answering before the next begins, and stop in the opposite order.  One handler takes the signals
for all of them.

Refused: a port that somebody else has.
Sources: DESIGN 7; style 7 (several servers in one loop; lifespans of mounted applications).
"""

import asyncio
import errno
import gc
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from kiban.deploy.premises import port_of
from kiban.shared.problems import Problem

LONGEST_GOODBYE = 5
"""Seconds that open requests get to end."""


class PortBusy(Problem):
    slug, title, status = "port-busy", "Somebody else listens at this port", 409


@dataclass(frozen=True, slots=True)
class Door:
    """An address to listen at, and the TLS that is spoken there, if any is."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """One role, ready to be served: at its public origin's port, if nothing else is said."""

    name: str
    origin: str
    app: FastAPI
    doors: tuple[Door, ...] = ()

    def __post_init__(self) -> None:
        if not self.doors:
            object.__setattr__(self, "doors", (Door("127.0.0.1", port_of(self.origin)),))


class _Server(uvicorn.Server):
    """A server that leaves the signals to the process, and does not look ten times a second whether it is to end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.told = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # writes the Date header anew
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self.told.wait()

    def end(self) -> None:
        self.should_exit = True
        self.told.set()


@asynccontextmanager
async def serving(roles: Sequence[Role]) -> AsyncIterator[None]:
    """Serve every role while the block lasts; inside, all of them answer."""
    async with AsyncExitStack() as house:
        listeners = [
            [(door, house.enter_context(_listener(role, door))) for door in role.doors]
            for role in roles
        ]
        with _unswept():
            for role, held in zip(roles, listeners, strict=True):
                life = role.app.router.lifespan_context(role.app)
                await life.__aenter__()
                # Whatever befalls one role, the others go to sleep as they would on any evening.
                house.push_async_callback(life.__aexit__, None, None, None)
                for door, listener in held:
                    await house.enter_async_context(_answering(role, door, listener))
        yield


@contextmanager
def _unswept() -> Iterator[None]:
    """
    Look for no garbage meanwhile, and never among what is there afterwards: nearly all of it stays for good.

    Later less often than usual: a request leaves little behind, and what it makes are thousands of objects.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        gc.enable()


@asynccontextmanager
async def _answering(role: Role, door: Door, listener: socket.socket) -> AsyncIterator[None]:
    tls = door.tls
    server = _Server(
        uvicorn.Config(
            role.app,
            http="httptools",
            ws="none",
            lifespan="off",  # entered above, so that its problems are ours to tell
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ssl_context_factory=(lambda _config, _default: tls) if tls else None,
            timeout_graceful_shutdown=LONGEST_GOODBYE,
        )
    )
    serve = asyncio.create_task(server.serve(sockets=[listener]), name=f"serve {role.name}")
    try:
        while not server.started:
            await asyncio.wait([serve], timeout=0.005)
            if serve.done():
                serve.result()
        yield
    finally:
        server.end()
        await serve


@contextmanager
def _listener(role: Role, door: Door) -> Iterator[socket.socket]:
    # TCP_NODELAY is inherited by what is accepted: uvloop sets it, the standard loop would not.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((door.host, door.port))
            listener.listen(2048)
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            raise PortBusy(
                f"{role.name} cannot listen at {door.host}:{door.port}; is a country running already?"
                " Otherwise choose another --port-base with another --data",
                sent=door.port,
                role=role.name,
            ) from error
        listener.setblocking(False)
        yield listener


def free_port_base(first: int = 20_000, ports: int = 40) -> int:
    """Find a stretch of ports at which nobody listens."""
    for base in range(first, 60_000, ports):
        with ExitStack() as held:
            try:
                for port in range(base, base + ports):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise PortBusy(f"there are no {ports} free ports in a row")


def told_to_stop() -> asyncio.Event:
    """Give what is set by Ctrl-C or a polite request to end, from now on; before, either ends the process at once."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, told.set)
    return told
