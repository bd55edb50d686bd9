"""
The mesh's real services in one process, without sockets: authority, core, and the gateways of a few agencies.

What the agencies hold is written here (`Ledger`, `Counter`: an agency's own systems, as anybody would write them);
everything else is the real thing: signed HTTP, stores, log.
"""

import asyncio
import hashlib
import hmac
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from kiban.changes.office import ChangeOffice
from kiban.gateway import log_store
from kiban.gateway.app import create_app as create_gateway
from kiban.gateway.contract import ConsentRecord, Held, terms_digest
from kiban.gateway.settings import GatewaySettings
from kiban.identity.authority.app import create_app as create_authority
from kiban.identity.authority.client import AuthorityClient, obtain_identity
from kiban.identity.authority.contract import (
    AcquisitionRequest,
    Address,
    Approval,
    CardRegistration,
    HolderAttributes,
    ResidentRegistration,
    approval_message,
)
from kiban.identity.authority.settings import Settings as AuthoritySettings
from kiban.mesh.app import create_app as create_core
from kiban.mesh.settings import CoreSettings
from kiban.mesh.store import keyring
from kiban.shared import encoding
from kiban.shared.clock import FrozenClock
from kiban.shared.exchanges import new_id
from kiban.shared.http import HttpxHttp
from kiban.shared.keyring import Keyring
from kiban.shared.members import Identity
from kiban.shared.membership import SignedHttp
from kiban.shared.settings import Secret

AUTHORITY, CORE = "http://127.0.0.1:7001", "http://127.0.0.1:7002"
ENROLMENT = "enrolment secret of this test"
OPERATOR = "operator key of this test"
AGENCIES = ("portal", "resident-network", "news", "tax", "pension", "bank")
PEOPLE = ("hana", "taro", "mei")
SCHEMAS = {"authority": "kiban.identity.authority", "core": "kiban.mesh", "login": "kiban.mesh"}
"""Whose tables each role's database has; a gateway's has the gateway's."""
CODES = {name: f"{number:011d}" for number, name in enumerate(PEOPLE, start=11_111_111_111)}

COUNTRY = """
id = "test-country"
name = { ja = "試験国（模擬）", en = "Test country (SIMULATED)" }
portal = "portal"
resident_network = "resident-network"
registrars = ["resident-network"]
change_office = "news"
excluded_domains = ["policing"]
"""
LAW = [
    ("inquiry", "tax", "work", "pension", "income", "law"),
    ("inquiry", "bank", "loan", "tax", "income", "consent"),
    ("inquiry", "portal", "self-information", "tax", "income", "consent"),
    ("submission", "portal", "work", "tax", "form", "person"),
    ("inquiry", "portal", "self-information", "pension", "exchange-records", "consent"),
    ("announce", "pension", "upkeep", "news", "income", "law"),
    ("announce", "pension", "upkeep", "news", "exchange-records", "law"),
    ("announce", "pension", "upkeep", "bank", "income", "law"),
    ("subscribe", "tax", "upkeep", "news", "income", "law"),
    ("subscribe", "tax", "upkeep", "news", "exchange-records", "law"),
    ("subscribe", "bank", "upkeep", "news", "income", "law"),
]


def write_country(folder):
    """A country of a few agencies and rows of law, as files."""
    for part in ("agencies", "law", "layouts"):
        (folder / part).mkdir(parents=True)
    (folder / "country.toml").write_text(COUNTRY)
    for name in AGENCIES:
        text = f'id = "{name}"\nname = {{ ja = "{name}", en = "{name}" }}\ndomain = "any"\n'
        (folder / "agencies" / f"{name}.toml").write_text(text)
    affairs = "".join(
        f'[[affair]]\nid = "{one}"\nname = {{ ja = "{one}", en = "{one}" }}\n'
        for one in ("work", "loan", "self-information", "upkeep")
    )
    rows = "".join(
        f'[[row]]\nid = "r{number}"\nedition = 1\nkind = "{kind}"\ninquirer = "{inquirer}"\n'
        f'affair = "{affair}"\nprovider = "{provider}"\nitem = "{item}"\nbasis = "{basis}"\n'
        f'provision = {{ ja = "模擬法", en = "Simulated Act" }}\nfrom = 2020-04-01\n'
        for number, (kind, inquirer, affair, provider, item, basis) in enumerate(LAW)
    )
    (folder / "law" / "work.toml").write_text(affairs + rows)
    for item in ("income", "exchange-records"):
        (folder / "layouts" / f"{item}.toml").write_text(
            f'item = "{item}"\nedition = 1\nname = {{ ja = "{item}", en = "{item}" }}\n'
            "from = 2020-04-01\n"
            '[[field]]\nname = "yen"\ntype = "integer"\nlabel = { ja = "円", en = "Yen" }\n'
        )
    return folder


