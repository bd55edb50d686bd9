"""
The deck: all cards of the country, and what is done with them.

A card makes its keys itself and keeps them before anybody certifies them, so that a population that was interrupted
goes on with the same keys.  An attempt at a PIN is counted and committed before its outcome is told.

Refused: whatever a chip refuses; a certificate that is not for the card's key.

Source: DESIGN 3, 6; the public personal authentication service's rules.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from kiban.identity.authority.contract import CardCertificates
from kiban.shared import encoding
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.problems import Malformed, Problem
from kiban.shared.settings import Secret
from kiban.world.cards import card, store
from kiban.world.cards.card import RULES, CardPIN
from kiban.world.cards.contract import (
    CertificateNotOurs,
    KeyName,
    NoSuchCard,
    PINResetByOther,
    Signed,
)
from kiban.world.cards.store import Chip, Drawer, Face

PACKAGE = "kiban.world.cards"
Certify = Callable[[bytes, bytes | None], Awaitable[CardCertificates]]
"""Takes the PKCS#10 requests of both keys (DER), gives their certificates: a registrar's call of the authority."""
_SERVER = 500


@dataclass(frozen=True, slots=True)
class Succession:
    """A card's certificates, and the PKCS#10 requests for the authentication key and the new signature key; DER."""

    authentication_certificate: bytes
    authentication_request: bytes
    signature_certificate: bytes
    signature_request: bytes


CertifySuccessor = Callable[[Succession], Awaitable[CardCertificates]]
"""Has the new signature key of a card certified."""


