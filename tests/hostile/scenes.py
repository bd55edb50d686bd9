"""
Scenes: how a request comes about that can be made only once, or only by somebody who has come so far.

Most are played by a citizen or an office until the request is on its way, and there it is kept back.  A scene is
played again when what it gave was taken.
"""

import json
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from kiban.deploy import clients, keys
from kiban.gateway.contract import (
    AnnouncementRequest,
    InquiryRequest,
    SubmissionRequest,
    SubscriptionRequest,
    TokenUse,
)
from kiban.identity.authority.client import AuthorityClient
from kiban.identity.authority.contract import AcquisitionRequest
from kiban.identity.login.client import LoginClient
from kiban.identity.login.contract import OIDC, REALM
from kiban.portal import sessions
from kiban.portal.app import Parts
from kiban.portal.fronts import proofs
from kiban.portal.sessions import Token, Visitor
from kiban.shared.exchanges import new_id
from kiban.shared.problems import Unavailable
from kiban.world.browser import PageRefused, accepted
from kiban.world.citizen import Citizen
from kiban.world.people import person_number
from kiban.world.vault import numbers
from tests.hostile.line import Exchange
from tests.hostile.wire import Asked, ask
from tests.stories.country import Country

FORM = b"application/x-www-form-urlencoded"
PROCEDURE = "child-allowance"
UPKEEP = "record-upkeep"
ANSWERS = {"from_month": "2026-05", "confirm": True}
SESSIONS = {"session", "session-or-proxy", "session-leaving"}
Scene = Callable[[Asked], Awaitable[Asked]]


