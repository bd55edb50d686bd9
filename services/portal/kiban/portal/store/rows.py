"""
The portal's rows, written and read in the portal's own values.

One block is one transaction.  Everything of a citizen is asked for together with the person, so that one citizen's
address in another's browser finds nothing.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.portal.store.applications import ApplicationRows
from kiban.portal.store.approvals import ApprovalRows
from kiban.portal.store.authorizations import AuthorizationRows
from kiban.portal.store.notices import NoticeRows
from kiban.portal.store.people import PeopleRows
from kiban.shared.database import Database
from kiban.shared.keyring import Wrapping
from kiban.shared.settings import Secret


class Rows(PeopleRows, ApprovalRows, ApplicationRows, NoticeRows, AuthorizationRows):
    """The rows of one transaction."""

    __slots__ = ()


class Store:
    """The portal's database, as its rules use it."""

    def __init__(self, db: Database, secret: Secret) -> None:
        self._db = db
        self._wrapping = Wrapping(secret)
        self.wake: Callable[[], None] = _asleep
        """Called when something was enqueued: the courier's, once it is there."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["Rows"]:
        """Hold one transaction."""
        async with self._db.begin() as connection:
            yield Rows(connection, self._wrapping, self._wake_after)

    @asynccontextmanager
    async def read(self) -> AsyncIterator["Rows"]:
        """Hold one view; nothing is written."""
        async with self._db.read() as connection:
            yield Rows(connection, self._wrapping, self._wake_after)

    def _wake_after(self, connection: AsyncConnection) -> None:
        self._db.after_commit(connection, self.wake)


def _asleep() -> None:
    """Wake nobody: what was enqueued is found at the courier's next look."""