class Ledger:
    """An agency's records: what it holds about a person, or a word that says why not."""

    def __init__(self):
        self.held, self.readings = {}, 0

    async def read(self, person, item, *, inquirer, affair, at):
        self.readings += 1
        return self.held.get((person, item), "not-held")


class Counter:
    """An agency's desk: what was handed in, once each."""

    def __init__(self):
        self.accepted = {}

    async def accept(self, application):
        self.accepted.setdefault(application.application, application)


class Services:
    """
    Everything running; made by `start`.

    `database` gives the database of a role; `populated` says that people and pseudonyms are in them already.
    """

    def __init__(self, folder, database, *, mode="blind", populated=False):
        self.folder, self.database, self.mode, self.populated = folder, database, mode, populated
        self.clock = FrozenClock(datetime(2026, 4, 1, 3, tzinfo=UTC))
        self.apps, self.databases, self.captured = {}, {}, []
        self.ledger = {name: Ledger() for name in AGENCIES}
        self.counter = {name: Counter() for name in AGENCIES}
        self.cards = {}

    async def start(self, stack: AsyncExitStack):
        country = self.folder / "country"
        if not country.exists():
            write_country(country)
        routes = {AUTHORITY: None, CORE: None} | {self.origin(one): None for one in AGENCIES}
        authority = create_authority(self._authority(), db=await self._db("authority"), clock=self.clock)  # fmt: skip
        routes[AUTHORITY] = self.apps["authority"] = authority
        http = Wires(routes, self.captured)
        settings = CoreSettings(origin=CORE, secret=Secret("core"), operator_key=Secret(OPERATOR),
                                member_secret=member_secret("core"), authority_origin=AUTHORITY,
                                country=country, mode=self.mode)  # fmt: skip
        routes[CORE] = self.apps["core"] = create_core(
            settings, db=await self._db("core"), http=http.to(), clock=self.clock
        )
        for name in AGENCIES:
            db = await self._db(name)
            if name == "news":
                self.news = ChangeOffice(db, self.clock)
            routes[self.origin(name)] = self.apps[name] = create_gateway(
                self._gateway(name), db=db, http=http.to(), clock=self.clock,
                records=self.ledger[name], desk=self.counter[name],
                change_office=self.news if name == "news" else None)  # fmt: skip
            self.apps[name].state.outboxes["changes"] = lambda: self.news.outbox
        for app in self.apps.values():
            await stack.enter_async_context(app.router.lifespan_context(app))
        self.http = http.to()
        for agency in ("tax", "pension", "bank"):
            for name in PEOPLE:
                self.ledger[agency].held[f"{agency}-{name}", "income"] = held(f"{agency} {name}")
        if not self.populated:
            await self._populate()
        return self

    def origin(self, agency):
        return f"http://127.0.0.1:{7010 + AGENCIES.index(agency)}"

    def _authority(self):
        return AuthoritySettings(origin=AUTHORITY, secret=Secret("authority"),
                                 operator_key=Secret(OPERATOR), enrolment_secret=Secret(ENROLMENT),
                                 registrars=("resident-network",),
                                 resident_network="resident-network", portal="portal",
                                 mode=self.mode)  # fmt: skip

    def _gateway(self, name):
        return GatewaySettings(member=name, origin=self.origin(name), secret=Secret(name),
                               operator_key=Secret(OPERATOR), key_seed=Secret(""), member_secret=member_secret(name),
                               agency_key=Secret(f"key of {name}"), authority_origin=AUTHORITY,
                               core_origin=CORE, resident_network="resident-network",
                               reads_lines=name == "portal")  # fmt: skip

    async def _db(self, name):
        self.databases[name] = await self.database(name)
        return self.databases[name]

    # --- people -------------------------------------------------------------------------------

    async def _populate(self):
        for name in PEOPLE:
            await self.registrar.register_resident(
                ResidentRegistration(resident_record_code=CODES[name], attributes=attributes(name))
            )
        for agency in ("tax", "pension", "bank"):
            for name in PEOPLE:
                await self.takes(agency, name)
        await self.gateway("portal").reader.register()

    @property
    def registrar(self):
        return AuthorityClient(self.gateway("resident-network").standing.signed, AUTHORITY)

    async def token(self, person, bearer):
        asked = AcquisitionRequest(resident_record_code=CODES[person], bearer=bearer)
        return (await self.registrar.issue_acquisition(asked)).token

    async def takes(self, agency, person):
        """The agency takes its pseudonym for a person, under the number AGENCY-PERSON."""
        return await self.gateway(agency).asking.use_token(
            await self.token(person, agency), f"{agency}-{person}"
        )

    async def card(self, person):
        """The person's authentication key and certificate (DER), made at first use."""
        if person not in self.cards:
            key = rsa.generate_private_key(65537, 2048)
            request = signing_request(key, person)
            found = await self.registrar.register_card(
                CardRegistration(
                    resident_record_code=CODES[person],
                    authentication_request=encoding.encode(request),
                    card_expires="2034-04-01",
                )
            )
            self.cards[person] = key, found.authentication
        return self.cards[person]

    async def portal_number(self, person):
        """What the portal's gateway calls a person."""
        reply = await self.gateway("portal").asking.use_token(
            await self.token(person, "portal"), new_id()
        )
        return reply.person

    async def approve(self, person, records, parties=None):
        """The person approves these consents at the card; the tokens, one for each party."""
        key, certificate = await self.card(person)
        terms, challenge = terms_digest([one.digest for one in records]), new_id() * 2
        message = approval_message(terms, challenge)
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        login = SignedHttp(self.http, await self.login(), self.clock)
        named = {party for one in records for party in (one.reader, one.provider)} - {"portal"}
        reply = await AuthorityClient(login, AUTHORITY).approve(
            Approval(
                certificate=certificate,
                terms=terms,
                challenge=challenge,
                signature=encoding.encode(signature),
                bearer="portal",
                parties=parties or len(named),
            )
        )
        return reply.tokens

    async def login(self) -> Identity:
        if not hasattr(self, "_login"):
            db = await self._db("login")
            self._login, _ = await obtain_identity(
                AuthorityClient(self.http, AUTHORITY), Keyring(keyring, Secret("login")), db,
                member="login", secret=member_secret("login"), clock=self.clock)  # fmt: skip
        return self._login

    # --- reading ------------------------------------------------------------------------------

    def gateway(self, agency):
        return self.apps[agency].state.gateway

    @property
    def core(self):
        return self.apps["core"].state.core

    async def settle(self):
        """Everything that was queued has arrived, and the portal has read the log."""
        for name in AGENCIES:
            await delivered(self.gateway(name).standing.outbox)
        await delivered(self.news.outbox)
        await self.core.integrator.integrate()
        await self.gateway("portal").keep_up()

    async def lines(self, person):
        await self.settle()
        found = await self.gateway("portal").lines(await self.portal_number(person))
        return [one for one in found if one.kind not in {"acquire", "approve"}]

    async def findings(self):
        await self.settle()
        async with self.databases["portal"].read() as connection:
            return await log_store.read_findings(connection)

    async def code(self, agency, person):
        """The agency's own pseudonym, as only its own gateway can know it."""
        me = self.gateway(agency).standing
        async with me.db.read() as connection:
            return await me.people.code(connection, f"{agency}-{person}")


