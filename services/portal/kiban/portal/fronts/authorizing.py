"""
Authorizations: a person lets a front do one thing at the portal, for the rest of this visit.

1. pushed: the front says, proven by its key, what it asks for; it gets a number for the browser's address (PAR)
2. shown: the person, logged in here as always, sees in words who asks for what; a draft is opened for a procedure
3. approved: at the card, the exact terms.  The front's name stands in what the card signs, so the consent is one to
   this front, and neither the portal nor the front can make, widen or reuse it
4. redeemed: the browser carries a code; front, verifier and key must fit, and the code's first use is its last
5. used: each call shows the token and a proof of the key.  The token opens no more than was approved, and only while
   the person's visit lasts and the person has taken nothing back

What was read when the person approved is handed on under the code, and then under the token: one reading, one line
in the citizen's history.  Values are kept as those of the visit are: in memory, under a key that only the bearer has.

Refused: each in the words of OAuth.  Whatever an attempt at a code was, the code is spent by it.
Source: RFC 9126, RFC 9396, RFC 7636, RFC 9449 section 10, RFC 9207, RFC 9700; DESIGN 5.6, 5.7; plan row PTL-31.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from kiban.portal import held, terms
from kiban.portal.applying import Applying
from kiban.portal.approvals import Approval
from kiban.portal.approving import Approving, Title
from kiban.portal.contract import (
    AuthorizationUnknown,
    FrontTokenRefused,
    FrontTokens,
    NotAuthorized,
    PossessionUnproven,
    SessionEnded,
)
from kiban.portal.fronts import details
from kiban.portal.fronts.authorizations import Authorization
from kiban.portal.fronts.details import Details
from kiban.portal.fronts.proofs import Proof
from kiban.portal.fronts.registrations import Front, Fronts
from kiban.portal.held import Seen, Shown
from kiban.portal.procedures import Filed, Procedure, Procedures
from kiban.portal.sessions import Limits, Token, Visitor
from kiban.portal.store.rows import Rows, Store
from kiban.portal.terms import Terms
from kiban.shared import assertions, codes
from kiban.shared.codes import Code
from kiban.shared.oauth import ClientRefused, OAuthProblem, wished_language

PUSHED_LASTS, CODE_LASTS = timedelta(minutes=10), timedelta(seconds=60)
REQUEST = "urn:ietf:params:oauth:request_uri:"
LANGUAGES = ("ja", "en")
"""Of the portal's pages."""
_DIGEST, _LONGEST_STATE = 43, 255


@dataclass(frozen=True, slots=True)
class Asks:
    """Which front asks, and for which procedure: what somebody is told who has yet to log in."""

    front: Front
    procedure: Procedure | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person is shown: who asks, for what, and the terms as they would be approved now."""

    authorization: Authorization
    front: Front
    procedure: Procedure | None
    filed: Filed | None
    """None where no procedure is asked for, or the person has yet to say which office takes it."""
    terms: Terms


@dataclass(frozen=True, slots=True)
class FrontVisit:
    """A front inside of a person's visit, with the token that it brought just now."""

    authorization: Authorization
    visitor: Visitor

    def application(self, name: str) -> str:
        """The application's number, if it is the one that this front was let in for."""
        if self.authorization.application is None or name != self.authorization.application:
            raise NotAuthorized(
                "insufficient_scope", "the person did not let you in for this application"
            )
        return name

    def check_item(self, item: str, provider: str) -> None:
        """Return silently if the person approved that this front reads this item."""
        asked = details.load(self.authorization.details)
        if terms.Wish(item, provider) not in asked.items:
            raise NotAuthorized("insufficient_scope", "the person did not approve this item")


