"""
Push fan-out: from the commit of one announcement to the last of a thousand subscribers, on a durable PostgreSQL.

The change office is the real one, with its outbox, signatures and seals; it runs in this process.  The subscribers are
members of their own (a certificate, a pair key) that live in one other process: each verifies the request, opens the
seal and keeps a row before it answers.  What a subscriber's own gateway does beyond that is in *inquiries*.

Beside it: as many plain requests of the same client, each kept in the same way, with no cryptography and no outbox.
"""

import argparse
import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import asyncpg
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import Depends, FastAPI

from kiban.changes.office import ChangeOffice
from kiban.deploy.embedded import free_port_base
from kiban.gateway.contract import NOTICES_LABEL, Notices, NoticesReceipt, SealedNotices
from kiban.gateway.receiving import Receiving
from kiban.gateway.relaying import Relaying
from kiban.gateway.standing import Standing
from kiban.gateway.store import People
from kiban.mesh.client import MeshClient
from kiban.shared import encoding, members
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database
from kiban.shared.exchanges import new_id
from kiban.shared.http import AiohttpHttp
from kiban.shared.keyring import Wrapping
from kiban.shared.members import Member
from kiban.shared.membership import Members, SignedCaller, SignedHttp
from kiban.shared.sealing import Sealer
from kiban.shared.settings import Secret
from tests.bench.limits import serve
from tests.bench.measure import Row, Section, percentile
from tests.bench.plan import Plan
from tests.bench.processes import Postgres, bare
from tests.organisation import NOW, Organisation

OFFICE, PERSON, ITEM = "change-office", "0" * 32, "four-attributes"
TABLE = "CREATE TABLE heard (at double precision)"
KEEP = "INSERT INTO heard VALUES ($1)"


def sealing_key(name: str) -> X25519PrivateKey:
    """A subscriber's, by its name, so that both processes know it."""
    return X25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


# --- the subscribers ------------------------------------------------------------------------------


def subscribers(database: str, port: int, office: Member) -> FastAPI:
    """All of them, each below a path of its own; `/heard` tells when each notice was kept."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(database.replace("+asyncpg", ""), max_size=10) as pool:
            await pool.execute(TABLE)
            app.state.pool = pool
            yield

    async def resolve(_: str) -> Member:
        return office

    app = FastAPI(lifespan=lifespan)
    member = Members(resolve, origin=f"http://127.0.0.1:{port}", clock=FrozenClock(NOW))
    sealers: dict[str, Sealer] = {}

    @app.post("/{name}/notices")
    async def receive_notices(
        name: str, sealed: SealedNotices, _: Annotated[SignedCaller, Depends(member)]
    ) -> NoticesReceipt:
        sealer = sealers.setdefault(name, Sealer(name, sealing_key(name)))
        opened = sealer.open(
            sealed.sealed,
            sender=office.id,
            key=office.sealing_key,
            label=NOTICES_LABEL,
            context=bytes.fromhex(sealed.delivery),
        )
        last = Notices.model_validate_json(opened).notices[-1]
        await app.state.pool.execute(KEEP, time.monotonic())
        return NoticesReceipt(place=last.place)

    @app.post("/plain")
    async def plain() -> None:
        await app.state.pool.execute(KEEP, time.monotonic())

    @app.post("/heard")
    async def heard() -> list[float]:
        rows = await app.state.pool.fetch("DELETE FROM heard RETURNING at")
        return sorted(row["at"] for row in rows)

    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("port", type=int)
    parser.add_argument("office", help="the change office's certificate and its anchor, base64url")
    given = parser.parse_args()
    der, anchor = (encoding.decode(part) for part in given.office.split("."))
    office = members.read(der, anchors=[x509.load_der_x509_certificate(anchor)], at=NOW)
    serve(subscribers(given.database, given.port, office), given.port)


# --- the change office ----------------------------------------------------------------------------


@dataclass
class Directory:
    """The subscribers as the change office finds them."""

    known: dict[str, Member]
    port: int

    async def resolve(self, name: str) -> Member:
        return self.known[name]

    async def origin(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


@dataclass
class Hall:
    """The change office with everybody who subscribed to one person."""

    office: ChangeOffice
    http: AiohttpHttp
    names: list[str]
    port: int

    async def heard(self, expected: int) -> list[float]:
        """When each of so many was kept, once all of them are."""
        found: list[float] = []
        while len(found) < expected:
            await asyncio.sleep(0.02)
            reply = await self.http.send("POST", f"http://127.0.0.1:{self.port}/heard")
            found += reply.raise_problem().json()
        return found

    async def announce(self) -> list[float]:
        """Seconds from the commit to each subscriber's."""
        await self.office.announce(new_id(), "provider", ITEM, [PERSON])
        began = time.monotonic()
        return [at - began for at in await self.heard(len(self.names))]

    async def plain(self) -> list[float]:
        """The same number of bare requests."""
        url, seats = f"http://127.0.0.1:{self.port}/plain", asyncio.Semaphore(200)

        async def send() -> None:
            async with seats:
                (await self.http.send("POST", url)).raise_problem()

        began = time.monotonic()
        await asyncio.gather(*(send() for _ in self.names))
        return [at - began for at in await self.heard(len(self.names))]