class Wires:
    """The routes, and everything that crossed them."""

    def __init__(self, routes, captured):
        self.routes, self.captured = routes, captured

    def to(self):
        return Tapped(self)


class Tapped:
    """HTTP that keeps a copy of what it carried."""

    def __init__(self, wires):
        self.wires = wires
        self._http = None

    async def send(self, method, url, *, content=b"", headers=None, timeout=None):  # noqa: ASYNC109
        if self._http is None:
            self._http = HttpxHttp({key: app for key, app in self.wires.routes.items() if app})
        reply = await self._http.send(
            method, url, content=content, headers=headers, timeout=timeout
        )
        self.wires.captured.append((url, dict(headers or {}), content, reply.content))
        return reply

    async def close(self):
        if self._http:
            await self._http.close()


async def delivered(outbox):
    """Every row was tried, whoever is carrying it just now."""
    c = outbox._table.c
    new = select(c.id).where(c.done_at.is_(None), c.dead_at.is_(None), c.last_problem.is_(None))
    while True:
        await outbox.drain()
        async with outbox._db.look() as connection:
            if not (await connection.execute(new)).all():
                return
        await asyncio.sleep(0.005)


def member_secret(member):
    return Secret(hmac.new(ENROLMENT.encode(), member.encode(), hashlib.sha256).hexdigest())


def attributes(name):
    return HolderAttributes(
        name=f"模擬　{name}",
        name_kana=f"モギ　{name}",
        birth_date="1986-05-05",
        sex="female",
        address=Address(
            municipality="142042", town="t", rest="1-1", text=f"神奈川県鎌倉市 {name}", sequence=1
        ),
    )


def held(what, version="1"):
    return Held(values={"yen": what}, as_of="2026-01-01", version=version)


def consent(services, reader="bank", provider="tax", affair="loan", **differs):
    now = int(services.clock().timestamp())
    facts = {"id": new_id(), "kind": "consent", "reader": reader, "provider": provider,
             "affair": affair, "item": "income", "purpose": {"ja": "試験", "en": "test"},
             "starts": now, "until": now + 900, "uses": "repeated"}  # fmt: skip
    return ConsentRecord(**facts | differs)


def signing_request(key, name):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
