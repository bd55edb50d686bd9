"""One transaction of the portal's database, and what all of its rows need: wrapping, and what must follow a commit."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.portal.store.tables import OUTBOX
from kiban.shared import outbox
from kiban.shared.keyring import Wrapping

PAGE = 50
"""Rows that a page shows of a list without an end."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """The connection of one transaction, and the key that wraps what people wrote."""

    connection: AsyncConnection
    _wrapping: Wrapping
    _wake_after: Callable[[AsyncConnection], None]

    async def enqueue(self, topic: str, key: str, body: Mapping[str, Any], *, at: datetime) -> None:
        """Write what must follow this transaction."""
        await outbox.put(self.connection, OUTBOX, topic, body, key=key, at=at)
        self._wake_after(self.connection)

    def _wrap(self, what: str, name: str, value: object) -> bytes:
        text = json.dumps(value, ensure_ascii=False)
        return self._wrapping.wrap(f"{what} {name}", text.encode())

    def _unwrap(self, what: str, name: str, wrapped: bytes) -> Any:
        return json.loads(self._wrapping.unwrap(f"{what} {name}", wrapped))
