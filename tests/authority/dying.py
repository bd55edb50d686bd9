"""
A process that registers one card, and kills itself where it is told to.

`python -m tests.authority.dying PLACE before signing|after signing|never`; it prints the serials that were open when
it started, and then those of the certificates that it was given.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import sqlalchemy as sa

from kiban.identity.authority import certificates, keys
from kiban.identity.authority.app import create_app
from kiban.identity.authority.client import AuthorityClient, obtain_identity
from kiban.identity.authority.enrolment import member_secret
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database
from kiban.shared.http import HttpxHttp
from kiban.shared.keyring import Keyring, keyring_table
from kiban.shared.membership import SignedHttp
from kiban.shared.settings import Secret
from tests.authority.builders import OPERATOR, ORIGIN, Card, resident, settings


class Killing:
    """A signer that kills the process at the first holder's certificate."""

    def __init__(self, when: str) -> None:
        self.when = when
        self.armed = False

    def __call__(self, judged, key) -> bytes:
        if self.armed and self.when == "before signing":
            os.kill(os.getpid(), signal.SIGKILL)
        made = certificates.finish(judged, key)
        if self.armed and self.when == "after signing":
            os.kill(os.getpid(), signal.SIGKILL)
        return made


async def main(place: Path, when: str) -> None:
    clock, killing = FrozenClock(), Killing(when)
    db = Database(f"sqlite+aiosqlite:///{place}/authority.sqlite")
    app = create_app(settings(), db=db, clock=clock, finish=killing)
    async with app.router.lifespan_context(app):
        http = HttpxHttp({ORIGIN: app})
        client = await registrar(http, place, clock)
        intents = (await AuthorityClient(http, ORIGIN).list_open_intents(OPERATOR)).intents
        await client.register_resident(resident())
        card = kept_card(place)
        killing.armed = True
        card.certificates = await client.register_card(card.registration())
        serials = [card.serial("authentication"), card.serial("signature")]
        (place / "opened").write_text(" ".join(each.serial for each in intents), encoding="utf-8")
        sys.stdout.write(" ".join(serials))
        await http.close()
    await db.close()


async def registrar(http: HttpxHttp, place: Path, clock: FrozenClock) -> AuthorityClient:
    metadata = sa.MetaData()
    keyring = Keyring(keyring_table(metadata), Secret("a registrar's secret"))
    db = Database(f"sqlite+aiosqlite:///{place}/registrar.sqlite")
    async with db.begin() as connection:
        await connection.run_sync(metadata.create_all)
    identity, _ = await obtain_identity(
        AuthorityClient(http, ORIGIN),
        keyring,
        db,
        member="resident-network",
        secret=Secret(member_secret(settings().enrolment_secret, "resident-network")),
        clock=clock,
    )
    await db.close()
    return AuthorityClient(SignedHttp(http, identity, clock), ORIGIN)


def kept_card(place: Path) -> Card:
    """The same card in each process: what a chip would keep."""
    files = [place / "authentication.key", place / "signature.key"]
    if not files[0].exists():
        card = Card()
        for file, key in zip(files, (card.authentication, card.signature), strict=True):
            file.write_bytes(keys.dump(key))
        return card
    return Card(*(keys.load(file.read_bytes()) for file in files))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
