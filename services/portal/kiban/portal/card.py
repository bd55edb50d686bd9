"""
The card's side: everything that the portal asks of login, and through login of the card.

The portal is one of login's relying parties, and does nothing there that a private service could not do, except that
it is a member and so is told which of its own pseudonyms logged in.

Refused: an answer of another provider, of another browser, of an errand that took too long; an ID token of somebody
else than the one who went (`ErrandRefused`).
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kiban.identity.login.client import Attempt, LoggedIn, LoginClient
from kiban.identity.login.contract import (
    ApprovalTransaction,
    MandateCheck,
    SignTransaction,
    TermsRecord,
)
from kiban.portal.contract import CardDeclined, ErrandRefused
from kiban.portal.errands import Errand, Errands, Purpose
from kiban.shared.mandates import MandateInForce
from kiban.shared.oauth import OAuthProblem

SCOPES: Mapping[Purpose, str] = {
    "login": "openid pseudonym mandates",
    "approve": "openid approve",
    "sign": "openid sign",
}


@dataclass(frozen=True, slots=True)
class Returned:
    """A browser that is back: what it went for, and who was at the card."""

    errand: Errand
    person: LoggedIn


@dataclass(frozen=True, slots=True)
class Card:
    """Sends browsers to the card and takes them back."""

    login: LoginClient
    errands: Errands
    callback: str
    portal: str
    clock: Callable[[], datetime]

    # --- the way of the browser --------------------------------------------------------------------

    def send(self, purpose: Purpose, *, browser: str, about: str, transaction: str = "") -> str:
        """Give the state with which this browser goes."""
        return self.errands.send(
            purpose,
            browser=browser,
            about=about,
            transaction=transaction,
            at=self.clock(),
            salt=secrets.token_urlsafe(6),
        )

    def address(self, state: str, browser: str | None, *, language: str) -> str:
        """Where the browser goes now: login's authorization endpoint."""
        errand = self.errands.back(state)
        errand.check(browser, at=self.clock())
        return self.login.authorization_url(self._attempt(state, errand), ui_locales=language)

    async def back(self, parameters: Mapping[str, str], browser: str | None) -> Returned:
        """Take a browser back, and redeem what it brings."""
        state = parameters.get("state", "")
        errand = self.errands.back(state)
        errand.check(browser, at=self.clock())
        attempt = self._attempt(state, errand)
        try:
            code = self.login.returned(attempt, parameters)
        except OAuthProblem as problem:
            raise CardDeclined(problem.detail, error=problem.error) from problem
        return Returned(errand, await self.login.redeem(code, attempt))

    def _attempt(self, state: str, errand: Errand) -> Attempt:
        return Attempt(
            redirect_uri=self.callback,
            scope=SCOPES[errand.purpose],
            state=state,
            nonce=self.errands.nonce(state),
            verifier=self.errands.verifier(state),
            transaction=errand.transaction or None,
        )

    # --- transactions ------------------------------------------------------------------------------

    async def open_approval(
        self,
        *,
        records: Iterable[tuple[str, str]],
        parties: int,
        title: dict[str, str],
        subject: str,
        mandate: str | None = None,
    ) -> str:
        """Put these records, each as digest and canonical text, to this person; login's id of it."""
        shown = [TermsRecord(digest=digest, canonical=text) for digest, text in records]
        asked = ApprovalTransaction(
            records=shown,
            parties=parties,
            bearer=self.portal,
            title=title,
            subject=subject,
            mandate=mandate,
        )
        return (await self.login.open_approval_transaction(asked)).id

    async def approval(self, transaction: str, access_token: str) -> list[str]:
        """The authority's tokens for what was approved."""
        return (await self.login.approval_result(transaction, access_token)).tokens

    async def open_signature(
        self, *, digest: str, title: dict[str, str], subject: str, mandate: str | None = None
    ) -> str:
        asked = SignTransaction(digest=digest, title=title, subject=subject, mandate=mandate)
        return (await self.login.open_sign_transaction(asked)).id

    async def signature(self, transaction: str, access_token: str) -> tuple[str, str]:
        """The certificate and the signature that the card gave."""
        result = await self.login.sign_result(transaction, access_token)
        return result.certificate, result.signature

    # --- mandates ----------------------------------------------------------------------------------

    async def check_mandate(self, mandate: str) -> MandateInForce:
        """What a mandate allows, if it holds now."""
        return await self.login.check_mandate(MandateCheck(mandate=mandate))


def same_person(subject: str, returned: Returned) -> None:
    """Return silently if the person at the card is the one who is logged in here."""
    if returned.person.sub != subject:
        raise ErrandRefused("another person was at the card")
