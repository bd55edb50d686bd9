"""The portal alone: its application, no neighbour, and citizens whose sessions are written straight into its rows."""

import asyncio
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI

from kiban.portal import sessions
from kiban.portal.app import Parts, create_app
from kiban.portal.mandates import Known, sealed
from kiban.portal.sessions import Token, Visitor
from kiban.portal.settings import Settings
from kiban.shared.clock import FrozenClock
from kiban.shared.database import Database
from kiban.shared.http import HttpxHttp, Reply
from kiban.shared.settings import Secret
from kiban.world.browser import Browser
from kiban.world.cast import shipped_country
from tests.stories.country import Address

ORIGIN = "http://portal.localhost:8000"
SECRET = Secret("the portal's secret in its tests")


def settings() -> Settings:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Settings(
        origin=ORIGIN,
        secret=SECRET,
        operator_key=Secret("operator"),
        login_issuer="http://login.localhost:8000/realms/main",
        client_id="portal",
        client_key=Secret(pem),
        gateway_origin="http://127.0.0.1:8001",
        agency_key=Secret("agency"),
        registry_origin="http://127.0.0.1:8002",
        country=shipped_country(),
        poll_seconds=3600,
    )


def portal_app(db: Database, clock: FrozenClock) -> tuple[FastAPI, HttpxHttp]:
    """The portal, in reach of nobody but a browser."""
    place = Address()
    http = HttpxHttp({ORIGIN: place})
    place.app = create_app(settings(), db=db, http=http, clock=clock)
    return place.app, http


@dataclass
class Alone:
    app: FastAPI
    http: HttpxHttp
    db: Database
    clock: FrozenClock
    browser: Browser

    @property
    def parts(self) -> Parts:
        return self.app.state.parts

    async def logs_in(self, person: str = "p1", word: str = "a session's token") -> Visitor:
        """A citizen is logged in, in the browser too."""
        visitor = await self.begins_session(person, word)
        self.browser._cookies["portal.localhost"] = {"portal-session": word}
        return visitor

    async def begins_session(self, person: str, word: str, *found: Known) -> Visitor:
        token, at = Token(word), self.clock()
        session = sessions.begin(
            token, person, self.parts.visiting.limits, at=at, mandates=sealed(found, token)
        )
        async with self.parts.store.begin() as rows:
            await rows.know_person(person, f"subject of {person}", at=at)
            await rows.begin_session(session)
        return Visitor(session, token)

    async def get(self, path: str, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.send("GET", ORIGIN + path, headers=named)

    async def post(self, path: str, content: str, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        form = {"content-type": "application/x-www-form-urlencoded", **named}
        return await self.http.send("POST", ORIGIN + path, content=content.encode(), headers=form)

    async def drain(self) -> None:
        await asyncio.wait_for(self.parts.outbox.drain(), 10)
