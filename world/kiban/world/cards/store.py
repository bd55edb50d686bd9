"""
What the cards keep: chips, each wrapped, and for minutes the way back of a card that was held up.

Private keys, PINs, signature certificates and names are wrapped and bound to their card; so is what counters begin.
Who reads this database alone learns which personas have a card, and how often a PIN was wrong.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Row, String, Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.shared.database import Blob, Instant, insert_new
from kiban.shared.keyring import Wrapping, keyring_table
from kiban.shared.settings import Secret
from kiban.world.cards.card import CardPIN
from kiban.world.cards.contract import (
    KEY_NAMES,
    KeyName,
    NewPINOrder,
    NewPINUnknown,
    NoSuchCard,
    NoSuchKey,
    RenewalOrder,
    RenewalUnknown,
)

metadata = MetaData()
keyring = keyring_table(metadata)
cards = Table(
    "cards",
    metadata,
    Column("persona", String(31), primary_key=True),
    Column("name", Blob),
    Column("issued_at", Instant, nullable=False),
)
chips = Table(
    "chips",
    metadata,
    Column("persona", String(31), primary_key=True),
    Column("key", String(14), primary_key=True),
    Column("private_key", Blob, nullable=False),
    Column("pin", Blob, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("certificate", Blob),  # none until the authority has answered
)
tapped = Table(
    "tapped",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("location", Blob, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
successors = Table(
    "successors",
    metadata,
    Column("persona", String(31), primary_key=True),
    Column("private_key", Blob, nullable=False),
)
renewals = Table(
    "renewals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("renewal", Blob, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("done_at", Instant),
)

new_pins = Table(
    "new_pins",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("pin_order", Blob, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("done_at", Instant),
)


@dataclass(frozen=True, slots=True, repr=False)
class Chip:
    """One key of one card, with its PIN and its certificate."""

    persona: str
    key: KeyName
    private_key: bytes
    pin: CardPIN
    certificate: bytes | None

    def __repr__(self) -> str:
        return f"Chip({self.persona}, {self.key})"


@dataclass(frozen=True, slots=True)
class Begun:
    """A renewal that a counter began."""

    order: RenewalOrder
    done: bool


@dataclass(frozen=True, slots=True)
class Let:
    """A new PIN that a counter lets somebody set."""

    order: NewPINOrder
    done: bool


@dataclass(frozen=True, slots=True)
class Face:
    """A card with what can be seen of its chips."""

    persona: str
    name: str | None
    pins: dict[KeyName, CardPIN]


class Drawer:
    """Where the cards lie: functions over a connection that wrap and unwrap."""

    def __init__(self, secret: Secret) -> None:
        self._wrapping = Wrapping(secret)

    def __repr__(self) -> str:
        return "Drawer(…)"

    async def put(
        self,
        connection: AsyncConnection,
        persona: str,
        *,
        name: str | None,
        made: Iterable[Chip],
        at: datetime,
    ) -> bool:
        """Put a new card in; false, and nothing changes, if this persona has one."""
        wrapped = None if name is None else self._wrapping.wrap(f"{persona} name", name.encode())
        row = insert_new(cards).values(persona=persona, name=wrapped, issued_at=at)
        if not (await connection.execute(row)).rowcount:
            return False
        for chip in made:
            await self.replace(connection, chip)
        return True

    async def replace(self, connection: AsyncConnection, chip: Chip) -> None:
        """Keep this chip instead of whatever was there."""
        which = (chips.c.persona == chip.persona, chips.c.key == chip.key)
        await connection.execute(delete(chips).where(*which))
        wrap, place = self._wrapping.wrap, f"{chip.persona} {chip.key}"
        certificate = chip.certificate and wrap(f"{place} certificate", chip.certificate)
        await connection.execute(
            insert_new(chips).values(
                persona=chip.persona,
                key=chip.key,
                private_key=wrap(f"{place} private key", chip.private_key),
                pin=wrap(f"{place} pin", chip.pin.value.encode()),
                errors=chip.pin.errors,
                certificate=certificate,
            )
        )

    async def take(self, connection: AsyncConnection, persona: str, key: KeyName) -> Chip:
        """One chip, held until the transaction ends, so that attempts at its PIN take turns."""
        query = select(chips).where(chips.c.persona == persona).with_for_update()
        found = {row.key: row for row in await connection.execute(query)}
        if not found:
            raise NoSuchCard("nobody of that name has a card", sent=persona[:31])
        if key not in found:
            raise NoSuchKey(f"this card has no {key} key", sent=key)
        return self._chip(found[key])

    async def chips(self, connection: AsyncConnection, persona: str) -> list[Chip]:
        """All chips of one card, none if there is no card."""
        query = select(chips).where(chips.c.persona == persona).order_by(chips.c.key)
        return [self._chip(row) for row in await connection.execute(query)]

    async def faces(self, connection: AsyncConnection) -> list[Face]:
        """Every card whose certificates have come, in order of names."""
        found: dict[str, dict[KeyName, Row[Any]]] = {}
        for chip in await connection.execute(select(chips)):
            found.setdefault(chip.persona, {})[chip.key] = chip
        rows = await connection.execute(select(cards).order_by(cards.c.persona))
        return [
            Face(
                row.persona,
                self._name(row),
                {key: self._pin(mine[key]) for key in KEY_NAMES if key in mine},
            )
            for row in rows
            if (mine := found.get(row.persona)) and all(chip.certificate for chip in mine.values())
        ]

    async def note(self, connection: AsyncConnection, persona: str, pin: CardPIN) -> None:
        """Keep a PIN and its errors; the transaction is committed before anybody hears of it."""
        which = (chips.c.persona == persona, chips.c.key == pin.key)
        wrapped = self._wrapping.wrap(f"{persona} {pin.key} pin", pin.value.encode())
        await connection.execute(update(chips).where(*which).values(pin=wrapped, errors=pin.errors))

    # --- renewals -----------------------------------------------------------------------------

    async def put_successor(self, connection: AsyncConnection, persona: str, key: bytes) -> bytes:
        """Keep the signature key that is to follow, or give the one that was kept before."""
        wrapped = self._wrapping.wrap(_successor(persona), key)
        row = insert_new(successors).values(persona=persona, private_key=wrapped)
        await connection.execute(row)
        return await self.successor(connection, persona) or key

    async def successor(self, connection: AsyncConnection, persona: str) -> bytes | None:
        """The signature key that is to follow, if the card made one."""
        query = select(successors.c.private_key).where(successors.c.persona == persona)
        kept = (await connection.execute(query)).scalar_one_or_none()
        return kept and self._wrapping.unwrap(_successor(persona), kept)

    async def put_renewal(
        self, connection: AsyncConnection, order: RenewalOrder, *, until: datetime
    ) -> None:
        """Keep what a counter began; again, it changes nothing."""
        written = self._wrapping.wrap(f"renewal {order.id}", order.model_dump_json().encode())
        row = insert_new(renewals).values(id=order.id, renewal=written, expires_at=until)
        await connection.execute(row)

    async def renewal(self, connection: AsyncConnection, name: str, *, at: datetime) -> Begun:
        query = select(renewals).where(renewals.c.id == name, renewals.c.expires_at > at)
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise RenewalUnknown("begin again at the municipality's counter")
        written = self._wrapping.unwrap(f"renewal {name}", row.renewal)
        return Begun(RenewalOrder.model_validate_json(written), row.done_at is not None)

    # --- new PINs -----------------------------------------------------------------------------

    async def put_new_pin(
        self, connection: AsyncConnection, order: NewPINOrder, *, until: datetime
    ) -> None:
        """Keep what a counter lets somebody set; again, it changes nothing."""
        written = self._wrapping.wrap(f"new pin {order.id}", order.model_dump_json().encode())
        row = insert_new(new_pins).values(id=order.id, pin_order=written, expires_at=until)
        await connection.execute(row)

    async def new_pin(self, connection: AsyncConnection, name: str, *, at: datetime) -> Let:
        query = select(new_pins).where(new_pins.c.id == name, new_pins.c.expires_at > at)
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NewPINUnknown("begin again at the municipality's counter")
        written = self._wrapping.unwrap(f"new pin {name}", row.pin_order)
        return Let(NewPINOrder.model_validate_json(written), row.done_at is not None)

    # --- ways back ----------------------------------------------------------------------------

    async def keep_location(
        self, connection: AsyncConnection, name: str, location: str, *, until: datetime
    ) -> None:
        wrapped = self._wrapping.wrap(f"tapped {name}", location.encode())
        row = insert_new(tapped).values(id=name, location=wrapped, expires_at=until)
        await connection.execute(row)

    async def location(self, connection: AsyncConnection, name: str, *, at: datetime) -> str | None:
        query = select(tapped.c.location).where(tapped.c.id == name, tapped.c.expires_at > at)
        wrapped = (await connection.execute(query)).scalar_one_or_none()
        if wrapped is None:
            return None
        return self._wrapping.unwrap(f"tapped {name}", wrapped).decode()

    def _chip(self, row: Row[Any]) -> Chip:
        place, unwrap = f"{row.persona} {row.key}", self._wrapping.unwrap
        return Chip(
            persona=row.persona,
            key=row.key,
            private_key=unwrap(f"{place} private key", row.private_key),
            pin=self._pin(row),
            certificate=row.certificate and unwrap(f"{place} certificate", row.certificate),
        )

    def _pin(self, row: Row[Any]) -> CardPIN:
        value = self._wrapping.unwrap(f"{row.persona} {row.key} pin", row.pin)
        return CardPIN(row.key, value.decode(), row.errors)

    def _name(self, row: Row[Any]) -> str | None:
        return row.name and self._wrapping.unwrap(f"{row.persona} name", row.name).decode()


def _successor(persona: str) -> str:
    return f"{persona} successor private key"


async def drop_successor(connection: AsyncConnection, persona: str) -> None:
    """Forget the key that was to follow: it has followed, or it cannot."""
    await connection.execute(delete(successors).where(successors.c.persona == persona))


async def note_renewed(connection: AsyncConnection, name: str, at: datetime) -> None:
    here = renewals.c.id == name
    await connection.execute(update(renewals).where(here).values(done_at=at))


async def note_new_pin(connection: AsyncConnection, name: str, at: datetime) -> bool:
    """Note that a new PIN is set; false if it was set before."""
    here = (new_pins.c.id == name, new_pins.c.done_at.is_(None))
    done = await connection.execute(update(new_pins).where(*here).values(done_at=at))
    return bool(done.rowcount)


async def forget(connection: AsyncConnection, *, before: datetime) -> None:
    """Delete ways back that nobody took in time, and what counters began that is over."""
    for each in (tapped, renewals, new_pins):
        await connection.execute(delete(each).where(each.c.expires_at < before))