@dataclass
class Scenes:
    """What can be played in this country."""

    country: Country
    exchange: Exchange
    hanako: Citizen
    """She lives here: has logged in everywhere, applied and been heard."""
    authorization: Asked
    """How the portal sends a browser to login."""
    submission: bytes
    """What the portal told its gateway to carry."""
    _people: dict[str, Citizen] = field(default_factory=dict)
    _front: dict[str, Any] | None = None
    """What the moving site was given for Taro's code."""

    def of(self, role: str, method: str, path: str, access: str) -> Scene | None:
        """The scene that leads to this operation."""
        known = self._table().get((role, method, path))
        if known is None and role == "portal" and access in SESSIONS:
            return self._drafting if "{name}" in path else self._visiting
        if known is None and access == "front-token":
            return self._acting
        return known

    def _table(self) -> dict[tuple[str, str, str], Scene]:
        forms = "/applications/{name}"
        return {
            ("core", "POST", "/permits"): self._inquiry("core", "/permits"),
            ("core", "POST", "/tokens"): self._acquisition,
            ("gateway:tax", "POST", "/answers"): self._inquiry("gateway:tax", "/answers"),
            ("gateway:kamakura", "POST", "/submissions"): self._carried,
            ("changes", "POST", "/subscriptions"): self._subscription,
            ("changes", "POST", "/announcements"): self._announcement,
            ("login", "POST", f"{OIDC}/token"): self._client,
            ("login", "GET", f"{OIDC}/userinfo"): self._bearing,
            ("login", "GET", "/card-requests/{name}"): self._card_request,
            ("login", "POST", "/card-requests/{name}/response"): self._tapped,
            ("login", "GET", "/continue"): self._at_bank("GET", "login", "/continue"),
            ("login", "GET", "/consent"): self._asked_at_login("GET"),
            ("login", "POST", "/consent"): self._asked_at_login("POST"),
            ("login", "GET", "/consents"): self._at_login(""),
            ("login", "POST", "/consents/{name}/end"): self._at_login("end"),
            ("login", "POST", "/consents/leave"): self._at_login("leave"),
            ("cards", "POST", "/cards/{persona}/taps"): self._card_request,
            ("cards", "POST", "/cards/{persona}/sign"): self._command,
            ("cards", "GET", "/tap"): self._at_bank("GET", "cards", "/tap"),
            ("cards", "POST", "/tap"): self._at_bank("POST", "cards", "/tap"),
            ("bank", "GET", "/callback"): self._at_bank("GET", "bank", "/callback"),
            ("bank", "POST", "/leave"): self._leaving_bank,
            ("mover", "GET", "/callback"): self._at_mover("GET", "mover", "/callback"),
            ("mover", "GET", "/move"): self._at_mover("GET", "mover", "/move"),
            ("mover", "POST", "/move"): self._at_mover("POST", "mover", "/move"),
            ("portal", "POST", "/api/par"): self._at_mover("POST", "portal", "/api/par"),
            ("portal", "POST", "/api/token"): self._at_mover("POST", "portal", "/api/token"),
            ("portal", "GET", "/authorize/{number}"): self._asked_at_portal("GET", ""),
            ("portal", "POST", "/authorize/{number}"): self._asked_at_portal("POST", ""),
            ("portal", "POST", "/authorize/{number}/decline"): self._asked_at_portal(
                "POST", "/decline"
            ),
            ("portal", "GET", "/callback"): self._coming_back,
            ("portal", "GET", "/to-card"): self._agreeing,
            ("portal", "POST", "/records"): self._looking,
            ("portal", "POST", "/sessions"): self._elsewhere,
            ("portal", "POST", "/consents/{consent}/end"): self._regretting,
            ("portal", "GET", "/history/{leaf}"): self._reading,
            ("portal", "GET", f"{forms}/answers"): self._answering,
            ("portal", "POST", f"{forms}/answers"): self._answering,
            ("portal", "POST", f"{forms}/prefill"): self._answering,
            ("portal", "GET", f"{forms}/check"): self._answering,
            ("portal", "POST", f"{forms}/check"): self._answering,
        }

    # --- between offices --------------------------------------------------------------------------

    def _inquiry(self, role: str, path: str) -> Scene:
        """An inquiry of Kamakura's at the tax office, on its way."""

        async def play(_: Asked) -> Asked:
            request = InquiryRequest(
                provider="tax",
                affair=PROCEDURE,
                item="income",
                people=[person_number("kamakura", "hanako")],
            )
            return await self._kept_back(
                "POST", role, path, self._gateway("kamakura").inquire(request)
            )

        return play

    async def _acquisition(self, _: Asked) -> Asked:
        """A pseudonym that the tax office is about to take."""
        signed = self._gateway("resident-network").standing.signed
        authority = AuthorityClient(signed, self.country.origin("authority"))
        code = numbers.resident_record_code(1).reveal()
        asked = AcquisitionRequest(resident_record_code=code, bearer="tax")
        token = (await authority.issue_acquisition(asked)).token
        use = self._gateway("tax").use_token(TokenUse(token=token))
        return await self._kept_back("POST", "core", "/tokens", use)

    async def _carried(self, _: Asked) -> Asked:
        """An application on its way to Kamakura."""
        said = {**json.loads(self.submission), "id": new_id()}
        carry = self._gateway("portal").asking.submit(SubmissionRequest.model_validate(said))
        return await self._kept_back("POST", "gateway:kamakura", "/submissions", carry)

    async def _subscription(self, _: Asked) -> Asked:
        """The tax office is about to subscribe to Hanako's address."""
        request = SubscriptionRequest(
            affair=UPKEEP, item="four-attributes", people=[person_number("tax", "hanako")]
        )
        act = self._gateway("tax").subscribe(request)
        return await self._kept_back("POST", "changes", "/subscriptions", act)

    async def _announcement(self, _: Asked) -> Asked:
        """Kamakura is about to announce that Hanako's record changed."""
        request = AnnouncementRequest(
            id=new_id(),
            affair=UPKEEP,
            item="resident-record",
            people=[person_number("kamakura", "hanako")],
        )
        act = self._gateway("kamakura").following.send_announcement(request.model_dump())
        return await self._kept_back("POST", "changes", "/announcements", act)

    def _gateway(self, member: str) -> Any:
        return self.country.apps[f"gateway:{member}"].state.gateway

    # --- login and cards --------------------------------------------------------------------------

    def party(self, name: str) -> LoginClient:
        """A relying party of login's."""
        key = keys.load(clients.key(self.country.house.premises, name))
        issuer = self.country.origin("login") + REALM
        return LoginClient(self.country.http, issuer, name, key, self.country.clock)

    async def _client(self, asked: Asked) -> Asked:
        """A relying party with a new assertion."""
        name = dict(parse_qsl(asked.body.decode())).get("client_id", "bank")
        return replace(
            asked, body=said(asked.body, "client_assertion", self.party(name)._assertion())
        )

    async def _bearing(self, asked: Asked) -> Asked:
        """The bank, about to read what Hanako agreed to."""
        act = self._person("hanako").logs_in_at(self.country.origin("bank"))
        return await self._kept_back("GET", "login", f"{OIDC}/userinfo", act)

    async def _waiting(self) -> bytes:
        """The number of a request that waits for a card."""
        reply = await ask(self.country.apps["login"], self.authorization)
        waiting = re.search(rb"request=([0-9a-f]{32})", reply.all(b"location")[0])
        if waiting is None:
            raise LookupError("login sends nobody to a card")
        return waiting[1]

    async def _card_request(self, asked: Asked) -> Asked:
        return about(asked, await self._waiting())

    async def _tapped(self, asked: Asked) -> Asked:
        """What Taro's card answers, on its way from the cards' page to login."""
        tap = Asked(
            "POST",
            b"/cards/taro/taps",
            headers=((b"content-type", b"application/json"),),
            body=json.dumps({"request": (await self._waiting()).decode(), "pin": "2345"}).encode(),
        )
        where = "/card-requests/[0-9a-f]{32}/response"
        return await self._kept_back("POST", "login", where, ask(self.country.apps["cards"], tap))

    async def _command(self, asked: Asked) -> Asked:
        command = {"key": "authentication", "pin": "2345", "message": "YQ"}
        return replace(asked, body=json.dumps(command).encode())

    def _at_bank(self, method: str, role: str, path: str) -> Scene:
        """Somebody on the way to log in at the bank."""

        async def play(_: Asked) -> Asked:
            person = self._person("hanako" if role == "bank" else "taro")
            act = person.logs_in_at(self.country.origin("bank"))
            return await self._kept_back(method, role, path, act)

        return play

    def _asked_at_login(self, method: str) -> Scene:
        """Taro, who is asked what the bank may learn: whatever he agreed to before has ended."""
        at_bank = self._at_bank(method, "login", "/consent")

        async def play(asked: Asked) -> Asked:
            taro = await self._sees_consents("taro")
            while taro.page.has_form("end"):
                await taro.browser.submit("end")
            return await at_bank(asked)

        return play

    async def _sees_consents(self, name: str) -> Citizen:
        """Somebody at login's own page, who sees what they agreed to."""
        person = self._person(name)
        await person.browser.open(f"{self.country.origin('login')}/consents/enter")
        await person.holds_up_card()
        return person

    async def _leaving_bank(self, _: Asked) -> Asked:
        person = self._person("hanako")
        await person.logs_in_at(self.country.origin("bank"))
        return await self._kept_back("POST", "bank", "/leave", person.browser.submit("leave"))

    def _at_login(self, form: str) -> Scene:
        """Hanako at login's own page, where she sees what she agreed to."""

        async def play(_: Asked) -> Asked:
            await self._person("hanako").logs_in_at(self.country.origin("bank"))
            person = await self._sees_consents("hanako")
            if not form:
                act = person.browser.open(f"{self.country.origin('login')}/consents")
                return await self._kept_back("GET", "login", "/consents", act)
            act = person.browser.submit(form)
            return await self._kept_back("POST", "login", "/consents/[a-z0-9/]+", act)

        return play

    # --- at the portal ----------------------------------------------------------------------------

    async def _visiting(self, asked: Asked) -> Asked:
        """Hanako, in a session that nobody has ended."""
        return self._in(await self._session(), asked)

    async def _drafting(self, asked: Asked) -> Asked:
        """Hanako at a form that she has just opened."""
        visitor = await self._session()
        application = await self._parts.applying.open(visitor, PROCEDURE)
        return self._in(visitor, about(asked, application.id.encode()))

    async def _answering(self, asked: Asked) -> Asked:
        """Taro at a form that is filled and answered."""
        taro = self._people.get("answering")
        if taro is None:
            taro = self._people["answering"] = self._person("taro")
            await taro.logs_in()
            await taro.opens(PROCEDURE)
            await taro.agrees()
            await taro.fills(ANSWERS)
        word = Token(taro.browser.cookies("portal.localhost")["portal-session"])
        visitor = await self._parts.visiting.recognise(word)
        number = taro.page.path.split("/")[2].encode()
        path = re.sub(rb"/applications/[^/]+", b"/applications/" + number, asked.path)
        return self._in(visitor, replace(asked, path=path))

    async def _coming_back(self, _: Asked) -> Asked:
        """Taro, back from the card at which he logged in."""
        return await self._kept_back("GET", "portal", "/callback", self._person("taro").logs_in())

    async def _agreeing(self, _: Asked) -> Asked:
        """Taro, who goes to the card with terms that he agrees to."""
        taro = self._person("taro")
        await taro.logs_in()
        await taro.opens(PROCEDURE)
        act = taro.browser.submit("agree") if taro.page.has_form("agree") else taro.signs()
        return await self._kept_back("GET", "portal", "/to-card", act)

    async def _looking(self, asked: Asked) -> Asked:
        visitor = await self._session()
        first = self._parts.looking.offered(visitor)[0].id
        return self._in(visitor, replace(asked, body=urlencode({"item": first}).encode()))

    async def _elsewhere(self, asked: Asked) -> Asked:
        other = await self._session()
        body = urlencode({"session": other.session.id}).encode()
        return self._in(await self._session(), replace(asked, body=body))

    async def _regretting(self, asked: Asked) -> Asked:
        visitor = await self._session()
        async with self._parts.store.read() as rows:
            number = (await rows.consents(visitor.person))[0].record.id
        return self._in(visitor, about(asked, number.encode()))

    async def _reading(self, asked: Asked) -> Asked:
        visitor = await self._session()
        leaf = (await self._gateway("portal").lines(visitor.person))[0].leaf
        return self._in(visitor, replace(asked, path=b"/history/" + leaf.encode()))

    @property
    def _parts(self) -> Parts:
        return self.country.apps["portal"].state.parts

    async def _session(self) -> Visitor:
        """A new session of Hanako's, as if she had logged in once more."""
        parts, at = self._parts, self.country.clock()
        word = Token(self.hanako.browser.cookies("portal.localhost")["portal-session"])
        person = (await parts.visiting.recognise(word)).person
        token = Token(secrets.token_urlsafe(32))
        session = sessions.begin(token, person, parts.visiting.limits, at=at)
        async with parts.store.begin() as rows:
            await rows.begin_session(session)
        return Visitor(session, token)

    def _in(self, visitor: Visitor, asked: Asked) -> Asked:
        """The same in this session, with this session's token in its form."""
        cookie = f"portal-session={visitor.token.reveal()}".encode()
        asked = asked.with_header(b"cookie", cookie).with_header(b"accept", b"text/html")
        if asked.method != "POST":
            return asked
        token = self._parts.site.csrf.token(visitor.session.id)
        return replace(
            asked.with_header(b"content-type", FORM), body=said(asked.body, "csrf", token)
        )

    # --- at a private front ------------------------------------------------------------------------

    def _at_mover(self, method: str, role: str, path: str) -> Scene:
        """Taro, who lets the moving site in and fills its form."""

        async def play(_: Asked) -> Asked:
            taro = self._person("taro")
            await taro.logs_in()
            return await self._kept_back(method, role, path, self._moves(taro))

        return play

    def _asked_at_portal(self, method: str, end: str) -> Scene:
        """Taro, whom the moving site has sent to the portal."""

        async def play(_: Asked) -> Asked:
            taro = self._person("taro")
            await taro.logs_in()
            act = self._moves(taro, let_in="keep-out" if end else "let-in")
            return await self._kept_back(method, "portal", f"/authorize/[0-9a-f]{{32}}{end}", act)

        return play

    async def _moves(self, person: Citizen, *, let_in: str = "let-in") -> None:
        accepted(await person.browser.open(f"{self.country.origin('mover')}/begin"))
        await person.chooses("kamakura")
        accepted(await person.browser.submit(let_in))
        accepted(await person.holds_up_card())
        await person.browser.submit("answers", {"moves_on": "2026-03-30"})

    async def _acting(self, asked: Asked) -> Asked:
        """The moving site inside Taro's visit, with a new proof of its key for this very call."""
        if self._front is None:
            redeeming = await self._at_mover("POST", "portal", "/api/token")(asked)
            reply = await ask(self.country.apps["portal"], redeeming)
            self._front = json.loads(reply.content)
        token = self._front["access_token"]
        [application] = [
            one["application"]
            for one in self._front["authorization_details"]
            if one["type"] == "procedure"
        ]
        path = re.sub(rb"(?<=/api/applications/)[^/]+", application.encode(), asked.path)
        asked = replace(asked, path=path)
        made = proofs.made(
            keys.load(clients.key(self.country.house.premises, "mover")),
            method=asked.method,
            url=self.country.origin("portal") + asked.path.decode(errors="replace"),
            jti=secrets.token_hex(16),
            at=self.country.clock(),
            token=token,
        )
        return asked.with_header(b"authorization", f"DPoP {token}".encode()).with_header(
            b"dpop", made.encode()
        )

    # --- how --------------------------------------------------------------------------------------

    def _person(self, name: str) -> Citizen:
        """Somebody with a new browser."""
        return self.country.citizen(name)

    async def _kept_back(self, method: str, role: str, path: str, act: Awaitable[object]) -> Asked:
        self.exchange.keep_back(f"^{method} {re.escape(self.country.origin(role))}{path}([?]|$)")
        with suppress(Unavailable, PageRefused):
            await act
        return self.exchange.withheld()


def said(form: bytes, name: str, value: str) -> bytes:
    """A form that says this of a field."""
    pairs = [pair for pair in parse_qsl(form.decode(), keep_blank_values=True) if pair[0] != name]
    return urlencode([*pairs, (name, value)]).encode()


def about(asked: Asked, name: bytes) -> Asked:
    """The same about another thing that has a number of 32 digits."""
    number = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
    return replace(
        asked,
        path=number.sub(name, asked.path),
        query=number.sub(name, asked.query),
        body=number.sub(name, asked.body, count=1),
    )
