"""
What the portal's gateway keeps of the log: its entries, the lines that they open to, what does not fit.

A line is brought up to date when its exchange's outcome arrives; entries and findings are never taken back.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.gateway.contract import Finding, Line
from kiban.gateway.store import entries, findings, lines
from kiban.mesh.contract import LogEntry
from kiban.shared.database import in_lots, insert_new, insert_or_renew


async def put_entries(connection: AsyncConnection, read: Sequence[tuple[str, LogEntry]]) -> None:
    """Keep entries of the log, each with its exchange."""
    rows = [
        {
            "position": entry.index,
            "exchange": exchange,
            "kind": entry.kind,
            "leaf": entry.leaf,
            "body": entry.body,
        }
        for exchange, entry in read
    ]
    await connection.execute(insert_new(entries), rows)


async def entries_of(connection: AsyncConnection, exchanges_: Iterable[str]) -> list[LogEntry]:
    """The entries of these exchanges that were kept."""
    c, found = entries.c, []
    for some in in_lots(exchanges_):
        rows = await connection.execute(select(entries).where(c.exchange.in_(some)))
        found += [
            LogEntry(index=row.position, leaf=row.leaf, kind=row.kind, body=row.body)
            for row in rows
        ]
    return found


async def put_lines(connection: AsyncConnection, filed: Sequence[tuple[int, bytes, Line]]) -> None:
    """File lines under pseudonyms (wrapped), or bring those that are filed up to date."""
    rows = [
        {"position": position, "code": code, "line": line.model_dump(mode="json")}
        for position, code, line in filed
    ]
    if rows:
        await connection.execute(insert_or_renew(lines, ["position", "code"], ["line"]), rows)


async def read_lines(connection: AsyncConnection, code: bytes) -> list[Line]:
    query = select(lines.c.line).where(lines.c.code == code).order_by(lines.c.position.desc())
    return [Line.model_validate(row.line) for row in await connection.execute(query)]


async def put_findings(connection: AsyncConnection, found: Sequence[Finding]) -> None:
    """Keep what does not fit; who may be the reason is known better each time."""
    if found:
        known = insert_or_renew(findings, ["exchange", "what"], ["by"])
        await connection.execute(known, [one.model_dump() for one in found])


async def read_findings(connection: AsyncConnection) -> list[Finding]:
    rows = await connection.execute(select(findings).limit(1000))
    return [Finding(exchange=row.exchange, what=row.what, by=row.by) for row in rows]