class Cards:
    """Every card.  The schema must be there: `await db.migrate(PACKAGE)`."""

    def __init__(self, db: Database, secret: Secret, clock: Clock) -> None:
        self._db = db
        self._drawer = Drawer(secret)
        self._clock = clock

    # --- how a card comes into the world ------------------------------------------------------

    async def issue(
        self,
        persona: str,
        *,
        authentication_pin: str,
        signature_password: str | None,
        certify: Certify,
        name: str | None = None,
    ) -> None:
        """
        Give a persona a card; again, it does nothing.

        Without a signature password the card has no signature key (for a child).  `name` is printed on the card.
        """
        pins: list[tuple[KeyName, str]] = [("authentication", authentication_pin)]
        if signature_password is not None:
            pins.append(("signature", signature_password))
        for key, pin in pins:
            RULES[key].check(pin)
        if await self._blank(persona) is None:
            made = [await self._made(persona, CardPIN(key, pin, errors=0)) for key, pin in pins]
            async with self._db.begin() as connection:
                await self._drawer.put(connection, persona, name=name, made=made, at=self._clock())
        if blank := await self._blank(persona):
            await self._certify(blank, certify)

    async def renew_signature(
        self, persona: str, *, pin: str, password: str, certify: CertifySuccessor, renewal: str
    ) -> None:
        """
        Make and certify a new signature key, behind a new password; `renewal` is what is fulfilled by it.

        1. the authentication PIN is right
        2. the new key is made and kept
        3. it is certified
        4. it takes the old one's place, and the renewal is fulfilled

        What is refused leaves the card as it was, without the new key.  What is interrupted goes on with the same key
        when it is asked for again.
        """
        RULES["signature"].check(password)
        old = await self._signature_chip(persona)
        owner = await self._verified(persona, "authentication", pin)
        new = replace(
            old, private_key=await self._successor(persona), pin=old.pin.changed(password)
        )
        try:
            given = await certify(_succession(owner, old, new))
        except Problem as problem:
            if problem.status < _SERVER:
                await self._forget_successor(persona)
            raise
        certificate = _for_this_key(given.signature, new)
        async with self._db.begin() as connection:
            await self._drawer.replace(connection, replace(new, certificate=certificate))
            await store.drop_successor(connection, persona)
            await store.note_renewed(connection, renewal, self._clock())

    async def _signature_chip(self, persona: str) -> Chip:
        async with self._db.begin() as connection:
            return await self._drawer.take(connection, persona, "signature")

    async def _successor(self, persona: str) -> bytes:
        async with self._db.read() as connection:
            kept = await self._drawer.successor(connection, persona)
        if kept is not None:
            return kept
        made = await asyncio.to_thread(card.new_key)
        async with self._db.begin() as connection:
            return await self._drawer.put_successor(connection, persona, made)

    async def _forget_successor(self, persona: str) -> None:
        async with self._db.begin() as connection:
            await store.drop_successor(connection, persona)

    # --- what is done with it -----------------------------------------------------------------

    async def faces(self) -> list[Face]:
        """Every card as it lies on the table."""
        async with self._db.read() as connection:
            return await self._drawer.faces(connection)

    async def authentication_certificate(self, persona: str) -> bytes:
        """Read without a PIN, as from the real chip."""
        async with self._db.read() as connection:
            chips = await self._drawer.chips(connection, persona)
        if not chips:
            raise NoSuchCard("nobody of that name has a card", sent=persona[:31])
        return _certificate(chips[0])

    async def signature_certificate(self, persona: str, password: str) -> bytes:
        """Names its holder, so it is readable only after the password."""
        return _certificate(await self._verified(persona, "signature", password))

    async def sign_message(self, persona: str, key: KeyName, pin: str, message: bytes) -> Signed:
        chip = await self._verified(persona, key, pin)
        signature = await asyncio.to_thread(card.sign_message, chip.private_key, message)
        return _signed(chip, signature)

    async def sign_digest(self, persona: str, key: KeyName, pin: str, digest: bytes) -> Signed:
        chip = await self._verified(persona, key, pin)
        signature = await asyncio.to_thread(card.sign_digest, chip.private_key, digest)
        return _signed(chip, signature)

    async def reset_pin(
        self, persona: str, key: KeyName, new_pin: str, *, order: str | None = None
    ) -> None:
        """Where a person's identity was checked; by one order of a counter once."""
        async with self._db.begin() as connection:
            chip = await self._drawer.take(connection, persona, key)
            if order and not await store.note_new_pin(connection, order, self._clock()):
                return
            await self._drawer.note(connection, persona, chip.pin.changed(new_pin))

    async def reset_pin_by_other(self, persona: str, reset: PINResetByOther) -> None:
        """By the other PIN; an error there counts there."""
        RULES[reset.key].check(reset.new_pin)
        other: KeyName = "signature" if reset.key == "authentication" else "authentication"
        await self._verified(persona, other, reset.other_pin)
        await self.reset_pin(persona, reset.key, reset.new_pin)

    # --- how ----------------------------------------------------------------------------------

    async def _verified(self, persona: str, key: KeyName, pin: str) -> Chip:
        """The chip, opened by its PIN.  The count is committed before the outcome is known outside."""
        async with self._db.begin() as connection:
            chip = await self._drawer.take(connection, persona, key)
            attempt = chip.pin.tried(pin)
            await self._drawer.note(connection, persona, attempt.after)
        if attempt.refusal is not None:
            raise attempt.refusal
        return chip

    async def _blank(self, persona: str) -> list[Chip] | None:
        """The chips that wait for certificates; an empty list if they came, none if there is no card."""
        async with self._db.read() as connection:
            chips = await self._drawer.chips(connection, persona)
        if not chips:
            return None
        return chips if any(chip.certificate is None for chip in chips) else []

    async def _made(self, persona: str, pin: CardPIN) -> Chip:
        key = await asyncio.to_thread(card.new_key)
        return Chip(persona, pin.key, key, pin, certificate=None)

    async def _certify(self, chips: list[Chip], certify: Certify) -> None:
        requests = {chip.key: card.certification_request(chip.private_key) for chip in chips}
        given = await certify(requests["authentication"], requests.get("signature"))
        texts = {"authentication": given.authentication, "signature": given.signature}
        async with self._db.begin() as connection:
            for chip in chips:
                certificate = _for_this_key(texts[chip.key], chip)
                await self._drawer.replace(connection, replace(chip, certificate=certificate))


Fetch = Callable[[Cards, str], Awaitable[None]]
"""Gives somebody the card that lies ready for them."""


def _succession(owner: Chip, old: Chip, new: Chip) -> Succession:
    return Succession(
        authentication_certificate=_certificate(owner),
        authentication_request=card.certification_request(owner.private_key),
        signature_certificate=_certificate(old),
        signature_request=card.certification_request(new.private_key),
    )


def _for_this_key(text: str | None, chip: Chip) -> bytes:
    try:
        certificate = encoding.decode(text or "")
        ours = card.belongs(certificate, chip.private_key)
    except ValueError:
        raise CertificateNotOurs("not an X.509 certificate in base64url", key=chip.key) from None
    if not ours:
        raise CertificateNotOurs("it is for another key", key=chip.key)
    return certificate


def _certificate(chip: Chip) -> bytes:
    if chip.certificate is None:
        raise Malformed("the card's certificates have not come yet", key=chip.key)
    return chip.certificate


def _signed(chip: Chip, signature: bytes) -> Signed:
    return Signed(
        certificate=encoding.encode(_certificate(chip)), signature=encoding.encode(signature)
    )
