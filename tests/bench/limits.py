"""
The bare limits beside which an inquiry is shown, measured in the same run.

* its arithmetic alone: every multiplication, signature and seal of one inquiry, done one after the other
* its way alone: three FastAPI services in a chain, each with one durable insert, and no cryptography, no law, no log

Neither can be reached: the first has no wires and keeps nothing, the second does nothing.
"""

import argparse
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
import asyncpg
import uvicorn
import uvloop
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from fastapi import FastAPI
from pydantic import BaseModel

from tests.bench.measure import timed
from tests.bench.processes import Postgres, Served, bare

ES256 = ec.ECDSA(hashes.SHA256())
BODY = 2500
"""Bytes of a permit, about which an inquiry's messages are long."""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of arithmetic, and how often an inquiry needs it."""

    what: str
    times: int
    per_second: float


def arithmetic(seconds: float) -> list[Part]:
    """What the three parties of one inquiry compute; the portal's later reading is not in it."""
    mine, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    text, cipher = os.urandom(BODY), AESSIV(AESSIV.generate_key(512))
    signature, sealed = mine.sign(text, ES256), cipher.encrypt(text[:200], [b"label"])
    point, ecdh, key = other.public_key(), ec.ECDH(), mine.public_key()
    kinds: list[tuple[str, int, Callable[[], object]]] = [
        # blinded by the inquirer, converted for provider and portal, unblinded by the provider
        ("ECDH on P-256", 4, lambda: mine.exchange(ecdh, point)),
        # two requests, the permit, the answer, the outcome
        ("ES256 signature", 5, lambda: mine.sign(text, ES256)),
        # the permit is verified by both ends
        ("ES256 verification", 6, lambda: key.verify(signature, text, ES256)),
        # points, seed and line seed; line and conversion; answer and line seed
        ("AES-SIV, sealing", 7, lambda: cipher.encrypt(text[:200], [b"label"])),
        ("AES-SIV, opening", 4, lambda: cipher.decrypt(sealed, [b"label"])),
    ]
    return [Part(what, often, timed(work, seconds=seconds)) for what, often, work in kinds]


def core_seconds(parts: list[Part]) -> float:
    """Seconds of one core that the arithmetic of one inquiry takes."""
    return sum(part.times / part.per_second for part in parts)


# --- three bare hops ------------------------------------------------------------------------------


class Message(BaseModel):
    number: int
    text: str


def hop(database: str, following: str | None) -> FastAPI:
    """A service that keeps what it gets and passes it on."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            pool = await asyncpg.create_pool(database.replace("+asyncpg", ""), max_size=10)
            stack.push_async_callback(pool.close)
            await pool.execute(
                "CREATE TABLE kept (id bigserial PRIMARY KEY, number bigint, text text)"
            )
            app.state.pool = pool
            app.state.client = await stack.enter_async_context(aiohttp.ClientSession())
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/hop")
    async def pass_on(message: Message) -> Message:
        await app.state.pool.execute(
            "INSERT INTO kept (number, text) VALUES ($1, $2)", message.number, message.text
        )
        if following is None:
            return message
        body = message.model_dump_json().encode()
        headers = {"content-type": "application/json"}
        async with app.state.client.post(f"{following}/hop", data=body, headers=headers) as reply:
            return Message.model_validate_json(await reply.read())

    return app


@asynccontextmanager
async def three_hops(server: Postgres, port: int) -> AsyncIterator[list[Served]]:
    """A chain of three, each in a process of its own; the first listens at `port`."""
    names = ["hop-one", "hop-two", "hop-three"]
    await server.create(names)
    async with AsyncExitStack() as stack:
        chain = []
        for place, name in reversed(list(enumerate(names))):
            following = f"http://127.0.0.1:{port + place + 1}" if place < len(names) - 1 else "-"
            arguments = (server.url.format(role=name), str(port + place), following)
            chain.append(stack.enter_context(bare("tests.bench.limits", *arguments)))
        yield chain


class _Saying(uvicorn.Server):
    async def startup(self, sockets: list[object] | None = None) -> None:
        await super().startup(sockets)
        print("ready", flush=True)


def serve(app: object, port: int) -> None:
    """Serve as `kiban serve` does."""
    config = uvicorn.Config(
        app,
        port=port,
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    uvloop.run(_Saying(config).serve())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("port", type=int)
    parser.add_argument("following")
    given = parser.parse_args()
    serve(hop(given.database, None if given.following == "-" else given.following), given.port)


if __name__ == "__main__":
    sys.exit(main())