@asynccontextmanager
async def hall(server: Postgres, count: int) -> AsyncIterator[Hall]:
    await server.create(["changes", "subscribers"])
    organisation, port, clock = Organisation(), free_port_base(), FrozenClock(NOW)
    me = organisation.member(OFFICE)
    names = [f"subscriber-{number}" for number in range(count)]
    known = {name: organisation.member(name, sealing=sealing_key(name)).member for name in names}
    anchor = organisation.anchor.public_bytes(Encoding.DER)
    certificates = f"{encoding.encode(me.member.certificate)}.{encoding.encode(anchor)}"
    here = f"http://127.0.0.1:{port}"
    db, http = Database(server.url.format(role="changes")), AiohttpHttp({here: here})
    office, signed = ChangeOffice(db, clock), SignedHttp(http, me, clock)
    directory: Any = Directory(known, port)
    standing = Standing(
        identity=me,
        members=directory,
        mesh=MeshClient(signed, http, here),
        http=http,
        signed=signed,
        db=db,
        people=People(Wrapping(Secret("nobody's pseudonym is kept"))),
        clock=clock,
        outbox=office.outbox,
    )
    await office.prepare()
    for name in names:
        await office.subscribe(name, ITEM, {PERSON: new_id()})
    relaying = Relaying(standing, Receiving(standing), office)
    with bare("tests.bench.fanout", server.url.format(role="subscribers"), str(port), certificates):
        running = asyncio.create_task(office.run(relaying.push))
        yield Hall(office, http, names, port)
        running.cancel()
    await http.close()
    await db.close()


async def run(plan: Plan, server: Postgres, _: Path) -> list[Section]:
    count = plan.pick(1000, 100)
    section = Section(f"one announcement, {count} subscribers, two processes and PostgreSQL")
    async with hall(server, count) as found:
        await found.announce()  # pair keys and connections are made once
        plain = _row("bare: plain requests, each kept", await found.plain())
        told = [await found.announce() for _ in range(plan.pick(5, 1))]
    row = _row("notices, from commit to each effect", [at for one in told for at in one], len(told))
    last = max(max(one) for one in told)
    section.rows = [
        Row(row.what, row.rate, row.unit, row.p50_ms, row.p99_ms, beside=row.rate / plain.rate),
        plain,
    ]
    section.notes = [f"the last effect came {last:.2f} s after the commit, at the latest"]
    return [section]


def _row(what: str, times: list[float], rounds: int = 1) -> Row:
    rate = len(times) / rounds / max(times)
    return Row(what, rate, p50_ms=1000 * percentile(times, 50), p99_ms=1000 * percentile(times, 99))


if __name__ == "__main__":
    main()