@dataclass(frozen=True, slots=True)
class Authorizing:
    """The use case; collaborators are given."""

    store: Store
    fronts: Fronts
    applying: Applying
    approving: Approving
    shown: Shown
    procedures: Procedures
    limits: Limits
    issuer: str
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    # --- 1: pushed ---------------------------------------------------------------------------------

    async def front(self, form: Mapping[str, str]) -> Front:
        """The front that the form's assertion proves; the assertion is spent by this."""
        endpoints = (self.issuer, f"{self.issuer}/api/token", f"{self.issuer}/api/par")
        proven = assertions.verify(form, self.fronts, audiences=endpoints, at=self.clock())
        if not await self._spend(proven.digest, proven.expires_at + assertions.LEEWAY):
            raise ClientRefused(
                "invalid_client", "this assertion was used before", expected="a jti that is new"
            )
        return proven.client

    async def push(self, front: Front, form: Mapping[str, str]) -> str:
        """Keep what the front asks for: the number of it; step 1."""
        _check_form(form)
        asked = details.read(
            form.get("authorization_details", ""),
            procedures=self.procedures,
            country=self.applying.country,
        )
        authorization = Authorization(
            id=self.new_id(),
            front=front.id,
            redirect_uri=front.check_redirect(form.get("redirect_uri", "")),
            state=form.get("state"),
            code_challenge=form["code_challenge"],
            key=form["dpop_jkt"],
            details=[one.model_dump() for one in asked.document()],
            until=self.clock() + PUSHED_LASTS,
            language=wished_language(form.get("ui_locales", ""), LANGUAGES),
        )
        async with self.store.begin() as rows:
            await rows.push_authorization(authorization, at=self.clock())
        return authorization.id

    async def sent(self, client_id: str, request_uri: str) -> Authorization:
        """What this front pushed under the number with which it sent a browser."""
        front, number = self.fronts.find(client_id), request_uri.removeprefix(REQUEST)
        async with self.store.read() as rows:
            pushed = await rows.authorization(number)
        if pushed is None or pushed.front != front.id:
            raise AuthorizationUnknown("this front pushed no request with this number")
        return pushed

    # --- 2 and 3: shown, approved ------------------------------------------------------------------

    async def introduced(self, name: str) -> Asks:
        """Who asks under this number, for somebody who has yet to log in."""
        authorization = await self._waiting(None, name)
        asked = details.load(authorization.details)
        return Asks(
            self.fronts.find(authorization.front),
            self.procedures.find(asked.procedure) if asked.procedure else None,
        )

    async def asked(self, visitor: Visitor, name: str, office: str | None = None) -> Asked:
        """What this number asks for, of the office that the person names; step 2."""
        authorization = await self._waiting(visitor, name)
        asked = details.load(authorization.details)
        front = self.fronts.find(authorization.front)
        procedure = self.procedures.find(asked.procedure) if asked.procedure else None
        if authorization.application is not None:
            office = (await self.applying.find(visitor, authorization.application)).office
        filed = procedure.filed(office) if procedure else None
        terms = self._terms(visitor, front, asked, filed)
        return Asked(authorization, front, procedure, filed, terms)

    async def _waiting(self, visitor: Visitor | None, name: str) -> Authorization:
        """What waits for this person's answer under this number, or for anybody's who has yet to log in."""
        async with self.store.read() as rows:
            authorization = await rows.authorization(name)
        if authorization is None or authorization.answered or authorization.until <= self.clock():
            raise AuthorizationUnknown("it was never pushed, is done, or took too long")
        if authorization.session not in {None, visitor.session.id if visitor else None}:
            raise AuthorizationUnknown("it was begun in another visit")
        return authorization

    def _terms(
        self, visitor: Visitor, front: Front, asked: Details, procedure: Filed | None
    ) -> Terms:
        return terms.for_front(
            procedure,
            asked.items,
            self.applying.country,
            front=front.name,
            at=self.clock(),
            session_ends=visitor.session.ends_at,
            new_id=self.new_id,
        )

    async def agree(self, visitor: Visitor, name: str, office: str | None = None) -> str:
        """Put the terms to the person at the card: the state to go there with; step 3."""
        asked = await self.asked(visitor, name, office)
        application = asked.authorization.application
        if asked.procedure is not None and application is None:
            draft = await self.applying.open(visitor, asked.procedure.id, office, anew=True)
            application = draft.id
        approval = self.new_id()
        async with self.store.begin() as rows:
            opened = await rows.open_authorization(
                name,
                person=visitor.person,
                session=visitor.session.id,
                application=application,
                approval=approval,
            )
        if not opened:
            raise AuthorizationUnknown("it was answered in another window")
        title = Title(
            ja=f"{asked.front.name['ja']}への承認",
            en=f"Approval for {asked.front.name['en']}",
        )
        return await self.approving.ask(
            visitor, asked.terms, title, application=application, name=approval
        )

    async def decline(self, visitor: Visitor, name: str) -> str:
        """The address that tells the front no."""
        authorization = await self._waiting(visitor, name)
        async with self.store.begin() as rows:
            await rows.end_authorization(name, at=self.clock())
        return self._back(authorization, error="access_denied")

    async def approved(self, visitor: Visitor, approval: Approval) -> str | None:
        """The card approved: where the browser carries a code to; None if no front asked; step 3."""
        code, at = codes.new(), self.clock()
        async with self.store.begin() as rows:
            found = await rows.authorization_by_approval(approval.id)
            if found is None or not await rows.approve_authorization(
                found.id, code=codes.digest(code), until=at + CODE_LASTS
            ):
                return None
            await rows.note_act(visitor, "front-let-in", found.front, at=at)
        self._hand_on(approval, visitor, Visitor(visitor.session, Token(code)))
        return self._back(found, code=code)

    # --- 4: redeemed -------------------------------------------------------------------------------

    async def redeem(self, front: Front, form: Mapping[str, str], proof: Proof) -> FrontTokens:
        """What this front gets for this code; step 4."""
        if form.get("grant_type") != "authorization_code":
            raise OAuthProblem(
                "unsupported_grant_type",
                "only a person's code is taken here: a front has nothing of its own",
                expected="authorization_code",
            )
        await self._spend_proof(proof)
        word, token = form.get("code", ""), Token(codes.new())
        async with self.store.begin() as rows:
            outcome = await self._redeemed(rows, front, form, proof, token)
        # A refusal is raised only now: what it spent and ended stays so.
        if isinstance(outcome, OAuthProblem):
            raise outcome
        visitor, approval = await self._inside(outcome)
        before, after = Visitor(visitor.session, Token(word)), Visitor(visitor.session, token)
        self._hand_on(approval, before, after)
        return FrontTokens(
            access_token=token.reveal(),
            token_type="DPoP",  # noqa: S106  RFC 9449
            expires_in=int((visitor.session.ends_at - self.clock()).total_seconds()),
            authorization_details=details.load(outcome.details).document(outcome.application),
        )

    async def _redeemed(
        self, rows: Rows, front: Front, form: Mapping[str, str], proof: Proof, token: Token
    ) -> Authorization | OAuthProblem:
        at = self.clock()
        kept = await rows.authorization_by_code(codes.digest(form.get("code", "")))
        if kept is None or kept.code_until is None:
            return OAuthProblem("invalid_grant", "this code was never given")
        if not await rows.redeem_authorization(kept.id, token=token.digest, at=at):
            await rows.end_authorization(kept.id, at=at)
            return OAuthProblem("invalid_grant", "the code was used before; what it gave has ended")
        try:
            Code(kept.front, kept.redirect_uri, kept.code_challenge, kept.code_until).check(
                client=front.id,
                redirect_uri=form.get("redirect_uri", ""),
                verifier=form.get("code_verifier", ""),
                at=at,
            )
            _check_key(kept, proof)
            _check_same(kept, form)
        except OAuthProblem as problem:
            await rows.end_authorization(kept.id, at=at)
            return problem
        return kept

    # --- 5: used -----------------------------------------------------------------------------------

    async def enter(self, word: str, proof: Proof) -> FrontVisit:
        """Let a front in with its token and its key; step 5."""
        token = Token(word)
        async with self.store.read() as rows:
            found = await rows.authorization_by_token(token.digest)
        if found is None:
            raise _ended("this token was never given")
        if found.ended_at is not None:
            raise _ended("this token was ended")
        if not hmac.compare_digest(proof.key, found.key):
            raise _ended("this token is bound to another key")
        await self._spend_proof(proof)
        visitor, _ = await self._inside(found)
        return FrontVisit(found, Visitor(visitor.session, token))

    async def _inside(self, authorization: Authorization) -> tuple[Visitor, Approval]:
        """The visit in which the person approved, while it lasts and nothing was taken back."""
        async with self.store.read() as rows:
            session = await rows.session(authorization.session or "")
            approval = await rows.approval(authorization.approval or "", authorization.person or "")
            ended = approval is not None and await rows.any_ended(approval.id)
        if session is None or approval is None:
            raise _ended("the person's visit is gone")
        try:
            session.check(self.limits, at=self.clock())
        except SessionEnded as problem:
            raise _ended("the person's visit has ended") from problem
        if ended:
            raise _ended("the person took the approval back")
        return Visitor(session, Token("")), approval

    async def read_item(self, visit: FrontVisit, item: str, provider: str) -> Seen:
        """Give one item that the person approved; where this process no longer has it, it is read anew."""
        visit.check_item(item, provider)
        if seen := self.shown.find(visit.visitor, item, provider):
            return seen
        _, approval = await self._inside(visit.authorization)
        wanted = [one for one in approval.shown if (one.item, one.provider) == (item, provider)]
        [seen] = await held.read(
            self.applying.gateway, visit.visitor.person, wanted, without=approval.away
        )
        self.shown.keep(visit.visitor, [seen])
        return seen

    # --- how ---------------------------------------------------------------------------------------

    def _hand_on(self, approval: Approval, giver: Visitor, taker: Visitor) -> None:
        """Pass on what was read under this approval, under the taker's own key."""
        found = (self.shown.find(giver, one.item, one.provider) for one in approval.shown)
        self.shown.keep(taker, [seen for seen in found if seen is not None])

    async def _spend_proof(self, proof: Proof) -> None:
        if not await self._spend(proof.digest, proof.until):
            raise PossessionUnproven(
                "invalid_dpop_proof", "this proof was used before", expected="a jti that is new"
            )

    async def _spend(self, digest: str, until: datetime) -> bool:
        async with self.store.begin() as rows:
            return await rows.spend_proof(digest, until=until, at=self.clock())

    def _back(self, authorization: Authorization, **answer: str) -> str:
        state = {} if authorization.state is None else {"state": authorization.state}
        joint = "&" if "?" in authorization.redirect_uri else "?"
        said = urlencode({**answer, **state, "iss": self.issuer})
        return f"{authorization.redirect_uri}{joint}{said}"


