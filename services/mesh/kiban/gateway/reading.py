"""
Reading the log: the portal's gateway files every exchange for the person whom it is about.

It follows the core's feed, opens each line (`kiban.gateway.lines`), files it under its own pseudonym, and notes what
does not fit.  It also takes a pseudonym for everybody whom the authority registers, nameless, so that a line that
opens to nobody is a finding and not a stranger.

One stretch of the feed is one transaction with its cursor: nothing is filed twice and nothing is left out.

Sources: DESIGN 5.4, 3 (portal); the protocol's page, section 5.1.
"""

import asyncio
import secrets
from dataclasses import dataclass, field

from pydantic import ValidationError

from kiban.gateway import lines, store
from kiban.gateway.asking import Asking
from kiban.gateway.contract import Finding, Line
from kiban.gateway.lines import Reading
from kiban.gateway.standing import Standing
from kiban.identity.authority.client import AuthorityClient
from kiban.mesh.contract import OUTCOME, LogEntry, Outcome, Record, leaf_of
from kiban.shared import tokens
from kiban.shared.members import Member
from kiban.shared.problems import Unexplained

LOG, REGISTRATIONS = "log", "registrations"
STRETCH = 500


@dataclass(frozen=True, slots=True)
class Filed:
    """What is known of one exchange: its record, its outcome, where they stand in the tree."""

    record: Record
    entry: LogEntry
    outcome: Outcome | None


@dataclass(slots=True)
class LogReader:
    """The portal's reading side."""

    standing: Standing
    asking: Asking
    authority: AuthorityClient
    _parties: dict[str, Member] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def follow(self) -> int:
        """Take everybody new and everything that was logged since; how many entries were read."""
        async with self._one_at_a_time:
            await self.register()
            read = 0
            while found := await self._stretch():
                read += found
            return read

    async def register(self) -> None:
        """Take a pseudonym for each newly registered person, under a number that says nothing."""
        me = self.standing
        async with me.db.read() as connection:
            after = await store.cursor(connection, REGISTRATIONS)
        while True:
            feed = await self.authority.list_registrations(after)
            for token in feed.tokens:
                await self.asking.use_token(token, secrets.token_hex(16))
            async with me.db.begin() as connection:
                await store.move_cursor(connection, REGISTRATIONS, feed.next)
            if not feed.tokens:
                return
            after = feed.next

    async def _stretch(self) -> int:
        me = self.standing
        async with me.db.read() as connection:
            after = await store.cursor(connection, LOG)
        feed = await me.mesh.read_entries(after, STRETCH)
        if not feed.entries:
            return 0
        self._parties = {"core": await me.core()}
        async with me.db.begin() as connection:
            for entry in feed.entries:
                await self._file(connection, entry)
            await store.move_cursor(connection, LOG, feed.next)
        return len(feed.entries)

    async def _file(self, connection: store.Connection, entry: LogEntry) -> None:
        exchange = await self._exchange_of(entry)
        await store.put_entry(
            connection,
            position=entry.index,
            exchange=exchange,
            kind=entry.kind,
            leaf=entry.leaf,
            body=entry.body,
        )
        filed = await self._filed(connection, exchange)
        if filed is None:
            return
        for party in (filed.record.sealer, filed.record.provider):
            self._parties[party] = await self.standing.members.resolve(party)
        reading = lines.read(
            self.standing.identity,
            await self.standing.mode(),
            filed.record,
            filed.outcome,
            self._parties,
        )
        await self._keep(connection, filed, reading)

    async def _exchange_of(self, entry: LogEntry) -> str:
        if entry.kind == "record":
            return _record(entry.body).claims.id
        return (await self._outcome(entry.body)).exchange

    async def _outcome(self, body: str) -> Outcome:
        provider = await self.standing.members.resolve(tokens.signer(body))
        return tokens.read(body, Outcome, key=provider.signing_key, typ=OUTCOME)

    async def _filed(self, connection: store.Connection, exchange: str) -> Filed | None:
        record, outcome, at = None, None, None
        for row in await store.entries_of(connection, exchange):
            if row.kind == "record":
                record = _record(row.body)
                at = LogEntry(index=row.position, leaf=row.leaf, kind="record", body=row.body)
            else:
                outcome = await self._outcome(row.body)
        return Filed(record, at, outcome) if record and at else None

    async def _keep(self, connection: store.Connection, filed: Filed, reading: Reading) -> None:
        me = self.standing
        [known] = await me.people.persons(connection, [reading.people])
        if reading.people and len(known) < len(set(reading.people)):
            await self._find(connection, filed, "opens-to-nobody")
        if reading.unreadable:
            await self._find(connection, filed, "unreadable")
        for liar in reading.false_seeds:
            found = Finding(exchange=filed.record.claims.id, what="false-seed", by=[liar])
            await store.put_finding(connection, found)
        if leaf_of(filed.entry.body) != filed.entry.leaf:
            await self._find(connection, filed, "unreadable")
        line = _line(filed, reading)
        for code in known:
            await store.put_line(connection, filed.entry.index, me.people.wrap(code), line)

    async def _find(self, connection: store.Connection, filed: Filed, what: str) -> None:
        record = filed.record
        by = [record.claims.inquirer, record.provider, "core"]
        found = Finding.model_validate({"exchange": record.claims.id, "what": what, "by": by})
        await store.put_finding(connection, found)


def _record(body: str) -> Record:
    try:
        return Record.model_validate_json(body)
    except ValidationError as error:
        raise Unexplained("an entry of the core's log is no Record") from error


def _line(filed: Filed, reading: Reading) -> Line:
    record, claims = filed.record, filed.record.claims
    liars = ", ".join(reading.false_seeds)
    return Line(
        exchange=claims.id,
        kind=claims.kind,
        inquirer=claims.inquirer,
        provider=record.provider,
        affair=claims.affair,
        item=claims.item,
        basis=record.basis.row or record.basis.kind,
        at=record.at,
        answered=None if filed.outcome is None else filed.outcome.answered,
        leaf=filed.entry.leaf,
        index=filed.entry.index,
        finding=f"false seed: {liars}" if liars else None,
    )
