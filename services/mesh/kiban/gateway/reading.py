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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from kiban.gateway import lines, log_store, store
from kiban.gateway.asking import Asking
from kiban.gateway.contract import Finding, Line
from kiban.gateway.lines import Reading
from kiban.gateway.standing import Standing
from kiban.identity.authority.client import AuthorityClient
from kiban.mesh.contract import OUTCOME, LogEntry, Outcome, Record, leaf_of
from kiban.shared import tokens
from kiban.shared.identifiers import Pseudonym
from kiban.shared.problems import Unexplained

LOG, REGISTRATIONS = "log", "registrations"
STRETCH = 500


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the log, read."""

    entry: LogEntry
    said: Record | Outcome

    @property
    def exchange(self) -> str:
        return self.said.claims.id if isinstance(self.said, Record) else self.said.exchange


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
        async with me.db.look() as connection:
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
        async with me.db.look() as connection:
            after = await store.cursor(connection, LOG)
        feed = await me.mesh.read_entries(after, STRETCH)
        if not feed.entries:
            return 0
        told = [await self._told(entry) for entry in feed.entries]
        filed = await self._filed(told)
        readings = [await self._reading(one) for one in filed]
        async with me.db.begin() as connection:
            await log_store.put_entries(connection, [(one.exchange, one.entry) for one in told])
            await self._keep(connection, filed, readings)
            await store.move_cursor(connection, LOG, feed.next)
        return len(feed.entries)

    async def _told(self, entry: LogEntry) -> Told:
        if entry.kind == "record":
            return Told(entry, _record(entry.body))
        provider = await self.standing.members.resolve(tokens.signer(entry.body))
        return Told(entry, tokens.read(entry.body, Outcome, key=provider.signing_key, typ=OUTCOME))

    async def _filed(self, told: Sequence[Told]) -> list[Filed]:
        """What is known of each exchange of this stretch, which may have begun in an earlier one."""
        async with self.standing.db.look() as connection:
            kept = await log_store.entries_of(connection, [one.exchange for one in told])
        records: dict[str, tuple[Record, LogEntry]] = {}
        outcomes: dict[str, Outcome] = {}
        for one in [*[await self._told(entry) for entry in kept], *told]:
            if isinstance(one.said, Record):
                records[one.exchange] = one.said, one.entry
            else:
                outcomes[one.exchange] = one.said
        return [Filed(*found, outcomes.get(exchange)) for exchange, found in records.items()]

    async def _reading(self, filed: Filed) -> Reading:
        me, record = self.standing, filed.record
        await asyncio.sleep(0)  # opening takes its time; others want to be answered meanwhile
        parties = {
            "core": await me.core(),
            record.sealer: await me.members.resolve(record.sealer),
            record.provider: await me.members.resolve(record.provider),
        }
        return lines.read(me.identity, await me.mode(), record, filed.outcome, parties)

    async def _keep(
        self, connection: store.Connection, filed: Sequence[Filed], readings: Sequence[Reading]
    ) -> None:
        me = self.standing
        known = await me.people.persons(connection, [reading.people for reading in readings])
        both = list(zip(filed, readings, known, strict=True))
        found = [finding for one in both for finding in _findings(*one)]
        await log_store.put_findings(connection, found)
        await log_store.put_lines(
            connection,
            [
                (one.entry.index, me.people.wrap(code), _line(one, reading))
                for one, reading, codes in both
                for code in codes
            ],
        )


def _findings(filed: Filed, reading: Reading, known: Mapping[Pseudonym, str]) -> Iterator[Finding]:
    """What does not fit in one exchange, and who may be the reason."""
    record = filed.record
    exchange, parties = record.claims.id, [record.claims.inquirer, record.provider, "core"]
    if reading.people and len(known) < len(set(reading.people)):
        yield Finding(exchange=exchange, what="opens-to-nobody", by=parties)
    if reading.unreadable or leaf_of(filed.entry.body) != filed.entry.leaf:
        yield Finding(exchange=exchange, what="unreadable", by=parties)
    if reading.false_seeds:
        yield Finding(exchange=exchange, what="false-seed", by=reading.false_seeds)


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