def _check_form(form: Mapping[str, str]) -> None:
    expected = {"response_type": "code", "code_challenge_method": "S256"}
    for name, value in expected.items():
        if form.get(name) != value:
            raise OAuthProblem("invalid_request", f"{name} must be said", expected=value)
    for name in ("code_challenge", "dpop_jkt"):
        if not codes.has_form(form.get(name, "")):
            raise OAuthProblem(
                "invalid_request",
                f"{name} is missing or is no SHA-256 digest",
                expected=f"base64url without padding, {_DIGEST} characters",
            )
    state = form.get("state", "")
    if len(state) > _LONGEST_STATE or not state.isascii() or not (state + "x").isprintable():
        raise OAuthProblem(
            "invalid_request",
            "state is too long, or has a character that cannot be shown",
            expected=f"{_LONGEST_STATE} printable characters",
        )
    if "scope" in form or "request_uri" in form:
        raise OAuthProblem(
            "invalid_request", "neither scope nor request_uri is taken: say authorization_details"
        )


def _check_key(kept: Authorization, proof: Proof) -> None:
    if not hmac.compare_digest(proof.key, kept.key):
        raise OAuthProblem("invalid_grant", "the code is bound to another key (dpop_jkt)")


def _check_same(kept: Authorization, form: Mapping[str, str]) -> None:
    """A front may say again what was approved, and nothing else."""
    if "authorization_details" not in form:
        return
    said = form["authorization_details"]
    if details.load(kept.details).document() != details.same(said):
        raise OAuthProblem("invalid_authorization_details", "this is not what the person approved")


def _ended(detail: str) -> FrontTokenRefused:
    return FrontTokenRefused("invalid_token", detail)
