"""
Following: a company asks login now and then whether what it was given has changed, while nobody is there.

Each customer let it, until she ends her consent; then login refuses, and the company stops asking.  It is told
nothing where nothing has changed, and each time that something is given stands in her list at login.

SIMULATED: a real company asks once a day; here it is every few minutes of the country's time, to be watched.
Source: plan row IDN-07 (最新の利用者情報の提供); OpenID Connect Core 1.0 section 12.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from kiban.identity.login.client import LoginClient
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.keyring import Wrapping
from kiban.shared.oauth import OAuthProblem
from kiban.shared.problems import Problem
from kiban.world.companies import customers
from kiban.world.companies.customers import Counter, Followed

EVERY = timedelta(minutes=5)
ROUND = 2.0
"""Seconds between two looks at the clock."""
_log = logging.getLogger("kiban.companies")


@dataclass(frozen=True, slots=True)
class Following:
    """The use case; collaborators are given."""

    db: Database
    login: LoginClient
    wrapping: Wrapping
    clock: Clock

    async def run(self) -> None:
        """Ask until the company closes."""
        while True:
            try:
                await self.round()
            except Exception:  # noqa: BLE001  whatever breaks, the next round is due
                _log.exception("asking about customers broke")
            await asyncio.sleep(ROUND)

    async def round(self) -> None:
        """Ask about everybody who is due."""
        async with self.db.read() as connection:
            due = await Counter(self.wrapping).due(connection, self.clock() - EVERY)
        for customer in due:
            await self._ask(customer)

    async def _ask(self, customer: Followed) -> None:
        given, ended = None, False
        try:
            token = await self.login.refresh(customer.refresh_token)
            given = await self.login.userinfo_since(token, customer.tag)
        except OAuthProblem as problem:
            ended = problem.error == "invalid_grant"
            _log.info("login gives no more about a customer: %s", problem.error)
        except Problem as problem:
            _log.warning("asking about a customer waits: %s", problem)
        async with self.db.begin() as connection:
            if ended:
                await customers.lose(connection, customer, self.clock())
            else:
                await customers.renew(connection, customer, given, self.clock())
