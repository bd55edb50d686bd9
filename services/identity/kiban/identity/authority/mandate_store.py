"""The register of mandates: rows are added and never changed; an end is a row of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select

from kiban.identity.authority.mandates import Mandate
from kiban.identity.authority.store import MANDATE_ENDS, MANDATES, Connection
from kiban.shared.database import insert_new

_SAID = ("number", "principal", "proxy", "basis", "starts", "until")


async def add_mandate(connection: Connection, mandate: Mandate) -> None:
    row: dict[str, Any] = {name: getattr(mandate, name) for name in _SAID}
    row |= {"items": list(mandate.items), "affairs": list(mandate.affairs)}
    await connection.execute(MANDATES.insert().values(row))


async def end_mandate(connection: Connection, number: str, at: datetime) -> None:
    """End a mandate; once ended it stays as it ended first."""
    await connection.execute(insert_new(MANDATE_ENDS).values(number=number, at=at))


async def find_mandate(connection: Connection, number: str) -> Mandate | None:
    row = (await connection.execute(_all().where(MANDATES.c.number == number))).one_or_none()
    return None if row is None else _read(row)


async def list_mandates(connection: Connection, record: str) -> Sequence[Mandate]:
    """Every mandate, ended ones too, that this person gave or has; the oldest first."""
    c = MANDATES.c
    query = _all().where(or_(c.principal == record, c.proxy == record))
    found = await connection.execute(query.order_by(c.starts, c.number))
    return [_read(row) for row in found]


def _all() -> Any:
    ends = MANDATE_ENDS.c
    return select(MANDATES, ends.at.label("ended_at")).outerjoin(
        MANDATE_ENDS, ends.number == MANDATES.c.number
    )


def _read(row: Row[Any]) -> Mandate:
    fields = row._mapping  # noqa: SLF001  SQLAlchemy's public name for it
    return Mandate(
        **{name: fields[name] for name in _SAID},
        items=tuple(fields["items"]),
        affairs=tuple(fields["affairs"]),
        ended_at=fields["ended_at"],
    )
